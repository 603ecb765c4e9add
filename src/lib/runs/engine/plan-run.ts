import type { Clock } from '../../core/clock.ts';
import { type ErrorCode, toBrokerError } from '../../core/errors.ts';
import type { TenantId } from '../../core/identifiers.ts';
import { errorFields, type Logger } from '../../core/log.ts';
import { defined } from '../../core/objects.ts';
import { incompleteList, type TenantDirectory } from '../../tenants/directory.ts';
import { type DelegatedTenant, isExcluded, reasonTexts } from '../../tenants/tenant.ts';
import type { JobRegistry } from '../job/job.ts';
import {
  checkPlanRequest,
  digestOfLeaves,
  leavesOf,
  planChanged,
  resolveRunChoice,
  type RunChoice,
  type RunChoiceDeps,
} from '../store/stored-plan.ts';
import {
  type ApplyRequest,
  isEnded,
  longestRetryAfterSeconds,
  parseRunId,
  type PlannedTenant,
  type Run,
  type RunId,
  type RunPlan,
  type RunRequest,
  type StoredPlan,
  type TenantRun,
} from '../store/run.ts';
import { recordDeleted, type Runs } from '../store/runs.ts';

export interface PlanRunDeps extends RunChoiceDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly jobs: Pick<JobRegistry, 'find'>;
  readonly directory: Pick<TenantDirectory, 'snapshot' | 'tenantOf'>;
  readonly runs: Pick<Runs, 'log' | 'results'>;
}

/** Output of the activity `list-tenants`: the number of tenants to attempt, or why the list is unavailable. */
export type PlanRunResult =
  | {
      readonly ok: true;
      readonly attempt: number;
      readonly total: number;
      /** Of an apply: the tenants to attempt in each wave. */
      readonly waves?: readonly number[] | undefined;
    }
  | {
      readonly ok: false;
      readonly code: ErrorCode;
      readonly detail: string;
      readonly transient: boolean;
      readonly retryAfterSeconds?: number | undefined;
    };

/**
 * Fixes the run's plan: which tenants, in which order. Unreachable tenants get their record now, without a call to
 * Entra; excluded tenants count as skipped. A repeated call uses the stored plan. Never throws.
 */
export async function planRun(deps: PlanRunDeps, input: { readonly runId: RunId }): Promise<PlanRunResult> {
  const { runId } = input;
  try {
    const run = await deps.runs.log.find(runId);
    // The activity was delivered again after the run ended: there is nothing left to attempt.
    if (run !== undefined && isEnded(run.status)) return { ok: true, attempt: 0, total: run.tenants.total };
    const plan = await fixPlan(deps, runId, run);
    await deps.runs.log.recordTenants(runId, plan.decided);
    const total = plan.attempt.length + plan.decided.length;
    await deps.runs.log.change(runId, {
      status: 'running',
      startedAtMs: run?.startedAtMs ?? deps.clock.nowMs(),
      tenants: { total, succeeded: 0, failed: 0, skipped: 0, notAttempted: 0 },
      ...(plan.warnings === undefined ? {} : { warnings: plan.warnings }),
      planDigest: plan.digest,
    });
    return { ok: true, attempt: plan.attempt.length, total, ...wavesOf(plan) };
  } catch (thrown) {
    deps.log.log('error', 'run.not_planned', { runId, ...errorFields(thrown) });
    const { code, detail, transient, retryAfterSeconds } = toBrokerError(thrown);
    // If the peer asks for a longer delay than a run may wait, the next scheduled run tries again.
    const retries = transient && (retryAfterSeconds ?? 0) <= longestRetryAfterSeconds;
    return defined({ ok: false, code, detail, transient: retries, retryAfterSeconds });
  }
}

/**
 * Returns the stored plan, or makes and stores one.
 * @throws BrokerError plan_changed, what the directory throws, and as `resolveRunChoice` does.
 */
async function fixPlan(deps: PlanRunDeps, runId: RunId, run: Run | undefined): Promise<StoredPlan> {
  const stored = run && (await deps.runs.results.plan(run));
  if (stored !== undefined && run?.planDigest !== undefined) return stored;
  const request = await deps.runs.log.request(runId);
  const job = parseRunId(runId)?.job;
  if (request === undefined || job === undefined) throw recordDeleted(runId);
  const choice = await resolveRunChoice(deps, deps.jobs.find(job), request);
  const plan = stored ?? (await deps.runs.results.putPlan(runId, await makePlan(deps, job, { ...request, choice })));
  checkPlanRequest(runId, plan, { ...request, job, choice });
  return plan;
}

