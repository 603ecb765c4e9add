import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { CloudDocument } from 'microsoft-cloud';
import { createResultServer } from './result-server.ts';

type Listener = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

interface Servers {
  /** A web site that is not a broker. It records the requests that it receives. */
  readonly web: string;
  /** Redirects to `web`. */
  readonly redirect: string;
  /** Returns problem documents that contain the caller's token. */
  readonly echo: string;
  /** Throttles every other request and forwards the rest to the broker. */
  readonly throttled: string;
  /** Forwards requests to the broker, and answers as if the clock of the broker were two hours behind. */
  readonly behind: string;
  /** Serves the rows of runs in pages, some of which fail. */
  readonly results: string;
  /** Returns 503 as the platform does while the app starts. */
  readonly starting: string;
  /** The managed identity endpoints of App Service and of a virtual machine, for the caller with all roles. */
  readonly identity: string;
  readonly identityHeader: string;
  /** A port without a listener. */
  readonly closed: string;
  stop(): Promise<void>;
}

const identityHeader = 'header-of-the-identity-endpoint';

/** Starts loopback servers that replace a broker or an identity endpoint. */
export async function startServers(broker: string, cloud: CloudDocument): Promise<Servers> {
  const running: Server[] = [];
  const listen = async (listener: Listener): Promise<string> => {
    const server = createServer((request, response) => void listener(request, response));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    running.push(server);
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  };
  const web = await listen(createWebSite());
  const redirect = await listen((request, response) => {
    response.writeHead(302, { location: `${web}${request.url}` }).end();
  });
  const closed = await listen(() => undefined);
  await close(running.splice(-1));
  return {
    web,
    redirect,
    echo: await listen(answerWithToken),
    throttled: await listen(createThrottle(broker)),
    behind: await listen(async (request, response) => {
      const { status, body } = await forward(broker, request);
      const expiresAtMs = Date.parse(String(body['expiresAt'])) - 2 * 3_600_000;
      const expiresAt = Number.isNaN(expiresAtMs) ? undefined : new Date(expiresAtMs).toISOString();
      send(response, status, { ...body, expiresAt });
    }),
    starting: await listen((_request, response) => {
      response.writeHead(503, { 'content-type': 'text/plain' }).end('The service is unavailable.');
    }),
    results: await listen(createResultServer()),
    identity: await listen((request, response) => answerAsIdentity(cloud, request, response)),
    identityHeader,
    closed,
    stop: () => close(running),
  };
}

async function close(servers: readonly Server[]): Promise<void> {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  }
}

function createWebSite(): Listener {
  const seen: string[] = [];
  return (request, response) => {
    if (request.url === '/seen') {
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(seen));
      return;
    }
    seen.push(`${request.method} ${request.url} ${request.headers.authorization ?? ''}`);
    response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>Welcome</title>');
  };
}

const send = (response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void => {
  response.writeHead(status, { 'content-type': 'application/json', 'x-correlation-id': 'c', ...headers });
  response.end(JSON.stringify(body));
};

const answerWithToken: Listener = (request, response) => {
  const token = request.headers.authorization ?? '';
  send(response, 500, {
    code: 'internal',
    title: 'Something unexpected happened',
    detail: `The request with ${token} failed.`,
    advice: `Look for ${token}.`,
    correlationId: token,
  });
};

function createThrottle(broker: string): Listener {
  let count = 0;
  return async (request, response) => {
    count += 1;
    if (count % 2 === 1) {
      const problem = { code: 'caller_throttled', title: 'Too many', detail: 'Slower.', advice: 'Wait.', status: 429 };
      send(response, 429, { ...problem, retryAfterSeconds: 1 });
      return;
    }
    const { status, body } = await forward(broker, request);
    send(response, status, body);
  };
}

async function forward(
  broker: string,
  request: IncomingMessage,
): Promise<{ readonly status: number; readonly body: Record<string, unknown> }> {
  const reply = await fetch(`${broker}${request.url}`, {
    method: request.method ?? 'GET',
    headers: { authorization: request.headers.authorization ?? '', 'content-type': 'application/json' },
    body: request.method === 'POST' ? await text(request) : null,
  });
  return { status: reply.status, body: (await reply.json()) as Record<string, unknown> };
}

async function answerAsIdentity(
  cloud: CloudDocument,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://localhost');
  const isVirtualMachine = url.pathname === '/metadata/identity/oauth2/token';
  const version = isVirtualMachine ? '2018-02-01' : '2019-08-01';
  const isKnown = isVirtualMachine
    ? request.headers['metadata'] === 'true'
    : request.headers['x-identity-header'] === identityHeader;
  if (!isKnown || url.searchParams.get('api-version') !== version) {
    send(response, 400, { statusCode: 400, message: 'The request is not one for this identity endpoint.' });
    return;
  }
  const answer = await applicationToken(cloud, `${url.searchParams.get('resource')}/.default`);
  const expiresOn = Math.floor(Date.now() / 1000) + Number(answer['expires_in']);
  if (answer['access_token'] === undefined)
    send(response, 400, { statusCode: 400, message: answer['error_description'] });
  else
    send(response, 200, { access_token: answer['access_token'], expires_on: String(expiresOn), token_type: 'Bearer' });
}

async function applicationToken(cloud: CloudDocument, scope: string): Promise<Record<string, unknown>> {
  const [caller] = cloud.brokerApplication.callers;
  if (caller === undefined) throw new Error('the simulated cloud has no caller');
  const reply = await fetch(`${cloud.entra}/${cloud.partnerTenantId}/oauth2/v2.0/token`, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'client_credentials',
      client_id: caller.clientId,
      client_secret: caller.clientSecret,
      scope,
    }),
  });
  return (await reply.json()) as Record<string, unknown>;
}
