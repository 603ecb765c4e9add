import { BrokerError } from '../../lib/core/errors.ts';
import type { OutboundReply } from '../../lib/core/outbound.ts';
import { graphPath, judgedBy } from '../../lib/core/resources.ts';
import { UsageError } from '../run-program.ts';
import type { BrokerClient, RelayRequest } from './broker-client.ts';

/** A request to a resource in a tenant. */
export interface GatewayTarget {
  /** Address of the broker, without a path. */
  readonly brokerUrl: string;
  /** Id or domain. */
  readonly tenant: string;
  /** Alias. */
  readonly resource: string;
}

const baseOf = ({ brokerUrl, tenant, resource }: GatewayTarget): string =>
  `${brokerUrl}/api/gateway/${encodeURIComponent(tenant)}/${encodeURIComponent(resource)}/`;

/**
 * The address of a path at the gateway, or of a link in an earlier answer.
 * @throws UsageError for one that leads elsewhere. The caller's token must not be sent there. URL parsers resolve dot segments.
 */
export function gatewayAddress(target: GatewayTarget, path: string): string {
  const base = baseOf(target);
  const url = URL.parse(path.startsWith('/') ? `${base.slice(0, -1)}${path}` : path);
  if (url?.href.startsWith(base) === true) return url.href;
  throw new UsageError(
    `The path ${path} does not belong to the resource ${target.resource} in ${target.tenant}. Give a path such as /users.`,
  );
}

/**
 * As {@link gatewayAddress}, for a path that somebody typed: the first slash may be left out, and at Microsoft Graph
 * `/users` is `/v1.0/users`.
 */
export function typedAddress(target: GatewayTarget, path: string): string {
  const isLink = /^[a-z][a-z\d+.-]*:/i.test(path);
  // Before the version is added: it would hide dot segments that lead elsewhere.
  const address = gatewayAddress(target, isLink || path.startsWith('/') ? path : `/${path}`);
  const base = baseOf(target);
  if (isLink || judgedBy(target.resource) !== 'permissions') return address;
  return base + graphPath(address.slice(base.length)).slice(1);
}

/** ECMAScript proposal "JSON.parse source text access", which Node.js has had since version 21. */
interface ExactJson {
  parse(text: string, revive: (key: string, value: unknown, context: { readonly source?: string }) => unknown): unknown;
  rawJSON(text: string): unknown;
}
const exactJson = JSON as unknown as ExactJson;

/** A number that JavaScript cannot hold keeps its digits. */
const exactly = (text: string): unknown =>
  exactJson.parse(text, (_key, value, { source }) =>
    typeof value === 'number' && source !== undefined && String(value) !== source ? exactJson.rawJSON(source) : value,
  );

/** The JSON value of an answer, or undefined if it is not JSON. */
export function jsonOf({ headers, body }: OutboundReply<Buffer>): unknown {
  if (!/^application\/(?:[\w.-]+\+)?json\b/i.test(headers.get('content-type') ?? '')) return undefined;
  try {
    return exactly(body.toString('utf8'));
  } catch {
    return undefined;
  }
}

/** Pages of a collection, each with its entries. The last one may be an error of the resource, which has none. */
export interface RelayedPage {
  readonly reply: OutboundReply<Buffer>;
  readonly entries: readonly unknown[] | undefined;
}

/** Reads a collection page by page. @throws BrokerError */
export async function* relayedPages(
  client: Pick<BrokerClient, 'relay'>,
  target: GatewayTarget,
  first: RelayRequest,
): AsyncGenerator<RelayedPage, void, undefined> {
  let request: RelayRequest | undefined = first;
  while (request !== undefined) {
    const reply = await client.relay({ ...request, isRepeatable: true });
    const page = jsonOf(reply) as { value?: unknown; '@odata.nextLink'?: unknown } | null | undefined;
    const entries = reply.status < 300 && Array.isArray(page?.value) ? (page.value as readonly unknown[]) : undefined;
    yield { reply, entries };
    const next: unknown = entries === undefined ? undefined : page?.['@odata.nextLink'];
    if (next === undefined) return;
    if (typeof next !== 'string' || !next.startsWith(baseOf(target)) || next === request.url) {
      throw new BrokerError(
        'resource_error',
        'The link to the next page does not lead on at the gateway of this tenant.',
      );
    }
    request = { ...request, url: next };
  }
}
