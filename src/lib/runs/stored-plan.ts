import { createHash } from 'node:crypto';
import { BrokerError } from '../model/errors.ts';
import type { Run, RunPlan } from './run.ts';

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
  if (planDigest === undefined || planDigest === digest) return;
  const detail = `The stored plan of the run ${runId} is not the one that the run was started with.`;
  throw new BrokerError('plan_changed', detail);
}
