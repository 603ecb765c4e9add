import { useContext } from 'preact/hooks';
import type { RunSummaryAnswer } from '../../src/lib/api/answers/runs.ts';
import { outcomeWord } from '../../src/lib/core/outcomes.ts';
import { isApplyWindow } from '../../src/lib/runs/store/run.ts';
import { CountsBar, countsText, failedText } from './charts.tsx';
import type { JobsAnswer } from '../../src/lib/api/answers/jobs.ts';
import { byDay, count, duration } from './format.ts';
import { Icon } from './icon.tsx';
import { Badge, Clock, type Column, Empty, OutcomeBadge, Table, ToneBadge } from './pieces.tsx';
import { HeldPlansContext } from './waiting.tsx';
import { planned, type PlanSummary } from './plan-words.ts';
import { visitsAnew, visitsMost } from './nights.ts';
import { runLink } from './route.ts';
import { Person, shortName } from './approval-facts.tsx';

interface RunTableProps {
  /** The runs to show. */
  readonly runs: readonly RunSummaryAnswer[];
  readonly jobs?: JobsAnswer['jobs'] | undefined;
  /** Also those that are not shown. Default: the runs to show. */
  readonly all?: readonly RunSummaryAnswer[];
}

/**
 * Whether the failures of a run are those of the past: a later one of its job visited most of its tenants. A rerun over few of them,
 * a run that has not ended, a query and an apply replace none.
 */
export const isReplaced = (run: RunSummaryAnswer, all: readonly RunSummaryAnswer[]): boolean =>
  run.outcome === 'partly_failed' &&
  visitsAnew(run) &&
  all.some(
    (later) =>
      later.job === run.job &&
      later.startedAt > run.startedAt &&
      later.status === 'completed' &&
      visitsAnew(later) &&
      visitsMost(later, run),
  );

/** Runs under the days that they started on. Failures of runs that a later one has replaced are pale. */
export function RunTable({ runs, jobs = [], all = runs }: RunTableProps) {
  if (runs.length === 0)
    return <Empty title="There are no runs.">Jobs start on their schedule or from the Jobs view.</Empty>;
  return (
    <div class="panel">
      <Table
        class="runs"
        columns={columnsOf(new Map(jobs.map((job) => [job.name, job])))}
        items={runs}
        keyOf={({ runId }) => runId}
        rowClass={(run) => (isReplaced(run, all) ? 'before' : undefined)}
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
          <span class="sub">{saysFailures(run) ? count(run.tenants.total, 'tenant') : failedText(run.tenants)}</span>
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
        {kindOf(run, jobs) === 'plan' && run.outcome === 'succeeded' ? (
          <ToneBadge tone={planned[0]}>{planned[1]}</ToneBadge>
        ) : (
          <RunOutcome run={run} />
        )}{' '}
        {run.warnings.length === 0 ? null : <Badge state="degraded">{count(run.warnings.length, 'warning')}</Badge>}
      </>
    ),
  ],
  ['Tenants', 'w-l p2', (run) => <Tenants run={run} />],
  ['Started', 'w-s end', ({ startedAt }) => <Clock iso={startedAt} />],
  // One that waits for a person takes as long as the person does.
  ['Took', 'w-m end p2 quiet', (run) => (run.finishedAt === undefined ? '' : duration(run.durationMs))],
  ['Started by', 'w-l p3 quiet', (run) => <StartedBy run={run} />],
];

/** The plan of a run that is an apply and waits for the reader. */
export const useHeld = (runId: string): PlanSummary | undefined =>
  useContext(HeldPlansContext).find(({ apply }) => apply?.runId === runId);

/** What waits for a person. It does not run. */
export const Waits = ({ children }: { readonly children: string }) => (
  <span class="badge waits" title={children}>
    <Icon name="clock" />
    <span class="cut">{children}</span>
  </span>
);

/** Whether its outcome is said by the number of tenants that failed. */
const saysFailures = ({ outcome, tenants }: RunSummaryAnswer): boolean =>
  outcome === 'partly_failed' && tenants.failed > 0;

/** How a run went: in how many tenants it failed, if that is all there is to say. */
export function RunOutcome({ run }: { readonly run: RunSummaryAnswer }) {
  const { runId, outcome, tenants } = run;
  if (useHeld(runId) !== undefined) return <Waits>waits to go on</Waits>;
  if (!saysFailures(run)) return <OutcomeBadge outcome={outcome} />;
  const { failed, notAttempted } = tenants;
  return (
    <ToneBadge tone="bad" title={`${outcomeWord(outcome)}: ${countsText(tenants)}`}>
      {failed.toLocaleString('en')} failed
      {notAttempted === 0 ? '' : `, ${notAttempted.toLocaleString('en')} not attempted`}
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

/** The list knows the counts of a run in progress only once it has ended, and those of an apply that waits. */
function Tenants({ run }: { readonly run: RunSummaryAnswer }) {
  const held = useHeld(run.runId)?.apply;
  const { outcome, finishedAt } = run;
  const { tenants } = held ?? run;
  const saysMore = tenants.failed > 0 && !saysFailures(run);
  if (finishedAt === undefined && held === undefined)
    return <span class="quiet">{outcome === 'starting' ? 'listing tenants' : count(tenants.total, 'tenant')}</span>;
  return (
    <span class="pair" title={countsText(tenants)}>
      <CountsBar counts={tenants} />
      <span class={saysMore ? 'problem' : 'quiet number'}>
        {saysMore ? `${tenants.failed.toLocaleString('en')} failed` : tenants.total.toLocaleString('en')}
      </span>
    </span>
  );
}
