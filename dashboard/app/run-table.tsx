import type { ComponentChildren } from 'preact';
import { useContext, useMemo, useState } from 'preact/hooks';
import type { RunSummaryAnswer } from '../../src/lib/api/answers/runs.ts';
import { outcomeWord } from '../../src/lib/core/outcomes.ts';
import { isApplyWindow, isScheduledWindow } from '../../src/lib/runs/store/run.ts';
import { CountsBar, countsText, StackedBar } from './charts.tsx';
import type { JobsAnswer } from '../../src/lib/api/answers/jobs.ts';
import { byDay, count, duration } from './format.ts';
import { Icon } from './icon.tsx';
import { Badge, Clock, type Column, Empty, OutcomeBadge, Table, ToneBadge } from './pieces.tsx';
import { useTenants } from './polling.ts';
import { HeldPlansContext } from './waiting.tsx';
import { planned, type PlanSummary } from './plan-words.ts';
import { type News, newsOf, useFailures, visitsAnew, visitsMost } from './nights.ts';
import { goTo, runLink } from './route.ts';
import { Person, shortName } from './approval-facts.tsx';

interface RunTableProps {
  /** The runs to show, the newest first. */
  readonly runs: readonly RunSummaryAnswer[];
  readonly jobs?: JobsAnswer['jobs'] | undefined;
  /** Also those that are not shown. Default: the runs to show. */
  readonly all?: readonly RunSummaryAnswer[];
}

/** Rows to show at first, and to add per click: a list of 200 runs is long on a phone. */
const step = 25;

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

/** A run, or several of a day that the schedule started. */
interface Line {
  readonly startedAt: string;
  /** The newest first. */
  readonly runs: readonly RunSummaryAnswer[];
  /** Of several: names their day, or tells them from others of the day. */
  readonly title?: string;
  /** One of several, below them. */
  readonly isPart?: true;
}

/** Whether the schedule started it and it visited all its tenants. Any other run is news of its own. */
const isOfSchedule = ({ window, status }: RunSummaryAnswer): boolean =>
  isScheduledWindow(window) && status === 'completed';

const lineOf = (run: RunSummaryAnswer): Line => ({ startedAt: run.startedAt, runs: [run] });

/** Runs by the days that they started on, those of the schedule in one line if there are several. */
const linesOf = (runs: readonly RunSummaryAnswer[]): readonly { readonly title: string; readonly items: Line[] }[] =>
  byDay(runs, ({ startedAt }) => startedAt).map(({ title, items }) => {
    const scheduled = items.filter(isOfSchedule);
    const first = scheduled.at(-1);
    if (first === undefined || scheduled.length === 1) return { title, items: items.map(lineOf) };
    const { startedAt } = first;
    const others = items.filter((run) => !isOfSchedule(run)).map(lineOf);
    if (others.length === 0) return { title: '', items: [{ startedAt, runs: scheduled, title }] };
    const lines = [...others, { startedAt, runs: scheduled, title: 'On schedule' }];
    return { title, items: lines.toSorted((a, b) => b.startedAt.localeCompare(a.startedAt)) };
  });

