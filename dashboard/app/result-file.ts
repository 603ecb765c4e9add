import { jsonArray } from '../../src/lib/runs/json-array.ts';
import { nextAddress } from '../../src/lib/runtime/link-header.ts';

/** The largest `limit` of `GET /api/runs/{runId}/results`. */
const maxPageRows = 50_000;

/**
 * Joins all pages of a run's rows to one file.
 * @param results address of the results.
 * @param fetchPage resolves with the body of a page, and the header `Link` that leads to the next one.
 */
export async function resultFile(
  results: string,
  format: string,
  fetchPage: (address: string) => Promise<{ readonly body: Blob; readonly link: string | null }>,
): Promise<Blob> {
  const pages: Blob[] = [];
  // Pages of JSON Lines can be joined.
  let next: string | undefined = `${results}?format=${format === 'json' ? 'jsonl' : format}&limit=${maxPageRows}`;
  while (next !== undefined) {
    const { body, link } = await fetchPage(next);
    pages.push(body);
    next = nextAddress(link, next);
  }
  return format === 'json' ? jsonOf(pages) : new Blob(pages, { type: pages[0]?.type ?? '' });
}

async function jsonOf(pages: readonly Blob[]): Promise<Blob> {
  const parts: string[] = [];
  const lines = async function* (): AsyncGenerator<string, void, undefined> {
    for (const page of pages) yield await page.text();
  };
  for await (const part of jsonArray(lines())) parts.push(part);
  return new Blob(parts, { type: 'application/json' });
}
