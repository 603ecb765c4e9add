import { BrokerError } from '../core/errors.ts';
import { isJsonObject, type JsonObject, type Peer } from './reply.ts';

/** 10,000 pages of 999 users are ten million users. A server that sends more pages is assumed to be in a loop. */
const maxPages = 10_000;

/** One page: its items, and the position of the next page. */
export interface Page<Next> {
  readonly items: readonly JsonObject[];
  readonly next: Next | undefined;
}

/**
 * The items of all pages in order. A page is fetched only when its items are consumed.
 * @throws BrokerError resource_error if a page refers to itself or the pages do not end.
 */
export async function* pages<Next extends { readonly key: string }>(
  peer: Peer,
  first: Next,
  fetchPage: (from: Next) => Promise<Page<Next>>,
): AsyncGenerator<JsonObject, void, undefined> {
  let from = first;
  for (let count = 1; count <= maxPages; count += 1) {
    const page = await fetchPage(from);
    yield* page.items;
    if (page.next === undefined) return;
    if (page.next.key === from.key) break;
    from = page.next;
  }
  throw new BrokerError('resource_error', `${peer} sends pages that do not end.`);
}

/**
 * The objects in the list `property` of a page.
 * @throws BrokerError resource_error if the property is not a list.
 */
export function itemsOf(peer: Peer, page: unknown, property: string): readonly JsonObject[] {
  const items = isJsonObject(page) ? page[property] : undefined;
  if (!Array.isArray(items)) throw new BrokerError('resource_error', `${peer} sends a page without a list.`);
  return items.filter(isJsonObject);
}
