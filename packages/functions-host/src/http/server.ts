import { createServer, type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { RegisteredFunction } from '../app/registry.ts';
import type { CorsSettings } from '../app/settings.ts';
import { rpcPath, webhookPath } from '../durable/client-links.ts';
import { stackOf } from '../runtime/errors.ts';
import type { HostLog } from '../runtime/host-log.ts';
import { HostStartError } from '../runtime/host-start-error.ts';
import { type AdminApiDeps, answerAdminApi } from './admin-api.ts';
import { applyCors } from './cors.ts';
import { answerDurableApi, type DurableApiDeps } from './durable-api.ts';
import { BodyTooLargeError, sendEmpty, sendHtml } from './exchange.ts';
import { runHttpTrigger } from './http-trigger.ts';
import { authorize, type HostKeys, presentedKey } from './keys.ts';
import { acceptLowerCase, type ParseError, writtenMethod } from './method-case.ts';
import { addressOf, type RequestAddress } from './request-address.ts';
import type { RequestGate } from './request-gate.ts';
import { limitStatus, maxHeaderSize } from './request-limits.ts';
import type { HttpTriggerDeps } from './routed-exchange.ts';
import { findRoute, type HttpRoute } from './router.ts';

interface ServerDeps {
  readonly routes: readonly HttpRoute[];
  readonly findFunction: (name: string) => RegisteredFunction | undefined;
  readonly keys: HostKeys;
  readonly requireKeys: boolean;
  /** Whether `/` shows that the host runs, unless a function serves it. */
  readonly showHomepage: boolean;
  readonly cors: CorsSettings | undefined;
  readonly customHeaders: Readonly<Record<string, string>>;
  readonly gate: RequestGate;
  readonly trigger: HttpTriggerDeps;
  readonly durable: DurableApiDeps;
  readonly admin: AdminApiDeps;
  readonly log: HostLog;
}

// Load tests open thousands of connections at once. A connection that does not fit into the backlog waits seconds for
// its next SYN.
const backlog = 4096;

/** The HTTP server of the host. Answers 503 until {@link HostServer.serve} is called. */
export class HostServer {
  readonly #server: Server;
  readonly #stopping = new AbortController();
  /** The latest response of each connection. */
  readonly #responses = new WeakMap<Duplex, ServerResponse>();
  #deps: ServerDeps | undefined;

  constructor() {
    this.#server = createServer({ maxHeaderSize }, (request, response) => {
      const earlier = this.#responses.get(request.socket);
      this.#responses.set(request.socket, response);
      // The written method is kept for a connection, so no other request follows on it.
      response.shouldKeepAlive &&= writtenMethod(request) === request.method;
      // One request of a connection after another, as Kestrel does it. Otherwise a client that sends many at once and reads
      // nothing would make the app hold an answer to each.
      if (earlier === undefined || earlier.closed) void this.#answer(request, response);
      else earlier.once('close', () => void this.#answer(request, response));
    });
    this.#server.on('clientError', (error: ParseError, socket) => {
      if (!acceptLowerCase(this.#server, error, socket)) this.#refuse(error, socket);
    });
    // Connections must survive a pause in a debugger.
    this.#server.keepAliveTimeout = 65_000;
    this.#server.requestTimeout = 0;
  }

  /**
   * Listens on 127.0.0.1.
   * @returns the port.
   * @throws HostStartError when the port is in use or not allowed.
   */
  async listen(port: number): Promise<number> {
    try {
      await new Promise<void>((resolve, reject) => {
        this.#server.once('error', reject);
        this.#server.listen(port, '127.0.0.1', backlog, () => resolve());
      });
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      const reason =
        code === 'EADDRINUSE' ? 'is taken by another program' : `cannot be used (${code ?? String(error)})`;
      throw new HostStartError(`Port ${port} ${reason}; choose another with --port, or 0 for any.`, { cause: error });
    }
    return (this.#server.address() as AddressInfo).port;
  }

  /** Starts to answer requests. */
  serve(deps: ServerDeps): void {
    this.#deps = deps;
  }

  /** Aborts when the server stops. */
  get stopping(): AbortSignal {
    return this.#stopping.signal;
  }

  /** Accepts no further connections and waits until the open ones have ended. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#stopping.abort();
    this.#server.closeIdleConnections();
    await closed;
  }

  /** Closes all connections. */
  abort(): void {
    this.#server.closeAllConnections();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const deps = this.#deps;
    if (deps) logRequest(deps.log, request, response);
    const refusal = limitStatus(request);
    if (refusal !== undefined) {
      sendEmpty(response, refusal, { connection: 'close' });
      return;
    }
    if (!deps) {
      sendEmpty(response, 503);
      return;
    }
    try {
      if (deps.cors && applyCors(deps.cors, request, response)) sendEmpty(response, 204);
      else await dispatch(deps, request, response);
    } catch (error) {
      if (error instanceof BodyTooLargeError) deps.log('warning', 'system', error.message);
      else deps.log('error', 'system', `A request failed: ${stackOf(error)}`);
      if (response.headersSent) response.destroy();
      else sendEmpty(response, 500, { connection: 'close' });
    }
  }

  /** Ends a connection on which the parser of Node.js has found an error or has waited too long. */
  #refuse(error: ParseError, socket: Duplex): void {
    const response = this.#responses.get(socket);
    // What cannot be read follows a request that is being answered.
    if (response?.req.complete === true && !response.closed) {
      response.once('close', () => this.#refuse(error, socket));
      return;
    }
    const { code } = error;
    // A status would become part of the body that is being sent.
    if (socket.writable && (response === undefined || response.writableFinished || !response.headersSent)) {
      const status = code === 'HPE_HEADER_OVERFLOW' ? 431 : code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 408 : 400;
      socket.write(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
    }
    socket.destroy();
  }
}

async function dispatch(deps: ServerDeps, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = addressOf(request);
  if (!url) {
    sendEmpty(response, 400, { connection: 'close' });
    return;
  }
  const admin = segmentsBelow(url.path, '/admin');
  const webhook = segmentsBelow(url.path, webhookPath);
  const rpc = segmentsBelow(url.path, rpcPath);
  const exchange = { request, response, url };
  // Probes have no key.
  if (admin?.join('/').toLowerCase() === 'host/ping' && /^(?:GET|POST)$/.test(request.method ?? ''))
    sendEmpty(response, 200);
  else if (admin) {
    const status = authorize(deps.keys, presentedKey(request, url.searchParams), [deps.keys.master]);
    if (status === 200) await answerAdminApi(deps.admin, admin, request, response);
    else sendEmpty(response, status);
  } else if (webhook) {
    const status = authorize(deps.keys, presentedKey(request, url.searchParams), [deps.keys.system, deps.keys.master]);
    if (status === 200) await answerDurableApi(deps.durable, webhook, exchange);
    else sendEmpty(response, status);
  } else if (rpc) {
    if (isFromLoopbackClient(request)) await answerDurableApi(deps.durable, rpc, exchange);
    else sendEmpty(response, 403);
  } else await dispatchToFunction(deps, request, response, url);
}

async function dispatchToFunction(
  deps: ServerDeps,
  request: IncomingMessage,
  response: ServerResponse,
  url: RequestAddress,
): Promise<void> {
  for (const [name, value] of Object.entries(deps.customHeaders)) response.setHeader(name, value);
  const match = findRoute(deps.routes, request.method ?? 'GET', url.path);
  const target = match && deps.findFunction(match.route.functionName);
  if (!match || !target) {
    // As HomepageMiddleware of the real host, whatever the method is.
    if (url.path !== '/') sendEmpty(response, 404);
    else if (deps.showHomepage) sendHtml(response, homepage);
    else sendEmpty(response, 204);
    return;
  }
  const status = deps.requireKeys
    ? authorizeCall(deps.keys, match.route, presentedKey(request, url.searchParams))
    : 200;
  if (status !== 200) {
    sendEmpty(response, status);
    return;
  }
  const release = await deps.gate.enter();
  if (!release) {
    sendEmpty(response, 429);
    return;
  }
  try {
    await runHttpTrigger(deps.trigger, target, { request, response, url, params: match.params });
  } finally {
    release();
  }
}

function authorizeCall(keys: HostKeys, route: HttpRoute, presented: string | undefined): 200 | 401 | 403 {
  if (route.authLevel === 'anonymous') return 200;
  return authorize(keys, presented, route.authLevel === 'admin' ? [keys.master] : [keys.master, keys.function]);
}

/** Logs method, path, status and duration of a request when its response has ended. The query can have a key. */
function logRequest(log: HostLog, request: IncomingMessage, response: ServerResponse): void {
  const startedMs = performance.now();
  response.once('close', () => {
    const path = (request.url ?? '/').split('?')[0];
    const status = response.writableFinished ? String(response.statusCode) : 'without a complete response';
    log('information', 'http', `${request.method} ${path} ${status} ${Math.round(performance.now() - startedMs)} ms`);
  });
}

const homepage = '<!doctype html><title>functions-host</title><p>The Functions host is running.</p>';

/** The segments below `base` of a decoded path, or undefined when the path is not below it. */
function segmentsBelow(path: string, base: string): string[] | undefined {
  if (!path.toLowerCase().startsWith(`${base}/`)) return undefined;
  const segments = path
    .slice(base.length + 1)
    .replace(/\/$/, '')
    .split('/');
  return segments.map((segment) => segment.replaceAll(/%2f/gi, '/'));
}

// Only the app itself may use the API without a key. Requests from web pages are rejected: they carry an Origin header,
// or, after DNS rebinding, a foreign Host header.
const loopbackHost = /^(?:127\.0\.0\.1|localhost|\[::1\])(?::\d+)?$/i;
const isFromLoopbackClient = (request: IncomingMessage): boolean =>
  request.headers.origin === undefined && loopbackHost.test(request.headers.host ?? '');
