import type { RunSummaryAnswer } from '../../src/lib/api/answers/runs.ts';
import { CountsBar, countsText } from './counts.tsx';
import { count, duration } from './format.ts';
import { Badge, OutcomeBadge, Table, Time } from './pieces.tsx';
import { runLink } from './route.ts';

const columns = ['Job', 'Outcome', 'Started', 'Duration', 'Tenants', 'Started by'];

export function RunTable({ runs }: { readonly runs: readonly RunSummaryAnswer[] }) {
  if (runs.length === 0)
    return <p class="quiet">There are no runs. Jobs start on their schedule or from the Jobs view.</p>;
  return (
    <Table columns={columns}>
      {runs.map((run) => (
        <tr key={run.runId}>
          <th scope="row">
            <a href={runLink(run.runId)}>{run.job}</a>
          </th>
          <td>
            <OutcomeBadge outcome={run.outcome} />{' '}
            {run.warnings.length === 0 ? null : <Badge state="degraded">{count(run.warnings.length, 'warning')}</Badge>}
          </td>
          <td>
            <Time iso={run.startedAt} />
          </td>
          <td class="number">{duration(run.durationMs)}</td>
          <td class="counts">
            <Tenants run={run} />
          </td>
          <td class="quiet short">{run.startedBy}</td>
        </tr>
      ))}
    </Table>
  );
}

function Tenants({ run: { tenants, outcome, finishedAt } }: { readonly run: RunSummaryAnswer }) {
  if (finishedAt === undefined)
    return <span class="quiet">{outcome === 'starting' ? 'listing tenants' : count(tenants.total, 'tenant')}</span>;
  return (
    <>
      <CountsBar counts={tenants} /> <span>{countsText(tenants)}</span>
    </>
  );
}