/** How many tenants of the plan each wave has. A wave whose tenants are all gone stays, with none. */
function wavesOf({ change, attempt }: RunPlan): Pick<Extract<PlanRunResult, { ok: true }>, 'waves'> {
  if (change?.kind !== 'apply') return {};
  return { waves: change.waves.map((_, index) => attempt.filter(({ wave }) => wave === index + 1).length) };
}

/**
 * The tenants of an apply in the order of its waves, each with the rows that are carried out.
 * @throws BrokerError plan_changed if the rows are not those that were allowed.
 */
async function inWaves(
  { runs }: PlanRunDeps,
  { plan, digest, waves }: ApplyRequest,
  order: readonly TenantId[],
  attempt: readonly PlannedTenant[],
): Promise<readonly PlannedTenant[]> {
  const leaves = await leavesOf(runs.log, plan);
  const digests = new Map([...leaves].map(([tenantId, { rowsDigest = '' }]) => [tenantId, rowsDigest]));
  if (digestOfLeaves(digests) !== digest) throw planChanged(plan);
  const known = new Map(attempt.map((tenant) => [tenant.tenantId, tenant]));
  const waveOf = waves.flatMap((size, index) => Array.from({ length: size }, () => index + 1));
  return order.flatMap((tenantId, place) => {
    const tenant = known.get(tenantId);
    const { rowsName, rowsDigest } = leaves.get(tenantId) ?? {};
    return tenant === undefined ? [] : [{ ...tenant, wave: waveOf[place], planned: { rowsName, rowsDigest } }];
  });
}

/** A request with its choice resolved. */
type ResolvedRequest = Omit<RunRequest, 'choice'> & { readonly choice: RunChoice };

async function makePlan(deps: PlanRunDeps, job: string, request: ResolvedRequest): Promise<RunPlan> {
  const list = await deps.directory.snapshot();
  const known = new Set(list.tenants.map(({ tenantId }) => tenantId));
  // A plan from an incomplete list would silently omit customers.
  if (!list.complete && request.tenants?.every((tenantId) => known.has(tenantId)) !== true) throw incompleteList(list);
  const { choice } = request;
  const named = request.tenants === undefined ? list.tenants : choose(list.tenants, request.tenants);
  const tenants = named.filter(({ tenantId }) => choice.isIncluded(tenantId));
  const isAttempted = ({ reachable, tenantId }: DelegatedTenant): boolean => reachable && choice.isOfJob(tenantId);
  const warnings = [...list.warnings, ...choice.warningsFor(named.map(({ tenantId }) => tenantId))];
  const nowMs = deps.clock.nowMs();
  const { change } = request;
  const attempt = tenants
    .filter(isAttempted)
    .map(({ tenantId, name, defaultDomain }) => defined({ tenantId, name, defaultDomain }));
  return defined({
    job,
    parameters: request.parameters,
    asker: request.asker,
    change,
    attempt: change?.kind === 'apply' ? await inWaves(deps, change, request.tenants ?? [], attempt) : attempt,
    decided: tenants
      .filter((tenant) => !isAttempted(tenant))
      .map((tenant) => decided(tenant, choice.isOfJob(tenant.tenantId), nowMs)),
    warnings: warnings.length === 0 ? undefined : warnings,
  });
}

/** Selects the requested tenants. One that has since left the directory stays in the run as unreachable. */
function choose(listed: readonly DelegatedTenant[], wanted: readonly TenantId[]): readonly DelegatedTenant[] {
  const left = new Set(wanted);
  const chosen = listed.filter(({ tenantId }) => left.delete(tenantId));
  const gone = [...left].map(
    (tenantId): DelegatedTenant => ({
      tenantId,
      name: tenantId,
      defaultDomain: undefined,
      relationship: 'none',
      reachable: false,
      reason: 'no_relationship',
      sources: [],
    }),
  );
  return [...chosen, ...gone];
}

function decided(tenant: DelegatedTenant, isOfJob: boolean, nowMs: number): TenantRun {
  const skipped = !isOfJob || isExcluded(tenant);
  return {
    tenantId: tenant.tenantId,
    name: tenant.name,
    outcome: skipped ? 'skipped' : 'failed',
    code: skipped ? 'tenant_excluded' : 'tenant_not_delegated',
    detail: isOfJob ? reasonTexts[tenant.reason] : 'The definition of the job leaves the tenant out.',
    round: 0,
    rows: 0,
    columns: [],
    startedAtMs: nowMs,
    finishedAtMs: nowMs,
  };
}
