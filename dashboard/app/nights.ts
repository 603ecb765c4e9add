import { useEffect, useMemo, useState } from 'preact/hooks';
import type { JobsAnswer } from '../../src/lib/api/answers/jobs.ts';
import type { RunsAnswer, RunSummaryAnswer } from '../../src/lib/api/answers/runs.ts';
import { isErrorCode } from '../../src/lib/core/errors.ts';
import type { Api } from './api.ts';
import { useRole, useSignedIn } from './context.ts';
import { count, localDay } from './format.ts';
import { type Cause, causesOf, type Tenant, type Trouble } from '../../src/lib/api/trouble.ts';
import type { LastResult, TenantDetailsAnswer } from '../../src/lib/api/answers/tenants.ts';
import { outcomeStyle } from '../../src/lib/core/outcomes.ts';
import { usePolling } from './polling.ts';
import type { ApiFailure } from './api-failure.ts';
import { isApply } from './tenant-filter.ts';
import type { Concerned } from '../../src/lib/api/next-step.ts';
import { systemClock } from '../../src/lib/core/clock.ts';
import { runsWithFailures } from '../../src/lib/runs/reading/run-view.ts';
import { isApplyWindow, isScheduledWindow, parseRunId } from '../../src/lib/runs/store/run.ts';

/** A job with its newest runs, the newest first. */
export interface JobRuns {
  readonly job: JobsAnswer['jobs'][number];
  readonly runs: readonly RunSummaryAnswer[];
}

/** The jobs, for those who may see them, and their titles. */
export function useJobs() {
  const reads = useRole('Runs.Read');
  const { value, failure } = usePolling(async (api) => (reads ? api.jobs() : { jobs: [] }), 'jobs');
  return useMemo(() => {
    const titles = new Map(value?.jobs.map(({ name, title }) => [name, title]));
    return { jobs: value?.jobs, failure, titles, titleOf: (name: string): string => titles.get(name) ?? name };
  }, [value, failure]);
}

/** Runs of all jobs that are read for those without a schedule. */
const newestRead = 200;

/** Runs of each job that are read. Trends of causes need them. If a job runs several times a day, they cover fewer days. */
export const runsPerJob = 30;

/** Nights of a chart or a trend, at most. Older nights than the runs that are read come from the history of the job. */
export const mostNights = 60;

/**
 * The newest runs of each job. One request for each job with a schedule: in one list, the runs of a frequent job would displace
 * those of a daily one. The runs that somebody started are few, and come in one list.
 */
export async function readJobRuns(api: Api): Promise<readonly JobRuns[]> {
  const [{ jobs }, newest] = await Promise.all([api.jobs(), api.runs(newestRead)]);
  const runsOf = async ({ name, schedule }: JobRuns['job']): Promise<readonly RunSummaryAnswer[]> =>
    schedule === undefined
      ? newest.runs.filter(({ job }) => job === name).slice(0, runsPerJob)
      : (await api.runs(runsPerJob, name)).runs;
  return Promise.all(jobs.map(async (job) => ({ job, runs: await runsOf(job) })));
}

/** A local day, and the run that visited most tenants on it. */
export interface Night<R extends NightRun = RunSummaryAnswer> {
  /** Noon in the reader's zone. Unix time in milliseconds. */
  readonly dayMs: number;
  readonly run?: R;
}

/** What a night needs to know of a run. */
type NightRun = Pick<RunSummaryAnswer, 'runId' | 'startedAt' | 'finishedAt' | 'tenants'> &
  Partial<Pick<RunSummaryAnswer, 'status' | 'query' | 'window'>>;

const dayMs = 86_400_000;
/** Noon of a day in the reader's zone. Unix time in milliseconds. */
export const noonOf = (ms: number): number => new Date(ms).setHours(12, 0, 0, 0);
/** Days from one noon to another. A day may have 23 or 25 hours. */
export const daysBetween = (first: number, last: number): number => Math.round((last - first) / dayMs);

/** Whether a run visited most of the tenants of another one. A rerun over few of them does not take its place. */
export const visitsMost = ({ tenants }: Pick<NightRun, 'tenants'>, other: Pick<NightRun, 'tenants'>): boolean =>
  tenants.total * 2 > other.tenants.total;

