import { FairLimiter } from '../../core/fair-limiter.ts';
import { Requesters } from '../../core/requesters.ts';

/** Answers up to this size, in bytes, are read without a place. */
export const smallAnswerBytes = 2 * 1024 * 1024;

/** The place of one request among those that hold a large answer. */
export interface AnswerPlace {
  /** Waits for the place; at once if the request has it. @throws the reason of the signal. */
  take(signal: AbortSignal): Promise<void>;
  /** Gives the place back, or ends the wait for it. */
  leave(): void;
}

/**
 * Limits how many large answers are in memory. While one is decompressed and edited, it takes several times its size, and
 * the limit of requests alone would let them fill the memory of the app. A place may be held until the deadline of its
 * request, so one caller gets half of the places, and callers take turns.
 */
export class LargeAnswers {
  readonly #limiter: FairLimiter;

  /** @param limit Large answers at the same time, at least 1. */
  constructor(limit: number) {
    this.#limiter = new FairLimiter({
      limit,
      maxRunning: Math.ceil(limit / 2),
      // The requests of a caller are limited before.
      maxWaiting: Number.POSITIVE_INFINITY,
      peer: 'large requests',
    });
  }

  /** @param caller Id of the caller, for example the object id of its service principal. */
  place(caller: string): AnswerPlace {
    const requesters = new Requesters({ id: caller, kind: 'caller' });
    let taken: Promise<void> | undefined;
    let end: (() => void) | undefined;
    let isLeft = false;
    const held = (resolve: () => void) =>
      new Promise<void>((leave) => {
        end = leave;
        if (isLeft) leave();
        resolve();
      });
    return {
      take: (signal) =>
        (taken ??= new Promise((resolve, reject) => {
          this.#limiter.run(() => held(resolve), requesters, signal).catch(reject);
        })),
      leave: () => {
        isLeft = true;
        end?.();
      },
    };
  }
}
