import type { RunAnswer } from '../../src/lib/api/answers/runs.ts';
import { backOffMs, type Clock, retry } from '../../src/lib/core/clock.ts';
import { ApiFailure } from './api-failure.ts';
import { type LoadedPages, noPages, resultFile } from './result-file.ts';

/** Attempts at a page, and the pause before the second one, which doubles. The same as those of `ptb`. */
const pageAttempts = 5;
const firstPauseMs = 1_000;
/** The download fails rather than wait longer for a page. */
const maxWaitSeconds = 60;

/** Downloads the rows of a run as one file. */
export type Download = (run: Pick<RunAnswer, 'runId' | 'status'>, format: string) => Promise<Blob>;

/**
 * Creates a download that repeats pages that fail for a while. It keeps the pages before a page that failed in the end,
 * and the next download of the same run continues there.
 * @param addressOf address of the results of a run.
 */
export function createDownload(
  clock: Pick<Clock, 'sleep'>,
  addressOf: (runId: string) => string,
  fetchPage: Parameters<typeof resultFile>[2],
): Download {
  const unfinished = new Map<string, LoadedPages>();
  const patiently: typeof fetchPage = (address) =>
    retry(() => fetchPage(address), { clock, attempts: pageAttempts, afterError: pauseAfter });
  return async ({ runId, status }, format) => {
    const results = addressOf(runId);
    // The pages of a run that was in progress lack the rows that it has stored since.
    const key = `${runId} ${status} ${format}`;
    const loaded = unfinished.get(key) ?? noPages(results, format);
    // A second download at the same time must not add to the same pages.
    unfinished.delete(key);
    try {
      return await resultFile(results, format, patiently, loaded);
    } catch (thrown) {
      if (!(thrown instanceof ApiFailure)) throw thrown;
      if (thrown.transient) unfinished.set(key, loaded);
      throw ofPage(thrown, loaded.bodies.length);
    }
  };
}

function pauseAfter(thrown: unknown, attempt: number): number | undefined {
  if (!(thrown instanceof ApiFailure) || !thrown.transient) return undefined;
  const { retryAfterSeconds } = thrown;
  if (retryAfterSeconds === undefined) return backOffMs(attempt, firstPauseMs);
  return retryAfterSeconds > maxWaitSeconds ? undefined : retryAfterSeconds * 1000;
}

function ofPage(failure: ApiFailure, before: number): ApiFailure {
  const kept =
    failure.transient && before > 0 ? ' The pages before it are kept. Download again to continue with this page.' : '';
  return failure.withDetail(`Page ${before + 1} of the rows could not be loaded. ${failure.message}${kept}`);
}
