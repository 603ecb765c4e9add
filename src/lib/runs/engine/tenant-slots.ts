import { FairLimiter } from '../../core/fair-limiter.ts';
import { Requesters } from '../../core/requesters.ts';
import { queryJob } from '../store/run.ts';
import { parseRunId, type RunId } from '../store/run-id.ts';

/**
 * The places for tenants that a process visits at a time. Runs take turns, so that a small one does not wait for a large one
 * that started before. From 16 places on, a run alone leaves one free: visits may hang for minutes.
 * @param places at least 1.
 */
export const createTenantSlots = (places: number): FairLimiter =>
  // The activities limit how many tenants wait.
  new FairLimiter({ limit: places, maxWaiting: Number.POSITIVE_INFINITY, peer: 'visits of tenants' });

/** Who waits for the places of a run. The asker of a query waits for its answer, so queries come before jobs. */
export const requestersOf = (runId: RunId): Requesters =>
  new Requesters({ id: runId, kind: parseRunId(runId)?.job === queryJob ? 'caller' : 'background' });