/** Not a query or an apply, which have tenants of their own. */
export const visitsAnew = ({ query, window = '' }: NightRun): boolean => query === undefined && !isApplyWindow(window);

const isScheduled = ({ runId }: NightRun): boolean => isScheduledWindow(parseRunId(runId)?.window ?? '');

/** How long after a scheduled run another one can repeat it. Milliseconds. */
const rerunMs = 7 * dayMs;

/** Whether somebody repeated a run of the schedule over few of its tenants. One that failed as a whole has repeated nothing. */
const isRerun = (run: NightRun, all: readonly NightRun[]): boolean =>
  (run.status ?? 'completed') === 'completed' &&
  visitsAnew(run) &&
  !isScheduled(run) &&
  all.some((other) => {
    const laterMs = Date.parse(run.startedAt) - Date.parse(other.startedAt);
    return laterMs >= 0 && laterMs <= rerunMs && isScheduled(other) && !visitsMost(run, other);
  });

/**
 * The days up to the last run that ended, oldest first. Queries, applies and reruns over few tenants have no place in them.
 * @param most days at most, and `least` days also if the runs are fewer: the others have no run.
 */
export function nightsOf<R extends NightRun>(runs: readonly R[], most: number, least = 1): readonly Night<R>[] {
  const byDay = new Map<number, R>();
  for (const run of runs) {
    const day = noonOf(Date.parse(run.startedAt));
    const known = byDay.get(day);
    if (run.finishedAt === undefined || (known !== undefined && known.tenants.total >= run.tenants.total)) continue;
    if (visitsAnew(run) && !isRerun(run, runs)) byDay.set(day, run);
  }
  if (byDay.size === 0) return [];
  const last = Math.max(...byDay.keys());
  const days = daysBetween(Math.min(...byDay.keys()), last) + 1;
  const length = Math.min(most, Math.max(least, days));
  return Array.from({ length }, (_, at): Night<R> => {
    // A day of 23 or 25 hours does not move noon out of its day.
    const day = noonOf(last - (length - 1 - at) * dayMs);
    const run = byDay.get(day);
    return run === undefined ? { dayMs: day } : { dayMs: day, run };
  });
}

/** The newest run of a job. A rerun over few tenants counts only while it is under way. @param runs the newest first. */
export const lastRunOf = (runs: readonly RunSummaryAnswer[]): RunSummaryAnswer | undefined =>
  runs.find((run) => !isRerun(run, runs));

/** Whether a run did not go well everywhere. */
export const isTroubled = ({ outcome }: RunSummaryAnswer): boolean =>
  ['bad', 'warn'].includes(outcomeStyle(outcome).tone);

/** The job whose nights say most: it ran on most of the days, and over most tenants. */
export function mainJob(jobs: readonly JobRuns[]): JobRuns | undefined {
  const worth = ({ runs }: JobRuns): number =>
    nightsOf(runs, 30).reduce(
      (sum, { run }) => sum + 1_000_000 * Number(run !== undefined) + (run?.tenants.total ?? 0),
      0,
    );
  return jobs.toSorted((a, b) => worth(b) - worth(a)).find(({ runs }) => runs.length > 0);
}

/**
 * The runs of a job over all tenants in the last days, from its history: it is kept longer than the runs.
 * @param tenants ids: then only these are counted. Default: all.
 */
export async function readHistory(
  api: Api,
  job: string,
  days: number,
  tenants?: readonly string[],
): Promise<readonly NightRun[]> {
  const since = new Date(Date.now() - days * dayMs).toISOString();
  const { runs } = await api.jobHistory(job, { since, tenants: tenants?.join() });
  return runs.flatMap(({ scope, runId, startedAt, tenants: counts }) =>
    scope === 'all' ? [{ runId, startedAt, finishedAt: startedAt, tenants: counts }] : [],
  );
}

/** Tenants whose ids fit into an address. */
const mostInAddress = 100;

