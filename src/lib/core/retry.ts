import type { Clock } from './clock.ts';

/** Milliseconds until the next attempt; undefined: this outcome is final. */
type Delay = number | undefined | Promise<number | undefined>;

export interface RetryOptions<T> {
  readonly clock: Pick<Clock, 'sleep'>;
  /** Maximum number of attempts, the first one included. */
  readonly attempts: number;
  /**
   * Returns the delay if the value means a temporary failure. Default: every value is final.
   * @param attempt how many attempts have been made, from 1.
   */
  readonly afterValue?: (value: T, attempt: number) => Delay;
  /** The same for an error that the work throws. Default: every error is final. */
  readonly afterError?: (error: unknown, attempt: number) => Delay;
  /** Ends the pauses. It does not end the work. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Repeats the work until its outcome is final or the attempts are used up. A delay of 0 does not sleep.
 * @returns the value of the last attempt.
 * @throws the error of the last attempt; an error of `afterValue` or `afterError`; the reason of the signal.
 */
export async function retry<T>(work: () => Promise<T>, options: RetryOptions<T>): Promise<T> {
  const { clock, attempts, afterValue, afterError, signal } = options;
  for (let attempt = 1; ; attempt += 1) {
    const outcome = await settled(work);
    const delayMs =
      attempt >= attempts
        ? undefined
        : await ('error' in outcome ? afterError?.(outcome.error, attempt) : afterValue?.(outcome.value, attempt));
    if (delayMs === undefined) {
      if ('error' in outcome) throw outcome.error;
      return outcome.value;
    }
    signal?.throwIfAborted();
    if (delayMs > 0) await clock.sleep(delayMs, signal);
  }
}

/** Back-off that starts with `firstMs` after the first attempt and grows by `factor` with each further one. */
export const backOffMs = (attempt: number, firstMs: number, factor = 2): number => firstMs * factor ** (attempt - 1);

async function settled<T>(work: () => Promise<T>): Promise<{ readonly value: T } | { readonly error: unknown }> {
  try {
    return { value: await work() };
  } catch (error) {
    return { error };
  }
}
