import { type Clock, DeadlineError, withDeadline } from './clock.ts';
import { SingleFlight } from './single-flight.ts';

export interface KeptCopySettings<T> {
  /** How long a copy is returned without another load, from the end of its load, milliseconds. */
  readonly freshMs: (value: T) => number;
  /**
   * Maximum age of a copy that is returned, from the start of its load, milliseconds. If the clock is set back by more
   * than this, the copy is not used either, because its age is unknown.
   */
  readonly usableMs: number;
  /** Whether a usable copy is returned in place of this failure. Default: always. */
  readonly outlives?: (failure: unknown) => boolean;
  /**
   * Time from the end of a failed load to the next one, milliseconds. Until then, callers get the copy if it is returned
   * in place of the failure, or else the same failure again.
   */
  readonly pauseMs: (failure: unknown, isCopyServed: boolean) => number;
  /** Called when a load has failed and the copy stays in use. */
  readonly onKept?: (failure: unknown, copy: Kept<T>) => void;
}

export interface GetOptions {
  /**
   * How long the caller waits for a load while there is a usable copy, from the start of the load, milliseconds; the
   * load then continues. With 0 the load runs in the background. Absent: until the load has ended.
   */
  readonly patienceMs?: number | undefined;
  /**
   * Overrides the copy's freshness: the copy is returned only if the last load, failed or not, ended less than this
   * ago, milliseconds.
   */
  readonly freshMs?: number | undefined;
  /** Ends the caller's wait. */
  readonly signal?: AbortSignal | undefined;
}

/** A copy as a caller gets it. */
export interface Kept<T> {
  readonly value: T;
  /** Start of the load that returned the value. */
  readonly asOfMs: number;
  /** The failure of the last load, if the copy is returned in its place. */
  readonly failure: unknown;
  /** Whether the caller's patience ended before the load did. */
  readonly isLate: boolean;
}

/** The last load that ended. */
export interface LastLoad {
  readonly atMs: number;
  /** Undefined if the load succeeded. */
  readonly failure: unknown;
}

export type Load<T> = (signal: AbortSignal) => Promise<T>;

interface Span {
  readonly fromMs: number;
  readonly ms: number;
}

/** A time before the span is not within it, so that a clock that is set back does not postpone the next load. */
const isWithin = ({ fromMs, ms }: Span, nowMs: number): boolean => nowMs >= fromMs && nowMs < fromMs + ms;

/**
 * The last good copy of a value from an external source. Concurrent callers share one load. A copy that is no longer
 * fresh is loaded again. While its source is slow or fails, it is still returned, for as long as it is usable.
 */
export class KeptCopy<T> {
  readonly #clock: Clock;
  readonly #background: (work: () => void) => void;
  readonly #settings: KeptCopySettings<T>;
  readonly #flights = new SingleFlight<Kept<T>>();
  #loadStartedAtMs = 0;
  #copy: { readonly kept: Kept<T>; readonly fresh: Span } | undefined;
  #lastLoad: (LastLoad & { readonly pauseMs: number }) | undefined;

  /** @param deps.background starts a load that no caller waits for, detached from the caller that caused it. */
  constructor(
    deps: { readonly clock: Clock; readonly background?: ((work: () => void) => void) | undefined },
    settings: KeptCopySettings<T>,
  ) {
    this.#clock = deps.clock;
    this.#background = deps.background ?? ((work) => work());
    this.#settings = settings;
  }

  get lastLoad(): LastLoad | undefined {
    return this.#lastLoad;
  }

