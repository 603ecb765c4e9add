import type { IncomingMessage, ServerResponse } from 'node:http';

/** A request body that is longer than the limit. */
export class BodyTooLargeError extends Error {
  override readonly name = 'BodyTooLargeError';
}

/** Reads the whole body. @throws BodyTooLargeError as soon as it is known to exceed `maxBytes`. */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) throw new BodyTooLargeError();
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.byteLength;
    if (size > maxBytes) throw new BodyTooLargeError();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Ends the exchange with a status and no body. */
export function sendEmpty(response: ServerResponse, status: number, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-length': '0', ...headers });
  response.end();
}

/** Ends the exchange with a JSON text. */
export function sendJson(
  response: ServerResponse,
  status: number,
  json: string,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': String(Buffer.byteLength(json)),
    ...headers,
  });
  response.end(json);
}

/** The absolute address of a request, as the app sees it. */
export function requestUrl(request: IncomingMessage): URL {
  // A request line may hold an absolute address (RFC 9112 section 3.2.2); only its path and query count here.
  const target = request.url ?? '/';
  const host = request.headers.host ?? 'localhost';
  return new URL(target.startsWith('/') ? `http://${host}${target}` : target);
}
