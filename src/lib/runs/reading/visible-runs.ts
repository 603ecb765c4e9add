import { mayRead, type ReadableTenants } from '../../access/tenants/visible-tenants.ts';
import type { Caller } from '../../core/caller.ts';
import { type Clock, DeadlineError, withDeadline } from '../../core/clock.ts';
import { BrokerError } from '../../core/errors.ts';
import { parseTenantId, type TenantId } from '../../core/identifiers.ts';
import type { OutcomeCounts, RunFilter, RunLog, RunResults } from '../store/run-log.ts';
import {
  isEnded,
  parseRunId,
  queryJob,
  type Run,
  type RunId,
  type RunPlan,
  type TenantCounts,
  type TenantOutcome,
  type TenantRun,
} from '../store/run.ts';
import type { Runs } from '../store/runs.ts';
import type { StoredPlan } from '../store/stored-plan.ts';

/** Stored runs as a caller sees them. Throws the same errors as RunLog. */
export interface ReadableRuns {
  readonly log: Pick<RunLog, 'find' | 'list' | 'tenants' | 'findTenant' | 'findOutcome' | 'countTenants'>;
  readonly results: Pick<RunResults, 'plan' | 'rows'>;
}

type Source = Pick<Runs, 'log' | 'results'>;

/** Maximum runs in a list for a limited caller: their counts are read run by run. */
const maxListed = 50;
/** Maximum runs that are examined for such a list. Older runs are not found. */
const maxExamined = 1_000;
const concurrentRuns = 8;

/**
 * Limits stored runs to the tenants that a caller may read. Everything that is shown of runs goes through it: plans,
 * records, rows and counts contain only these tenants. A run over other selected tenants does not exist for the caller.
 */
export function readableRuns(runs: Source, readable: ReadableTenants): ReadableRuns {
  return readable === '*' ? runs : new LimitedRuns(runs, readable);
}

const unclearTenants =
  'The list of tenants was incomplete or outdated when the run was planned, or a tag or domain that the run names has no tenant.';

/**
 * The tenants of a run that is not over all of them: those of the request, or of the plan if groups or tags were asked for.
 * Undefined if they are not known: the run is over all, or not planned.
 * @throws as RunLog.
 */
export async function tenantsOfRun({ log, results }: Source, run: Run): Promise<readonly TenantId[] | undefined> {
  if (run.scope === 'all') return undefined;
  const requested = (await log.request(run.runId))?.tenants;
  if (requested !== undefined) return requested;
  const plan = await planIfUnchanged(results, run);
  return plan && [...plan.attempt, ...plan.decided].map(({ tenantId }) => tenantId);
}

/** A run whose stored plan was changed has failed. It is listed with the tenants that have a record. */
async function planIfUnchanged(results: Pick<RunResults, 'plan'>, run: Run): Promise<RunPlan | undefined> {
  try {
    return await results.plan(run);
  } catch (thrown) {
    if (thrown instanceof BrokerError && thrown.code === 'plan_changed') return undefined;
    throw thrown;
  }
}

class LimitedRuns implements ReadableRuns {
  readonly #runs: Source;
  readonly #readable: ReadonlySet<TenantId>;

  constructor(runs: Source, readable: ReadonlySet<TenantId>) {
    this.#runs = runs;
    this.#readable = readable;
  }

