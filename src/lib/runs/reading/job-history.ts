import { dayMs, isoTime } from '../../core/clock.ts';
import { BrokerError } from '../../core/errors.ts';
import type { TenantId } from '../../core/identifiers.ts';
import { defined } from '../../core/objects.ts';
import type { ParameterValues } from '../../core/parameters.ts';
import { didYouMean } from '../../core/text.ts';
import {
  historyKey,
  type HistoryOfBoth,
  type HistoryPart,
  type HistoryPeriod,
  type HistoryReading,
  type HistoryRun,
  type HistorySplit,
  maxSplitValues,
  maxSums,
  type NamedNumbers,
} from '../history/tenant-numbers.ts';
import type { TableHistory } from '../history/table-history.ts';
import { readParameters } from '../job/job-parameters.ts';
import { type Job, jobNamePattern } from '../job/job.ts';

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
  /** Whether the newest run is compared with the oldest one. */
  readonly compares?: boolean | undefined;
}

export interface JobHistoryDeps {
  readonly history: Pick<TableHistory, 'runs' | 'totals' | 'totalsOf' | 'inBoth' | 'ofTenant'>;
  /** Undefined if the app has no such job any more. */
  readonly job: Job | undefined;
  /** The jobs of the app, for a question about a name that none has. */
  readonly jobNames?: readonly string[];
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
 * How the numbers of a job's rows developed over several tenants, as api/answers/history.ts describes it.
 * @param wanted Default: all tenants. Whoever may not read all must give it.
 * @throws BrokerError request_invalid, job_unknown, storage_unavailable.
 */
export const readJobHistory = (deps: JobHistoryDeps, query: JobHistoryQuery, wanted?: WantedTenants) =>
  readHistory(deps, query, {
    read: (period, reading) =>
      wanted === undefined
        ? deps.history.totals(period, reading)
        : deps.history.totalsOf(wanted.isWanted, period, { ...reading, among: wanted.among }),
    numbersOf: ({ sum }) => sum,
    compare: query.compares
      ? (runs, reading) =>
          deps.history.inBoth(runs, wanted?.isWanted ?? (() => true), { ...reading, among: wanted?.among })
      : undefined,
    view: ({ status, scope }, { outcomes, sum }) => {
      const { succeeded, failed, skipped, not_attempted: notAttempted } = outcomes;
      const total = succeeded + failed + skipped + notAttempted;
      return {
        status,
        scope,
        tenants: { total, succeeded, failed, skipped, notAttempted },
        counted: sum?.counted ?? 0,
      };
    },
  });

/** The same for one tenant. @throws as {@link readJobHistory}. */
export const readJobHistoryOfTenant = (deps: JobHistoryDeps, query: JobHistoryQuery, tenantId: TenantId) =>
  readHistory(deps, query, {
    read: (period, reading) => deps.history.ofTenant(tenantId, period, reading),
    numbersOf: ({ found }) => found,
    view: (_, { outcome }) => ({ outcome }),
  });

/** `P`: what a run brought. `R`: what is shown of it beside its numbers. */
interface Points<P, R> {
  /** By {@link historyKey}. */
  readonly read: (period: HistoryPeriod, reading: HistoryReading) => Promise<ReadonlyMap<string, P>>;
  readonly numbersOf: (point: P) => NamedNumbers | undefined;
  readonly view: (run: HistoryRun, point: P) => R;
  readonly compare?:
    | ((runs: readonly [HistoryRun, HistoryRun], reading: HistoryReading) => Promise<HistoryOfBoth | undefined>)
    | undefined;
}

async function readHistory<P extends { readonly split?: HistorySplit }, R>(
  { history, job, jobNames = [], nowMs, signal }: JobHistoryDeps,
  query: JobHistoryQuery,
  { read, numbersOf, view, compare }: Points<P, R>,
) {
  const part = partOf(query, job);
  const untilMs = query.untilMs ?? nowMs + 1;
  const requested = { job: query.job, sinceMs: query.sinceMs ?? untilMs - defaultDays * dayMs, untilMs };
  if (requested.sinceMs >= untilMs) throw new BrokerError('request_invalid', 'since must be before until.');
  const newest = jobNamePattern.test(query.job) ? await history.runs(requested, maxRuns + 1, signal) : [];
  const leftOut = newest[maxRuns];
  const period = leftOut === undefined ? requested : { ...requested, sinceMs: leftOut.startedAtMs + 1 };
  const found = newest.length === 0 ? new Map<string, P>() : await read(period, { part, signal });
  const concerned = newest.flatMap((run) => {
    const point = run.startedAtMs >= period.sinceMs ? found.get(historyKey(run)) : undefined;
    return point === undefined ? [] : { run, point };
  });
  // The same for a job without runs and for one whose runs the reader may not know about.
  if (job === undefined && concerned.length === 0) {
    const question = didYouMean(query.job, jobNames);
    const detail = `There is no job with this name, and no such run of it in this period${question || '.'}`;
    throw new BrokerError('job_unknown', detail);
  }
  // Compared are the runs with the parameters of the newest scheduled run, or without one of the newest run. Other parameters
  // may mean other rows: a report about 60 days is no peak in those about 30.
  const usual = (concerned.find(({ run }) => run.isScheduled) ?? concerned[0])?.run;
  const text = textOf(job, usual?.parameters);
  const points = concerned.filter(({ run }) => textOf(job, run.parameters) === text);
  const names = firstOf(
    points.map(({ point }) => numbersOf(point)?.names ?? []),
    maxSums,
  );
  const by = job?.historyBy;
  const values = firstOf(
    points.map(({ point: { split } }) => (split?.by === by ? (split?.values ?? []) : [])),
    maxSplitValues,
  );
  // A run that did not complete, or over selected tenants, is none of those that follow one another.
  const complete = points.flatMap(({ run, point }) =>
    run.status === 'completed' && run.scope === 'all' && numbersOf(point) !== undefined ? run : [],
  );
  const about = ({ runId, startedAtMs }: HistoryRun) => ({ runId, startedAt: isoTime(startedAtMs) });
  const comparisonOf =
    compare &&
    (async (now: HistoryRun | undefined, before: HistoryRun | undefined) => {
      if (now === undefined || before === undefined || now === before) return undefined;
      const both = await compare([now, before], { part, signal });
      if (both === undefined) return undefined;
      const [sum, sumBefore] = both.sums;
      return {
        tenants: both.counted,
        now: { ...about(now), ...shown(sum, names) },
        before: { ...about(before), ...shown(sumBefore, names) },
      };
    });
  return defined({
    job: query.job,
    since: isoTime(period.sinceMs),
    until: isoTime(untilMs),
    parameters: usual?.parameters,
    otherParameters: concerned.length - points.length,
    truncated: leftOut !== undefined,
    columns: names.map((name) => ({ name, title: titleOf(job, name) })),
    split: by === undefined ? undefined : { column: by, title: titleOf(job, by), values: values.toSorted() },
    comparison: await comparisonOf?.(complete[0], complete.at(-1)),
    runs: points.map(({ run, point }) => ({
      ...about(run),
      ...view(run, point),
      ...shown(numbersOf(point), names),
    })),
  });
}

/** Parameters as they are compared. Those that the job got later have their defaults. */
function textOf(job: Job | undefined, parameters: ParameterValues = {}): string {
  try {
    return JSON.stringify(job === undefined ? parameters : readParameters(job, parameters));
  } catch {
    // An earlier version of the job accepted them.
    return JSON.stringify(parameters);
  }
}

/** @throws BrokerError request_invalid for a value although the history of the job is not split. */
function partOf({ value }: JobHistoryQuery, job: Job | undefined): HistoryPart | undefined {
  if (value === undefined) return undefined;
  if (job?.historyBy === undefined)
    throw new BrokerError('request_invalid', 'The history of this job is not split by a column, so it has no values.');
  return { by: job.historyBy, value };
}

/**
 * The numbers of a run, as far as they are in the answer. Without rows, each of them is zero.
 * @param counted undefined if the rows were not counted, or there are none: that is not zero.
 */
function shown(
  counted: NamedNumbers | undefined,
  names: readonly string[],
): { readonly rows?: number; readonly numbers?: Readonly<Record<string, number>> } {
  if (counted === undefined) return {};
  const [rows, ...more] = counted.numbers;
  const known = counted.names.flatMap((name, at) =>
    more[at] === null || !names.includes(name) ? [] : [[name, more[at] ?? 0] as const],
  );
  return { rows, numbers: Object.fromEntries(rows === 0 ? names.map((name) => [name, 0]) : known) };
}

/** The different texts of all lists, as many as an answer may have. */
function firstOf(lists: readonly (readonly string[])[], most: number): readonly string[] {
  const texts = new Set<string>();
  for (const list of lists) for (const text of list) if (texts.size < most) texts.add(text);
  return [...texts];
}

function titleOf(job: Job | undefined, name: string): string {
  const [, column = name, value] = /^(.*)=(true|false)$/.exec(name) ?? [];
  const title = job?.columns?.find((each) => each.name === column)?.title;
  if (title === undefined) return name;
  return value === undefined ? title : `${title}: ${value === 'true' ? 'yes' : 'no'}`;
}
