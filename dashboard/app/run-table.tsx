import type { ComponentChildren } from 'preact';
import { useContext } from 'preact/hooks';
import type { RunSummaryAnswer } from '../../src/lib/api/answers/runs.ts';
import { outcomeWord } from '../../src/lib/core/outcomes.ts';
import { isApplyWindow } from '../../src/lib/runs/store/run.ts';
import { CountsBar, countsText } from './charts.tsx';
import type { JobsAnswer } from '../../src/lib/api/answers/jobs.ts';
import { byDay, count, duration } from './format.ts';
import { Icon } from './icon.tsx';
import { Badge, Clock, type Column, Empty, OutcomeBadge, Table, ToneBadge } from './pieces.tsx';
import { HeldPlansContext } from './waiting.tsx';
import type { PlanSummary } from './plan-words.ts';
import { runLink } from './route.ts';
import { Person, shortName } from './approval-facts.tsx';

interface RunTableProps {
  readonly runs: readonly RunSummaryAnswer[];
  readonly jobs?: JobsAnswer['jobs'] | undefined;
}

/** Runs under the days that they started on. Failures of the newest run of each job are strong, those before it pale. */
export function RunTable({ runs, jobs = [] }: RunTableProps) {
  if (runs.length === 0)
    return <Empty title="There are no runs.">Jobs start on their schedule or from the Jobs view.</Empty>;
  const newest = new Set([...Map.groupBy(runs, ({ job }) => job).values()].map(([run]) => run));
  return (
    <div class="panel">
      <Table
        class="runs"
        columns={columnsOf(new Map(jobs.map((job) => [job.name, job])))}
        items={runs}
        keyOf={({ runId }) => runId}
        rowClass={(run) => (newest.has(run) ? undefined : 'before')}
        groupsOf={(items) => byDay(items, ({ startedAt }) => startedAt)}
      />
    </div>
  );
}

/** By their names. */
type Jobs = ReadonlyMap<string, JobsAnswer['jobs'][number]>;

/** What a run of a job that changes tenants is: its plan, or what applies one. */
const kindOf = ({ job, window }: RunSummaryAnswer, jobs: Jobs): string | undefined =>
  isApplyWindow(window) ? 'apply' : jobs.get(job)?.changes ? 'plan' : undefined;

const columnsOf = (jobs: Jobs): readonly Column<RunSummaryAnswer>[] => [
  [
    'Job',
    'wrap',
    (run) => {
      const kind = kindOf(run, jobs);
      return (
        <>
          <a href={runLink(run.runId)}>{run.query === undefined ? (jobs.get(run.job)?.title ?? run.job) : 'Query'}</a>{' '}
          {kind === undefined ? null : <span class="tag">{kind}</span>}
          {run.query === undefined ? null : <code class="quiet"> GET {run.query}</code>}
          <span class="sub">{count(run.tenants.total, 'tenant')}</span>
        </>
      );
    },
    ({ query, job }) => (query === undefined ? job : `GET ${query}`),
  ],
  [
    'Outcome',
    'w-l',
    (run) => (
      <>
        <RunOutcome run={run} />{' '}
        {run.warnings.length === 0 ? null : <Badge state="degraded">{count(run.warnings.length, 'warning')}</Badge>}
      </>
    ),
  ],
  ['Tenants', 'w-x p2', (run) => <Tenants run={run} />],
  ['Started', 'w-s end', ({ startedAt }) => <Clock iso={startedAt} />],
  // One that waits for a person takes as long as the person does.
  ['Took', 'w-m end p2 quiet', (run) => (run.finishedAt === undefined ? '' : duration(run.durationMs))],
  ['Started by', 'w-l p3 quiet', (run) => <StartedBy run={run} />],
];

/** The plan of a run that is an apply and waits for the reader. */
export const useHeld = (runId: string): PlanSummary | undefined =>
  useContext(HeldPlansContext).find(({ apply }) => apply?.runId === runId);

/** What waits for a person. It does not run. */
export const Waits = ({ children }: { readonly children: ComponentChildren }) => (
  <span class="badge waits">
    <Icon name="clock" />
    <span class="cut">{children}</span>
  </span>
);

/** How a run went: in how many tenants it failed, if that is all there is to say. */
export function RunOutcome({ run: { runId, outcome, tenants } }: { readonly run: RunSummaryAnswer }) {
  if (useHeld(runId) !== undefined) return <Waits>waits for you</Waits>;
  if (outcome !== 'partly_failed' || tenants.failed === 0) return <OutcomeBadge outcome={outcome} />;
  return (
    <ToneBadge tone="bad" title={`${outcomeWord(outcome)}: ${countsText(tenants)}`}>
      {tenants.failed.toLocaleString('en')} failed
    </ToneBadge>
  );
}

/** The schedule, or the name of the caller, with its ids as the title. */
export function StartedBy({ run }: { readonly run: Pick<RunSummaryAnswer, 'startedBy' | 'starter'> }) {
  const { startedBy, starter } = run;
  if (startedBy === 'timer') return <>schedule</>;
  const ids = `Application id ${startedBy}${starter === undefined ? '' : `, object id ${starter.objectId}`}`;
  return <Person name={starter?.name ?? shortName(startedBy)} title={ids} />;
}

/** The list knows the counts of a run in progress only once it has ended. */
function Tenants({ run: { tenants, outcome, finishedAt } }: { readonly run: RunSummaryAnswer }) {
  if (finishedAt === undefined)
    return <span class="quiet">{outcome === 'starting' ? 'listing tenants' : count(tenants.total, 'tenant')}</span>;
  return (
    <span class="pair" title={countsText(tenants)}>
      <CountsBar counts={tenants} />
      <span class="quiet number">{tenants.total.toLocaleString('en')}</span>
    </span>
  );
}
