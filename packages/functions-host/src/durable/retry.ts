import type { RetryOptions } from './actions.ts';
import type { RetryState } from './instance.ts';

/**
 * Milliseconds from a failure to the next attempt, as the framework's RetryInterceptor computes it: the first interval
 * times the coefficient to the power of the earlier failures, up to the maximum. The delay after the last attempt is 0:
 * the framework creates a timer there too, for compatibility with old histories, and the library waits for it.
 */
export function retryDelayMs({ options, attempt }: RetryState): number {
  if (attempt >= options.maxNumberOfAttempts) return 0;
  const delay = options.firstRetryIntervalInMilliseconds * (options.backoffCoefficient ?? 1) ** (attempt - 1);
  return Math.min(delay, options.maxRetryIntervalInMilliseconds ?? Number.POSITIVE_INFINITY);
}

/** Whether no further attempt may start at `nowMs`. */
export function retryExpired({ options, firstAttemptMs }: RetryState, nowMs: number): boolean {
  const timeout = options.retryTimeoutInMilliseconds;
  return timeout !== undefined && timeout !== null && nowMs >= firstAttemptMs + timeout;
}

export const firstAttempt = (options: RetryOptions, nowMs: number): RetryState => ({
  options,
  attempt: 1,
  firstAttemptMs: nowMs,
});