/** Runs under the days that they started on. Those of the schedule are one row, which opens. Failures that a later run has replaced are pale. */
export function RunTable({ runs, jobs = [], all = runs }: RunTableProps) {
  const [limit, setLimit] = useState(step);
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const days = useMemo(() => linesOf(runs), [runs]);
  // Nobody presses a button for a few.
  const isCut = days.flatMap(({ items }) => items).length > limit + step / 4;
  const shown = useMemo(() => {
    let room = isCut ? limit : Infinity;
    return days.map(({ title, items }) => {
      const some = items.slice(0, Math.max(0, room));
      room -= some.length;
      return { title, items: some };
    });
  }, [days, isCut, limit]);
  const factsOf = useFacts(shown, all);
  const textOf = useNewsText();
  if (runs.length === 0)
    return <Empty title="There are no runs.">Jobs start on their schedule or from the Jobs view.</Empty>;
  const isOpen = (line: Line): boolean => open.has(keyOf(line));
  const groups = shown
    .filter(({ items }) => items.length > 0)
    .map(({ title, items }) => ({
      title,
      items: items.flatMap((line): Line[] => [
        line,
        ...(isOpen(line) ? line.runs : []).map((run): Line => ({ ...lineOf(run), isPart: true })),
      ]),
    }));
  const toggle = (line: Line): void => {
    const others = [...open].filter((key) => key !== keyOf(line));
    setOpen(new Set(isOpen(line) ? others : [...others, keyOf(line)]));
  };
  const columns = columnsOf(new Map(jobs.map((job) => [job.name, job])), factsOf, (line) => (
    <>
      {line.title === undefined ? null : (
        <button type="button" class="link" aria-expanded={isOpen(line)} onClick={() => toggle(line)}>
          <Icon name="turn" turns /> {line.title}
        </button>
      )}{' '}
      {line.isPart === true ? null : <span class="news small">{textOf(factsOf(line).news)}</span>}{' '}
    </>
  ));
  return (
    <>
      <div class="panel">
        <Table<Line>
          class="runs"
          columns={columns}
          items={groups.flatMap(({ items }) => items)}
          keyOf={keyOf}
          onOpen={(line) => (line.title === undefined ? goTo(runLink(line.runs[0]?.runId ?? '')) : toggle(line))}
          rowClass={(line) =>
            [isPast(line, all) ? 'before' : [], line.isPart === true ? 'part' : []].flat().join(' ') || undefined
          }
          groupsOf={() => groups}
        />
      </div>
      {isCut ? (
        <button type="button" onClick={() => setLimit(limit + step)}>
          Show more runs
        </button>
      ) : null}
    </>
  );
}

/** Of several runs: that of the first, which stays while others end. */
const keyOf = ({ runs, title }: Line): string => `${title === undefined ? '' : 'day '}${runs.at(-1)?.runId}`;

function isPast({ runs }: Line, all: readonly RunSummaryAnswer[]): boolean {
  const failed = runs.filter(({ outcome }) => outcome === 'partly_failed');
  return failed.length > 0 && failed.every((one) => isReplaced(one, all));
}

/** What the runs of a line do not say of themselves: undefined until it is known. */
interface Facts {
  /** Tenants that failed in one of its runs. */
  readonly failed?: number | undefined;
  /** What is new since the scheduled runs of its jobs before. Of all jobs, or nothing. */
  readonly news?: News | undefined;
}

/** Of each job, its last run of a day is compared with the last one before the first of that day. */
function useFacts(days: readonly { readonly items: readonly Line[] }[], all: readonly RunSummaryAnswer[]) {
  const lines = useMemo(
    () =>
      days
        .flatMap(({ items }) => items)
        .map((line) => {
          const ofJobs = Map.groupBy(line.runs.filter(isOfSchedule), ({ job }) => job);
          const pairs = [...ofJobs].map(([job, runs]) => [
            runs[0],
            all.find((run) => run.job === job && run.startedAt < (runs.at(-1)?.startedAt ?? '') && isOfSchedule(run)),
          ]);
          return { line, pairs };
        }),
    [days, all],
  );
  const wanted = lines.flatMap(({ line, pairs }) => [...(line.title === undefined ? [] : line.runs), ...pairs.flat()]);
  const failures = useFailures([...new Set(wanted.flatMap((run) => run ?? []))], all);
  const facts = useMemo(() => {
    const known = new Map(failures.map((each) => [each.run.runId, each]));
    return new Map(
      lines.map(({ line, pairs }): [string, Facts] => {
        const own = line.runs.flatMap(({ runId }) => known.get(runId) ?? []);
        const compared = pairs.flatMap((pair) => {
          const [now, before] = pair.map((run) => known.get(run?.runId ?? ''));
          return now === undefined || before === undefined ? [] : [[now, before] as const];
        });
        return [
          keyOf(line),
          {
            failed:
              own.length < line.runs.length ? undefined : new Set(own.flatMap(({ codes }) => [...codes.keys()])).size,
            news: compared.length < pairs.length ? undefined : newsOf(compared),
          },
        ];
      }),
    );
  }, [lines, failures]);
  return (line: Line): Facts => facts.get(keyOf(line)) ?? {};
}

