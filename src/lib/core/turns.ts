import { setImmediate } from 'node:timers';

/** How long work may hold the event loop in one pass before others have their turn, milliseconds. */
const turnMs = 5;

/** Who waits for work: a caller of the API, or nobody, as with a run. */
export type WorkFor = 'caller' | 'background';

/**
 * Lets pieces of work take turns on the event loop, one for a caller and one of the background in each pass. Requests that
 * arrive meanwhile are served between two passes, and not after all that are ready. While nothing else happens, passes follow
 * each other at once.
 */
export class Turns {
  readonly #afterPass: (work: () => void) => void;
  readonly #nowMs: () => number;
  readonly #waiting: Readonly<Record<WorkFor, (() => void)[]>> = { caller: [], background: [] };
  /** When the work of this pass has had its time. Undefined before the first work of a pass. */
  #endMs: number | undefined;

  /**
   * @param afterPass calls its argument after the event loop has handled what is ready: `setImmediate`.
   * @param nowMs A clock that is never set back.
   */
  constructor(afterPass: (work: () => void) => void, nowMs = () => performance.now()) {
    this.#afterPass = afterPass;
    this.#nowMs = nowMs;
  }

  /**
   * Whether long work has used up its time in this pass, so that more of it must take a turn. Work for callers has twice the time:
   * short work need not wait behind a run.
   */
  isOver(work: WorkFor = 'background'): boolean {
    const nowMs = this.#nowMs();
    this.#endMs ??= this.#begin(nowMs);
    return nowMs >= this.#endMs + (work === 'caller' ? turnMs : 0);
  }

  /** Resolves when it is the turn of the work, in order of arrival. It lasts until the work waits for something else. */
  take(work: WorkFor = 'background'): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting[work].push(resolve);
    this.#endMs ??= this.#begin();
    return promise;
  }

  /** The same work, which takes a turn before it begins. */
  before<Given extends unknown[], Result>(
    work: (...given: Given) => Promise<Result>,
  ): (...given: Given) => Promise<Result> {
    return async (...given) => {
      await this.take();
      return work(...given);
    };
  }

  /** @returns when the work of the pass that begins has had its time. */
  #begin(nowMs = this.#nowMs()): number {
    this.#afterPass(() => {
      this.#endMs = undefined;
      const next = [this.#waiting.caller.shift(), this.#waiting.background.shift()].filter(
        (each) => each !== undefined,
      );
      if (next.length > 0) this.#endMs = this.#begin();
      for (const resolve of next) resolve();
    });
    return nowMs + turnMs;
  }
}

/** What a native function reads or copies between two looks at the clock, in bytes or characters. It takes well below a millisecond. */
export const pieceLength = 200_000;

/** The same of short work in JavaScript: characters that are read, or values that are compared or joined. */
export const itemsAtOnce = 1_000;

/** The process has one event loop, so all long work shares its passes. */
export const longWork = new Turns(setImmediate);

/**
 * Does work that comes in steps, and lets others have their turn between two of them. A step has to be short: a turn ends after
 * the step that was begun.
 * @throws what the work throws.
 */
export async function inTurns<T>(
  steps: Generator<void, T>,
  work: WorkFor = 'background',
  turns: Turns = longWork,
): Promise<T> {
  for (;;) {
    if (turns.isOver(work)) await turns.take(work);
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}

/** Bytes that a native function decodes in about a millisecond. */
const fewBytes = 1_000_000;

/** Takes a turn for what a native function makes of so many bytes at once. Few need none. */
export const turnFor = async ({ length }: Uint8Array, work?: WorkFor): Promise<void> =>
  length > fewBytes ? longWork.take(work) : undefined;

/** Does such work without a break. @throws what the work throws. */
export function atOnce<T>(steps: Generator<void, T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}

/** One piece of memory with the bytes of many, made in steps. */
export function* joinSteps(parts: readonly Uint8Array[]): Generator<void, Uint8Array> {
  const [first, ...others] = parts;
  if (first !== undefined && others.length === 0) return first;
  const joined = Buffer.allocUnsafe(parts.reduce((sum, { length }) => sum + length, 0));
  let end = 0;
  for (const part of parts)
    for (let at = 0; at < part.length; at += pieceLength) {
      const piece = part.subarray(at, at + pieceLength);
      joined.set(piece, end);
      end += piece.length;
      yield;
    }
  return joined;
}

/** Sorts in steps. @param compare as for `toSorted`. */
export function* sortSteps<T>(
  values: readonly T[],
  compare: (one: T, other: T) => number,
): Generator<void, readonly T[]> {
  const runs: (readonly T[])[] = [];
  for (let at = 0; at < values.length; at += itemsAtOnce, yield)
    runs.push(values.slice(at, at + itemsAtOnce).toSorted(compare));
  for (let at = 0; runs.length > 1; at = at + 2 < runs.length ? at + 1 : 0) {
    const [one = [], other = []] = runs.slice(at, at + 2);
    const merged: T[] = [];
    for (let [left, right] = [0, 0]; left + right < one.length + other.length; ) {
      const isLeft = right >= other.length || (left < one.length && compare(one[left] as T, other[right] as T) <= 0);
      merged.push((isLeft ? one[left++] : other[right++]) as T);
      if (merged.length % itemsAtOnce === 0) yield;
    }
    runs.splice(at, 2, merged);
  }
  return runs[0] ?? [];
}
