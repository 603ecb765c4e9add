import { jsonArray } from '../../src/cli/jobs/json-array.ts';
import { nextAddress } from '../../src/lib/core/outbound.ts';

/** The largest `limit` of `GET /api/runs/{runId}/results`. */
const maxPageRows = 50_000;

/** The pages of a download so far. */
export interface LoadedPages {
  readonly bodies: Blob[];
  /** Address of the next page. Undefined after the last one. */
  next: string | undefined;
}

/** @param results address of the results. */
export const noPages = (results: string, format: string): LoadedPages => ({
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
