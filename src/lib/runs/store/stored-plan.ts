import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { BrokerError } from '../../core/errors.ts';
import type { RunChoice } from './run-choice.ts';
import type { RunId } from './run-id.ts';
import type { Run, RunPlan, RunRequest } from './run.ts';

/** A run as far as its plan is concerned. */
export type PlannedRun = Pick<Run, 'runId' | 'planDigest'>;

/** A plan as it is stored. */
export interface StoredPlan extends RunPlan {
  /** SHA-256 of the stored text, in hexadecimal. */
  readonly digest: string;
}

export const digestOf = (text: string | Uint8Array): string => createHash('sha256').update(text).digest('hex');

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
  { job, parameters, asker, attempt, decided }: RunPlan,
  request: Pick<RunRequest, 'parameters' | 'asker'> & { readonly job: string; readonly choice: RunChoice },
): void {
  const fits =
    job === request.job &&
    isDeepStrictEqual(parameters, request.parameters) &&
    isDeepStrictEqual(asker, request.asker) &&
    [...attempt, ...decided].every(({ tenantId }) => request.choice.isIncluded(tenantId)) &&
    attempt.every(({ tenantId }) => request.choice.isOfJob(tenantId));
  if (!fits) throw planChanged(runId);
}

const planChanged = (runId: RunId): BrokerError =>
  new BrokerError('plan_changed', `The stored plan of the run ${runId} is not the one that the run was started with.`);
