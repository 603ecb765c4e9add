import { below, type Binding, exchange, type ExchangeDeps } from './exchange.ts';
import { asObject, isObject, type JsonObject, objectOf, textOf } from '../core/objects.ts';
import { itemsOf, pages, type Shape, shaped, valueOf } from './reply.ts';

/** Reads Partner Center as the partner's service account. */
export interface PartnerCenterClient {
  /**
   * All items of a collection, page by page. @param path with the version: `/v1/customers?size=500`.
   * @throws BrokerError access_denied (the token has no MFA claim, or the account has no role), throttled, job_failed,
   * resource_error, also if an item does not match `shape`.
   */
  list(path: string): AsyncGenerator<JsonObject, void, undefined>;
  list<T>(path: string, options: { readonly shape: Shape<T> }): AsyncGenerator<T, void, undefined>;
}

/**
 * @param admit Is asked before each page, with path and query. Returns those to send. Absent: every request is sent as it is.
 * @throws BrokerError with the reason if the request may not be sent.
 */
export function createPartnerCenterClient(
  deps: ExchangeDeps,
  binding: Omit<Binding, 'peer'>,
  admit: (path: string) => Promise<string> = async (path) => path,
): PartnerCenterClient {
  const bound: Binding = { ...binding, peer: 'Partner Center' };
  async function* list<T>(
    path: string,
    options: { readonly shape?: Shape<T> } = {},
  ): AsyncGenerator<T | JsonObject, void, undefined> {
    const first = { key: '', url: binding.baseUrl + path, headers: {} };
    const items = pages<PartnerCenterPage>(bound.peer, first, async ({ url, headers }) => {
      const admitted = await admit(below(bound, url));
      const reply = await exchange(deps, bound, {
        method: 'GET',
        url: binding.baseUrl + admitted,
        headers: { ...headers, 'MS-CorrelationId': binding.correlationId, 'X-Locale': 'en-US' },
      });
      const page = await valueOf(bound.peer, reply, deps.clock.nowMs());
      return { items: itemsOf(bound.peer, page, 'items'), next: nextOf(binding.baseUrl, page) };
    });
    for await (const item of items) yield options.shape === undefined ? item : shaped(bound.peer, options.shape, item);
  }
  return { list };
}

interface PartnerCenterPage {
  readonly key: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * The next page has an address and headers, one of which is the continuation token. The address is relative
 * ("/customers?size=…&seekOperation=Next"). Some APIs include the version in it.
 */
function nextOf(baseUrl: string, page: unknown): PartnerCenterPage | undefined {
  const next = objectOf(objectOf(asObject(page), 'links'), 'next');
  const uri = textOf(next, 'uri');
  if (uri === undefined) return undefined;
  const headers: Record<string, string> = {};
  for (const header of Array.isArray(next?.['headers']) ? next['headers'] : []) {
    const [name, value] = isObject(header) ? [textOf(header, 'key'), textOf(header, 'value')] : [];
    // Only the continuation token is copied: a reply must not set other headers of the request.
    if (name?.toLowerCase() === 'ms-continuationtoken' && value !== undefined) headers['MS-ContinuationToken'] = value;
  }
  const absolute = /^https?:\/\//i.test(uri)
    ? uri
    : `${baseUrl}${uri.startsWith('/v1/') ? '' : '/v1'}${uri.startsWith('/') ? '' : '/'}${uri}`;
  return { key: `${absolute} ${headers['MS-ContinuationToken'] ?? ''}`, url: absolute, headers };
}
