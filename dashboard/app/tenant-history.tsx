import { useState } from 'preact/hooks';
import type { LastResult, TenantDetailsAnswer } from '../../src/lib/api/answers/tenants.ts';
import { isApply } from './tenant-filter.ts';
import { outcomeStyle, outcomeWord } from '../../src/lib/core/outcomes.ts';
import { Marks, marksLegend } from './charts.tsx';
import { useRole } from './context.ts';
import { Dialog } from './dialog.tsx';
import { count, localTime } from './format.ts';
import { Empty, OutcomeBadge, Panel, Table, Time, type Tone, ToneBadge } from './pieces.tsx';
import { planned } from './plan-words.ts';
import { replaceAddress, runLink, tenantLink } from './route.ts';
import { TenantTrace } from './tenant-trace.tsx';
import { titleOf } from '../../src/lib/api/trouble.ts';
import { daysBetween, noonOf, useJobs } from './nights.ts';
import type { JobsAnswer } from '../../src/lib/api/answers/jobs.ts';
import { Choice } from './choice.tsx';
import { HistoryCard } from './history-card.tsx';
import { type HistoryChoice, historyLink, historyQuery, periodOf } from './history-choice.ts';
import { tenantPoints } from './history-points.ts';

type Result = NonNullable<TenantDetailsAnswer['history']>[number];

interface TenantProps {
  readonly tenant: TenantDetailsAnswer;
}

/** The names of the jobs that change tenants. */
function useChanging(): ReadonlySet<string> {
  const { jobs } = useJobs();
  return new Set(jobs?.flatMap(({ name, changes }) => (changes ? name : [])));
}

interface BadgeProps {
  readonly result: LastResult;
  readonly changing: ReadonlySet<string>;
  /** A notice names the cause. */
  readonly isBrief?: boolean;
}

/** A plan that was made has changed nothing. */
const isPlan = (result: LastResult, changing: ReadonlySet<string>): boolean =>
  result.outcome === 'succeeded' && changing.has(result.job) && !isApply(result);

const toneOf = (result: LastResult, changing: ReadonlySet<string>): Tone =>
  isPlan(result, changing) ? planned[0] : outcomeStyle(result.outcome).tone;

/** What became of a visit. */
function ResultBadge({ result, changing, isBrief = false }: BadgeProps) {
  return isPlan(result, changing) ? (
    <ToneBadge tone={planned[0]} title="A plan changes nothing by itself.">
      {planned[1]}
    </ToneBadge>
  ) : isBrief && result.code === 'change_failed' ? (
    <ToneBadge tone="bad">not made</ToneBadge>
  ) : (
    <OutcomeBadge outcome={result.outcome} code={isBrief ? undefined : result.code} />
  );
}

/** What needs somebody comes first. */
const order: readonly string[] = ['bad', 'warn'];
const rankOf = ({ outcome }: LastResult): number => (order.indexOf(outcomeStyle(outcome).tone) + 3) % 3;

/** The last result of each job in the tenant, and the results before as a line of marks; on request, each result. */
export function TenantJobs({ tenant }: TenantProps) {
  const { lastResults, history } = tenant;
  const { titleOf: titleOfJob } = useJobs();
  const changing = useChanging();
  const nights = nightsKnown(history ?? []);
  return (
    <Panel title="Jobs" more={<span class="small">{marksLegend}</span>} bare>
      {lastResults === undefined || lastResults.length === 0 ? (
        <Empty
          title={lastResults === undefined ? 'The last results are not known.' : 'No job has visited this tenant yet.'}
        />
      ) : (
        <Table
          class="results"
          items={lastResults.toSorted((one, other) => rankOf(one) - rankOf(other))}
          keyOf={({ job }) => job}
          columns={[
            ['Job', 'w-x wrap', ({ job, runId }) => <a href={runLink(runId)}>{titleOfJob(job)}</a>, ({ job }) => job],
            [count(nights, 'night'), 'w-l', ({ job }) => <ResultMarks of={job} {...{ history, nights, changing }} />],
            ['Last result', 'w-c', (result) => <ResultBadge {...{ result, changing }} isBrief />],
            [
              'Last good',
              'w-m end p2 quiet',
              (result) =>
                lastGood(
                  [result, ...(history ?? [])].filter(
                    // A plan that was made has changed nothing.
                    (other) => other.job === result.job && (!changing.has(other.job) || isApply(other)),
                  ),
                ),
              () => 'In the results that are kept',
            ],
          ]}
        />
      )}
      <AllResults tenant={tenant} changing={changing} />
    </Panel>
  );
}

function lastGood(results: readonly LastResult[]): string {
  const good = results.find(({ outcome }) => outcome === 'succeeded');
  return good === undefined ? '–' : localTime(good.finishedAt);
}

const wordOf = (result: Result, changing: ReadonlySet<string>): string =>
  isPlan(result, changing) ? planned[1] : outcomeWord(result.outcome);

const wordsOf = (result: Result, changing: ReadonlySet<string>): string =>
  `${localTime(result.finishedAt)}: ${wordOf(result, changing)}${result.code === undefined ? '' : `, ${titleOf(result.code)}`}`;

const mostNights = 14;

const dayOf = ({ startedAt }: Result): number => noonOf(Date.parse(startedAt));

/** Nights of all results: no more than are known. */
function nightsKnown(history: readonly Result[]): number {
  const days = history.map(dayOf);
  return history.length === 0
    ? mostNights
    : Math.min(mostNights, daysBetween(Math.min(...days), Math.max(...days)) + 1);
}

