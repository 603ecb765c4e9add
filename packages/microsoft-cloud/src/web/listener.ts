import { createServer as createPlainServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Certificates } from './certificate.ts';
import type { CloudRequest } from './http.ts';

/** The longest body that is read. Microsoft's services accept at least as much. */
const maxBodyBytes = 4 * 1024 * 1024;
// Longer than clients keep idle connections, so that a client never reuses a connection that is about to close.
const keepAliveMs = 120_000;

export type MessageHandler = (message: IncomingMessage, response: ServerResponse) => Promise<void>;

export interface RunningListener {
  readonly port: number;
  close(): Promise<void>;
}

/**
 * Listens on 127.0.0.1, with TLS if certificates are given.
 * @param port 0 selects a free port.
 */
export async function listen(
  handle: MessageHandler,
  port: number,
  certificates?: Certificates,
): Promise<RunningListener> {
  const onRequest = (message: IncomingMessage, response: ServerResponse): void => {
    // Fails when the client disconnects early, which is not an error of the cloud.
    handle(message, response).catch(() => response.destroy());
  };
  const server: Server = certificates
    ? createTlsServer({ cert: certificates.certificate, key: certificates.key }, onRequest)
    : createPlainServer(onRequest);
  server.keepAliveTimeout = keepAliveMs;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Reads a whole request. @throws RangeError for a body above 4 MiB. */
export async function readRequest(message: IncomingMessage): Promise<CloudRequest> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of message) {
    size += (chunk as Buffer).byteLength;
    if (size > maxBodyBytes) throw new RangeError('The body is too long.');
    chunks.push(chunk as Buffer);
  }
  const url = new URL(message.url ?? '/', 'http://localhost');
  return {
    method: message.method ?? 'GET',
    path: decodePath(url.pathname),
    query: url.searchParams,
    headers: message.headers,
    body: Buffer.concat(chunks).toString('utf8'),
    facts: {},
  };
}

function decodePath(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
