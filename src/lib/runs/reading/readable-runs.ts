import type { TenantId } from '../../core/identifiers.ts';
import { BrokerError } from '../../core/errors.ts';
import { mayRead, type ReadableTenants } from '../../access/tenants/readable-tenants.ts';
import {
  isEnded,
  type Run,
  type RunPlan,
  type TenantCounts,
  type TenantOutcome,
  type TenantRun,
} from '../store/run.ts';
import type { RunId } from '../store/run-id.ts';
import type { OutcomeCounts, RunFilter, RunLog, RunResults } from '../store/run-log.ts';
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
