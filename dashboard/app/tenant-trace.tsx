import { useState } from 'preact/hooks';
import type { RunTenantDetailsAnswer } from '../../src/lib/api/answers/runs.ts';
import type { ApiFailure } from './api-failure.ts';
import { useSignedIn } from './context.ts';
import { count } from './format.ts';
import { Failure } from './pieces.tsx';

/** What the job logged and threw in a tenant, loaded on request. */
export function TenantTrace({ runId, tenantId }: { readonly runId: string; readonly tenantId: string }) {
  const { api } = useSignedIn();
  const [details, setDetails] = useState<RunTenantDetailsAnswer>();
  const [failure, setFailure] = useState<ApiFailure>();
  const load = (): void =>
    void api.runTenant(runId, tenantId).then(
      (answer) => {
        setFailure(undefined);
        setDetails(answer);
      },
      (reason: ApiFailure) => setFailure(reason),
    );
  if (details !== undefined) return <Trace details={details} />;
  return (
    <>
      <Failure failure={failure} />
      <button type="button" onClick={load}>
        Show error and log
      </button>
    </>
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
