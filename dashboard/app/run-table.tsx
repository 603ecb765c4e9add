import type { ComponentChildren } from 'preact';
import { useContext, useLayoutEffect, useMemo, useState } from 'preact/hooks';
import type { JobsAnswer } from '../../src/lib/api/answers/jobs.ts';
import type { RunSummaryAnswer } from '../../src/lib/api/answers/runs.ts';
import { outcomeStyle, outcomeWord } from '../../src/lib/core/outcomes.ts';
import { runsWithFailures } from '../../src/lib/runs/reading/run-view.ts';
import { isApplyWindow, isScheduledWindow } from '../../src/lib/runs/store/run.ts';
import { CountsBar, countsText, StackedBar } from './charts.tsx';
import { byDay, count, duration, localDay, numbersKept, shortDay, spanOfDays } from './format.ts';
import { Icon } from './icon.tsx';
import { Badge, Clock, type Column, Empty, OutcomeBadge, Table, ToneBadge } from './pieces.tsx';
import { useTenants } from './polling.ts';
import { HeldPlansContext } from './waiting.tsx';
import { planned, type PlanSummary } from './plan-words.ts';
import {
  daysBetween,
  type Failures,
  idsIn,
  isTroubled,
  lastRunOf,
  type News,
  newsOf,
  noonOf,
  useFailures,
  visitsAnew,
  visitsMost,
} from './nights.ts';
import { goTo, runLink } from './route.ts';
import { Person, shortName } from './approval-facts.tsx';

interface RunTableProps {
  /** The runs to show, the newest first. */
  readonly runs: readonly RunSummaryAnswer[];
  readonly jobs?: JobsAnswer['jobs'] | undefined;
  /** Also those that are not shown. Default: the runs to show. */
  readonly all?: readonly RunSummaryAnswer[];
  /** Told how the last night of the schedule went, and again with what was new in it. */
  readonly onNight?: ((text: string | undefined) => void) | undefined;
}

/** Rows to show at first, and to add per click: a list of 200 runs is long on a phone. */
const step = 40;

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

/** A run, several of a day that the schedule started, or several such days. */
interface Line {
  readonly startedAt: string;
  /** The newest first. */
  readonly runs: readonly RunSummaryAnswer[];
  /** Of runs of the schedule: names their day, or tells them from others of the day. */
  readonly title?: string;
  /** The lines of several days in which the same happened. */
  readonly days?: readonly Line[];
  /** One of several, below them. */
  readonly isPart?: true;
}

/** Whether the schedule started it and it visited all its tenants. Any other run is news of its own. */
const isOfSchedule = ({ window, status }: RunSummaryAnswer): boolean =>
  isScheduledWindow(window) && status === 'completed';

const lineOf = (run: RunSummaryAnswer): Line => ({ startedAt: run.startedAt, runs: [run] });

/** Whether it opens. */
const isSeveral = ({ runs }: Line): boolean => runs.length > 1;

interface Group {
  readonly title: string;
  readonly items: readonly Line[];
}

/** Runs by the days that they started on, those of the schedule in one line. */
const linesOf = (runs: readonly RunSummaryAnswer[]): readonly Group[] =>
  byDay(runs, ({ startedAt }) => startedAt).map(({ title, items }) => {
    const scheduled = items.filter(isOfSchedule);
    const others = items.filter((run) => !isOfSchedule(run)).map(lineOf);
    const first = scheduled.at(-1);
    if (first === undefined || (scheduled.length === 1 && others.length > 0))
      return { title, items: items.map(lineOf) };
    const { startedAt } = first;
    const day = title.includes(',') ? shortDay(startedAt) : title;
    if (others.length === 0) return { title: byDayTitle, items: [{ startedAt, runs: scheduled, title: day }] };
    const lines = [...others, { startedAt, runs: scheduled, title: onSchedule }];
    return { title, items: lines.toSorted((a, b) => b.startedAt.localeCompare(a.startedAt)) };
  });

const onSchedule = 'On schedule';

/** A day of the schedule, or several, has its name in place of a time: then what changed has the width of the times, too. */
const isDay = ({ title }: Line): boolean => title !== undefined && title !== onSchedule;
const byDayTitle = 'On schedule, day by day';

/**
 * Days with scheduled runs alone under one heading, and in one line those one after another in which the same jobs ran, and failed
 * in the same tenants or in none: so each line but the oldest begins with a change.
 */
