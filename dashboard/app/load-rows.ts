import type { ResultRow, ResultsAnswer } from '../../src/lib/api/answers/runs.ts';
import { backOffMs, type Clock } from '../../src/lib/core/clock.ts';
import { ApiFailure } from './api-failure.ts';

/** The page holds no more rows than this, so that a large run does not exhaust the memory of the browser. */
export const maxHeldRows = 20_000;
/** Nor more than about this many characters in their texts. One page of the API is loaded beyond it at most. */
export const maxHeldCharacters = 30_000_000;

export interface LoadedRows {
  readonly rows: readonly ResultRow[];
  /**
   * `loading`: more rows follow. `waiting`: a page failed and is requested again later. `complete`: these are all rows.
   * `full`: there are more rows than the page holds. `failed`: a page failed for good.
   */
  readonly state: 'loading' | 'waiting' | 'complete' | 'full' | 'failed';
  /** With `waiting` and `failed`. */
  readonly failure?: ApiFailure;
  /** With `waiting`: when the page is requested again. Unix time in milliseconds. */
  readonly retryAtMs?: number;
}

const firstPauseMs = 1_000;
/** Wait for the next rows of a run in progress, after a page without any. */
const idlePauseMs = 1_000;
const maxPauseMs = 60_000;

interface LoadDeps {
  /** Rejects with an ApiFailure. */
  readonly fetchPage: (continuation: string | undefined) => Promise<ResultsAnswer>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onChange: (loaded: LoadedRows) => void;
}

/**
 * Loads the rows of a run page by page, until the limits. A page that fails for a while is requested again until it
 * arrives: the rows before it stay.
 */
export async function loadRows({ fetchPage, clock, signal, onChange }: LoadDeps): Promise<void> {
  let rows: readonly ResultRow[] = [];
  let characters = 0;
  let continuation: string | undefined;
  let attempt = 0;
  for (;;) {
    try {
      const page = await fetchPage(continuation);
      if (signal.aborted) return;
      attempt = 0;
      const fitting = page.rows.slice(0, maxHeldRows - rows.length);
      rows = [...rows, ...fitting];
      characters += fitting.reduce((sum, row) => sum + lengthOf(row), 0);
      ({ continuation } = page);
      const isFull = continuation !== undefined || fitting.length < page.rows.length;
      if (isFull && (rows.length >= maxHeldRows || characters >= maxHeldCharacters)) {
        onChange({ rows, state: 'full' });
        return;
      }
      onChange({ rows, state: continuation === undefined ? 'complete' : 'loading' });
      if (continuation === undefined) return;
      if (page.rows.length === 0) {
        await clock.sleep(idlePauseMs, signal).catch(() => undefined);
        if (signal.aborted) return;
      }
    } catch (thrown) {
      if (signal.aborted) return;
      if (!(thrown instanceof ApiFailure)) throw thrown;
      attempt += 1;
      const pauseMs = pauseAfter(thrown, attempt);
      if (pauseMs === undefined) {
        onChange({ rows, state: 'failed', failure: thrown });
        return;
      }
      onChange({ rows, state: 'waiting', failure: thrown, retryAtMs: clock.nowMs() + pauseMs });
      await clock.sleep(pauseMs, signal).catch(() => undefined);
      if (signal.aborted) return;
    }
  }
}

/** At least what the broker asks for. Undefined if the same request cannot succeed. */
function pauseAfter({ transient, retryAfterSeconds = 0 }: ApiFailure, attempt: number): number | undefined {
  return transient
    ? Math.max(retryAfterSeconds * 1000, Math.min(maxPauseMs, backOffMs(attempt, firstPauseMs)))
    : undefined;
}

function lengthOf(row: ResultRow): number {
  let length = 0;
  for (const value of Object.values(row)) length += typeof value === 'string' ? value.length : 8;
  return length;
}
