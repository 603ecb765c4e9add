import { rulesInSomeTenant } from '../../access/policy/decide.ts';
import { type NamedTenantsDeps, requestedBy } from '../../access/tenants/named-tenants.ts';
import { type RequestedTenants, tenantsOfSelections } from '../../access/tenants/selected-tenants.ts';
import { isVisible, visibleTenants, type VisibleTenants } from '../../access/tenants/visible-tenants.ts';
import type { Caller, CallerRole } from '../../core/caller.ts';
import { type Clock, DeadlineError, withDeadline } from '../../core/clock.ts';
import { BrokerError } from '../../core/errors.ts';
import { parseTenantId, type TenantId } from '../../core/identifiers.ts';
import { Limiter } from '../../core/limiter.ts';
import { once } from '../../core/single-flight.ts';
import {
  isEnded,
  type OutcomeCounts,
  parseRunId,
  queryJob,
  type Run,
  type RunFilter,
  type RunId,
  type RunLog,
  type RunPlan,
  type RunResults,
  type TenantOutcome,
  type TenantRun,
} from '../store/run.ts';
import type { Runs } from '../store/runs.ts';

/** What readers of runs read from. Throws the same errors as RunLog. */
export interface RunSource {
  readonly log: Pick<RunLog, 'find' | 'list' | 'tenants' | 'findTenant' | 'findOutcome' | 'countTenants' | 'numbers'>;
  readonly results: Pick<RunResults, 'plan' | 'rows'>;
}

/** What a caller may see of the stored runs. */
interface Visibility {
  /** The tenants of whose part in runs it may know. Undefined: it sees no run but its own queries. */
  readonly tenants: VisibleTenants | undefined;
  /** Who sees its own queries whole, and the tenants of which it may still read the answers. */
  readonly asker?: { readonly caller: Asker; readonly covered: () => Promise<ReadonlySet<TenantId>> } | undefined;
  /** Limits records, counts and plans to the requested tenants. Runs over others stay: they have none of these. */
  readonly isSelected?: ((tenantId: TenantId) => boolean) | undefined;
  /** Once it is aborted, every read throws its reason, also one that has begun to yield. */
  readonly signal?: AbortSignal | undefined;
}

type Asker = Pick<Caller, 'applicationId' | 'objectId'>;
type StoredRuns = Pick<Runs, 'log' | 'results'>;

/** Maximum runs in a list for a limited caller: their counts are read run by run. */
const maxListed = 50;
/** Maximum runs that are examined for such a list. Older runs are not found. */
const maxExamined = 1_000;
const concurrentRuns = 8;

const unclearTenants =
  'The list of tenants was incomplete or outdated when the run was planned, or a tag or domain that the run names has no tenant.';
const hiddenDetail = 'Only callers that may read every tenant see the details.';
const notCovered = 'No rule of the caller for the gateway covers this tenant any more';

/**
 * Stored runs as a caller sees them: which runs exist for it, which records, and which rows. Everything that is shown of
 * runs goes through it.
 *
 * A run over tenants of which the caller sees none does not exist for it; of others it sees the part of its tenants. The
 * gateway answered the requests of a query to its asker alone, so nobody else sees the rows and the details of failures.
 * Who ran what, where and with which outcome stays visible.
 */
export class VisibleRuns implements RunSource {
  readonly #runs: StoredRuns;
  readonly #visibility: Visibility;
  /** Which queries are the caller's own, as far as it was looked up. */
  readonly #own: Map<RunId, Promise<boolean>>;

  constructor(runs: StoredRuns, visibility: Visibility, own = new Map<RunId, Promise<boolean>>()) {
    this.#runs = runs;
    this.#visibility = visibility;
    this.#own = own;
  }

