import type { ComponentChildren } from 'preact';
import { useContext, useMemo, useState } from 'preact/hooks';
import type { RunSummaryAnswer } from '../../src/lib/api/answers/runs.ts';
import { outcomeWord } from '../../src/lib/core/outcomes.ts';
import { isApplyWindow, isScheduledWindow } from '../../src/lib/runs/store/run.ts';
import { CountsBar, countsText } from './charts.tsx';
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

/** A run, or those of a night. */
interface Line extends RunSummaryAnswer {
  readonly night?: {
    /** Names its day, or is `Night` below the name of the day. */
    readonly title: string;
    /** The newest first. */
    readonly runs: readonly RunSummaryAnswer[];
  };
  /** One of the runs of a night, below it. */
  readonly isPart?: true;
}

/** Whether the schedule started it and it visited all its tenants. Any other run of a night is news of its own. */
const isOfNight = ({ window, status }: RunSummaryAnswer): boolean =>
  isScheduledWindow(window) && status === 'completed';

/** Runs by the days that they started on, those of a night in one line if there are several. */
const linesOf = (runs: readonly RunSummaryAnswer[]): readonly { readonly title: string; readonly items: Line[] }[] =>
  byDay(runs, ({ startedAt }) => startedAt).map(({ title, items }) => {
    const night = items.filter(isOfNight);
    const others = items.filter((run) => !isOfNight(run));
    const [worst] = night.toSorted(
      ({ tenants: a }, { tenants: b }) => b.failed - a.failed || a.skipped - b.skipped || b.total - a.total,
    );
    if (worst === undefined || night.length === 1) return { title, items: [...items] };
    const line: Line = {
      ...worst,
      startedAt: night.at(-1)?.startedAt ?? worst.startedAt,
      warnings: night.flatMap(({ warnings }) => warnings),
      night: { title: others.length === 0 ? title : 'Night', runs: night },
    };
    return { title: others.length === 0 ? '' : title, items: [...others, line] };
  });

