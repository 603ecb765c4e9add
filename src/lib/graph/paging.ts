import { BrokerError } from '../model/errors.ts';
import { isJsonObject, type JsonObject, type Peer } from './reply.ts';

/** 10,000 pages of 999 users are ten million: more is a server that goes round in circles. */
const mostPages = 10_000;

/** One page: its items, and what leads to the next one. */
export interface Page<Next> {
  readonly items: readonly JsonObject[];
  readonly next: Next | undefined;
}

/**
 * Items of all pages, one after the other; the next page is fetched only when it is wanted.
 * @throws BrokerError resource_error when a page leads back to itself or the pages do not end.
 */
export async function* pages<Next extends { readonly key: string }>(
  peer: Peer,
  first: Next,
  fetchPage: (from: Next) => Promise<Page<Next>>,
): AsyncGenerator<JsonObject, void, undefined> {
  let from = first;
  for (let count = 1; count <= mostPages; count += 1) {
    const page = await fetchPage(from);
    yield* page.items;
    if (page.next === undefined) return;
    if (page.next.key === from.key) break;
    from = page.next;
  }
  throw new BrokerError('resource_error', `${peer} sends pages that do not end.`);
}

/**
 * The list in a page under `property`.
 * @throws BrokerError resource_error when there is none.
 */
export function itemsOf(peer: Peer, page: unknown, property: string): readonly JsonObject[] {
  const items = isJsonObject(page) ? page[property] : undefined;
  if (!Array.isArray(items)) throw new BrokerError('resource_error', `${peer} sends a page without a list.`);
  return items.filter(isJsonObject);
}