/** Names in a line. */
const namesShown = 2;

/** `Adatum fails now, Contoso and Fabrikam no longer fail`. Without names for those who may not see tenants. */
function useNewsText(): (news: News | undefined) => string {
  const tenants = useTenants()?.tenants;
  const names = useMemo(() => new Map(tenants?.map(({ tenantId, name }) => [tenantId, name])), [tenants]);
  const inWords = (ids: readonly string[], verb: (s: string) => string): string[] => {
    if (ids.length === 0) return [];
    const named = ids.slice(0, namesShown).flatMap((id) => names.get(id) ?? []);
    const more = ids.length - named.length;
    const parts = [named, more === 0 ? [] : count(more, named.length === 0 ? 'tenant' : 'other')].flat();
    return [`${parts.join(', ').replace(/, (?=[^,]*$)/, ' and ')} ${verb(ids.length === 1 ? 's' : '')}`];
  };
  return (news) =>
    news === undefined
      ? ''
      : news.isSame
        ? 'the same tenants as before'
        : [...inWords(news.fails, (s) => `fail${s} now`), ...inWords(news.ends, (s) => `no longer fail${s}`)].join(
            ', ',
          );
}

type Job = JobsAnswer['jobs'][number];
/** By their names. */
type Jobs = ReadonlyMap<string, Job>;

/** What a run of a job that changes tenants is: its plan, or what applies one. */
const kindOf = ({ window }: RunSummaryAnswer, job: Pick<Job, 'changes'> | undefined): string | undefined =>
  isApplyWindow(window) ? 'apply' : job?.changes ? 'plan' : undefined;

/** @param more what opens several runs, and what is new. */
const columnsOf = (
  jobs: Jobs,
  factsOf: (line: Line) => Facts,
  more: (line: Line) => ComponentChildren,
): readonly Column<Line>[] => {
  const titleOf = ({ job }: RunSummaryAnswer): string => jobs.get(job)?.title ?? job;
  /** The cell of a run, or of several. */
  const cellOf =
    (ofRun: (run: RunSummaryAnswer) => ComponentChildren, ofSeveral: (line: Line) => ComponentChildren) =>
    (line: Line): ComponentChildren =>
      line.title === undefined ? line.runs.map(ofRun) : ofSeveral(line);
  const tenantsOf = cellOf(
    (run) => <Tenants run={run} />,
    (line) => <TenantsOfAll line={line} failed={factsOf(line).failed} />,
  );
  return [
    [
      'Job',
      'wrap',
      (line) => (
        <>
          {cellOf(
            (run) => {
              const kind = kindOf(run, jobs.get(run.job));
              return (
                <>
                  <a href={runLink(run.runId)}>{run.query === undefined ? titleOf(run) : 'Query'}</a>{' '}
                  {kind === undefined ? null : <span class="tag">{kind}</span>}
                  {run.query === undefined ? null : <code class="quiet"> GET {run.query}</code>}
                </>
              );
            },
            () => null,
          )(line)}
          {more(line)}
          <span class="sub">{tenantsOf(line)}</span>
        </>
      ),
      ({ runs, title }) =>
        title === undefined
          ? runs.map(({ query, job }) => (query === undefined ? job : `GET ${query}`)).join()
          : [...new Set(runs.map(titleOf))].join(', '),
    ],
    [
      'Outcome',
      'w-l wrap',
      (line) => {
        const warnings = line.runs.flatMap((run) => run.warnings).length;
        return (
          <>
            {cellOf(
              (run) => (
                <>
                  <RunOutcome run={run} job={jobs.get(run.job)} /> <FailedToo run={run} />
                </>
              ),
              () => <OutcomeOfAll line={line} failed={factsOf(line).failed} />,
            )(line)}{' '}
            {warnings === 0 ? null : <Badge state="degraded">{count(warnings, 'warning')}</Badge>}
          </>
        );
      },
    ],
    ['Tenants', 'w-l p2', tenantsOf],
    ['Started', 'w-s end', ({ startedAt }) => <Clock iso={startedAt} />],
    // One that waits for a person takes as long as the person does.
    [
      'Took',
      'w-m end p2 quiet',
      cellOf(
        ({ finishedAt, durationMs }) => (finishedAt === undefined ? '' : duration(durationMs)),
        ({ runs }) => count(new Set(runs.map(({ job }) => job)).size, 'job'),
      ),
    ],
    ['Started by', 'w-l p3 quiet', ({ runs }) => <StartedBy run={runs[0]!} />],
  ];
};

