import type {
  HistoryPart,
  HistoryPeriod,
  HistoryReading,
  HistoryRun,
  HistorySplit,
  HistoryTotals,
  NamedNumbers,
  ResultHistory,
  TenantPoint,
} from '../history/result-history.ts';
import { historyKey } from '../history/result-history.ts';
import { dayMs } from '../model/durations.ts';
import { BrokerError } from '../model/errors.ts';
import type { TenantId } from '../model/identifiers.ts';
import type { ParameterValues } from '../model/parameters.ts';
import { isoTime } from '../runtime/clock.ts';
import { comparableRuns } from './comparable-runs.ts';
import { type Job, jobNamePattern } from './job.ts';
import type { TenantCounts } from './run.ts';

/** Runs in an answer. */
const maxRuns = 1_000;
const defaultDays = 90;

export interface JobHistoryQuery {
  readonly job: string;
  /** Default: 90 days before the end. */
  readonly sinceMs?: number | undefined;
  /** Exclusive. Default: now. */
  readonly untilMs?: number | undefined;
  /** Only rows with this value of the column by which the job splits its history. */
  readonly value?: string | undefined;
}

/** A number that the history has. */
interface HistoryColumn {
  /** Name of a column of numbers; `NAME=true` or `NAME=false` of a column of booleans. */
  readonly name: string;
  readonly title: string;
}

/** Absent if the rows were not counted, or there are none: that is not zero. */
interface CountedRows {
  readonly rows?: number;
  readonly numbers?: Readonly<Record<string, number>>;
}

interface History<R> {
  readonly job: string;
  readonly since: string;
  readonly until: string;
  /** The parameters of these runs. Absent if they have none. */
  readonly parameters?: ParameterValues;
  /** Number of runs that had other parameters, and so cannot be compared with these. */
  readonly otherParameters: number;
  /** Whether older runs of the period were left out. */
  readonly truncated: boolean;
  readonly columns: readonly HistoryColumn[];
  readonly split?: { readonly column: string; readonly title: string; readonly values: readonly string[] };
  /** The newest first. */
  readonly runs: readonly R[];
}

/** A run in a history. */
interface RunPoint extends CountedRows {
  readonly runId: string;
  readonly startedAt: string;
  readonly status: HistoryRun['status'];
  readonly scope: HistoryRun['scope'];
  readonly tenants: TenantCounts;
  /** Number of tenants whose rows are counted. */
  readonly counted: number;
}

interface TenantRunPoint extends CountedRows {
  readonly runId: string;
  readonly startedAt: string;
  readonly outcome: TenantPoint['outcome'];
}

export interface JobHistoryDeps {
  readonly history: Pick<ResultHistory, 'runs' | 'totals' | 'totalsOf' | 'ofTenant'>;
  /** Undefined if the app has no such job any more. */
  readonly job: Job | undefined;
  readonly nowMs: number;
  readonly signal: AbortSignal;
}

/**
 * How the numbers of a job's rows developed over several tenants.
 * @param isWanted Default: all tenants. Whoever may not read all must give it.
 * @throws BrokerError request_invalid, job_unknown, storage_unavailable.
 */
export async function readJobHistory(
  deps: JobHistoryDeps,
  query: JobHistoryQuery,
  isWanted?: (tenantId: TenantId) => boolean,
): Promise<History<RunPoint>> {
  const read = (period: HistoryPeriod, reading: HistoryReading) =>
    isWanted === undefined ? deps.history.totals(period, reading) : deps.history.totalsOf(isWanted, period, reading);
  const found = await readPoints(deps, query, read);
  const view = shownNumbers(found.points.map(([, { sum }]) => sum));
  return {
    ...describe(deps, found, view.names),
    runs: found.points.map(([run, { outcomes, sum }]) => {
      const { succeeded, failed, skipped, not_attempted: notAttempted } = outcomes;
      const total = succeeded + failed + skipped + notAttempted;
      return {
        runId: run.runId,
        startedAt: isoTime(run.startedAtMs),
        status: run.status,
        scope: run.scope,
        tenants: { total, succeeded, failed, skipped, notAttempted },
        counted: sum?.counted ?? 0,
        ...view.of(sum),
      };
    }),
  };
}

