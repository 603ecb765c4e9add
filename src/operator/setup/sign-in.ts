import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { minuteMs } from '../../lib/core/clock.ts';
import { SetupError } from '../../lib/core/errors.ts';
import type { RedeemedToken } from '../../lib/microsoft/token-reply.ts';
import { type DeviceCode, SignInClient, type SignInClientDeps, type SignInRequest } from './sign-in-client.ts';

/** Receives the redirect of a browser on the loopback interface (RFC 8252 section 7.3). */
export interface LoopbackListener {
  /** `http://localhost:PORT`. The registered redirect address is `http://localhost`; Entra ignores the port. */
  readonly redirectUri: string;
  /** Resolves with the parameters of the first request that has the expected state. */
  waitFor(state: string, signal: AbortSignal): Promise<URLSearchParams>;
  close(): Promise<void>;
}

const ownNames = ['localhost', '127.0.0.1', '[::1]'];

/** Listens on a free port of the loopback interface until `close`. */
export async function listenOnLoopback(): Promise<LoopbackListener> {
  const expected = { state: '', arrived: (_parameters: URLSearchParams): void => undefined };
  const serve = (request: IncomingMessage, response: ServerResponse): void => {
    // Node.js accepts request targets that are not valid URLs, such as `//`.
    const url = URL.parse(request.url ?? '/', 'http://localhost');
    const parameters = url?.searchParams ?? new URLSearchParams();
    const isAnswer =
      request.method === 'GET' && url?.pathname === '/' && (parameters.has('code') || parameters.has('error'));
    // Any page in the browser can call this port. Only a request with the state may end the sign-in, and only once. The
    // name in Host stops DNS rebinding.
    const isOwnName = ownNames.some((name) => request.headers.host === `${name}:${request.socket.localPort}`);
    if (!isAnswer || !isOwnName || expected.state === '' || parameters.get('state') !== expected.state) {
      answer(response, 404, 'This request does not belong to the current sign-in.');
      return;
    }
    expected.state = '';
    const result = parameters.has('code') ? 'You are signed in.' : 'The sign-in was not completed.';
    answer(response, 200, `${result} Close this window and go back to the command line.`);
    expected.arrived(parameters);
  };
  const first = await listen(createServer(serve), '127.0.0.1', 0);
  const { port } = first.address() as AddressInfo;
  // Browsers may try ::1 for "localhost" first. Without IPv6, 127.0.0.1 alone is enough.
  const second = await listen(createServer(serve), '::1', port).catch(() => undefined);
  return {
    redirectUri: `http://localhost:${port}`,
    waitFor: (state, signal) =>
      new Promise((resolve, reject) => {
        const abort = (): void => reject(signal.reason);
        if (signal.aborted) return abort();
        signal.addEventListener('abort', abort, { once: true });
        expected.arrived = (parameters) => {
          signal.removeEventListener('abort', abort);
          resolve(parameters);
        };
        expected.state = state;
      }),
    close: async () => {
      await Promise.all([first, ...(second ? [second] : [])].map(close));
    },
  };
}

async function listen(server: Server, host: string, port: number): Promise<Server> {
  server.listen(port, host);
  await once(server, 'listening');
  return server;
}

async function close(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  // The browser keeps its connection open after the answer.
  server.closeAllConnections();
  await closed;
}

function answer(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, {
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-store',
    'content-security-policy': "default-src 'none'",
    'referrer-policy': 'no-referrer',
    connection: 'close',
  });
  response.end(`<!doctype html><title>Partner Token Broker</title><p>${text}</p>`);
}

/** How a person signs in: in a browser on this machine, or by entering a code on another device. */
export type SignInMethod =
  | { readonly kind: 'browser'; readonly openBrowser: (url: string) => Promise<void> }
  | { readonly kind: 'device-code'; readonly showDeviceCode: (code: DeviceCode) => void };

export interface SignInDeps extends SignInClientDeps {
  readonly entraEndpoint: string;
  /** Cancels the sign-in, on Ctrl+C. */
  readonly signal?: AbortSignal | undefined;
}

/** Long enough to find a phone. Entra's own pages time out after about the same time. */
const signInTimeoutMs = 15 * minuteMs;

/**
 * Signs a person in and returns the tokens.
 * @throws SetupError sign_in_refused when the person cancels, declines or does not sign in; what Entra answers.
 */
export async function signIn(deps: SignInDeps, method: SignInMethod, request: SignInRequest): Promise<RedeemedToken> {
  const client = await SignInClient.create(deps, deps.entraEndpoint, request);
  if (method.kind === 'browser') return signInByBrowser(deps, client, method.openBrowser);
  const { code, grant } = await client.startDevice(deps.signal);
  method.showDeviceCode(code);
  return client.finishDevice(grant, deps.signal);
}

async function signInByBrowser(
  deps: SignInDeps,
  client: SignInClient,
  openBrowser: (url: string) => Promise<void>,
): Promise<RedeemedToken> {
  const listener = await listenOnLoopback();
  const stop = new AbortController();
  const signals = [stop.signal, ...(deps.signal ? [deps.signal] : [])];
  try {
    const started = await client.startBrowser(listener.redirectUri);
    const redirected = listener.waitFor(started.state, AbortSignal.any(signals));
    const timeout = deps.clock.sleep(signInTimeoutMs, stop.signal).then((): never => {
      throw new SetupError('sign_in_refused', 'Nobody signed in within 15 minutes.');
    });
    // A failure to open the browser ends the wait. An opened browser says nothing about the sign-in.
    const failedToOpen = openBrowser(started.authorizeUrl).then(() => new Promise<never>(() => undefined));
    const callback = await Promise.race([redirected, timeout, failedToOpen]);
    return await client.finishBrowser(started, callback, deps.signal);
  } finally {
    stop.abort();
    await listener.close();
  }
}
