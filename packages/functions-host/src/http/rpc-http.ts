import type { IncomingMessage, ServerResponse } from 'node:http';
import type { IncomingTrace } from '../app/trace-context.ts';
import type { RpcCookie, RpcHttp, RpcHttpRequest, TypedData } from '../app/rpc.ts';
import { writtenMethod } from './method-case.ts';
import type { RequestAddress } from './request-address.ts';

/** The request in the format of the worker protocol. Repeated query keys and headers are joined with a comma. */
export function toRpcRequest(
  request: IncomingMessage,
  url: Pick<RequestAddress, 'href' | 'searchParams'>,
  params: Readonly<Record<string, string>>,
  body: Buffer,
): RpcHttpRequest {
  return {
    method: writtenMethod(request),
    url: url.href,
    headers: joinedHeaders(request),
    query: joinedQuery(url),
    params: { ...params },
    ...(body.length > 0 ? { body: { bytes: body } } : {}),
  };
}

/** All of them, also those of which `request.headers` keeps the first. An empty value adds no comma, as in ASP.NET. */
export function joinedHeaders({ rawHeaders }: IncomingMessage): Record<string, string> {
  const headers: Record<string, string> = {};
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = (rawHeaders[at] ?? '').toLowerCase();
    headers[name] = [headers[name], rawHeaders[at + 1]].filter(Boolean).join(',');
  }
  return headers;
}

/** The trace context that a request carries. */
export function incomingTrace({ headers }: IncomingMessage): IncomingTrace {
  const text = (value: string | string[] | undefined): string | undefined =>
    Array.isArray(value) ? value.join(',') : value;
  return { traceParent: text(headers['traceparent']), traceState: text(headers['tracestate']) };
}

export function joinedQuery(url: Pick<RequestAddress, 'searchParams'>): Record<string, string> {
  const query: Record<string, string> = {};
  for (const [name, value] of url.searchParams) query[name] = name in query ? `${query[name]},${value}` : value;
  return query;
}

/** Sends the return value of a function. Without a value it sends 204, as the real host does. */
export function writeRpcResponse(response: ServerResponse, returned: TypedData | null | undefined): void {
  const http = returned?.http;
  if (!http) {
    response.writeHead(204);
    response.end();
    return;
  }
  const status = Number(http.statusCode ?? '200');
  response.statusCode = Number.isInteger(status) && status >= 100 && status <= 999 ? status : 200;
  for (const [name, value] of Object.entries(http.headers ?? {})) {
    if (!hopByHop.has(name.toLowerCase())) response.setHeader(name, value);
  }
  const cookies = (http.cookies ?? []).map((cookie) => cookieText(cookie));
  if (cookies.length > 0) response.setHeader('set-cookie', cookies);
  const body = bodyBytes(http);
  const bodyless = response.statusCode < 200 || response.statusCode === 204 || response.statusCode === 304;
  if (!bodyless) response.setHeader('content-length', body.length);
  response.end(bodyless ? undefined : body);
}

// The HTTP server sets these itself.
const hopByHop = new Set(['connection', 'content-length', 'keep-alive', 'transfer-encoding', 'upgrade']);

function bodyBytes(http: RpcHttp): Buffer {
  const body = http.body;
  if (!body) return Buffer.alloc(0);
  if (body.bytes !== undefined) return Buffer.from(body.bytes.buffer, body.bytes.byteOffset, body.bytes.length);
  return Buffer.from(body.string ?? body.json ?? '');
}

/** A Set-Cookie value (RFC 6265 section 4.1). Name and value are percent-encoded, as in ASP.NET. */
function cookieText(cookie: RpcCookie): string {
  const attributes = [`${encodeURIComponent(cookie.name)}=${encodeURIComponent(cookie.value)}`];
  if (cookie.expires?.value) attributes.push(`expires=${new Date(cookie.expires.value.seconds * 1000).toUTCString()}`);
  if (cookie.maxAge?.value !== undefined) attributes.push(`max-age=${cookie.maxAge.value}`);
  if (cookie.domain?.value) attributes.push(`domain=${cookie.domain.value}`);
  attributes.push(`path=${cookie.path?.value ?? '/'}`);
  if (cookie.secure?.value) attributes.push('secure');
  const sameSite = { lax: 'lax', strict: 'strict', explicitNone: 'none', none: undefined }[cookie.sameSite ?? 'none'];
  if (sameSite !== undefined) attributes.push(`samesite=${sameSite}`);
  if (cookie.httpOnly?.value) attributes.push('httponly');
  return attributes.join('; ');
}