  /** The copy while it is usable. Loads nothing. */
  peek(): Kept<T> | undefined {
    const kept = this.#copy?.kept;
    if (kept === undefined) return undefined;
    return Math.abs(this.#clock.nowMs() - kept.asOfMs) < this.#settings.usableMs ? kept : undefined;
  }

  /**
   * The fresh copy, or the outcome of a load.
   * @param load is used if this call starts a load. Its signal is aborted when every caller has left through its own
   * signal. A caller with a copy and limited patience never counts as having left.
   * @throws the error of the load, if no usable copy is returned in its place; the reason of the signal.
   */
  async get(load: Load<T>, options: GetOptions = {}): Promise<Kept<T>> {
    const { patienceMs, freshMs, signal } = options;
    const nowMs = this.#clock.nowMs();
    const copy = this.peek();
    if (copy !== undefined && this.#isFresh(freshMs, nowMs)) return copy;
    this.#throwRecentFailure(copy, nowMs);
    signal?.throwIfAborted();
    if (this.#flights.size === 0) this.#loadStartedAtMs = nowMs;
    const run = (own?: AbortSignal): Promise<Kept<T>> =>
      this.#flights.run('', (flight) => this.#load(load, flight), own);
    if (copy === undefined || patienceMs === undefined) return run(signal);
    const leftMs = this.#loadStartedAtMs + patienceMs - nowMs;
    const late: Kept<T> = { ...copy, isLate: true };
    if (leftMs > 0) return this.#within(leftMs, run, late, signal);
    if (this.#flights.size === 0) this.#background(() => void run().catch(() => undefined));
    return late;
  }

  #isFresh(freshMs: number | undefined, nowMs: number): boolean {
    if (freshMs === undefined) return this.#copy !== undefined && isWithin(this.#copy.fresh, nowMs);
    return this.#lastLoad !== undefined && isWithin({ fromMs: this.#lastLoad.atMs, ms: freshMs }, nowMs);
  }

  #throwRecentFailure(copy: Kept<T> | undefined, nowMs: number): void {
    if (this.#lastLoad === undefined) return;
    const { failure, atMs, pauseMs } = this.#lastLoad;
    if (failure === undefined || copy?.failure === failure) return;
    if (isWithin({ fromMs: atMs, ms: pauseMs }, nowMs)) throw failure;
  }

  /** Resolves with the outcome of the load, or with `late` after `ms`. The caller's signal does not end the load. */
  async #within(
    ms: number,
    run: () => Promise<Kept<T>>,
    late: Kept<T>,
    signal: AbortSignal | undefined,
  ): Promise<Kept<T>> {
    // The load's failure is passed as a value, because it may be a DeadlineError too.
    const outcome = await withDeadline(
      this.#clock,
      ms,
      () =>
        run().then(
          (kept) => ({ kept }),
          (failure: unknown) => ({ failure }),
        ),
      signal,
    ).catch((thrown: unknown) => {
      if (thrown instanceof DeadlineError) return { kept: late };
      throw thrown;
    });
    if ('failure' in outcome) throw outcome.failure;
    return outcome.kept;
  }

  async #load(load: Load<T>, signal: AbortSignal): Promise<Kept<T>> {
    const asOfMs = this.#clock.nowMs();
    try {
      const value = await load(signal);
      // The callers have left, and a later load may have returned a newer value.
      signal.throwIfAborted();
      return this.#keep({ value, asOfMs, failure: undefined, isLate: false });
    } catch (failure) {
      if (signal.aborted) throw failure;
      return this.#keepInPlaceOf(failure);
    }
  }

  #keep(kept: Kept<T>): Kept<T> {
    const nowMs = this.#clock.nowMs();
    this.#copy = { kept, fresh: { fromMs: nowMs, ms: this.#settings.freshMs(kept.value) } };
    this.#lastLoad = { atMs: nowMs, failure: undefined, pauseMs: 0 };
    return kept;
  }

  #keepInPlaceOf(failure: unknown): Kept<T> {
    const { outlives = () => true, pauseMs, onKept } = this.#settings;
    const copy = this.peek();
    const served = copy !== undefined && outlives(failure) ? { ...copy, failure } : undefined;
    const nowMs = this.#clock.nowMs();
    const ms = pauseMs(failure, served !== undefined);
    this.#lastLoad = { atMs: nowMs, failure, pauseMs: ms };
    if (served === undefined) throw failure;
    this.#copy = { kept: served, fresh: { fromMs: nowMs, ms } };
    onKept?.(failure, served);
    return served;
  }
}
