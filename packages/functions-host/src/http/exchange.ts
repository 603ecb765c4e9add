import type { IncomingMessage, ServerResponse } from 'node:http';

/** A request body exceeds the limit, so it is answered with 500, as by the real host. */
export class BodyTooLargeError extends Error {
  override readonly name = 'BodyTooLargeError';

  /** @param maxBytes the limit. */
  constructor(maxBytes: number) {
    super(`The body of a request has more than ${maxBytes} bytes.`);
  }
}

/** Reads the whole body. @throws BodyTooLargeError as soon as Content-Length or the bytes read exceed `maxBytes`. */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) throw new BodyTooLargeError(maxBytes);
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.byteLength;
    if (size > maxBytes) throw new BodyTooLargeError(maxBytes);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Sends a response without a body. */
export function sendEmpty(response: ServerResponse, status: number, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-length': '0', ...headers });
  response.end();
}

/** Sends a page in ASCII. */
export function sendHtml(response: ServerResponse, html: string): void {
  response.writeHead(200, { 'content-type': 'text/html', 'content-length': String(html.length) });
  response.end(html);
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