/** Runs under the days that they started on. A night is one row, which opens. Failures that a later run has replaced are pale. */
export function RunTable({ runs, jobs = [], all = runs }: RunTableProps) {
  const [limit, setLimit] = useState(step);
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const days = linesOf(runs);
  // Nobody presses a button for a few.
  const isCut = days.flatMap(({ items }) => items).length > limit + step / 4;
  let room = isCut ? limit : Infinity;
  const shown = days.map(({ title, items }) => {
    const some = items.slice(0, Math.max(0, room));
    room -= some.length;
    return { title, items: some };
  });
  const newsIn = useNews(
    shown.flatMap(({ items }) => items),
    all,
  );
  const textOf = useNewsText();
  if (runs.length === 0)
    return <Empty title="There are no runs.">Jobs start on their schedule or from the Jobs view.</Empty>;
  const isOpen = (line: Line): boolean => open.has(keyOf(line));
  const groups = shown
    .filter(({ items }) => items.length > 0)
    .map(({ title, items }) => ({
      title,
      items: items.flatMap((line): Line[] => [
        withAll(line, newsIn(line)),
        ...(isOpen(line) ? (line.night?.runs ?? []) : []).map((run): Line => ({ ...run, isPart: true })),
      ]),
    }));
  const toggle = (line: Line): void => {
    const others = [...open].filter((key) => key !== keyOf(line));
    setOpen(new Set(isOpen(line) ? others : [...others, keyOf(line)]));
  };
  return (
    <>
      <div class="panel">
        <Table<Line>
          class="runs"
          columns={columnsOf(new Map(jobs.map((job) => [job.name, job])), (line) => (
            <>
              {line.night === undefined ? null : (
                <button type="button" class="link" aria-expanded={isOpen(line)} onClick={() => toggle(line)}>
                  <Icon name="turn" turns /> {line.night.title}
                </button>
              )}{' '}
              {line.isPart === true ? null : <span class="news small">{textOf(newsIn(line))}</span>}{' '}
            </>
          ))}
          items={groups.flatMap(({ items }) => items)}
          keyOf={keyOf}
          onOpen={(line) => (line.night === undefined ? goTo(runLink(line.runId)) : toggle(line))}
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

/** Of a night: that of its first run, which stays while other jobs of it end. */
const keyOf = ({ runId, night }: Line): string => (night === undefined ? runId : `night ${night.runs.at(-1)?.runId}`);

function isPast({ night, ...run }: Line, all: readonly RunSummaryAnswer[]): boolean {
  const failed = (night?.runs ?? [run]).filter(({ outcome }) => outcome === 'partly_failed');
  return failed.length > 0 && failed.every((one) => isReplaced(one, all));
}

/** A night with all tenants that failed in one of its runs, once they are known. */
function withAll(line: Line, news: News | undefined): Line {
  const more = (news?.failed ?? 0) - line.tenants.failed;
  if (line.night === undefined || more <= 0) return line;
  const { failed, succeeded } = line.tenants;
  return { ...line, tenants: { ...line.tenants, failed: failed + more, succeeded: Math.max(0, succeeded - more) } };
}

/** What is new in a line, by the runs of the same jobs before: undefined until that is known. */
function useNews(lines: readonly Line[], all: readonly RunSummaryAnswer[]): (line: Line) => News | undefined {
  const pairsOf = (line: Line) =>
    (line.night?.runs ?? [line]).filter(isOfNight).flatMap((run) => {
      const before = all.find((other) => other.job === run.job && other.startedAt < run.startedAt && isOfNight(other));
      return before === undefined ? [] : [[run, before] as const];
    });
  const failures = useFailures([...new Set(lines.flatMap(pairsOf).flat())], all);
  const known = new Map(failures.map((each) => [each.run.runId, each]));
  return (line) => {
    const pairs = pairsOf(line);
    const [now = [], before = []] = [0, 1].map((at) => pairs.flatMap((pair) => known.get(pair[at]?.runId ?? '') ?? []));
    return pairs.length > 0 && now.length + before.length === 2 * pairs.length ? newsOf(now, before) : undefined;
  };
}

/** Names in a line. */
const namesShown = 2;

/** `Adatum fails now, Contoso and Fabrikam work again`. Without names for those who may not see tenants. */
function useNewsText(): (news: News | undefined) => string {
  const tenants = useTenants()?.tenants;
  const names = useMemo(() => new Map(tenants?.map(({ tenantId, name }) => [tenantId, name])), [tenants]);
  const inWords = (ids: readonly string[], verb: (s: string) => string): string[] => {
    if (ids.length === 0) return [];
    const named = ids.slice(0, namesShown).flatMap((id) => names.get(id) ?? []);
    const more = ids.length - named.length;
    const others = more === 0 ? [] : count(more, named.length === 0 ? 'tenant' : 'other');
    return [`${[named, others].flat().join(' and ')} ${verb(ids.length === 1 ? 's' : '')}`];
  };
  return (news) => {
    if (news === undefined) return '';
    const said = [...inWords(news.fails, (s) => `fail${s} now`), ...inWords(news.works, (s) => `work${s} again`)].join(
      ', ',
    );
    return said === '' && news.failed > 0 ? 'the same tenants as before' : said;
  };
}

/** By their names. */
type Jobs = ReadonlyMap<string, JobsAnswer['jobs'][number]>;

/** What a run of a job that changes tenants is: its plan, or what applies one. */
const kindOf = ({ job, window }: RunSummaryAnswer, jobs: Jobs): string | undefined =>
  isApplyWindow(window) ? 'apply' : jobs.get(job)?.changes ? 'plan' : undefined;

/** @param more what opens a night, and what is new. */
const columnsOf = (jobs: Jobs, more: (line: Line) => ComponentChildren): readonly Column<Line>[] => [
  [
    'Job',
    'wrap',
    (run) => {
      const kind = run.night === undefined ? kindOf(run, jobs) : undefined;
      const name = run.query === undefined ? (jobs.get(run.job)?.title ?? run.job) : 'Query';
      return (
        <>
          {run.night === undefined ? <a href={runLink(run.runId)}>{name}</a> : null}{' '}
          {kind === undefined ? null : <span class="tag">{kind}</span>}
          {run.query === undefined ? null : <code class="quiet"> GET {run.query}</code>}
          {more(run)}
          <span class="sub">
            <Tenants run={run} />
          </span>
        </>
      );
    },
    ({ query, job, night }) =>
      night?.runs.map((run) => jobs.get(run.job)?.title ?? run.job).join(', ') ??
      (query === undefined ? job : `GET ${query}`),
  ],
  [
    'Outcome',
    'w-l wrap',
    (run) => (
      <>
        {run.night === undefined && kindOf(run, jobs) === 'plan' && run.outcome === 'succeeded' ? (
          <ToneBadge tone={planned[0]}>{planned[1]}</ToneBadge>
        ) : (
          <RunOutcome run={run} />
        )}{' '}
        <FailedToo run={run} />{' '}
        {run.warnings.length === 0 ? null : <Badge state="degraded">{count(run.warnings.length, 'warning')}</Badge>}
      </>
    ),
  ],
  ['Tenants', 'w-l p2', (run) => <Tenants run={run} />],
  ['Started', 'w-s end', ({ startedAt }) => <Clock iso={startedAt} />],
  // One that waits for a person takes as long as the person does.
  [
    'Took',
    'w-m end p2 quiet',
    ({ night, ...run }) =>
      night === undefined
        ? run.finishedAt === undefined
          ? ''
          : duration(run.durationMs)
        : count(night.runs.length, 'job'),
  ],
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
