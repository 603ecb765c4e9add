import { useState } from 'preact/hooks';
import type { TenantDetailsAnswer } from '../../src/lib/api/answers/tenants.ts';
import { useRole } from './context.ts';
import { localTime } from './format.ts';
import { OutcomeBadge, Table, Time } from './pieces.tsx';
import { runLink } from './route.ts';
import { TenantTrace } from './tenant-trace.tsx';

type Result = NonNullable<TenantDetailsAnswer['history']>[number];

const shownAtFirst = 12;
const columns = ['Finished', 'Job', 'Outcome', 'Rows', 'Attempts', 'Log'];

/** The results of a tenant in earlier runs, the newest first. */
export function TenantHistory({ tenant: { tenantId, history } }: { readonly tenant: TenantDetailsAnswer }) {
  const [isAll, setAll] = useState(false);
  if (history === undefined) return <UnknownHistory />;
  if (history.length === 0) return null;
  const shown = isAll ? history : history.slice(0, shownAtFirst);
  return (
    <section aria-labelledby="history-title" class="card">
      <h3 id="history-title">History</h3>
      <Table columns={columns} class="history">
        {shown.map((result) => (
          <Row key={result.runId} tenantId={tenantId} result={result} />
        ))}
      </Table>
      {history.length <= shownAtFirst ? null : (
        <button type="button" class="start" aria-expanded={isAll} onClick={() => setAll(!isAll)}>
          {isAll ? 'Show fewer' : `Show all ${history.length} results`}
        </button>
      )}
    </section>
  );
}

function UnknownHistory() {
  return (
    <section aria-labelledby="history-title" class="card">
      <h3 id="history-title">History</h3>
      <p class="quiet">The results in earlier runs are not known.</p>
    </section>
  );
}

function Row({ tenantId, result }: { readonly tenantId: string; readonly result: Result }) {
  const { job, runId, outcome, code, rows, attempts, finishedAt } = result;
  const [isOpen, setOpen] = useState(false);
  const showsLog = useRole('Runs.Read') && attempts > 0;
  const detailsId = `log-${runId}`;
  return (
    <>
      <tr>
        <td class="number">
          <Time iso={finishedAt} short />
        </td>
        <th scope="row">
          <a href={runLink(runId)}>{job}</a>
        </th>
        <td>
          <OutcomeBadge outcome={outcome} code={code} />
        </td>
        <td class="number end wide">{rows.toLocaleString('en')}</td>
        <td class="number end wide">{attempts}</td>
        <td>
          {showsLog ? (
            <button
              type="button"
              class="disclose"
              aria-expanded={isOpen}
              aria-controls={isOpen ? detailsId : undefined}
              onClick={() => setOpen(!isOpen)}
            >
              Log<span class="visually-hidden">{` of ${job} at ${localTime(finishedAt)}`}</span>
            </button>
          ) : null}
        </td>
      </tr>
      {isOpen ? (
        <tr id={detailsId}>
          <td colSpan={columns.length}>
            <TenantTrace runId={runId} tenantId={tenantId} />
          </td>
        </tr>
      ) : null}
    </>
  );
}