function folded(groups: readonly Group[], factsOf: (line: Line) => Facts): readonly Group[] {
  const goesOn = (line: Line, last: Line): boolean => {
    const { endings } = factsOf(line);
    const [day, next] = [line, last.days?.at(-1) ?? last].map(({ startedAt }) => noonOf(Date.parse(startedAt)));
    return endings !== undefined && endings === factsOf(last).endings && daysBetween(day!, next!) === 1;
  };
  const found: { readonly title: string; readonly items: Line[] }[] = [];
  for (const { title, items } of groups) {
    const before = found.at(-1);
    const last = before?.items.at(-1);
    const [line] = items;
    if (line === undefined) continue;
    if (title !== byDayTitle || before?.title !== title || last === undefined) found.push({ title, items: [...items] });
    else if (goesOn(line, last)) {
      const { startedAt, days = [last] } = last;
      const runs = [...last.runs, ...line.runs];
      const span = spanOfDays(line.startedAt, startedAt);
      before.items.splice(-1, 1, { startedAt, runs, title: span, days: [...days, line] });
    } else before.items.push(line);
  }
  return found;
}

/** Runs under the days that they started on. Those of the schedule are one row, which opens. Failures that a later run has replaced are pale. */
export function RunTable({ runs, jobs = [], all = runs, onNight }: RunTableProps) {
  const [limit, setLimit] = useState(step);
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const days = useMemo(() => linesOf(runs), [runs]);
  const factsOf = useFacts(days, all);
  const textOf = useNewsText();
  const night = days.flatMap(({ items }) => items).find((line) => line.runs.some(isOfSchedule));
  const said = night && nightText(night, factsOf(night), textOf(factsOf(night)));
  // Before the page is seen with another title.
  useLayoutEffect(() => {
    onNight?.(said);
  }, [said, onNight]);
  if (runs.length === 0)
    return <Empty title="There are no runs.">Jobs start on their schedule or from the Jobs view.</Empty>;
  const lines = folded(days, factsOf);
  // Nobody presses a button for a few.
  const isCut = lines.flatMap(({ items }) => items).length > limit + step / 4;
  let room = isCut ? limit : Infinity;
  const isOpen = (line: Line): boolean => open.has(keyOf(line));
  const opened = (line: Line): readonly Line[] => [
    line,
    ...(isOpen(line) ? (line.days ?? line.runs.map(lineOf)).flatMap((part) => opened({ ...part, isPart: true })) : []),
  ];
  const groups = lines.flatMap(({ title, items }) => {
    const some = items.slice(0, room);
    room -= some.length;
    // Two may have the same title. New runs come first, so the oldest one of a group stays.
    const key = items.at(-1)?.runs.at(-1)?.runId;
    return key === undefined || some.length === 0 ? [] : { key, title, items: some.flatMap(opened) };
  });
  const toggle = (line: Line): void => {
    const others = [...open].filter((key) => key !== keyOf(line));
    setOpen(new Set(isOpen(line) ? others : [...others, keyOf(line)]));
  };
  const byName = new Map(jobs.map((job) => [job.name, job]));
  // The filter says which one.
  const isOfOne = all.length > 1 && all.every(({ job }) => job === all[0]?.job);
  const newsIn = (line: Line) => {
    const facts = factsOf(line);
    const isNew = hasNews(facts);
    const oldest = line.days?.at(-1);
    const text =
      oldest !== undefined && facts.news === undefined
        ? textOf({ ...facts, gap: 'the same tenants each day' })
        : `${textOf(facts)}${isNew && oldest !== undefined ? ` on ${numbersKept(localDay(oldest.startedAt))}` : ''}`;
    return <span class={isNew ? undefined : 'quiet'}>{text}</span>;
  };
  const columns = columnsOf(byName, factsOf, newsIn, (line) => (
    <>
      {isSeveral(line) ? (
        <button type="button" class="link" aria-expanded={isOpen(line)} onClick={() => toggle(line)}>
          <Icon name="turn" turns /> {line.title}
        </button>
      ) : null}{' '}
      {line.title === undefined || isOfOne ? null : <span class="small quiet">{jobsIn(line, byName)}</span>}
      {line.isPart === true ? null : <span class="news">{newsIn(line)}</span>}
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
          onOpen={(line) => (isSeveral(line) ? toggle(line) : goTo(runLink(line.runs[0]?.runId ?? '')))}
          rowClass={(line) =>
            [isPast(line, all) ? 'before' : [], line.isPart ? 'part' : isDay(line) ? 'day' : []].flat().join(' ') ||
            undefined
          }
          wideOf={(line) => (isDay(line) ? [3, 3, newsIn(line)] : undefined)}
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

/** `Last night: 5 of 25 failed, Adatum stopped failing`. Until it is known who failed, the number is that of the worst run. */
function nightText(line: Line, facts: Facts, news: string): string {
  const { failed } = facts;
  const [day] = byDay(line.runs, ({ startedAt }) => startedAt);
  const when =
    day?.title === 'Today' ? 'Last night' : day?.title === 'Yesterday' ? day.title : shortDay(line.startedAt);
  const most = failed ?? Math.max(...line.runs.map(({ tenants }) => tenants.failed));
  const total = mostTenants(line);
  const of = most > total ? '' : ` of ${total.toLocaleString('en')}`;
  // That no tenant failed is said.
  const isMore = hasNews(facts) || (most > 0 && facts.news !== undefined);
  return [`${when}: ${most === 0 ? 'none' : most.toLocaleString('en')}${of} failed`, isMore ? news : []]
    .flat()
    .join(', ');
}

/** Of several runs: that of the first, which stays while others end. */
const keyOf = ({ runs, title, days }: Line): string =>
  `${days === undefined ? '' : 'days '}${title === undefined ? '' : 'day '}${runs.at(-1)?.runId}`;

function isPast({ runs }: Line, all: readonly RunSummaryAnswer[]): boolean {
  const failed = runs.filter(({ outcome }) => outcome === 'partly_failed');
  return failed.length > 0 && failed.every((one) => isReplaced(one, all));
}

/** What the runs of a line do not say of themselves: undefined until it is known. */
interface Facts {
  /** Tenants that failed in one of its runs. */
  readonly failed?: number | undefined;
  /** As {@link endingsOf} has it. */
  readonly endings?: string | undefined;
  /** What is new since the scheduled runs of its jobs before. Of all jobs, or nothing. */
  readonly news?: News | undefined;
  /** Why nobody will know what is new. */
  readonly gap?: string | undefined;
}

const hasNews = ({ news }: Facts): boolean => news !== undefined && news.fails.length + news.ends.length > 0;

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
    const ofJobs = [...Map.groupBy(all, ({ job }) => job).values()];
    const tooOld = new Set(ofJobs.flatMap((some) => some.slice(runsWithFailures)));
    return new Map(
      lines.map(({ line, pairs }): [string, Facts] => {
        const own = line.runs.flatMap(({ runId }) => known.get(runId) ?? []);
        const isKnown = own.length === line.runs.length;
        const compared = pairs.flatMap((pair) => {
          const [now, before] = pair.map((run) => known.get(run?.runId ?? ''));
          return now === undefined || before === undefined ? [] : [[now, before] as const];
        });
        const first = pairs.filter(([, before]) => before === undefined).length;
        const isTooOld = pairs.flat().some((run) => run !== undefined && run.tenants.failed > 0 && tooOld.has(run));
        return [
          keyOf(line),
          {
            failed: isKnown ? new Set(own.flatMap(({ codes }) => [...codes.keys()])).size : undefined,
            endings: isKnown ? endingsOf(own) : undefined,
            news: compared.length < Math.max(1, pairs.length) ? undefined : newsOf(compared),
            gap: isTooOld ? 'too old to tell who failed' : first === 0 ? undefined : noEarlier(first, pairs.length),
          },
        ];
      }),
    );
  }, [lines, failures]);
  // Several days have in common what their oldest one brought.
  return (line: Line): Facts => facts.get(keyOf(line.days?.at(-1) ?? line)) ?? {};
}