/** In how many tenants of each cause a job failed night by night, for causes of few tenants. None if it cannot be read. */
const readHistoryOf = async (api: Api, job: string, days: number, causes: readonly Concerned[]) =>
  new Map(
    await Promise.all(
      causes
        .map(({ cause, tenants }) => [cause, tenants.map(({ tenant }) => tenant.tenantId)] as const)
        .filter(([, ids]) => ids.length <= mostInAddress)
        .map(async ([cause, ids]) => [cause, await readHistory(api, job, days, ids).catch(() => [])] as const),
    ),
  );

/** The tenants that failed in one run, with their error codes. */
export interface Failures {
  readonly run: RunSummaryAnswer;
  readonly codes: ReadonlyMap<string, string>;
}

/** What is new: the ids of tenants that failed in these and in no run before, and of those that fail no longer. */
export interface News {
  readonly fails: readonly string[];
  /** They need not be well: a tenant that was not visited fails no longer. */
  readonly ends: readonly string[];
  /** Whether some failed, in each run the tenants of the one before. */
  readonly isSame: boolean;
}

/** What is new in some runs, each since another one of its job. */
export function newsOf(pairs: readonly (readonly [now: Failures, before: Failures])[]): News {
  const idsOf = (at: 0 | 1) => new Set(pairs.flatMap((pair) => [...pair[at].codes.keys()]));
  const [now, then] = [idsOf(0), idsOf(1)];
  return {
    fails: [...now].filter((id) => !then.has(id)),
    ends: [...then].filter((id) => !now.has(id)),
    isSame: now.size > 0 && pairs.every(([{ codes }, before]) => idsIn(codes) === idsIn(before.codes)),
  };
}

/** The tenants of some failures: equal texts for the same ones. */
export const idsIn = (codes: Failures['codes']): string => [...codes.keys()].toSorted().join();

/** Runs that have ended do not change. */
const known = new WeakMap<Api, Map<string, Failures>>();

/**
 * Who failed in each of some runs, in their order, as far as it has been read: one request a job, after the page, which is
 * complete without them. A run that cannot be read is left out, and so is one with failures that is too old: the broker tells
 * them of the newest runs of a job only.
 * @param listed the lists with these runs, of each job the newest first. No more of it is read than is lacking.
 */
export function useFailures(
  runs: readonly RunSummaryAnswer[],
  listed: readonly RunSummaryAnswer[],
): readonly Failures[] {
  const { api } = useSignedIn();
  const [read, setRead] = useState(0);
  const ended = runs.filter(({ finishedAt }) => finishedAt !== undefined);
  const ids = ended.map(({ runId }) => runId).join();
  useEffect(() => {
    let stopped = false;
    const found = known.get(api) ?? new Map<string, Failures>();
    known.set(api, found);
    const readAll = async (): Promise<void> => {
      const lacking = ended.filter(({ runId, tenants }) => tenants.failed > 0 && !found.has(runId));
      for (const job of new Set(lacking.map((run) => run.job))) {
        const ofJob = listed.filter((run) => run.job === job).slice(0, runsWithFailures);
        const last = ofJob.findLastIndex((run) => lacking.includes(run));
        if (last < 0) continue;
        // One more, because a run may have begun since.
        const limit = last + 2;
        for (const { failed, ...run } of await readFailed(api, job, limit)) {
          if (failed === undefined) continue;
          const codes = Object.entries(failed).flatMap(([code, tenants]) => tenants.map((id) => [id, code] as const));
          found.set(run.runId, { run, codes: new Map(codes) });
        }
        if (stopped) return;
      }
      // Once for all jobs: each time, every row of a list is drawn anew.
      if (lacking.length > 0) setRead((n) => n + 1);
    };
    void readAll();
    return () => {
      stopped = true;
    };
  }, [api, ids]);
  return useMemo(
    () =>
      ended.flatMap((run) =>
        run.tenants.failed === 0 ? { run, codes: new Map() } : (known.get(api)?.get(run.runId) ?? []),
      ),
    [api, ids, read],
  );
}

