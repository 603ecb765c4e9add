import { type Binding, exchange, type ExchangeDeps } from './exchange.ts';
import { asObject, isObject, type JsonObject, objectOf, textOf } from '../core/objects.ts';
import { itemsOf, pages, valueOf } from './reply.ts';

/** Reads Partner Center as the partner's service account. */
export interface PartnerCenterClient {
  /**
   * All customers, page by page ("Get a list of customers").
   * @throws BrokerError access_denied (the token has no MFA claim, or the account has no role), throttled, resource_error.
   */
  customers(): AsyncGenerator<JsonObject, void, undefined>;
}

const pageSize = 500;

export function createPartnerCenterClient(deps: ExchangeDeps, binding: Omit<Binding, 'peer'>): PartnerCenterClient {
  const bound: Binding = { ...binding, peer: 'Partner Center' };
  const first = { key: '', url: `${binding.baseUrl}/v1/customers?size=${pageSize}`, headers: {} };
  return {
    customers: () =>
      pages<CustomersPage>(bound.peer, first, async ({ url, headers }) => {
        const reply = await exchange(deps, bound, {
          method: 'GET',
          url,
          headers: { ...headers, 'MS-CorrelationId': binding.correlationId, 'X-Locale': 'en-US' },
        });
        const page = valueOf(bound.peer, reply, deps.clock.nowMs());
        return { items: itemsOf(bound.peer, page, 'items'), next: nextOf(binding.baseUrl, page) };
      }),
  };
}

interface CustomersPage {
  readonly key: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * The next page has an address and headers, one of which is the continuation token. The address is relative
 * ("/customers?size=…&seekOperation=Next"). Some APIs include the version in it.
 */
function nextOf(baseUrl: string, page: unknown): CustomersPage | undefined {
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
