import { hash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import {
  requestedSelection,
  type KnowledgeDeps,
  knowTenants,
  notFound,
} from '../../access/tenants/selected-tenants.ts';
import { listed } from '../../core/text.ts';
import { selects, missingFact, type TenantSelection, type TenantGroups } from '../../access/tenants/tenant-set.ts';
import { BrokerError } from '../../core/errors.ts';
import type { TenantId } from '../../core/identifiers.ts';
import type { Job } from '../job/job.ts';
import type { PlannedRun, RunId, RunLog, RunPlan, RunRequest, TenantRun } from './run.ts';

export interface RunChoiceDeps extends KnowledgeDeps {
  /** The groups of the policy in force. @throws BrokerError policy_missing. */
  readonly groups: () => Promise<TenantGroups>;
}

/** Which tenants a run is for, as it was resolved at one time. */
export type RunChoice = Awaited<ReturnType<typeof resolveRunChoice>>;

/**
 * Resolves what a run is for: the request, and the job's own lists. Reads groups, tags and the owners of domains only if one
 * of them is named.
 * @throws BrokerError request_invalid for an unknown group, policy_missing if a group is named and no policy is in force, or
 * as `knowTenants` does.
 */
export async function resolveRunChoice(
  deps: RunChoiceDeps,
  job: Pick<Job, 'tenants' | 'except'> | undefined,
  { tenants, choice = {} }: RunRequest,
) {
  const lists = [choice, job ?? {}];
  const namesGroup = lists.some(({ tenants = [], except = [] }) =>
    [...tenants, ...except].some((entry) => entry.startsWith('group:')),
  );
  const groups = namesGroup ? await deps.groups() : undefined;
  const [requested, ofJob] = lists.map((each) =>
    each.tenants === undefined && each.except === undefined ? undefined : requestedSelection(each, groups),
  );
  const choices = [requested, ofJob].flatMap((each) => each ?? []);
  const known = choices.length === 0 ? undefined : await knowTenants(deps, choices);
  const fits = (each: TenantSelection | undefined, tenantId: TenantId): boolean =>
    each === undefined || known === undefined || selects(each, known.factsOf(tenantId));
  const named = tenants && new Set(tenants);
  const isOfJob = (tenantId: TenantId): boolean => fits(ofJob, tenantId);
  const isForAll = tenants === undefined && requested === undefined;
  return {
    /**
     * Whether the tenant is part of the run. One that the job is not for is part of a run whose request names it, so that the
     * caller learns why it was skipped.
     */
    isIncluded: (tenantId: TenantId): boolean =>
      named?.has(tenantId) !== false && fits(requested, tenantId) && (!isForAll || isOfJob(tenantId)),
    /** Whether the job is for the tenant. */
    isOfJob,
    /** What is named and does not exist, and which of these tenants cannot be judged, in sentences. */
    warningsFor: (tenantIds: readonly TenantId[]): readonly string[] => {
      if (known === undefined) return [];
      const unknown = tenantIds.filter((tenantId) =>
        choices.some((choice) => missingFact(choice, known.factsOf(tenantId)) !== undefined),
      );
      const warnings = notFound(choices, known);
      if (unknown.length === 0) return warnings;
      return [...warnings, `The tags of these tenants cannot be read, so they are left out: ${listed(unknown)}.`];
    },
  };
}

/**
 * The digest of a plan of changes: SHA-256 over the digests of its tenants, in the order of their ids.
 * @param leaves tenants without a change have none.
 */
export const digestOfLeaves = (leaves: ReadonlyMap<TenantId, string>): string =>
  digestOf(
    [...leaves]
      .toSorted(([one], [other]) => (one < other ? -1 : 1))
      .map(([tenantId, leaf]) => `${tenantId} ${leaf}\n`)
      .join(''),
  );

/** @param nonce random. Without it a tenant, which may learn its own rows and the digest, could tell whether others are in the plan. */
export const leafOf = (rows: string | Uint8Array, nonce: string): string => `${digestOf(rows)}.${nonce}`;

/** Whether these are the rows of a leaf. */
export const isLeafOf = (leaf: string | undefined, rows: string): boolean => leaf?.split('.')[0] === digestOf(rows);

/** The digests of the rows of each tenant of a plan that has changes. */
export async function leavesOf(runLog: Pick<RunLog, 'tenants'>, planId: RunId): Promise<Map<TenantId, TenantRun>> {
  const leaves = new Map<TenantId, TenantRun>();
  for await (const record of runLog.tenants(planId, 'succeeded'))
    if (record.rowsDigest !== undefined) leaves.set(record.tenantId, record);
  return leaves;
}

export const digestOf = (text: string | Uint8Array): string => hash('sha256', text, 'hex');

/**
 * Checks that a stored plan is the one whose digest the run's record has. Runs that an older build planned have none.
 * @throws BrokerError plan_changed.
 */
export function checkPlanDigest({ runId, planDigest }: PlannedRun, digest: string): void {
  if (planDigest !== undefined && planDigest !== digest) throw planChanged(runId);
}

/**
 * Checks that a stored plan is for what was requested. For a plan whose digest the run's record does not have yet: a call
 * that stored it was interrupted, or somebody stored it before the run started.
 * @throws BrokerError plan_changed.
 */
export function checkPlanRequest(
  runId: RunId,
  { job, parameters, asker, change, attempt, decided }: RunPlan,
  request: Pick<RunRequest, 'parameters' | 'asker' | 'change'> & { readonly job: string; readonly choice: RunChoice },
): void {
  const fits =
    job === request.job &&
    isDeepStrictEqual(parameters, request.parameters) &&
    isDeepStrictEqual(asker, request.asker) &&
    isDeepStrictEqual(change, request.change) &&
    [...attempt, ...decided].every(({ tenantId }) => request.choice.isIncluded(tenantId)) &&
    attempt.every(({ tenantId }) => request.choice.isOfJob(tenantId));
  if (!fits) throw planChanged(runId);
}

/** The plan of a run that was planned is not there any more. */
export const planDeleted = (runId: RunId): BrokerError =>
  new BrokerError('plan_changed', `Somebody has deleted the stored plan of the run ${runId}.`);

export const planChanged = (runId: RunId): BrokerError =>
  new BrokerError('plan_changed', `The stored plan of the run ${runId} is not the one that the run was started with.`);