  readonly log: ReadableRuns['log'] = {
    find: async (runId) => {
      const run = await this.#runs.log.find(runId);
      return run && ((await this.#covers(run)) ? this.#limit(run) : undefined);
    },
    list: async (filter) => this.#list(filter),
    tenants: (runId, outcome) => this.#tenants(runId, outcome),
    findTenant: async (runId, tenantId) =>
      mayRead(this.#readable, tenantId) ? this.#runs.log.findTenant(runId, tenantId) : undefined,
    findOutcome: async (runId, tenantId) =>
      mayRead(this.#readable, tenantId) ? this.#runs.log.findOutcome(runId, tenantId) : undefined,
    countTenants: (runId) => this.#count(runId),
  };

  readonly results: ReadableRuns['results'] = {
    plan: async (run) => {
      const plan = await this.#runs.results.plan(run);
      return plan && this.#limitPlan(plan);
    },
    // The name comes from a record or begins with a tenant of the plan, both of which are limited.
    rows: (runId, rowsName, fromByte) => this.#runs.results.rows(runId, rowsName, fromByte),
  };

  async #list(filter: RunFilter): Promise<readonly Run[]> {
    const limit = Math.min(filter.limit, maxListed);
    const candidates = await this.#runs.log.list({ ...filter, limit: maxExamined });
    const found: Run[] = [];
    for (let start = 0; start < candidates.length && found.length < limit; start += concurrentRuns) {
      const some = candidates.slice(start, start + concurrentRuns);
      const covered = await Promise.all(some.map((run) => this.#covers(run)));
      found.push(...some.filter((_, index) => covered[index]));
    }
    const listed: Run[] = [];
    for (let start = 0; start < Math.min(limit, found.length); start += concurrentRuns) {
      const some = found.slice(start, Math.min(limit, start + concurrentRuns));
      listed.push(...(await Promise.all(some.map((run) => this.#limit(run)))));
    }
    return listed;
  }

  /** Whether the run was meant for a tenant that the caller may read. */
  async #covers(run: Run): Promise<boolean> {
    if (run.scope === 'all') return true;
    const tenants = await tenantsOfRun(this.#runs, run);
    return tenants?.some((tenantId) => this.#readable.has(tenantId)) ?? false;
  }

  /** The run with the counts of the readable tenants, and without texts that may name others. */
  async #limit(run: Run): Promise<Run> {
    const [plan, counts] = await Promise.all([planIfUnchanged(this.results, run), this.#count(run.runId)]);
    const { succeeded, failed, skipped } = counts;
    const done = succeeded + failed + skipped;
    const planned = plan === undefined ? done : plan.attempt.length + plan.decided.length;
    const total = Math.max(done, planned);
    const notAttempted = isEnded(run.status) ? total - done : 0;
    const tenants: TenantCounts = { total, succeeded, failed, skipped, notAttempted };
    const hasWarnings = (run.warnings ?? []).length > 0;
    return {
      ...run,
      tenants,
      // May name any tenant.
      asked: undefined,
      warnings: hasWarnings ? [unclearTenants] : [],
      stoppedBy: run.stoppedBy && {
        ...run.stoppedBy,
        detail: 'Only callers that may read every tenant see the details.',
      },
    };
  }

  #limitPlan(plan: StoredPlan): StoredPlan {
    const isReadable = ({ tenantId }: { readonly tenantId: TenantId }): boolean => mayRead(this.#readable, tenantId);
    return { ...plan, attempt: plan.attempt.filter(isReadable), decided: plan.decided.filter(isReadable) };
  }

  async *#tenants(runId: RunId, outcome?: TenantOutcome): AsyncGenerator<TenantRun, void, undefined> {
    for await (const record of this.#runs.log.tenants(runId, outcome))
      if (mayRead(this.#readable, record.tenantId)) yield record;
  }

  async #count(runId: RunId): Promise<OutcomeCounts> {
    const counts = { succeeded: 0, failed: 0, skipped: 0, retrying: 0 };
    for await (const { outcome } of this.#tenants(runId)) counts[outcome] += 1;
    return counts;
  }
}

/** Limits runs to the tenants that a caller asks for. Runs over other tenants stay: they have none of these. */
export function chosenRuns({ log, results }: ReadableRuns, isChosen: (tenantId: TenantId) => boolean): ReadableRuns {
  const chosen = ({ tenantId }: { readonly tenantId: TenantId }): boolean => isChosen(tenantId);
  const tenants: ReadableRuns['log']['tenants'] = async function* (runId, outcome) {
    for await (const record of log.tenants(runId, outcome)) if (chosen(record)) yield record;
  };
  const one =
    (find: typeof log.findTenant): typeof log.findTenant =>
    async (runId, tenantId): Promise<TenantRun | undefined> =>
      isChosen(tenantId) ? find(runId, tenantId) : undefined;
  return {
    log: {
      find: (runId) => log.find(runId),
      list: (filter) => log.list(filter),
      tenants,
      findTenant: one((...args) => log.findTenant(...args)),
      findOutcome: one((...args) => log.findOutcome(...args)),
      countTenants: async (runId) => {
        const counts = { succeeded: 0, failed: 0, skipped: 0, retrying: 0 };
        for await (const { outcome } of tenants(runId)) counts[outcome] += 1;
        return counts;
      },
    },
    results: {
      plan: async (run) => {
        const plan = await results.plan(run);
        return plan && { ...plan, attempt: plan.attempt.filter(chosen), decided: plan.decided.filter(chosen) };
      },
      rows: (...args) => results.rows(...args),
    },
  };
}

/** Whether the caller asked for this query. */
const isOwnQuery = (run: Run, { applicationId, objectId }: Pick<Caller, 'applicationId' | 'objectId'>): boolean =>
  run.job === queryJob && run.startedBy === applicationId && run.starter?.objectId === objectId;

/**
 * The same runs, without what Microsoft Graph answered to the queries of others: rows, and the details of failures. The gateway
 * answered these requests to their asker alone, under its rules. Who ran what, where and with which outcome stays visible.
 */
export function withoutAnswers(runs: ReadableRuns): ReadableRuns {
  const shown = (runId: RunId, record: TenantRun): TenantRun => {
    if (!isQuery(runId)) return record;
    const { detail: _detail, trace: _trace, ...rest } = record;
    return rest;
  };
  const found = (runId: RunId, record: TenantRun | undefined): TenantRun | undefined => record && shown(runId, record);
  return {
    log: {
      find: (runId) => runs.log.find(runId),
      list: (filter) => runs.log.list(filter),
      tenants: async function* (runId, outcome) {
        for await (const record of runs.log.tenants(runId, outcome)) yield shown(runId, record);
      },
      findTenant: async (runId, tenantId) => found(runId, await runs.log.findTenant(runId, tenantId)),
      findOutcome: async (runId, tenantId) => found(runId, await runs.log.findOutcome(runId, tenantId)),
      countTenants: (runId) => runs.log.countTenants(runId),
    },
    results: {
      plan: (run) => runs.results.plan(run),
      rows: (runId, rowsName, fromByte) => {
        if (!isQuery(runId)) return runs.results.rows(runId, rowsName, fromByte);
        throw new BrokerError(
          'caller_forbidden',
          'Only whoever asked a query reads its rows. Ask it again: its request is in the run.',
        );
      },
    },
  };
}

const isQuery = (runId: RunId): boolean => parseRunId(runId)?.job === queryJob;

/** No run. */
export const noRuns: ReadableRuns = {
  log: {
    find: async () => undefined,
    list: async () => [],
    tenants: none,
    findTenant: async () => undefined,
    findOutcome: async () => undefined,
    countTenants: async () => ({ succeeded: 0, failed: 0, skipped: 0, retrying: 0 }),
  },
  results: { plan: async () => undefined, rows: none },
};

async function* none(): AsyncGenerator<never, void, undefined> {
  // Nothing to yield.
}

/** Tenants of which a caller may read what it asked before. Called when an answer is read. */
type CoveredTenants = () => Promise<ReadonlySet<TenantId>>;

/** Own queries. Of a tenant that is not covered any more, they show the outcome alone. */
function ownQueries({ log, results }: ReadableRuns, covered: CoveredTenants): ReadableRuns {
  const shown = async (record: TenantRun | undefined): Promise<TenantRun | undefined> => {
    const hasAnswer = record?.rowsName !== undefined || record?.detail !== undefined;
    if (!hasAnswer || (await covered()).has(record.tenantId)) return record;
    const { rowsName: _rowsName, trace: _trace, ...rest } = record;
    return {
      ...rest,
      detail: 'No rule of the caller for the gateway covers this tenant any more, so the answer is not shown.',
    };
  };
  return {
    log: {
      find: (runId) => log.find(runId),
      list: (filter) => log.list(filter),
      tenants: async function* (runId, outcome) {
        for await (const record of log.tenants(runId, outcome)) yield (await shown(record)) ?? record;
      },
      findTenant: async (runId, tenantId) => shown(await log.findTenant(runId, tenantId)),
      findOutcome: async (runId, tenantId) => shown(await log.findOutcome(runId, tenantId)),
      countTenants: (runId) => log.countTenants(runId),
    },
    results: {
      plan: (run) => results.plan(run),
      rows: async function* (runId, rowsName, fromByte) {
        // A continuation may name rows without their record.
        const tenantId = parseTenantId(rowsName.split('.', 1)[0] ?? '');
        if (tenantId === undefined || !(await covered()).has(tenantId)) {
          throw new BrokerError(
            'caller_forbidden',
            'No rule of the caller for the gateway covers this tenant any more.',
          );
        }
        yield* results.rows(runId, rowsName, fromByte);
      },
    },
  };
}

/**
 * Adds the queries of a caller to the runs that it may read: the gateway has answered these requests to it.
 * @param others the other runs, as the caller may see them.
 */
export function withOwnQueries(
  runs: Pick<Runs, 'log' | 'results'>,
  others: ReadableRuns,
  caller: Pick<Caller, 'applicationId' | 'objectId'>,
  covered: CoveredTenants,
): ReadableRuns {
  const answers = ownQueries(runs, covered);
  const found = new Map<RunId, Promise<ReadableRuns>>();
  const find = async (runId: RunId): Promise<ReadableRuns> => {
    const run = await runs.log.find(runId);
    return run !== undefined && isOwnQuery(run, caller) ? answers : others;
  };
  /** The runs through which the caller sees this one. */
  const seen = (runId: RunId): Promise<ReadableRuns> => {
    if (!isQuery(runId)) return Promise.resolve(others);
    const known = found.get(runId) ?? find(runId);
    found.set(runId, known);
    known.catch(() => found.delete(runId));
    return known;
  };
  return {
    log: {
      find: async (runId) => (await seen(runId)).log.find(runId),
      list: async (filter) => {
        const isForQueries = filter.job === undefined || filter.job === queryJob;
        const own = isForQueries ? await runs.log.list({ ...filter, job: queryJob, starter: caller }) : [];
        const ids = new Set(own.map(({ runId }) => runId));
        const rest = (await others.log.list(filter)).filter(({ runId }) => !ids.has(runId));
        return [...own, ...rest].toSorted((a, b) => b.createdAtMs - a.createdAtMs).slice(0, filter.limit);
      },
      tenants: async function* (runId, outcome) {
        yield* (await seen(runId)).log.tenants(runId, outcome);
      },
      findTenant: async (runId, tenantId) => (await seen(runId)).log.findTenant(runId, tenantId),
      findOutcome: async (runId, tenantId) => (await seen(runId)).log.findOutcome(runId, tenantId),
      countTenants: async (runId) => (await seen(runId)).log.countTenants(runId),
    },
    results: {
      plan: async (run) => (await seen(run.runId)).results.plan(run),
      rows: async function* (runId, rowsName, fromByte) {
        yield* (await seen(runId)).results.rows(runId, rowsName, fromByte);
      },
    },
  };
}

/**
 * Longest time to read what one answer needs, in seconds. Less than the 100 seconds that .NET programs wait by default,
 * and than the 230 seconds after which the load balancer of Azure Functions gives up.
 */
const readSeconds = 60;

/**
 * Reads from stored runs for an answer. After the time, nothing more is read: an answer that nobody waits for must not
 * keep storage busy.
 * @param read receives the runs to read from.
 * @throws BrokerError storage_unavailable if that takes too long.
 */
export const readInTime = <T>(clock: Clock, runs: ReadableRuns, read: (runs: ReadableRuns) => Promise<T>): Promise<T> =>
  withReadDeadline(clock, (signal) => read(untilAborted(runs, signal)));

/** The same for another source. @param read must end when its signal is aborted. */
export async function withReadDeadline<T>(clock: Clock, read: (signal: AbortSignal) => Promise<T>): Promise<T> {
  try {
    return await withDeadline(clock, readSeconds * 1000, read);
  } catch (thrown) {
    if (!(thrown instanceof DeadlineError)) throw thrown;
    throw new BrokerError('storage_unavailable', `Storage did not return the data within ${readSeconds} seconds.`);
  }
}

/** The same runs. Once the signal is aborted, every read throws its reason, also one that has begun to yield. */
function untilAborted({ log, results }: ReadableRuns, signal: AbortSignal): ReadableRuns {
  const once = async <R>(read: () => Promise<R>): Promise<R> => {
    signal.throwIfAborted();
    return read();
  };
  async function* each<R>(read: () => AsyncIterable<R>): AsyncGenerator<R, void, undefined> {
    signal.throwIfAborted();
    for await (const item of read()) {
      signal.throwIfAborted();
      yield item;
    }
  }
  return {
    log: {
      find: (...args) => once(() => log.find(...args)),
      list: (...args) => once(() => log.list(...args)),
      findTenant: (...args) => once(() => log.findTenant(...args)),
      findOutcome: (...args) => once(() => log.findOutcome(...args)),
      countTenants: (...args) => once(() => log.countTenants(...args)),
      tenants: (...args) => each(() => log.tenants(...args)),
    },
    results: {
      plan: (...args) => once(() => results.plan(...args)),
      rows: (...args) => each(() => results.rows(...args)),
    },
  };
}
