/** What a fault does to what a request writes: see the kinds of faults. */
export interface WriteEffect {
  readonly kind: 'stale_reads' | 'put_back';
  /** Until when reads show both states, or from when only the one before is left. Milliseconds since 1970. */
  readonly untilMs: number;
}

/** How a request is served. */
interface Serving {
  readonly isRead: boolean;
  readonly effect?: WriteEffect | undefined;
}

/** Says which of two states of an object is shown, for the writes of one tenant. */
export interface WrittenStates {
  /** Runs what serves a request. Not for what waits: requests would mix. */
  serve<T>(serving: Serving, run: () => T): T;
  /** What happens to the writes of the request that is being served. */
  effect(): WriteEffect | undefined;
  /** Whether the state before a write is shown. */
  showsBefore(effect: WriteEffect): boolean;
}

export function createWrittenStates(nowMs: () => number): WrittenStates {
  let serving: Serving = { isRead: false };
  // Requests that read what was written get the state before and the one after in turn.
  let isTurnOfOld = true;
  let isUsed = false;
  return {
    serve: (next, run) => {
      serving = next;
      isUsed = false;
      try {
        return run();
      } finally {
        if (isUsed) isTurnOfOld = !isTurnOfOld;
        serving = { isRead: false };
      }
    },
    effect: () => serving.effect,
    showsBefore: ({ kind, untilMs }) => {
      const isOver = nowMs() >= untilMs;
      if (kind === 'put_back') return isOver;
      if (isOver || !serving.isRead) return false;
      isUsed = true;
      return isTurnOfOld;
    },
  };
}