  readonly log: RunSource['log'] = {
    find: async (runId) => this.#seen(await this.#read(() => this.#runs.log.find(runId))),
    list: async (filter) => {
      const { tenants, asker } = this.#visibility;
      const ofQueries = filter.job === undefined || filter.job === queryJob;
      const own =
        asker && ofQueries
          ? await this.#read(() => this.#runs.log.list({ ...filter, job: queryJob, starter: asker.caller }))
          : [];
      const ids = new Set(own.map(({ runId }) => runId));
      const others =
        tenants === '*' ? await this.#read(() => this.#runs.log.list(filter)) : await this.#listLimited(filter);
      return [...own, ...others.filter(({ runId }) => !ids.has(runId))]
        .toSorted((a, b) => b.createdAtMs - a.createdAtMs)
        .slice(0, filter.limit);
    },
    tenants: (runId, outcome) => this.#records(runId, outcome),
    findTenant: (runId, tenantId) => this.#record(runId, tenantId, () => this.#runs.log.findTenant(runId, tenantId)),
    findOutcome: (runId, tenantId) => this.#record(runId, tenantId, () => this.#runs.log.findOutcome(runId, tenantId)),
    countTenants: async (runId) => {
      const tenants = await this.#tenantsIn(runId);
      if (tenants === '*' && this.#visibility.isSelected === undefined) return this.#runs.log.countTenants(runId);
      if (tenants === undefined) return { succeeded: 0, failed: 0, skipped: 0, retrying: 0 };
      return this.#countOf(runId, (tenantId) => this.#sees(tenants, tenantId));
    },
    numbers: (runId) => this.#numbers(runId),
  };

  readonly results: RunSource['results'] = {
    plan: async (run) => {
      const tenants = await this.#tenantsIn(run.runId);
      const plan = tenants && (await this.#runs.results.plan(run));
      if (plan === undefined || tenants === undefined) return undefined;
      const isSeen = ({ tenantId }: Pick<TenantRun, 'tenantId'>): boolean => this.#sees(tenants, tenantId);
      return { ...plan, attempt: plan.attempt.filter(isSeen), decided: plan.decided.filter(isSeen) };
    },
    rows: (runId, rowsName, fromByte) => this.#rows(runId, rowsName, fromByte),
  };

  /** The same runs until the signal is aborted: an answer that nobody waits for must not keep storage busy. */
  until(signal: AbortSignal): VisibleRuns {
    return new VisibleRuns(this.#runs, { ...this.#visibility, signal }, this.#own);
  }

  /** Whether the run is a query that the caller started. */
  async #isOwn(runId: RunId): Promise<boolean> {
    const { asker } = this.#visibility;
    if (asker === undefined || !isQuery(runId)) return false;
    const known = this.#own.get(runId) ?? this.#runs.log.find(runId).then((run) => isStartedBy(run, asker.caller));
    this.#own.set(runId, known);
    known.catch(() => this.#own.delete(runId));
    return known;
  }

  /** The tenants of a run of which the caller sees something. Undefined: it sees nothing of the run. */
  async #tenantsIn(runId: RunId): Promise<VisibleTenants | undefined> {
    this.#visibility.signal?.throwIfAborted();
    return (await this.#isOwn(runId)) ? '*' : this.#visibility.tenants;
  }

  /** The run as the caller sees it. */
  async #seen(run: Run | undefined): Promise<Run | undefined> {
    const tenants = run && (await this.#tenantsIn(run.runId));
    if (run === undefined || tenants === undefined || tenants === '*') return tenants && run;
    return (await this.#concerns(run, tenants)) ? this.#limited(run, tenants) : undefined;
  }

  async #listLimited(filter: RunFilter): Promise<readonly Run[]> {
    const { tenants, signal } = this.#visibility;
    if (tenants === undefined || tenants === '*') return [];
    const limit = Math.min(filter.limit, maxListed);
    const candidates = await this.#read(() => this.#runs.log.list({ ...filter, limit: maxExamined }));
    const found: Run[] = [];
    for (let start = 0; start < candidates.length && found.length < limit; start += concurrentRuns) {
      const some = candidates.slice(start, start + concurrentRuns);
      const concerned = await Promise.all(some.map((run) => this.#concerns(run, tenants)));
      found.push(...some.filter((_, index) => concerned[index]));
    }
    const limiter = new Limiter(concurrentRuns);
    return Promise.all(found.slice(0, limit).map((run) => limiter.run(() => this.#limited(run, tenants), signal)));
  }

  /** Whether the run was meant for one of the tenants. */
  async #concerns(run: Run, visible: ReadonlySet<TenantId>): Promise<boolean> {
    if (run.scope === 'all') return true;
    const tenants = await tenantsOfRun(this.#runs, run);
    return tenants?.some((tenantId) => visible.has(tenantId)) ?? false;
  }

  /** The run with the counts of the visible tenants, and without texts that may name others. */
  async #limited(run: Run, visible: ReadonlySet<TenantId>): Promise<Run> {
    const sees = (tenantId: TenantId): boolean => visible.has(tenantId);
    const [plan, counts] = await Promise.all([
      planIfUnchanged(this.#runs.results, run),
      this.#countOf(run.runId, sees),
    ]);
    const { succeeded, failed, skipped } = counts;
    const done = succeeded + failed + skipped;
    const total = Math.max(done, plan === undefined ? 0 : tenantsOfPlan(plan).filter(sees).length);
    const notAttempted = isEnded(run.status) ? total - done : 0;
    return {
      ...run,
      tenants: { total, succeeded, failed, skipped, notAttempted },
      // May name any tenant.
      asked: undefined,
      warnings: run.warnings === undefined || run.warnings.length === 0 ? [] : [unclearTenants],
      stoppedBy: run.stoppedBy && { ...run.stoppedBy, detail: hiddenDetail },
      // Counts other tenants.
      hold: run.hold && { ...run.hold, detail: hiddenDetail },
      goneOn: run.goneOn && {
        ...run.goneOn,
        gates: run.goneOn.gates?.map(({ reason: _reason, ...gate }) =>
          gate.held === undefined ? gate : { ...gate, held: hiddenDetail },
        ),
      },
    };
  }

  /** Whether the caller sees a tenant's part of a run of which it sees these tenants. */
  #sees(tenants: VisibleTenants, tenantId: TenantId): boolean {
    return isVisible(tenants, tenantId) && this.#visibility.isSelected?.(tenantId) !== false;
  }

  /** The record as the caller sees it. */
  async #shown(runId: RunId, record: TenantRun): Promise<TenantRun> {
    const { asker } = this.#visibility;
    if (asker === undefined || !(await this.#isOwn(runId))) {
      if (!isQuery(runId)) return record;
      const { detail: _detail, trace: _trace, ...rest } = record;
      return rest;
    }
    const hasAnswer = record.rowsName !== undefined || record.detail !== undefined;
    if (!hasAnswer || (await asker.covered()).has(record.tenantId)) return record;
    const { rowsName: _rowsName, trace: _trace, ...rest } = record;
    return { ...rest, detail: `${notCovered}, so the answer is not shown.` };
  }

  async #record(
    runId: RunId,
    tenantId: TenantId,
    find: () => Promise<TenantRun | undefined>,
  ): Promise<TenantRun | undefined> {
    const tenants = await this.#tenantsIn(runId);
    const record = tenants !== undefined && this.#sees(tenants, tenantId) ? await find() : undefined;
    return record && this.#shown(runId, record);
  }

  async *#records(runId: RunId, outcome?: TenantOutcome): AsyncGenerator<TenantRun, void, undefined> {
    const tenants = await this.#tenantsIn(runId);
    if (tenants === undefined) return;
    for await (const record of this.#runs.log.tenants(runId, outcome)) {
      this.#visibility.signal?.throwIfAborted();
      if (this.#sees(tenants, record.tenantId)) yield await this.#shown(runId, record);
    }
  }

  async *#numbers(runId: RunId): ReturnType<RunLog['numbers']> {
    const tenants = await this.#tenantsIn(runId);
    if (tenants === undefined) return;
    for await (const record of this.#runs.log.numbers(runId)) {
      this.#visibility.signal?.throwIfAborted();
      if (this.#sees(tenants, record.tenantId)) yield record;
    }
  }

  async #countOf(runId: RunId, sees: (tenantId: TenantId) => boolean): Promise<OutcomeCounts> {
    const counts = { succeeded: 0, failed: 0, skipped: 0, retrying: 0 };
    for await (const { tenantId, outcome } of this.#runs.log.tenants(runId)) {
      this.#visibility.signal?.throwIfAborted();
      if (sees(tenantId)) counts[outcome] += 1;
    }
    return counts;
  }

  /** The name comes from a record or begins with a tenant of the plan, both of which are limited. */
  async *#rows(runId: RunId, rowsName: string, fromByte?: number): AsyncGenerator<string, void, undefined> {
    const { asker, signal } = this.#visibility;
    if ((await this.#tenantsIn(runId)) === undefined) return;
    if (isQuery(runId)) {
      if (asker === undefined || !(await this.#isOwn(runId))) {
        const text = 'Only whoever asked a query reads its rows. Ask it again: its request is in the run.';
        throw new BrokerError('caller_forbidden', text);
      }
      // A continuation may name rows without their record.
      const tenantId = parseTenantId(rowsName.split('.', 1)[0] ?? '');
      if (tenantId === undefined || !(await asker.covered()).has(tenantId))
        throw new BrokerError('caller_forbidden', `${notCovered}.`);
    }
    for await (const text of this.#runs.results.rows(runId, rowsName, fromByte)) {
      signal?.throwIfAborted();
      yield text;
    }
  }

  async #read<T>(read: () => Promise<T>): Promise<T> {
    this.#visibility.signal?.throwIfAborted();
    return read();
  }
}

const isQuery = (runId: RunId): boolean => parseRunId(runId)?.job === queryJob;

const isStartedBy = (run: Run | undefined, { applicationId, objectId }: Asker): boolean =>
  run?.job === queryJob && run.startedBy === applicationId && run.starter?.objectId === objectId;

const tenantsOfPlan = ({ attempt, decided }: RunPlan): TenantId[] =>
  [...attempt, ...decided].map(({ tenantId }) => tenantId);

/**
 * The tenants of a run that is not over all of them: those of the request, or of the plan if it named groups or tags.
 * Undefined if they are not known: the run is over all, or not planned.
 * @throws as RunLog.
 */
export async function tenantsOfRun({ log, results }: StoredRuns, run: Run): Promise<readonly TenantId[] | undefined> {
  if (run.scope === 'all') return undefined;
  const requested = (await log.request(run.runId))?.tenants;
  if (requested !== undefined) return requested;
  const plan = await planIfUnchanged(results, run);
  return plan && tenantsOfPlan(plan);
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

/** What is needed to know which runs a caller sees. */
export interface VisibleRunsDeps extends NamedTenantsDeps {
  readonly runs: StoredRuns;
}

/** Those who may read runs, and those who may ask queries, which read their own. */
export const runReaders = ['Runs.Read', 'Requests.Send'] as const;
/** Those who may control runs, and those who may ask queries, which control their own. */
export const runWriters = ['Runs.Write', 'Requests.Send'] as const;

/**
 * The stored runs as the caller may see them.
 * @param requested limits them to these tenants.
 * @throws BrokerError like `visibleTenants` and `requestedBy`.
 */
export async function visibleRuns(
  deps: VisibleRunsDeps,
  caller: Caller,
  requested: RequestedTenants = {},
): Promise<VisibleRuns> {
  const visible = await visibleTenants(deps, caller);
  const selected = await requestedBy(deps, { caller, visible }, requested);
  const covered = once(() => coveredTenants(deps, caller));
  return new VisibleRuns(deps.runs, {
    tenants: caller.roles.includes('Runs.Read') ? visible : undefined,
    isSelected: selected?.isSelected,
    asker: caller.roles.includes('Requests.Send') ? { caller, covered } : undefined,
  });
}

/**
 * The tenants that the rules of the caller for the gateway cover now, without those that are excluded.
 * @throws BrokerError as `tenantsOfSelections` does.
 */
async function coveredTenants(deps: VisibleRunsDeps, caller: Caller): Promise<ReadonlySet<TenantId>> {
  const { policy } = await deps.callers.policy.current();
  const rules = rulesInSomeTenant(policy, caller, { resource: 'graph', via: 'gateway' });
  const covered = await tenantsOfSelections(
    deps,
    rules.map(({ tenants }) => tenants),
  );
  if (covered.size === 0) return covered;
  const left = new Set(covered);
  for (const { tenantId, reachable, reason } of await deps.directory.list())
    if (!reachable && reason === 'excluded') left.delete(tenantId);
  return left;
}

/** @throws BrokerError run_not_found. */
export async function findRun(runLog: Pick<RunLog, 'find'>, runId: string): Promise<Run> {
  const run = parseRunId(runId) === undefined ? undefined : await runLog.find(runId);
  if (run === undefined) throw new BrokerError('run_not_found', 'No run has this id.');
  return run;
}

/**
 * Returns a run that the caller may repeat or cancel: an own query, or any with the role. A caller whose reading
 * is limited must be able to read all its tenants, so that it affects no other.
 * @throws BrokerError run_not_found, caller_forbidden, or like `visibleTenants`.
 */
export async function controllableRun(
  deps: VisibleRunsDeps,
  caller: Caller,
  runId: string,
  role: CallerRole = 'Runs.Write',
): Promise<Run> {
  const visible = await visibleTenants(deps, caller);
  const stored = isQuery(runId) ? await deps.runs.log.find(runId) : undefined;
  if (stored && caller.roles.includes('Requests.Send') && isStartedBy(stored, caller)) return stored;
  const tenants = caller.roles.includes(role) ? visible : undefined;
  await findRun(new VisibleRuns(deps.runs, { tenants }).log, runId);
  const run = await findRun(deps.runs.log, runId);
  if (visible === '*') return run;
  const ofRun = await tenantsOfRun(deps.runs, run);
  if (ofRun?.every((tenantId) => visible.has(tenantId)) === true) return run;
  throw new BrokerError('caller_forbidden', 'The run covers tenants that this caller may not read.');
}

/**
 * Longest time to read what one answer needs, in seconds. Less than the 100 seconds that .NET programs wait by default,
 * and than the 230 seconds after which the load balancer of Azure Functions gives up.
 */
const readSeconds = 60;

/**
 * Reads from stored runs for an answer. After the time, nothing more is read.
 * @param read receives the runs to read from.
 * @throws BrokerError storage_unavailable if that takes too long.
 */
export const readInTime = <T>(clock: Clock, runs: VisibleRuns, read: (runs: RunSource) => Promise<T>): Promise<T> =>
  withReadDeadline(clock, (signal) => read(runs.until(signal)));

/** The same for another source. @param read must end when its signal is aborted. */
export async function withReadDeadline<T>(clock: Clock, read: (signal: AbortSignal) => Promise<T>): Promise<T> {
  try {
    return await withDeadline(clock, readSeconds * 1000, read);
  } catch (thrown) {
    if (!(thrown instanceof DeadlineError)) throw thrown;
    throw new BrokerError('storage_unavailable', `Storage did not return the data within ${readSeconds} seconds.`);
  }
}
