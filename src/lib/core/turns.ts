import { setImmediate } from 'node:timers';

/**
 * Lets pieces of background work take turns on the event loop, one in each pass. Requests that arrive meanwhile are served
 * between two pieces, and not after all that are ready. While nothing else happens, passes follow each other at once.
 */
export class Turns {
  readonly #afterPass: (work: () => void) => void;
  readonly #waiting: (() => void)[] = [];

  /** @param afterPass calls its argument after the event loop has handled what is ready: `setImmediate`. */
  constructor(afterPass: (work: () => void) => void) {
    this.#afterPass = afterPass;
  }

  /** Resolves when it is the turn of the caller, in order of arrival. It lasts until the caller waits for something else. */
  take(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    if (this.#waiting.push(resolve) === 1) this.#scheduleNext();
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

  #scheduleNext(): void {
    this.#afterPass(() => {
      this.#waiting.shift()?.();
      if (this.#waiting.length > 0) this.#scheduleNext();
    });
  }
}

/** How long work may hold the event loop before others have their turn, milliseconds. */
const turnMs = 5;

/** What a native function reads or copies between two looks at the clock, in bytes or characters. It takes well below a millisecond. */
export const pieceLength = 200_000;

/** The same of short work in JavaScript: characters that are read, or values that are compared or joined. */
export const itemsAtOnce = 1_000;

/** The process has one event loop, so work that takes long shares its passes: together it holds each for one turn. */
const shared = new Turns(setImmediate);

/** A turn on the event loop of work that takes long. */
export class Turn {
  readonly #nowMs: () => number;
  #endMs: number;

  /** @param nowMs A clock that is never set back. */
  constructor(nowMs = () => performance.now()) {
    this.#nowMs = nowMs;
    this.#endMs = nowMs() + turnMs;
  }

  get isOver(): boolean {
    return this.#nowMs() >= this.#endMs;
  }

  /** Waits for the next one. */
  async next(): Promise<void> {
    await shared.take();
    this.#endMs = this.#nowMs() + turnMs;
  }
}

/**
 * Does work that comes in steps, and lets others have their turn between two of them once its own is over. A step is short, and
 * none has to know how long it takes.
 * @throws what the work throws.
 */
export async function inTurns<T>(steps: Generator<void, T>, turn = new Turn()): Promise<T> {
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
    if (turn.isOver) await turn.next();
  }
}

/** Begins a turn for what a native function makes of so many bytes at once. Few need none. */
export const turnFor = async ({ length }: Uint8Array): Promise<void> =>
  length > pieceLength ? shared.take() : undefined;

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
  let runs: T[][] = [];
  for (let at = 0; at < values.length; at += itemsAtOnce) {
    runs.push(values.slice(at, at + itemsAtOnce).toSorted(compare));
    yield;
  }
  while (runs.length > 1) {
    const merged: T[][] = [];
    for (let at = 0; at < runs.length; at += 2)
      merged.push(yield* mergeSteps(runs[at] ?? [], runs[at + 1] ?? [], compare));
    runs = merged;
  }
  return runs[0] ?? [];
}

function* mergeSteps<T>(
  one: readonly T[],
  other: readonly T[],
  compare: (one: T, other: T) => number,
): Generator<void, T[]> {
  const merged: T[] = [];
  let [left, right] = [0, 0];
  while (left < one.length || right < other.length) {
    const isLeft = right >= other.length || (left < one.length && compare(one[left] as T, other[right] as T) <= 0);
    merged.push((isLeft ? one[left++] : other[right++]) as T);
    if (merged.length % itemsAtOnce === 0) yield;
  }
  return merged;
}