/** Jobs on a schedule that last failed in the same tenants within a day, if there are several: in how many tenants, and their runs. */
export function useAlike(jobs: readonly JobRuns[]): { readonly failed: number; readonly runIds: readonly string[] } {
  const last = jobs
    .flatMap(({ job, runs }) => (job.schedule === undefined ? [] : (lastRunOf(runs) ?? [])))
    .filter(({ status, tenants }) => status === 'completed' && tenants.failed > 0);
  const failures = useFailures(
    last,
    jobs.flatMap(({ runs }) => runs),
  );
  const startOf = ({ run }: Failures): number => Date.parse(run.startedAt);
  const newest = Math.max(...failures.map(startOf));
  const recent = failures.filter((one) => newest - startOf(one) < dayMs);
  const alike = Map.groupBy(recent, ({ codes }) => idsIn(codes));
  const [most = []] = [...alike.values()].toSorted((a, b) => b.length - a.length);
  return { failed: most[0]?.codes.size ?? 0, runIds: most.length > 1 ? most.map(({ run }) => run.runId) : [] };
}

/** None if they cannot be read. A broker that is busy is asked once more when it says. */
const readFailed = (api: Api, job: string, limit: number): Promise<RunsAnswer['runs']> => {
  const read = async (): Promise<RunsAnswer['runs']> => (await api.failedRuns(limit, job)).runs;
  return read().catch(async ({ transient, retryAfterSeconds = 5 }: ApiFailure) => {
    if (transient) await systemClock.sleep(retryAfterSeconds * 1000);
    return transient ? read().catch(() => []) : [];
  });
};

/** How many tenants had a cause, and since when those of now have it. */
interface Trend {
  /** Night by night, as far as it is known who failed for what: what a word at a night says of a cause is to be seen here. */
  readonly values: readonly number[];
  /** As {@link sinceOf} says it: since the first of the tenants have it. */
  readonly since: string;
  /** By id, of the tenants that came later: `since 12 Nov`. */
  readonly later: ReadonlyMap<string, string>;
}

/** A night: when its run started, and in how many of some tenants it failed. */
type FailedNight = readonly [startedAt: string, failed: number];

/**
 * Since when tenants fail: the first night of the present unbroken series of failures. Every page takes it from here, so it is
 * the night in which the marks of the tenant become red.
 * @param nights the oldest first.
 * @returns `since 24 Nov`, or `for 14 nights or more` if the nights begin with a failure. Undefined if the last night has none.
 */
export function sinceOf(nights: readonly FailedNight[]): string | undefined {
  const before = nights.findLastIndex(([, failed]) => failed === 0);
  const [first] = nights[before + 1] ?? [];
  if (first === undefined) return undefined;
  const [newest] = nights.at(-1) ?? [first];
  const days = daysBetween(noonOf(Date.parse(first)), noonOf(Date.parse(newest))) + 1;
  return before === -1 ? `for ${count(days, 'night')} or more` : `since ${localDay(first)}`;
}

/**
 * Runs know error codes. Why there is no access they do not know, so there the trend is that of the tenants of now.
 * @param past runs that counted these tenants alone, for the nights before: they do not know codes.
 * @returns undefined if the nights do not show the cause.
 */
export function trendOf(
  { cause, tenants }: Concerned,
  nights: readonly Failures[],
  past: readonly NightRun[] = [],
): Trend | undefined {
  const now = tenants.map(({ tenant }) => tenant.tenantId);
  const isFailed = ({ codes }: Failures, tenantId: string): boolean =>
    isErrorCode(cause) ? codes.get(tenantId) === cause : codes.has(tenantId);
  const first = nights[0]?.run.startedAt;
  const older = nightsOf(past, mostNights)
    .flatMap(({ run }) => run ?? [])
    .filter(({ startedAt }) => first === undefined || startedAt < first)
    .map((run): FailedNight => [run.startedAt, run.tenants.failed]);
  // Others may have had the cause before and be well since: the trend has them, and the beginning of what is wrong now has not.
  const ofNow = nights.map(
    (night): FailedNight => [night.run.startedAt, now.filter((id) => isFailed(night, id)).length],
  );
  const ofAll = nights.map((night) => [...night.codes.keys()].filter((id) => isFailed(night, id)).length);
  const since = sinceOf([...older, ...ofNow]);
  if (since === undefined) return trendOfApply(tenants.flatMap(({ results }) => results));
  const later = now.flatMap((id): readonly (readonly [string, string])[] => {
    const own = sinceOf(nights.map((night) => [night.run.startedAt, Number(isFailed(night, id))]));
    // Of those that have it in all of these nights, the nights before do not tell which one was first.
    return own === undefined || own === since || own.startsWith('for') ? [] : [[id, own]];
  });
  return { values: isErrorCode(cause) ? ofAll : ofNow.map(([, failed]) => failed), since, later: new Map(later) };
}