/** The same for one tenant. @throws as {@link readJobHistory}. */
export async function readJobHistoryOfTenant(
  deps: JobHistoryDeps,
  query: JobHistoryQuery,
  tenantId: TenantId,
): Promise<History<TenantRunPoint>> {
  const found = await readPoints(deps, query, (period, reading) => deps.history.ofTenant(tenantId, period, reading));
  const view = shownNumbers(found.points.map(([, point]) => point.found));
  return {
    ...describe(deps, found, view.names),
    runs: found.points.map(([run, { outcome, found: numbers }]) => ({
      runId: run.runId,
      startedAt: isoTime(run.startedAtMs),
      outcome,
      ...view.of(numbers),
    })),
  };
}

interface Found<P> extends Pick<History<unknown>, 'otherParameters' | 'truncated'> {
  readonly period: HistoryPeriod;
  readonly parameters: ParameterValues | undefined;
  readonly points: readonly (readonly [HistoryRun, P])[];
}

async function readPoints<P extends Pick<HistoryTotals | TenantPoint, 'split'>>(
  { history, job, nowMs, signal }: JobHistoryDeps,
  query: JobHistoryQuery,
  read: (period: HistoryPeriod, reading: HistoryReading) => Promise<ReadonlyMap<string, P>>,
): Promise<Found<P>> {
  const part = partOf(query, job);
  const untilMs = query.untilMs ?? nowMs + 1;
  const sinceMs = query.sinceMs ?? untilMs - defaultDays * dayMs;
  if (sinceMs >= untilMs) throw new BrokerError('request_invalid', 'since must be before until.');
  const period = { job: query.job, sinceMs, untilMs };
  const newest = jobNamePattern.test(query.job) ? await history.runs(period, maxRuns + 1) : [];
  if (job === undefined && newest.length === 0)
    throw new BrokerError('job_unknown', 'There is no job with this name, and no run of it in this period.');
  const truncated = newest.length > maxRuns;
  const runs = newest.slice(0, maxRuns);
  const firstMs = truncated ? (runs.at(-1)?.startedAtMs ?? sinceMs) : sinceMs;
  const found = await read({ ...period, sinceMs: firstMs }, { part, signal });
  const concerned = runs.filter((run) => found.has(historyKey(run)));
  const { comparable, parameters } = comparableRuns(job, concerned);
  const points = comparable.flatMap((run) => {
    const point = found.get(historyKey(run));
    return point === undefined ? [] : [[run, point] as const];
  });
  return { period, points, parameters, otherParameters: concerned.length - points.length, truncated };
}

/** @throws BrokerError request_invalid for a value although the history of the job is not split. */
function partOf({ value }: JobHistoryQuery, job: Job | undefined): HistoryPart | undefined {
  if (value === undefined) return undefined;
  if (job?.historyBy === undefined)
    throw new BrokerError('request_invalid', 'The history of this job is not split by a column, so it has no values.');
  return { by: job.historyBy, value };
}

/** The names of all numbers, and how a run shows them. Without rows, each of them is zero. */
function shownNumbers(all: readonly (NamedNumbers | undefined)[]) {
  const names = [...new Set(all.flatMap((one) => one?.names ?? []))];
  const of = (one: NamedNumbers | undefined): CountedRows => {
    if (one === undefined) return {};
    const [rows, ...more] = one.numbers;
    const known = one.names.flatMap((name, at) => (more[at] === null ? [] : [[name, more[at] ?? 0] as const]));
    return { rows, numbers: Object.fromEntries(rows === 0 ? names.map((name) => [name, 0]) : known) };
  };
  return { names, of };
}

function describe<P extends { readonly split?: HistorySplit }>(
  { job }: JobHistoryDeps,
  { period, points, parameters, otherParameters, truncated }: Found<P>,
  names: readonly string[],
): Omit<History<unknown>, 'runs'> {
  const by = job?.historyBy;
  const values = new Set(points.flatMap(([, { split }]) => (split?.by === by ? (split?.values ?? []) : [])));
  return {
    job: period.job,
    since: isoTime(period.sinceMs),
    until: isoTime(period.untilMs),
    ...(parameters === undefined ? {} : { parameters }),
    otherParameters,
    truncated,
    columns: names.map((name) => ({ name, title: titleOf(job, name) })),
    ...(by === undefined ? {} : { split: { column: by, title: titleOf(job, by), values: [...values].toSorted() } }),
  };
}

function titleOf(job: Job | undefined, name: string): string {
  const [, column = name, value] = /^(.*)=(true|false)$/.exec(name) ?? [];
  const title = job?.columns?.find((each) => each.name === column)?.title;
  if (title === undefined) return name;
  return value === undefined ? title : `${title}: ${value === 'true' ? 'yes' : 'no'}`;
}
