import type { RunTenantDetailsAnswer } from '../../src/lib/api/answers/runs.ts';
import { useSignedIn } from './context.ts';
import { finalAnswer } from './final-answer.ts';
import { count } from './format.ts';
import { Failure, Loaded } from './pieces.tsx';
import { usePolling } from './polling.ts';

/** What the job logged and threw in a tenant. @param props.version changes when the tenant was tried again. */
export function TenantTrace(props: { readonly runId: string; readonly tenantId: string; readonly version?: string }) {
  const { runId, tenantId, version = '' } = props;
  const { api } = useSignedIn();
  const load = () => finalAnswer(api.runTenant(runId, tenantId));
  const polled = usePolling(load, `${runId} ${tenantId} ${version}`, undefined);
  return (
    <Loaded polled={polled}>
      {({ answer, refusal }) => (answer === undefined ? <Failure failure={refusal} /> : <Trace details={answer} />)}
    </Loaded>
  );
}

function Trace({ details: { error, log, droppedLines } }: { readonly details: RunTenantDetailsAnswer }) {
  if (error === undefined && log.length === 0) return <p class="quiet">The job logged nothing and threw no error.</p>;
  const lines = log.map(
    ({ at, level, event, fields }) => `${at.slice(11, 23)} ${level} ${event} ${fieldsText(fields)}`,
  );
  return (
    <>
      {error === undefined ? null : (
        <figure class="trace">
          <figcaption>What the job threw</figcaption>
          <pre tabIndex={0}>{error}</pre>
        </figure>
      )}
      {log.length === 0 ? null : (
        <figure class="trace">
          <figcaption>
            Log of the job (UTC){droppedLines === 0 ? '' : `, without ${count(droppedLines, 'earlier line')}`}
          </figcaption>
          <pre tabIndex={0}>{lines.join('\n')}</pre>
        </figure>
      )}
    </>
  );
}

const fieldsText = (fields: Readonly<Record<string, string | number | boolean>>): string =>
  Object.entries(fields)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ');
