import type { RunTenantDetailsAnswer } from '../../src/lib/api/answers/runs.ts';
import type { Api } from './api.ts';
import { finalAnswer } from './api-failure.ts';
import { count } from './format.ts';
import { Icon } from './icon.tsx';
import { Failure, Loaded } from './pieces.tsx';
import { usePolling } from './polling.ts';

/** What the job logged and threw in a tenant. @param props.version changes when the tenant was tried again. */
export function TenantTrace(props: { readonly runId: string; readonly tenantId: string; readonly version?: string }) {
  const { runId, tenantId, version = '' } = props;
  const load = (api: Api) => finalAnswer(api.runTenant(runId, tenantId));
  const polled = usePolling(load, `${runId} ${tenantId} ${version}`);
  return (
    <Loaded polled={polled}>
      {({ answer, refusal }) => (answer === undefined ? <Failure failure={refusal} /> : <Trace details={answer} />)}
    </Loaded>
  );
}

/** Codes of failures in the job itself: of others the code says all, and the stack is for whoever looks for it. */
const ofTheJob: readonly (string | undefined)[] = ['job_failed', 'job_timed_out', 'internal', undefined];

function Trace({ details: { error, code, log, droppedLines } }: { readonly details: RunTenantDetailsAnswer }) {
  if (error === undefined && log.length === 0) return <p class="quiet">The job logged nothing and threw no error.</p>;
  const lines = log.map(
    ({ at, level, event, fields }) => `${at.slice(11, 23)} ${level} ${event} ${fieldsText(fields)}`,
  );
  return (
    <>
      {error === undefined ? null : (
        <details open={ofTheJob.includes(code)}>
          <summary>
            <Icon name="turn" turns /> Error of the job
          </summary>
          <pre tabIndex={0}>{error}</pre>
        </details>
      )}
      {log.length === 0 ? null : (
        <figure class="patch">
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
