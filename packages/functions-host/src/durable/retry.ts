import type { RetryOptions } from './actions.ts';
import type { RetryState } from './instance.ts';

/**
 * Milliseconds from a failure to the next attempt, as the framework's RetryInterceptor computes it: first interval
 * times coefficient to the power of the failures before this one, capped. 0 after the last attempt: the framework
 * creates a timer there too, for old histories' sake, and the library waits for it.
 */
export function retryDelayMs({ options, attempt }: RetryState): number {
  if (attempt >= options.maxNumberOfAttempts) return 0;
  const grown = options.firstRetryIntervalInMilliseconds * (options.backoffCoefficient ?? 1) ** (attempt - 1);
  const cap = options.maxRetryIntervalInMilliseconds ?? Number.POSITIVE_INFINITY;
  return Math.min(grown, cap);
}

/** Whether no further attempt may begin at `nowMs`. */
export function retryExpired({ options, firstAttemptMs }: RetryState, nowMs: number): boolean {
  const timeout = options.retryTimeoutInMilliseconds;
  return timeout !== undefined && timeout !== null && nowMs >= firstAttemptMs + timeout;
}

export const firstAttempt = (options: RetryOptions, nowMs: number): RetryState => ({
  options,
  attempt: 1,
  firstAttemptMs: nowMs,
});
