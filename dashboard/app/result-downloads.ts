import type { RunAnswer } from '../../src/lib/api/answers/runs.ts';
import { backOffMs, type Clock, retry } from '../../src/lib/core/clock.ts';
import { ApiFailure } from './api-failure.ts';
import { jsonArray } from '../../src/cli/jobs/json-array.ts';
import { nextAddress } from '../../src/lib/core/outbound.ts';

/** Attempts at a page, and the pause before the second one, which doubles. The same as those of `ptb`. */
export const pageAttempts = 5;
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

/** How long to wait before a page is asked for again. Undefined: it fails. */
export function pauseAfter(thrown: unknown, attempt: number): number | undefined {
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

/** The largest `limit` of `GET /api/runs/{runId}/results`. */
const maxPageRows = 50_000;

/** The pages of a download so far. */
export interface LoadedPages {
  readonly bodies: Blob[];
  /** Address of the next page. Undefined after the last one. */
  next: string | undefined;
}

/** @param results address of the results. */
const noPages = (results: string, format: string): LoadedPages => ({
  bodies: [],
  // Pages of JSON Lines can be joined.
  next: `${results}?format=${format === 'json' ? 'jsonl' : format}&limit=${maxPageRows}`,
});

/**
 * Joins all pages of a run's rows to one file.
 * @param results address of the results.
 * @param fetchPage resolves with the body of a page, and the header `Link` that leads to the next one.
 * @param loaded receives each page. If a page fails, the same object continues with that page.
 */
export async function resultFile(
  results: string,
  format: string,
  fetchPage: (address: string) => Promise<{ readonly body: Blob; readonly link: string | null }>,
  loaded: LoadedPages = noPages(results, format),
): Promise<Blob> {
  const { bodies } = loaded;
  while (loaded.next !== undefined) {
    const { body, link } = await fetchPage(loaded.next);
    bodies.push(body);
    loaded.next = nextAddress(link, loaded.next);
  }
  return format === 'json' ? jsonOf(bodies) : new Blob(bodies, { type: bodies[0]?.type ?? '' });
}

async function jsonOf(pages: readonly Blob[]): Promise<Blob> {
  const parts: string[] = [];
  const lines = async function* (): AsyncGenerator<string, void, undefined> {
    for (const page of pages) yield await page.text();
  };
  for await (const part of jsonArray(lines())) parts.push(part);
  return new Blob(parts, { type: 'application/json' });
}
