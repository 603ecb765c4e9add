import type { RetryPolicy, RpcDuration } from '../app/rpc.ts';

const ms = (duration: RpcDuration | undefined, fallback: number): number =>
  duration === undefined ? fallback : ((duration.seconds ?? 0) + (duration.nanos ?? 0) / 1e9) * 1000;

/**
 * Milliseconds until the next try after the `failures`-th failure (1 is the first), or undefined when there is none
 * (Microsoft: "Azure Functions error handling and retries").
 */
export function retryDelay(policy: RetryPolicy | undefined, failures: number): number | undefined {
  if (!policy) return undefined;
  const limit = policy.maxRetryCount ?? 0;
  if (limit !== -1 && failures > limit) return undefined;
  if (policy.retryStrategy !== 'exponentialBackoff') return ms(policy.delayInterval, 0);
  const least = ms(policy.minimumInterval, 1000);
  return Math.min(ms(policy.maximumInterval, Number.POSITIVE_INFINITY), least * 2 ** (failures - 1));
}
