import { createServer, type IncomingMessage, request as forward, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream/promises';

export interface ThrottledStorage {
  /** For the app instead of that of the account. */
  readonly connectionString: string;
  /** How many requests it has refused. */
  refused(): number;
  stop(): void;
}

/**
 * Stands in front of a storage account and answers some requests as a partition does that has reached its limit: 503,
 * ServerBusy ("Status and error codes", Azure Storage). The rest passes.
 * @param isRefused decides for each request.
 */
export async function throttleStorage(connectionString: string, isRefused: () => boolean): Promise<ThrottledStorage> {
  let refused = 0;
  let between = connectionString;
  const servers = await Promise.all(
    ['Table', 'Blob'].map(async (service) => {
      const target = new RegExp(`${service}Endpoint=([^;]+)`).exec(connectionString)?.[1] ?? '';
      const { origin } = new URL(target);
      const server = createServer((request, response) => {
        if (isRefused()) {
          refused += 1;
          refuse(request, response);
        } else pass(origin, request, response).catch(() => response.destroy());
      });
      await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
      const { port } = server.address() as AddressInfo;
      between = between.replace(target, target.replace(origin, `http://127.0.0.1:${port}`));
      return server;
    }),
  );
  return {
    connectionString: between,
    refused: () => refused,
    stop: () => {
      for (const server of servers) {
        server.close();
        server.closeAllConnections();
      }
    },
  };
}

function refuse(request: IncomingMessage, response: ServerResponse): void {
  request.resume();
  response.writeHead(503, { 'x-ms-error-code': 'ServerBusy', 'content-type': 'application/json' });
  response.end('{"odata.error":{"code":"ServerBusy","message":{"lang":"en-US","value":"The server is busy."}}}');
}

async function pass(origin: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const outgoing = forward(new URL(request.url ?? '/', origin), { method: request.method, headers: request.headers });
  const incoming = new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.once('response', resolve).once('error', reject);
  });
  request.pipe(outgoing);
  const reply = await incoming;
  response.writeHead(reply.statusCode ?? 502, reply.headers);
  await pipeline(reply, response);
}
