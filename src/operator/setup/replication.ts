import { graphStatus } from '../../lib/microsoft/graph.ts';
import type { Clock } from '../../lib/core/clock.ts';
import { retry } from '../../lib/core/retry.ts';

/** Pauses until a new object is replicated ("Microsoft Graph best practices", eventual consistency). */
const replicationPausesMs = [1_000, 2_000, 4_000, 8_000, 15_000] as const;

/** Retries while Graph answers 400 or 404, as it does for a new object until all of its servers have it. */
export function retryUntilReplicated<T>(clock: Pick<Clock, 'sleep'>, work: () => Promise<T>): Promise<T> {
  return retry(work, {
    clock,
    attempts: replicationPausesMs.length + 1,
    afterError: (error, attempt) => {
      const status = graphStatus(error);
      return status === 400 || status === 404 ? replicationPausesMs[attempt - 1] : undefined;
    },
  });
}
