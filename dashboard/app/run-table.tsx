import type { RunSummaryAnswer } from '../../src/lib/api/answers/runs.ts';
import { CountsBar, countsText } from './charts.tsx';
import { byDay, count, duration } from './format.ts';
import { Badge, Clock, type Column, Empty, OutcomeBadge, Table } from './pieces.tsx';
import { runLink } from './route.ts';
import { shortName } from './approval-facts.tsx';

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
      <Table
        class="runs"
        columns={columnsOf(titles)}
        items={runs}
        keyOf={({ runId }) => runId}
        groupsOf={(items) => byDay(items, ({ startedAt }) => startedAt)}
      />
    </div>
  );
}

/** The title of the job, or what a run without a job is. */
const titleOf = (
  { job, query }: Pick<RunSummaryAnswer, 'job' | 'query'>,
  titles: ReadonlyMap<string, string>,
): string => (query === undefined ? (titles.get(job) ?? job) : 'Query');

const columnsOf = (titles: ReadonlyMap<string, string>): readonly Column<RunSummaryAnswer>[] => [
  [
    'Job',
    undefined,
    (run) => (
      <>
        <a href={runLink(run.runId)}>{titleOf(run, titles)}</a>
        {run.query === undefined ? null : <code class="quiet"> GET {run.query}</code>}
        <span class="sub">{run.finishedAt === undefined ? '' : countsText(run.tenants)}</span>
      </>
    ),
    ({ query, job }) => (query === undefined ? job : `GET ${query}`),
  ],
  [
    'Outcome',
    'w-m',
    ({ outcome, warnings }) => (
      <>
        <OutcomeBadge outcome={outcome} />{' '}
        {warnings.length === 0 ? null : <Badge state="degraded">{count(warnings.length, 'warning')}</Badge>}
      </>
    ),
  ],
  ['Tenants', 'w-c p2', (run) => <Tenants run={run} />],
  ['Started', 'w-s end', ({ startedAt }) => <Clock iso={startedAt} />],
  ['Took', 'w-m end p2 quiet', (run) => `${run.finishedAt === undefined ? 'so far ' : ''}${duration(run.durationMs)}`],
  ['Started by', 'w-l p3 quiet', (run) => <StartedBy run={run} />],
];

/** The schedule, or the name of the caller: the ids are in its title. */
export function StartedBy({ run }: { readonly run: Pick<RunSummaryAnswer, 'startedBy' | 'starter'> }) {
  const { startedBy, starter } = run;
  if (startedBy === 'timer') return <>schedule</>;
  const ids = `Application id ${startedBy}${starter === undefined ? '' : `, object id ${starter.objectId}`}`;
  return <span title={ids}>{starter?.name ?? shortName(startedBy)}</span>;
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