const noEarlier = (jobs: number, of: number): string =>
  jobs === of ? 'no earlier run in this list' : `no earlier run of ${count(jobs, 'job')} in this list`;

/** Equal texts for runs of the same jobs that failed in the same tenants. */
const endingsOf = (own: readonly Failures[]): string =>
  [...new Set(own.map(({ run, codes }) => `${run.job} ${idsIn(codes)}`))].toSorted().join();

/** Names in a line. */
const namesShown = 2;

/** `Adatum began to fail, Contoso and Fabrikam stopped failing`. Without names for those who may not see tenants. Empty while it is read. */
function useNewsText(): (facts: Facts) => string {
  const tenants = useTenants()?.tenants;
  const names = useMemo(() => new Map(tenants?.map(({ tenantId, name }) => [tenantId, name])), [tenants]);
  const whoDid = (ids: readonly string[], verb: string): string[] => {
    if (ids.length === 0) return [];
    const named = ids.slice(0, namesShown).flatMap((id) => names.get(id) ?? []);
    const more = ids.length - named.length;
    const parts = [named, more === 0 ? [] : count(more, named.length === 0 ? 'tenant' : 'other')].flat();
    return [`${parts.join(', ').replace(/, (?=[^,]*$)/, ' and ')} ${verb}`];
  };
  return (facts) => {
    const { news, failed, gap = '' } = facts;
    if (news !== undefined && hasNews(facts))
      return [...whoDid(news.fails, 'began to fail'), ...whoDid(news.ends, 'stopped failing')].join(', ');
    if (failed === 0) return 'no tenant failed';
    return news === undefined ? gap : `the same tenants as before${news.isSame ? '' : ', in other jobs'}`;
  };
}

