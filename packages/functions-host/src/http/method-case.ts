import type { IncomingMessage, Server } from 'node:http';
import { Duplex, PassThrough } from 'node:stream';

/** The methods of connections on which the client wrote one in lower case. */
const written = new WeakMap<Duplex, string>();

/** The method of a request as the client wrote it. */
export const writtenMethod = (request: IncomingMessage): string =>
  written.get(request.socket) ?? request.method ?? 'GET';

/**
 * Accepts a method that is not in upper case, as Kestrel does. The parser of Node.js has refused the request, so another
 * one reads the connection from its start.
 * @returns whether the request is such a one.
 */
export function acceptLowerCase(server: Server, error: ParseError, socket: Duplex): boolean {
  const packet = error.rawPacket?.toString('latin1') ?? '';
  const [, method = ''] = /^([a-z]+) \S+ HTTP\/1\.[01]\r\n/i.exec(packet) ?? [];
  if (error.code !== 'HPE_INVALID_METHOD' || method === method.toUpperCase()) return false;
  const readable = new PassThrough();
  readable.write(Buffer.from(method.toUpperCase() + packet.slice(method.length), 'latin1'));
  socket.removeAllListeners('data').pipe(readable);
  const again = Duplex.from({ readable, writable: socket });
  written.set(again, method);
  server.emit('connection', again);
  return true;
}

/** An error of `clientError`. */
export interface ParseError extends NodeJS.ErrnoException {
  readonly rawPacket?: Buffer;
}