interface OfAllProps {
  readonly line: Line;
  readonly failed: number | undefined;
}

/** In how many tenants one of several runs failed. Until that is known, how the worst of them went. */
function OutcomeOfAll({ line: { runs }, failed = 0 }: OfAllProps) {
  const [worst] = runs.toSorted(({ tenants: a }, { tenants: b }) => b.failed - a.failed || a.skipped - b.skipped);
  return failed === 0 ? (
    worst && <OutcomeBadge outcome={worst.outcome} />
  ) : (
    <ToneBadge tone="bad">{failed.toLocaleString('en')} failed</ToneBadge>
  );
}

/** Of the run over most tenants. Without a bar until it is known who failed, or if others were visited, too. */
function TenantsOfAll({ line: { runs }, failed }: OfAllProps) {
  const total = Math.max(...runs.map(({ tenants }) => tenants.total));
  return (
    <span class="pair">
      {failed === undefined || failed > total ? null : (
        <StackedBar
          parts={[
            ['succeeded', total - failed],
            ['failed', failed],
          ]}
          label={`${failed.toLocaleString('en')} of ${count(total, 'tenant')} failed`}
        />
      )}
      <span class="quiet number">{total.toLocaleString('en')}</span>
    </span>
  );
}

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

interface RunOutcomeProps {
  readonly run: RunSummaryAnswer;
  /** Undefined if it is not known: a plan that was made then shows the outcome of its run. */
  readonly job?: Pick<Job, 'changes'> | undefined;
}

/** How a run went: in how many tenants it failed, if that is all there is to say. */
export function RunOutcome({ run, job }: RunOutcomeProps) {
  const { runId, outcome, tenants } = run;
  if (useHeld(runId) !== undefined) return <Waits>waits to go on</Waits>;
  if (kindOf(run, job) === 'plan' && outcome === 'succeeded')
    return <ToneBadge tone={planned[0]}>{planned[1]}</ToneBadge>;
  if (!saysFailures(run)) return <OutcomeBadge outcome={outcome} />;
  const { failed, notAttempted } = tenants;
  return (
    <ToneBadge tone="bad" title={`${outcomeWord(outcome)}: ${countsText(tenants)}`}>
      {failed.toLocaleString('en')} failed
      {notAttempted === 0 ? '' : `, ${notAttempted.toLocaleString('en')} not attempted`}
    </ToneBadge>
  );
}

/** In how many tenants a run failed whose outcome says something else. */
function FailedToo({ run }: { readonly run: RunSummaryAnswer }) {
  const held = useHeld(run.runId)?.apply;
  const { failed } = (held ?? run).tenants;
  return failed === 0 || (held === undefined && saysFailures(run)) ? null : (
    <span class="problem">{failed.toLocaleString('en')} failed</span>
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
  if (finishedAt === undefined && held === undefined)
    return <span class="quiet">{outcome === 'starting' ? 'listing tenants' : count(tenants.total, 'tenant')}</span>;
  return (
    <span class="pair" title={countsText(tenants)}>
      <CountsBar counts={tenants} />
      <span class="quiet number">{tenants.total.toLocaleString('en')}</span>
    </span>
  );
}