/** A change is made once, and not night by night. */
function trendOfApply(results: Concerned['tenants'][number]['results']): Trend | undefined {
  const [first] = results.flatMap(({ finishedAt }) => finishedAt ?? []).toSorted();
  return first === undefined || !results.every(isApply)
    ? undefined
    : { values: [], since: `since ${localDay(first)}`, later: new Map() };
}

const historyIntervalMs = 300_000;

/** Since when each cause has been there: the same in every list, by the nights of the main job. @param tenants none: nothing is read. */
export function useTrends(jobs: readonly JobRuns[], tenants: readonly Tenant[]): (cause: Cause) => Trend | undefined {
  const main = mainJob(jobs);
  return useTrendsIn(main?.job.name ?? '', main?.runs ?? [], main === undefined ? [] : causesOf(tenants));
}

/** The same by the nights of one job. */
export function useTrendsIn(job: string, listed: readonly RunSummaryAnswer[], causes: readonly Concerned[]) {
  const runs = causes.length === 0 ? [] : listed;
  const nights = nightsOf(runs, mostNights).flatMap(({ run }) => run ?? []);
  const failures = useFailures(nights, runs);
  const past = usePolling(
    (api) => readHistoryOf(api, job, mostNights, causes),
    `nights of causes in ${job} ${causes.map(({ cause, tenants: { length } }) => `${cause} ${length}`).join()}`,
    historyIntervalMs,
  ).value;
  return (cause: Concerned) => trendOf(cause, failures, past?.get(cause.cause));
}

/**
 * Since when a tenant has had a trouble, as {@link trendOf} says it. Of the jobs that failed, the one with most nights tells. Its newest
 * results have their codes; its history, which readers of runs get, tells of the nights before only whether it failed.
 * @returns undefined if that is not known.
 */
export function useSince(tenant: TenantDetailsAnswer, { cause, results }: Trouble): string | undefined {
  const { tenantId, lastResults = [], history = [] } = tenant;
  const readsRuns = useRole('Runs.Read');
  const isCause = ({ outcome, code }: LastResult): boolean =>
    isErrorCode(cause) ? code === cause : ['bad', 'warn'].includes(outcomeStyle(outcome).tone);
  const [main] = (results.length === 0 ? lastResults : results)
    .filter((result) => !isApply(result))
    .map(({ job }) => ({
      job,
      runs: history
        .filter((result) => result.job === job && !isApply(result))
        .map(
          (result): NightRun => ({ ...result, tenants: { ...noTenants, total: 1, failed: Number(isCause(result)) } }),
        ),
    }))
    .toSorted((one, other) => nightsIn(other.runs) - nightsIn(one.runs));
  const load = async (api: Api) =>
    main === undefined || !readsRuns ? [] : readHistory(api, main.job, mostNights, [tenantId]).catch(() => []);
  const past = usePolling(load, `nights of ${tenantId} in ${main?.job}`, historyIntervalMs).value ?? [];
  const known = main?.runs ?? [];
  const older = past.filter(({ startedAt }) => known.every((run) => startedAt < run.startedAt));
  return trendOf({ cause, tenants: [{ tenant, results }] }, [], [...known, ...older])?.since;
}

const noTenants = { total: 0, succeeded: 0, failed: 0, skipped: 0, notAttempted: 0 };

/** Nights with a run. */
const nightsIn = (runs: readonly NightRun[]): number =>
  nightsOf(runs, mostNights).filter(({ run }) => run !== undefined).length;