type Job = JobsAnswer['jobs'][number];
/** By their names. */
type Jobs = ReadonlyMap<string, Job>;

/** The titles of its jobs. */
const titlesIn = ({ runs }: Line, jobs: Jobs): readonly string[] => [
  ...new Set(runs.map(({ job }) => jobs.get(job)?.title ?? job)),
];

/** Its job, or how many. */
const jobsIn = (line: Line, jobs: Jobs): string => {
  const [title = '', ...others] = titlesIn(line, jobs);
  return others.length === 0 ? title : count(1 + others.length, 'job');
};

/** What a run of a job that changes tenants is: its plan, or what applies one. */
const kindOf = ({ window }: RunSummaryAnswer, job: Pick<Job, 'changes'> | undefined): string | undefined =>
  isApplyWindow(window) ? 'apply' : job?.changes ? 'plan' : undefined;

/** @param more what opens several runs, and on a narrow screen what is new. */
const columnsOf = (
  jobs: Jobs,
  factsOf: (line: Line) => Facts,
  newsIn: (line: Line) => ComponentChildren,
  more: (line: Line) => ComponentChildren,
): readonly Column<Line>[] => {
  /** The cell of a run, or of several. */
  const cellOf =
    (ofRun: (run: RunSummaryAnswer) => ComponentChildren, ofSeveral: (line: Line) => ComponentChildren) =>
    (line: Line): ComponentChildren =>
      isSeveral(line) ? ofSeveral(line) : line.runs.map(ofRun);
  return [
    [
      'Run',
      'wrap',
      (line) => (
        <>
          {cellOf(
            (run) => {
              const kind = kindOf(run, jobs.get(run.job));
              return (
                <>
                  <a href={runLink(run.runId)}>
                    {line.title ?? (run.query === undefined ? titlesIn(line, jobs) : 'Query')}
                  </a>{' '}
                  {kind === undefined ? null : <span class="tag">{kind}</span>}
                  {run.query === undefined ? null : <code class="quiet"> GET {run.query}</code>}
                </>
              );
            },
            () => null,
          )(line)}
          {more(line)}
        </>
      ),
      (line) =>
        line.title === undefined
          ? line.runs.map(({ query, job }) => (query === undefined ? job : `GET ${query}`)).join()
          : titlesIn(line, jobs).join(', '),
    ],
    [
      'Outcome',
      'w-l wrap',
      (line) => {
        const warnings = line.runs.flatMap((run) => run.warnings).length;
        return (
          <>
            {cellOf(
              (run) => <RunOutcome run={run} job={jobs.get(run.job)} />,
              () => <OutcomeOfAll line={line} failed={factsOf(line).failed} />,
            )(line)}{' '}
            {warnings === 0 ? null : <Badge state="degraded">{count(warnings, 'warning')}</Badge>}
            <TenantsBelow line={line} />
          </>
        );
      },
    ],
    [
      'Tenants',
      'w-l p2',
      cellOf(
        (run) => <Tenants run={run} />,
        (line) => <TenantsOfAll line={line} failed={factsOf(line).failed} />,
      ),
    ],
    // A day of the schedule was started by nobody else.
    [
      'What changed, or who started it',
      'wrap p3',
      (line) =>
        line.title === undefined ? (
          <span class="quiet">
            <StartedBy run={line.runs[0]!} />
          </span>
        ) : (
          newsIn(line)
        ),
    ],
    // A day of the schedule has its name in place of a time.
    ['Started', 'w-s end', (line) => (isDay(line) ? null : <Clock iso={line.startedAt} />)],
    // One that waits for a person takes as long as the person does.
    [
      'Took',
      'w-s end p3 quiet',
      cellOf(
        ({ finishedAt, durationMs }) => finishedAt && duration(durationMs),
        (line) => (isDay(line) ? null : tookTogether(line.runs)),
      ),
    ],
  ];
};

