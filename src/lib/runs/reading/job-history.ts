import { dayMs, isoTime } from '../../core/clock.ts';
import { BrokerError } from '../../core/errors.ts';
import type { TenantId } from '../../core/identifiers.ts';
import { defined } from '../../core/objects.ts';
import type { ParameterValues } from '../../core/parameters.ts';
import {
  historyKey,
  type HistoryPart,
  type HistoryPeriod,
  type HistoryReading,
  type HistoryRun,
  type HistorySplit,
  type HistoryTotals,
  maxSplitValues,
  maxSums,
  type NamedNumbers,
  type ResultHistory,
  type TenantPoint,
} from '../history/result-history.ts';
import { readParameters } from '../job/job-parameters.ts';
import { type Job, jobNamePattern } from '../job/job.ts';
import type { TenantCounts } from '../store/run.ts';

/**
 * The runs that had the same parameters as the newest scheduled run, or without one as the newest run. Other parameters may
 * mean other rows: a report about 60 days is no peak in those about 30. Parameters that the job got later have their defaults.
 * @param runs newest first.
 */
function comparableRuns(
  job: Job | undefined,
  runs: readonly HistoryRun[],
): { readonly comparable: readonly HistoryRun[]; readonly parameters: ParameterValues | undefined } {
  const usual = runs.find(({ isScheduled }) => isScheduled) ?? runs[0];
  const text = textOf(job, usual?.parameters);
  return {
    comparable: runs.filter(({ parameters }) => textOf(job, parameters) === text),
    parameters: usual?.parameters,
  };
}

function textOf(job: Job | undefined, parameters: ParameterValues = {}): string {
  try {
    return JSON.stringify(job === undefined ? parameters : readParameters(job, parameters));
  } catch {
    // An earlier version of the job accepted them.
    return JSON.stringify(parameters);
  }
}

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
  /** Later than what was asked for if older runs were left out: before it, there are more. */
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

/** Some tenants. */
export interface WantedTenants {
  readonly isWanted: (tenantId: TenantId) => boolean;
  /** Those that may be wanted, if they are known. */
  readonly among?: ReadonlySet<TenantId> | undefined;
}

/**
 * How the numbers of a job's rows developed over several tenants.
 * @param wanted Default: all tenants. Whoever may not read all must give it.
 * @throws BrokerError request_invalid, job_unknown, storage_unavailable.
 */
export async function readJobHistory(
  deps: JobHistoryDeps,
  query: JobHistoryQuery,
  wanted?: WantedTenants,
): Promise<History<RunPoint>> {
  const read = (period: HistoryPeriod, reading: HistoryReading) =>
    wanted === undefined
      ? deps.history.totals(period, reading)
      : deps.history.totalsOf(wanted.isWanted, period, { ...reading, among: wanted.among });
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
  const asked = { job: query.job, sinceMs: query.sinceMs ?? untilMs - defaultDays * dayMs, untilMs };
  if (asked.sinceMs >= untilMs) throw new BrokerError('request_invalid', 'since must be before until.');
  const newest = jobNamePattern.test(query.job) ? await history.runs(asked, maxRuns + 1, signal) : [];
  const leftOut = newest[maxRuns];
  const period = leftOut === undefined ? asked : { ...asked, sinceMs: leftOut.startedAtMs + 1 };
  const found = newest.length === 0 ? new Map<string, P>() : await read(period, { part, signal });
  const concerned = newest.filter((run) => run.startedAtMs >= period.sinceMs && found.has(historyKey(run)));
  // The same for a job without runs and for one whose runs the reader may not know about.
  if (job === undefined && concerned.length === 0)
    throw new BrokerError('job_unknown', 'There is no job with this name, and no such run of it in this period.');
  const { comparable, parameters } = comparableRuns(job, concerned);
  const points = comparable.flatMap((run) => {
    const point = found.get(historyKey(run));
    return point === undefined ? [] : [[run, point] as const];
  });
  const otherParameters = concerned.length - points.length;
  return { period, points, parameters, otherParameters, truncated: leftOut !== undefined };
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
  const names = firstOf(
    all.map((one) => one?.names ?? []),
    maxSums,
  );
  const of = (one: NamedNumbers | undefined): CountedRows => {
    if (one === undefined) return {};
    const [rows, ...more] = one.numbers;
    const known = one.names.flatMap((name, at) =>
      more[at] === null || !names.includes(name) ? [] : [[name, more[at] ?? 0] as const],
    );
    return { rows, numbers: Object.fromEntries(rows === 0 ? names.map((name) => [name, 0]) : known) };
  };
  return { names, of };
}

/** The different texts of all lists, as many as an answer may have. */
function firstOf(lists: readonly (readonly string[])[], most: number): readonly string[] {
  const texts = new Set<string>();
  for (const list of lists) for (const text of list) if (texts.size < most) texts.add(text);
  return [...texts];
}

function describe<P extends { readonly split?: HistorySplit }>(
  { job }: JobHistoryDeps,
  { period, points, parameters, otherParameters, truncated }: Found<P>,
  names: readonly string[],
): Omit<History<unknown>, 'runs'> {
  const by = job?.historyBy;
  const values = firstOf(
    points.map(([, { split }]) => (split?.by === by ? (split?.values ?? []) : [])),
    maxSplitValues,
  );
  return defined({
    job: period.job,
    since: isoTime(period.sinceMs),
    until: isoTime(period.untilMs),
    parameters,
    otherParameters,
    truncated,
    columns: names.map((name) => ({ name, title: titleOf(job, name) })),
    split: by === undefined ? undefined : { column: by, title: titleOf(job, by), values: values.toSorted() },
  });
}

function titleOf(job: Job | undefined, name: string): string {
  const [, column = name, value] = /^(.*)=(true|false)$/.exec(name) ?? [];
  const title = job?.columns?.find((each) => each.name === column)?.title;
  if (title === undefined) return name;
  return value === undefined ? title : `${title}: ${value === 'true' ? 'yes' : 'no'}`;
}
