import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { BrokerError, errorTable } from '../../lib/core/errors.ts';
import type { OutboundReply } from '../../lib/core/outbound.ts';
import { readHeaders } from '../../lib/judge/reading/target.ts';
import { Refusal as UnreadableRequest } from '../../lib/judge/verdict.ts';
import type { BrokerClient, RelayRequest } from '../remote/broker-client.ts';
import { gatewayAddress, type GatewayTarget, typedAddress } from '../remote/gateway-request.ts';
import { UsageError } from '../run-program.ts';
import { isSame, listenOnLoopback, type LoopbackServer, Refusal } from './loopback-server.ts';
import { type ExecTenant, labelOf } from './tenant.ts';

/** What the relay of one child needs. */
export interface RelayDeps {
  readonly tenant: ExecTenant;
  readonly client: Pick<BrokerClient, 'url' | 'relay'>;
  /** Returns a random text that nobody can guess. */
  readonly newSecret: () => string;
}

/** The gateway takes no more. */
const maximumBodyBytes = 4 * 1024 * 1024;

const methods = ['GET', 'POST', 'PATCH', 'PUT', 'DELETE'] as const;

/** Headers of an answer that concern one connection (RFC 9110 section 7.6.1), the coding that `fetch` has undone, or that change. */
const notPassed: ReadonlySet<string> = new Set([
  'connection',
  'content-encoding',
  'content-length',
  'keep-alive',
  'location',
  'set-cookie',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/**
 * Starts the address at which one child reaches Microsoft Graph through the gateway, without a token. It knows one tenant.
 * The secret is part of the path, because a child can put a base address into every client, but not a header.
 */
export async function openGraphRelay(deps: RelayDeps): Promise<LoopbackServer> {
  const base = `/${deps.newSecret()}`;
  const target: GatewayTarget = { brokerUrl: deps.client.url, tenant: deps.tenant.tenantId, resource: 'graph' };
  const server = await listenOnLoopback(serve);
  const url = `${server.url}${base}`;

  async function serve(request: IncomingMessage, response: ServerResponse, signal: AbortSignal): Promise<void> {
    try {
      const reply = await deps.client.relay({ ...(await readRequest(request, base, target)), signal });
      const location = reply.headers.get('location');
      response.writeHead(reply.status, {
        ...passed(reply.headers),
        ...(location === null ? {} : { location: location.replace(addressOf(target), url) }),
      });
      response.end(withLinks(reply, addressOf(target), url));
    } catch (thrown) {
      refuse(response, thrown, deps.tenant);
    }
  }
  return { ...server, url };
}

/** Where the gateway's links to this tenant start. */
const addressOf = (target: GatewayTarget): string => gatewayAddress(target, '/').slice(0, -1);

async function readRequest(request: IncomingMessage, base: string, target: GatewayTarget): Promise<RelayRequest> {
  const { url = '', headers } = request;
  const end = url.indexOf('/', 1);
  if (end < 0 || !isSame(url.slice(0, end), base)) throw new Refusal(404, 'The address is not that of PTB_GRAPH_URL.');
  const method = methods.find((known) => known === request.method);
  if (method === undefined) throw new Refusal(405, 'The method must be GET, POST, PATCH, PUT or DELETE.');
  if ((headers['content-encoding'] ?? 'identity') !== 'identity')
    throw new Refusal(415, 'The body has a content coding. Send it without one.');
  const body = await readBody(request);
  if (method === 'GET' && body.length > 0) throw new Refusal(400, 'A GET request must have no body.');
  return {
    method,
    url: addressAt(target, url.slice(end)),
    headers: graphHeaders(headers),
    body: body.length === 0 ? undefined : body,
  };
}

/** What the gateway forwards, and nothing that is meant for the broker, such as an emergency that only a person may declare. */
function graphHeaders(headers: IncomingHttpHeaders): Readonly<Record<string, string>> {
  const single = Object.entries(headers).flatMap(([name, value]): [string, string][] =>
    typeof value === 'string' ? [[name, value]] : [],
  );
  try {
    return readHeaders(Object.fromEntries(single));
  } catch (error) {
    if (error instanceof UnreadableRequest) throw new Refusal(400, error.message);
    throw error;
  }
}

function addressAt(target: GatewayTarget, path: string): string {
  try {
    return typedAddress(target, path);
  } catch (error) {
    if (error instanceof UsageError) throw new Refusal(400, error.message);
    throw error;
  }
}

async function readBody(request: IncomingMessage): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maximumBodyBytes) throw new Refusal(413, 'The body has more than 4 MiB.');
    chunks.push(chunk);
  }
  return new Uint8Array(Buffer.concat(chunks));
}

const passed = (headers: Headers): Record<string, string> =>
  Object.fromEntries([...headers].filter(([name]) => !notPassed.has(name)));

/** The links of the gateway lead to the broker, which wants a token. Those of the child lead here. */
function withLinks({ headers, body }: OutboundReply<Buffer>, from: string, to: string): Buffer {
  const isJson = /^application\/(?:[\w.-]+\+)?json\b/i.test(headers.get('content-type') ?? '');
  if (!isJson || !body.includes(from)) return body;
  // One character for each byte, so that no other byte changes.
  return Buffer.from(
    body.toString('latin1').replaceAll(`"${from}/`, () => `"${to}/`),
    'latin1',
  );
}

/** As Graph reports errors, which its clients can show, and as a problem document. */
function refuse(response: ServerResponse, thrown: unknown, tenant: ExecTenant): void {
  if (response.destroyed) return;
  const { status, code, message, retryAfter } = refusalOf(thrown);
  if (response.headersSent) return void response.destroy();
  response.writeHead(status, {
    'content-type': 'application/problem+json',
    ...(retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) }),
  });
  const detail = `${labelOf(tenant)}: ${message}`;
  response.end(JSON.stringify({ status, code, detail, error: { code, message: detail } }));
}

function refusalOf(thrown: unknown) {
  if (thrown instanceof Refusal) return { status: thrown.status, code: 'request_invalid', message: thrown.message };
  if (!(thrown instanceof BrokerError))
    return { status: 502, code: 'internal', message: 'The request could not be sent.' };
  const { code, detail, retryAfterSeconds } = thrown;
  return { status: errorTable[code].status, code, message: detail, retryAfter: retryAfterSeconds };
}