/** From the start of the first run to the end of the last one, once all have ended. */
function tookTogether(runs: Line['runs']): string | null {
  const ends = runs.flatMap(({ finishedAt }) => (finishedAt === undefined ? [] : Date.parse(finishedAt)));
  if (ends.length < runs.length) return null;
  return duration(Math.max(...ends) - Math.min(...runs.map(({ startedAt }) => Date.parse(startedAt))));
}

/** Tenants of its run over most of them. */
const mostTenants = ({ runs }: Line): number => Math.max(...runs.map(({ tenants }) => tenants.total));

/** On a phone, in place of the column of tenants. Nothing until their number is known. */
function TenantsBelow({ line }: { readonly line: Line }) {
  // An apply has a line of its own.
  const total = useHeld(line.runs[0]?.runId ?? '')?.apply?.tenants.total ?? mostTenants(line);
  return total === 0 ? null : <span class="sub">{count(total, 'tenant')}</span>;
}

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
function TenantsOfAll({ line, failed }: OfAllProps) {
  const total = mostTenants(line);
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
export const Waits = ({ text, children }: { readonly text: string; readonly children?: ComponentChildren }) => (
  <span class="badge waits" title={text}>
    <Icon name="clock" />
    <span class="cut">
      {text}
      {children}
    </span>
  </span>
);

interface RunOutcomeProps {
  readonly run: RunSummaryAnswer;
  /** Undefined if it is not known: a plan that was made then shows the outcome of its run. */
  readonly job?: Pick<Job, 'changes'> | undefined;
  /** What stands beside it says how many failed. */
  readonly isSaid?: true;
}

/** How a run went, and in how many tenants it failed. */
export function RunOutcome({ run, job, isSaid }: RunOutcomeProps) {
  const { runId, outcome } = run;
  const held = useHeld(runId)?.apply;
  const { tenants } = held ?? run;
  const failed = tenants.failed === 0 ? '' : `${tenants.failed.toLocaleString('en')} failed`;
  const too =
    failed === '' || isSaid || outcome === 'failed_everywhere' ? null : <span class="problem">, {failed}</span>;
  if (held !== undefined) return <Waits text="waits to go on">{too}</Waits>;
  if (kindOf(run, job) === 'plan' && outcome === 'succeeded')
    return <ToneBadge tone={planned[0]}>{planned[1]}</ToneBadge>;
  const isOnly = outcome === 'partly_failed' && failed !== '';
  const left = tenants.notAttempted === 0 ? '' : `, ${tenants.notAttempted.toLocaleString('en')} not attempted`;
  return (
    <ToneBadge
      tone={isOnly ? 'bad' : outcomeStyle(outcome).tone}
      title={`${outcomeWord(outcome)}: ${countsText(tenants)}`}
    >
      {isOnly ? (
        `${failed}${left}`
      ) : (
        <>
          {outcomeWord(outcome)}
          {too}
        </>
      )}
    </ToneBadge>
  );
}

/** Whether a job failed in some of its tenants last time: in its last run that ended, or one that waits for the reader. */
export function useIsFailing(): (runs: readonly RunSummaryAnswer[]) => boolean {
  const held = new Map(useContext(HeldPlansContext).map(({ apply }) => [apply?.runId, apply?.tenants.failed ?? 0]));
  return (runs) => {
    const last = lastRunOf(runs.filter(({ runId, finishedAt }) => finishedAt !== undefined || held.has(runId)));
    return last !== undefined && (isTroubled(last) || (held.get(last.runId) ?? 0) > 0);
  };
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
