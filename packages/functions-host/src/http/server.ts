import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { RegisteredFunction } from '../app/registry.ts';
import { rpcPath, webhookPath } from '../durable/client-links.ts';
import { HostStartError, type HostLog } from '../options.ts';
import { type AdminApiDeps, answerAdminApi } from './admin-api.ts';
import { answerDurableApi, type DurableApiDeps } from './durable-api.ts';
import { BodyTooLargeError, requestUrl, sendEmpty } from './exchange.ts';
import { type HttpTriggerDeps, runHttpTrigger } from './http-trigger.ts';
import { type HostKeys, keyFits, presentedKey } from './keys.ts';
import type { RequestGate } from './request-gate.ts';
import { findRoute, type HttpRoute } from './router.ts';

export interface ServerDeps {
  readonly routes: readonly HttpRoute[];
  readonly findFunction: (name: string) => RegisteredFunction | undefined;
  readonly keys: HostKeys;
  readonly requireKeys: boolean;
  readonly customHeaders: Readonly<Record<string, string>>;
  readonly gate: RequestGate;
  readonly trigger: HttpTriggerDeps;
  readonly durable: DurableApiDeps;
  readonly admin: AdminApiDeps;
  readonly log: HostLog;
}

// A thousand callers at once are a normal test here; those beyond the queue would wait seconds for their next SYN.
const backlog = 4096;

/** Answers 503 until the app is loaded and {@link HostServer.serve} was called. */
export class HostServer {
  readonly #server: Server;
  #deps: ServerDeps | undefined;

  constructor() {
    this.#server = createServer((request, response) => {
      void this.#answer(request, response);
    });
    // A debugger's pause must not cut connections that a test keeps open.
    this.#server.keepAliveTimeout = 65_000;
    this.#server.requestTimeout = 0;
  }

  /** Listens on the loopback interface. @returns the port. @throws HostStartError when it is taken or not allowed. */
  async listen(port: number): Promise<number> {
    try {
      await new Promise<void>((resolve, reject) => {
        this.#server.once('error', reject);
        this.#server.listen(port, '127.0.0.1', backlog, () => resolve());
      });
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      const why = code === 'EADDRINUSE' ? 'is taken by another program' : `cannot be used (${code ?? String(error)})`;
      throw new HostStartError(`Port ${port} ${why}; choose another with --port, or 0 for any.`, { cause: error });
    }
    return (this.#server.address() as AddressInfo).port;
  }

  serve(deps: ServerDeps): void {
    this.#deps = deps;
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeIdleConnections();
    await closed;
  }

  /** Ends what close() waits for. */
  abort(): void {
    this.#server.closeAllConnections();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const deps = this.#deps;
    if (!deps) {
      sendEmpty(response, 503);
      return;
    }
    try {
      await dispatch(deps, request, response);
    } catch (error) {
      if (!(error instanceof BodyTooLargeError))
        deps.log(
          'error',
          'system',
          `A request failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
        );
      if (response.headersSent) response.destroy();
      else sendEmpty(response, error instanceof BodyTooLargeError ? 413 : 500, { connection: 'close' });
    }
  }
}

async function dispatch(deps: ServerDeps, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = URL.canParse(request.url ?? '/', 'http://localhost') ? requestUrl(request) : undefined;
  if (!url) {
    sendEmpty(response, 400);
    return;
  }
  const admin = below(url.pathname, '/admin');
  const webhook = below(url.pathname, webhookPath);
  const rpc = below(url.pathname, rpcPath);
  if (admin) {
    if (keyFits(presentedKey(request, url.searchParams), deps.keys.master))
      await answerAdminApi(deps.admin, admin, request, response);
    else sendEmpty(response, 401);
  } else if (webhook) {
    if (keyFits(presentedKey(request, url.searchParams), deps.keys.system, deps.keys.master))
      await answerDurableApi(deps.durable, webhook, request, response, url);
    else sendEmpty(response, 401);
  } else if (rpc) {
    if (fromThisProgram(request)) await answerDurableApi(deps.durable, rpc, request, response, url);
    else sendEmpty(response, 403);
  } else await dispatchToFunction(deps, request, response, url);
}

async function dispatchToFunction(
  deps: ServerDeps,
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
): Promise<void> {
  for (const [name, value] of Object.entries(deps.customHeaders)) response.setHeader(name, value);
  const match = findRoute(deps.routes, request.method ?? 'GET', url.pathname);
  const target = match && deps.findFunction(match.route.functionName);
  if (!match || !target) {
    sendEmpty(response, url.pathname === '/' ? 204 : 404);
    return;
  }
  if (deps.requireKeys && !authorized(deps.keys, match.route, presentedKey(request, url.searchParams))) {
    sendEmpty(response, 401);
    return;
  }
  const leave = await deps.gate.enter();
  if (!leave) {
    sendEmpty(response, 429);
    return;
  }
  try {
    await runHttpTrigger(deps.trigger, target, { request, response, url, params: match.params });
  } finally {
    leave();
  }
}

function authorized(keys: HostKeys, route: HttpRoute, presented: string | undefined): boolean {
  if (route.authLevel === 'anonymous') return true;
  return route.authLevel === 'admin' ? keyFits(presented, keys.master) : keyFits(presented, keys.master, keys.function);
}

/** The decoded segments of a path below `base`, or undefined when it is elsewhere. */
function below(pathname: string, base: string): string[] | undefined {
  if (!pathname.toLowerCase().startsWith(`${base}/`)) return undefined;
  try {
    return pathname
      .slice(base.length + 1)
      .replace(/\/$/, '')
      .split('/')
      .map((segment) => decodeURIComponent(segment));
  } catch {
    return undefined;
  }
}

// The interface without a key is for the app itself. A web page cannot reach it: its requests carry an Origin, and a
// name that was made to point here carries that name as Host.
const loopbackHost = /^(?:127\.0\.0\.1|localhost|\[::1\])(?::\d+)?$/i;
const fromThisProgram = (request: IncomingMessage): boolean =>
  request.headers.origin === undefined && loopbackHost.test(request.headers.host ?? '');
