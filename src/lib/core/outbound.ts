import { BrokerError } from './errors.ts';

/** The HTTP status of an error that an Azure SDK has thrown (`RestError.statusCode`), if a reply came. */
export function httpStatusOf(thrown: unknown): number | undefined {
  const status = typeof thrown === 'object' && thrown !== null ? Reflect.get(thrown, 'statusCode') : undefined;
  return typeof status === 'number' ? status : undefined;
}

/**
 * The header `Link` (RFC 8288) between the pages of an answer.
 *
 * @returns a link to the same path with this query. It is relative, so that it stays right behind a proxy that changes
 * the address of the API.
 */
export const nextLink = (query: Readonly<Record<string, string>>): string =>
  `<?${new URLSearchParams(query).toString()}>; rel="next"`;

/** The target of the link to the next page, resolved against the address of this one. Undefined on the last page. */
export function nextAddress(link: string | null, address: string): string | undefined {
  const [, target] = /<([^<>]*)>\s*;\s*rel="?next\b/.exec(link ?? '') ?? [];
  return target === undefined ? undefined : new URL(target, address).href;
}

/** The `fetch` of the platform, or that of a test. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

export interface OutboundRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array<ArrayBuffer>;
  /** Maximum duration of the whole exchange, until the last byte of the reply is read. */
  readonly timeoutMs: number;
  /** A longer reply is a failure, `too_large`. */
  readonly maxBodyBytes: number;
  readonly signal?: AbortSignal | undefined;
}

export interface OutboundReply<Body = string> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Body;
}

/** Why no complete reply arrived. */
type OutboundFailure = 'timeout' | 'aborted' | 'network' | 'too_large';

export class OutboundError extends Error {
  override readonly name = 'OutboundError';
  readonly failure: OutboundFailure;
  constructor(failure: OutboundFailure, host: string, options?: ErrorOptions) {
    super(`${failure} while talking to ${host}`, options);
    this.failure = failure;
  }
}

/**
 * Sends one request and returns the reply. Applies a deadline to the whole exchange and a size limit to the reply.
 * Redirects are not followed, because an Authorization header must not reach a host that a reply chooses.
 * @throws OutboundError if no complete reply arrived; never for a status.
 */
export async function send(fetch: Fetch, request: OutboundRequest): Promise<OutboundReply> {
  const { status, headers, body } = await sendForBytes(fetch, request);
  return { status, headers, body: body.toString('utf8') };
}

/** Same as {@link send}, for a reply that may not be a text. */
export const sendForBytes = (fetch: Fetch, request: OutboundRequest): Promise<OutboundReply<Buffer>> =>
  exchange(fetch, request, (response, host) => readCapped(response, request.maxBodyBytes, host));

/** Same as {@link send}, for a reply whose body does not matter: it may be too large, or break. */
export const sendForStatus = (fetch: Fetch, request: OutboundRequest): Promise<OutboundReply<void>> =>
  // A body that was read leaves its connection to the next request.
  exchange(fetch, request, async (response, host) => {
    await readCapped(response, request.maxBodyBytes, host).catch(() => undefined);
  });

async function exchange<Body>(
  fetch: Fetch,
  request: OutboundRequest,
  read: (response: Response, host: string) => Promise<Body>,
): Promise<OutboundReply<Body>> {
  const host = new URL(request.url).host;
  // AbortSignal.timeout and AbortSignal.any would keep their timer and signals until the deadline, long after the reply.
  const ended = new AbortController();
  const onAbort = (): void => ended.abort(request.signal?.reason);
  if (request.signal?.aborted === true) onAbort();
  else request.signal?.addEventListener('abort', onAbort, { once: true });
  const timer = setTimeout(() => ended.abort(), request.timeoutMs);
  try {
    const response = await fetch(request.url, {
      method: request.method,
      redirect: 'manual',
      signal: ended.signal,
      ...(request.headers ? { headers: request.headers } : {}),
      ...(request.body === undefined ? {} : { body: request.body }),
    });
    return { status: response.status, headers: response.headers, body: await read(response, host) };
  } catch (error) {
    if (error instanceof OutboundError) throw error;
    if (request.signal?.aborted) throw new OutboundError('aborted', host, { cause: error });
    throw new OutboundError(ended.signal.aborted ? 'timeout' : 'network', host, { cause: error });
  } finally {
    clearTimeout(timer);
    request.signal?.removeEventListener('abort', onAbort);
  }
}

async function readCapped(response: Response, maxBodyBytes: number, host: string): Promise<Buffer> {
  if (response.body === null) return Buffer.alloc(0);
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body) {
    size += chunk.byteLength;
    // Leaving the loop cancels the stream, which closes the connection.
    if (size > maxBodyBytes) throw new OutboundError('too_large', host);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** One hour. A longer Retry-After is reported as one hour. */
const maxRetryAfterSeconds = 3600;

/**
 * Seconds from a Retry-After header (RFC 9110 section 10.2.3: seconds or an HTTP date), 1 to 3,600, rounded up. Never 0,
 * because a date in the past by this clock may be in the future by the peer's.
 * @returns undefined if the header is absent or invalid.
 */
export function retryAfterSeconds(headers: Headers, nowMs: number): number | undefined {
  const value = headers.get('retry-after')?.trim();
  if (!value) return undefined;
  const seconds = /^\d{1,9}$/.test(value) ? Number(value) : (Date.parse(value) - nowMs) / 1000;
  if (!Number.isFinite(seconds)) return undefined;
  return Math.min(maxRetryAfterSeconds, Math.max(1, Math.ceil(seconds)));
}

/** The JSON value of a reply's body, or undefined if it is not JSON. Never throws. */
export function parseJson(body: string): unknown {
  try {
    return JSON.parse(body) as unknown;
  } catch {
    return undefined;
  }
}

/**
 * Converts an {@link OutboundError} to a BrokerError. Any other error counts as a network failure.
 * @param peer subject of the detail, such as `Entra`.
 */
export function outboundFailure(
  error: unknown,
  code: 'entra_unavailable' | 'resource_error',
  peer: string,
): BrokerError {
  const failure = error instanceof OutboundError ? error.failure : 'network';
  const details = {
    timeout: 'did not answer in time',
    aborted: 'did not answer before the request was cancelled',
    network: 'could not be reached',
    too_large: 'sent a reply that is too large',
  };
  return new BrokerError(code, `${peer} ${details[failure]}.`, { cause: error });
}
