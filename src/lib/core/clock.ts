/** Durations in milliseconds. */
export const minuteMs = 60_000;
export const hourMs = 60 * minuteMs;
export const dayMs = 24 * hourMs;

/** Time as a dependency, so that tests control it. */
export interface Clock {
  /** Milliseconds since 1970-01-01T00:00:00Z. */
  nowMs(): number;
  /** Resolves after `ms` milliseconds. Rejects with the reason of the signal if that is aborted first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** Randomness as a dependency: returns a number in [0, 1). */
export type Random = () => number;

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  // Not the promise of node:timers, which creates an error with a stack for each aborted sleep. Each write of the audit
  // log aborts one.
  sleep: (ms, signal) => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    if (signal?.aborted === true) {
      reject(signal.reason);
      return promise;
    }
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(
      () => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      },
      Math.max(0, ms),
    );
    signal?.addEventListener('abort', onAbort, { once: true });
    return promise;
  },
};

/** ISO 8601 in UTC with milliseconds, the format of every time in the API. */
export const isoTime = (ms: number): string => new Date(ms).toISOString();

/** Difference between the clocks of two instances up to which a stored time in the future counts. */
const clockToleranceMs = 5 * minuteMs;

/**
 * Whether a stored time, such as the end of a claim, is still to come. One that is further ahead than anybody writes is from
 * before a clock was set back, and does not count. Pure.
 * @param mostMs how far ahead it is written.
 */
export const isAhead = (
  atMs: number | undefined,
  nowMs: number,
  mostMs: number,
  toleranceMs = clockToleranceMs,
): boolean => atMs !== undefined && atMs > nowMs && atMs - nowMs <= mostMs + toleranceMs;

/** The work did not end before its deadline. */
export class DeadlineError extends Error {
  override readonly name = 'DeadlineError';
  constructor(ms: number) {
    super(`not done within ${ms} ms`);
  }
}

/**
 * The reason for cancelling a timer that is no longer needed. `abort()` without a reason creates an exception with a
 * stack each time, which costs more than the rest of a deadline.
 */
export const noLongerNeeded = new Error('no longer needed');

/**
 * Resolves with the outcome of the work, if it settles within `ms` milliseconds. After that, or when `signal` is
 * aborted, the work's own signal is aborted and its outcome is ignored, so that work that ignores its signal delays no
 * caller. The signal is never aborted after the work has settled.
 * @throws DeadlineError, the signal's reason, or what the work throws.
 */
export async function withDeadline<T>(
  clock: Clock,
  ms: number,
  work: (signal: AbortSignal) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const timer = new AbortController();
  const working = new AbortController();
  const ended = Promise.withResolvers<never>();
  ended.promise.catch(() => undefined);
  const end = (reason: unknown): void => {
    working.abort(reason);
    ended.reject(reason);
  };
  const onAbort = (): void => end(signal?.reason);
  if (signal?.aborted === true) onAbort();
  else signal?.addEventListener('abort', onAbort, { once: true });
  clock
    .sleep(ms, timer.signal)
    .then(() => end(new DeadlineError(ms)))
    .catch((error: unknown) => {
      if (!timer.signal.aborted) end(error);
    });
  try {
    return await Promise.race([work(working.signal), ended.promise]);
  } finally {
    signal?.removeEventListener('abort', onAbort);
    timer.abort(noLongerNeeded);
  }
}

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
