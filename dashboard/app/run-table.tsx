import type { RunSummaryAnswer } from '../../src/lib/api/answers/runs.ts';
import { CountsBar, countsText } from './counts.tsx';
import { count, duration } from './format.ts';
import { Badge, Clock, type Column, DayTable, Empty, OutcomeBadge } from './pieces.tsx';
import { runLink } from './route.ts';

const columns: readonly Column[] = [
  ['Job'],
  ['Outcome', 'w-m'],
  ['Tenants', 'w-c p2'],
  ['Started', 'w-s end'],
  ['Took', 'w-m end p2'],
  ['Started by', 'w-m p3'],
];

interface RunTableProps {
  readonly runs: readonly RunSummaryAnswer[];
  /** Titles of the jobs by their names. */
  readonly titles?: ReadonlyMap<string, string>;
}

/** Runs under the days that they started on. */
export function RunTable({ runs, titles = new Map() }: RunTableProps) {
  if (runs.length === 0)
    return <Empty title="There are no runs.">Jobs start on their schedule or from the Jobs view.</Empty>;
  return (
    <div class="panel">
      <DayTable columns={columns} class="runs" items={runs} timeOf={({ startedAt }) => startedAt}>
        {(run) => <RunRow key={run.runId} run={run} title={titleOf(run, titles)} />}
      </DayTable>
    </div>
  );
}

/** The title of the job, or what a run without a job is. */
const titleOf = (
  { job, query }: Pick<RunSummaryAnswer, 'job' | 'query'>,
  titles: ReadonlyMap<string, string>,
): string => (query === undefined ? (titles.get(job) ?? job) : 'Query');

function RunRow({ run, title }: { readonly run: RunSummaryAnswer; readonly title: string }) {
  const { runId, outcome, query, warnings, startedAt, durationMs, finishedAt, tenants } = run;
  return (
    <tr>
      <th scope="row" title={query === undefined ? run.job : `GET ${query}`}>
        <a href={runLink(runId)}>{title}</a>
        {query === undefined ? null : <code class="quiet"> GET {query}</code>}
        <span class="sub">{finishedAt === undefined ? '' : countsText(tenants)}</span>
      </th>
      <td>
        <OutcomeBadge outcome={outcome} />{' '}
        {warnings.length === 0 ? null : <Badge state="degraded">{count(warnings.length, 'warning')}</Badge>}
      </td>
      <td class="p2">
        <Tenants run={run} />
      </td>
      <td class="end">
        <Clock iso={startedAt} />
      </td>
      <td class="end p2 quiet">
        {finishedAt === undefined ? 'so far ' : ''}
        {duration(durationMs)}
      </td>
      <td class="p3 quiet">
        <StartedBy run={run} />
      </td>
    </tr>
  );
}

/** The schedule, the name of a person, or the start of the application id of a caller: the ids are in its title. */
export function StartedBy({ run }: { readonly run: Pick<RunSummaryAnswer, 'startedBy' | 'starter'> }) {
  const { startedBy: name, starter } = run;
  if (name === 'timer') return <>schedule</>;
  const ids = `Application id ${name}${starter === undefined ? '' : `, object id ${starter.objectId}`}`;
  if (starter?.name !== undefined) return <span title={ids}>{starter.name}</span>;
  const [start = name] = name.split('-');
  return start === name ? <>{name}</> : <span title={ids}>application {start}…</span>;
}

/** The list knows the counts of a run in progress only once it has ended. */
function Tenants({ run: { tenants, outcome, finishedAt } }: { readonly run: RunSummaryAnswer }) {
  if (finishedAt === undefined)
    return <span class="quiet">{outcome === 'starting' ? 'listing tenants' : count(tenants.total, 'tenant')}</span>;
  return (
    <span class="pair" title={countsText(tenants)}>
      <CountsBar counts={tenants} />
      <span class={tenants.failed > 0 ? 'problem' : 'quiet'}>
        {tenants.failed > 0 ? `${tenants.failed.toLocaleString('en')} failed` : tenants.total.toLocaleString('en')}
      </span>
    </span>
  );
}
