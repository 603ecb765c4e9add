import type { RetryPolicy, RpcDuration } from '../app/rpc.ts';

const ms = (duration: RpcDuration | undefined, defaultMs: number): number =>
  duration === undefined ? defaultMs : ((duration.seconds ?? 0) + (duration.nanos ?? 0) / 1e9) * 1000;

/**
 * Delay before the next attempt, in milliseconds, or undefined when there is no further attempt (Microsoft: "Azure
 * Functions error handling and retries").
 * @param failures how many attempts have failed; at least 1.
 */
export function retryDelay(policy: RetryPolicy | undefined, failures: number): number | undefined {
  if (!policy) return undefined;
  const limit = policy.maxRetryCount ?? 0;
  if (limit !== -1 && failures > limit) return undefined;
  if (policy.retryStrategy !== 'exponentialBackoff') return ms(policy.delayInterval, 0);
  const minimum = ms(policy.minimumInterval, 1000);
  return Math.min(ms(policy.maximumInterval, Number.POSITIVE_INFINITY), minimum * 2 ** (failures - 1));
}
