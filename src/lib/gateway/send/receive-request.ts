import { BrokerError } from '../../core/errors.ts';
import { scrub } from '../../core/log.ts';
import type { GatewayDeps } from '../gateway.ts';
import { type GatewayOrder, orderHeaders, readAddress } from './gateway-request.ts';
import { justificationOf } from './justification-headers.ts';
import { recordOf, type Sender } from './request-records.ts';
import type { Answer } from './rewrite-answer.ts';
import { serveRequest } from './serve-request.ts';

/** A request as the Functions host hands it over. */
export interface ReceivedRequest {
  readonly method: string;
  /** The whole address. */
  readonly url: string;
  readonly headers: Iterable<readonly [string, string]>;
  /** Undefined without a body. */
  readonly body: Uint8Array | undefined;
  /** What the host has read in the address. */
  readonly route: Pick<GatewayOrder, 'tenant' | 'resource'>;
  /** Whether the host asks for a function key. */
  readonly takesKeys: boolean;
}

/**
 * Reads a request and serves it. One that cannot be read is recorded like every other refusal.
 * @throws BrokerError
 */
export async function receiveRequest(deps: GatewayDeps, received: ReceivedRequest, sender: Sender): Promise<Answer> {
  let order: GatewayOrder;
  try {
    order = readOrder(received);
  } catch (thrown) {
    const { method, route } = received;
    const facts = { tenantAsked: scrub(route.tenant), resource: route.resource, method, scopes: [] };
    await recordOf(deps, sender).denied(facts, thrown);
    throw thrown;
  }
  return serveRequest(deps, order, sender);
}

function readOrder({ method, url, headers: sent, body, route, takesKeys }: ReceivedRequest): GatewayOrder {
  const headers = orderHeaders(sent);
  if ((headers['content-encoding'] ?? 'identity') !== 'identity')
    throw new BrokerError('request_invalid', 'The body has a content coding; send it without one.');
  const justification = justificationOf(Object.fromEntries(sent));
  return { ...readAddress(url, route, takesKeys), method, headers, body, justification };
}
