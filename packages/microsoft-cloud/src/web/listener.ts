import { createServer as createPlainServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, createServer as createSocketServer, type Socket } from 'node:net';
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

export interface ListenOptions {
  /** 0 selects a free port. */
  readonly port: number;
  /** Address of the network interface. */
  readonly host: string;
  /** With them, the port speaks TLS. Undefined: plain HTTP. */
  readonly certificates?: Certificates | undefined;
  /** Called when a client ends a connection as clients do that do not trust the certificate. */
  readonly onUntrusted?: () => void;
}

/** Opens a listener. @throws Error with code `EADDRINUSE` for a port that is taken. */
export async function listen(handle: MessageHandler, options: ListenOptions): Promise<RunningListener> {
  const onRequest = (message: IncomingMessage, response: ServerResponse): void => {
    // Fails when the client disconnects early, which is not an error of the cloud.
    handle(message, response).catch(() => response.destroy());
  };
  const { certificates, onUntrusted } = options;
  if (certificates === undefined) return open(createPlainServer(onRequest), options);
  const server = createTlsServer({ cert: certificates.certificate, key: certificates.key }, onRequest);
  if (onUntrusted !== undefined) watchTrust(server, onUntrusted);
  return open(server, options, createPlainServer(tellTls));
}

/**
 * Clients that do not trust a certificate send a TLS alert, or, like Node.js, close the connection at the end of the
 * handshake, before a request.
 */
function watchTrust(server: Server, onUntrusted: () => void): void {
  const used = new WeakSet<object>();
  server.on('request', ({ socket }: IncomingMessage) => used.add(socket));
  server.on('secureConnection', (socket: Socket) => {
    socket.once('close', () => {
      if (!used.has(socket)) onUntrusted();
    });
  });
  server.on('tlsClientError', (error: NodeJS.ErrnoException) => {
    if (/^ECONNRESET$|ALERT_(?:UNKNOWN_CA|BAD_CERTIFICATE|CERTIFICATE_UNKNOWN)/.test(error.code ?? '')) onUntrusted();
  });
}

/** Answers plain HTTP on a TLS port. Without it, clients report a broken connection only. */
function tellTls(message: IncomingMessage, response: ServerResponse): void {
  const port = message.socket.localPort ?? 0;
  response.writeHead(400, { 'content-type': 'application/json; charset=utf-8', connection: 'close' });
  response.end(JSON.stringify({ error: `This port speaks HTTPS only: use https://localhost:${port}.` }));
}

const tlsHandshake = 22;

/** @param forPlain Gets the connections that do not begin with a TLS handshake. */
async function open(server: Server, { port, host }: ListenOptions, forPlain?: Server): Promise<RunningListener> {
  server.keepAliveTimeout = keepAliveMs;
  const sockets = new Set<Socket>();
  const entrance =
    forPlain === undefined
      ? server
      : createSocketServer((socket) => {
          sockets.add(socket);
          socket.once('close', () => sockets.delete(socket));
          socket.on('error', () => socket.destroy());
          socket.once('data', (first: Buffer) => {
            socket.pause();
            socket.unshift(first);
            (first[0] === tlsHandshake ? server : forPlain).emit('connection', socket);
            process.nextTick(() => socket.resume());
          });
        });
  await new Promise<void>((resolve, reject) => {
    entrance.once('error', reject);
    entrance.listen(port, host, resolve);
  });
  return {
    port: (entrance.address() as AddressInfo).port,
    close: async () => {
      server.closeAllConnections();
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => entrance.close(resolve));
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
