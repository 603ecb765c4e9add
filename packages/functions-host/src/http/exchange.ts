import type { IncomingMessage, ServerResponse } from 'node:http';

/** A request body exceeds the limit. */
export class BodyTooLargeError extends Error {
  override readonly name = 'BodyTooLargeError';
}

/** Reads the whole body. @throws BodyTooLargeError as soon as Content-Length or the bytes read exceed `maxBytes`. */
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

/** Sends a response without a body. */
export function sendEmpty(response: ServerResponse, status: number, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-length': '0', ...headers });
  response.end();
}

/** Sends a JSON text. */
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

/** The absolute URL of a request, as the app sees it. @throws TypeError if target or host are not part of one. */
export function requestUrl(request: IncomingMessage): URL {
  // The request target can also be an absolute URL (RFC 9112 section 3.2.2).
  const target = request.url ?? '/';
  const host = request.headers.host || 'localhost';
  return new URL(target.startsWith('/') ? `http://${host}${target}` : target);
}