/** The last result of each night up to the newest of the job, as in the list of tenants: another one may run later in a night. */
function ResultMarks(props: {
  readonly of: string;
  readonly history: TenantDetailsAnswer['history'];
  /** How many are shown. */
  readonly nights: number;
  readonly changing: ReadonlySet<string>;
}) {
  const { of, history, nights: length, changing } = props;
  if (history === undefined) return <span class="quiet">not known</span>;
  const own = history.filter(({ job }) => job === of);
  const last = Math.max(...own.map(dayOf));
  const byDay = Map.groupBy(own, (result) => daysBetween(dayOf(result), last));
  const nights = Array.from({ length }, (_, at) => byDay.get(length - 1 - at)?.[0]);
  const results = nights.flatMap((result) => result ?? []);
  const counts = [...Map.groupBy(results, (result) => wordOf(result, changing))];
  return (
    <span title={results.map((result) => wordsOf(result, changing)).join('\n')}>
      <Marks
        label={
          counts.map(([word, some]) => `${some.length} ${word}`).join(', ') || `no result in ${count(length, 'night')}`
        }
        tones={nights.map((result) => (result === undefined ? '' : toneOf(result, changing)))}
      />
    </span>
  );
}

/** The results of a tenant in earlier runs, the newest first, for those who ask for them. */
function AllResults({ tenant: { tenantId, history }, changing }: TenantProps & Pick<BadgeProps, 'changing'>) {
  const [isAll, setAll] = useState(false);
  const [open, setOpen] = useState<Result>();
  const showsLog = useRole('Runs.Read');
  const { titleOf: titleOfJob } = useJobs();
  if (history?.length === 0) return null;
  if (history === undefined) return <footer>The results in earlier runs are not known.</footer>;
  return (
    <>
      {isAll ? (
        <Table
          items={history}
          keyOf={({ runId }) => runId}
          columns={[
            [
              'Job',
              'wrap',
              ({ runId, job, finishedAt }) => (
                <>
                  <a href={runLink(runId)}>{titleOfJob(job)}</a>
                  <span class="sub">
                    <Time iso={finishedAt} short />
                  </span>
                </>
              ),
            ],
            ['Finished', 'w-m quiet p2', ({ finishedAt }) => <Time iso={finishedAt} short />],
            ['Outcome', 'w-c', (result) => <ResultBadge result={result} changing={changing} />],
            ['Rows', 'w-s end p2', ({ rows }) => rows.toLocaleString('en')],
            ['Attempts', 'w-s end p2', ({ attempts }) => attempts],
            ['Log', 'w-xs end', (result) => showsLog && <OpenLog result={result} onOpen={setOpen} />],
          ]}
        />
      ) : null}
      <footer class="no-print">
        <button type="button" class="link" aria-expanded={isAll} onClick={() => setAll(!isAll)}>
          {isAll ? 'Show the last results only' : `Show all ${count(history.length, 'result')} of these jobs`}
        </button>
      </footer>
      {open === undefined ? null : (
        <Dialog
          title={titleOfJob(open.job)}
          about={<Time iso={open.finishedAt} exact />}
          kind="drawer"
          onClose={() => setOpen(undefined)}
        >
          <TenantTrace runId={open.runId} tenantId={tenantId} />
        </Dialog>
      )}
    </>
  );
}

function OpenLog({ result, onOpen }: { readonly result: Result; readonly onOpen: (result: Result) => void }) {
  if (result.attempts === 0) return null;
  return (
    <button type="button" class="link" onClick={() => onOpen(result)}>
      Log<span class="visually-hidden">{` of ${result.job} at ${localTime(result.finishedAt)}`}</span>
    </button>
  );
}

interface TenantOverTimeProps extends TenantProps {
  readonly choice: HistoryChoice;
}

/** How the numbers of a job developed in a tenant. Nothing for those who may not read runs. */
export function TenantOverTime({ tenant, choice: chosen }: TenantOverTimeProps) {
  const isReader = useRole('Runs.Read');
  const { jobs = [] } = useJobs();
  const choice = chosen.job === undefined ? { ...firstChoice(jobs, tenant), ...chosen } : chosen;
  const { job } = choice;
  const { tenantId } = tenant;
  if (!isReader || job === undefined) return null;
  const page = tenantLink(tenantId);
  const names = jobs.map(({ name }) => name);
  return (
    <HistoryCard
      page={page}
      choice={choice}
      job={job}
      name={[tenantId, job, periodOf(choice), choice.value].join(' ')}
      load={(api) => api.tenantHistory(tenantId, job, historyQuery(choice))}
      pointsOf={tenantPoints}
    >
      <Choice
        label="Job"
        value={job}
        options={names.includes(job) ? names : [...names, job]}
        textOf={(name) => jobs.find((known) => known.name === name)?.title ?? name}
        // Another job has other columns and values.
        onChoose={(next) => replaceAddress(historyLink({ job: next, days: periodOf(choice) }, page))}
        all={false}
      />
    </HistoryCard>
  );
}

/**
 * The people without a second factor, where they are counted: the page says all about licences already. Otherwise the first job
 * that counts something by a schedule, or counts something, or the first one.
 */
function firstChoice(jobs: JobsAnswer['jobs'], { lastResults = [] }: TenantDetailsAnswer): HistoryChoice {
  const factors = 'mfa-report';
  if (lastResults.some(({ job, outcome }) => job === factors && outcome === 'succeeded'))
    return { job: factors, column: 'registered=false' };
  const counting = jobs.filter(({ columns = [] }) => columns.some(({ type }) => type === 'number'));
  return { job: (counting.find(({ schedule }) => schedule !== undefined) ?? counting[0] ?? jobs[0])?.name };
}
