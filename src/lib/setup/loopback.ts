import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** The address that a browser is sent back to, on this machine only (RFC 8252 section 7.3). */
export interface LoopbackListener {
  /** `http://localhost:PORT`: Entra knows `http://localhost` and ignores the port. */
  readonly redirectUri: string;
  /** The parameters of the first request that carries the expected state. */
  waitFor(state: string, signal: AbortSignal): Promise<URLSearchParams>;
  close(): Promise<void>;
}

/** Listens on a free port of the loopback until `close`. */
export async function listenOnLoopback(): Promise<LoopbackListener> {
  const expected = { state: '', arrived: (_parameters: URLSearchParams): void => undefined };
  const serve = (request: IncomingMessage, response: ServerResponse): void => {
    // Not every text that Node takes for a target is part of an address: `//` is none.
    const parameters = URL.parse(request.url ?? '/', 'http://localhost')?.searchParams ?? new URLSearchParams();
    const isAnswer = request.method === 'GET' && (parameters.has('code') || parameters.has('error'));
    // Any page in the browser can call this port: only who knows the state can end the sign-in.
    if (!isAnswer || expected.state === '' || parameters.get('state') !== expected.state) {
      answer(response, 404, 'This is not the answer to the sign-in that is under way.');
      return;
    }
    const said = parameters.has('code') ? 'You are signed in.' : 'The sign-in was not completed.';
    answer(response, 200, `${said} Close this window and go back to the command line.`);
    expected.arrived(parameters);
  };
  const first = await listen(createServer(serve), '127.0.0.1', 0);
  const { port } = first.address() as AddressInfo;
  // Browsers may try ::1 for "localhost" first; a machine without IPv6 does without.
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
  // The browser keeps its connection open after it has its answer.
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
