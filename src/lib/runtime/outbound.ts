import { BrokerError } from '../model/errors.ts';

/** The `fetch` of the platform, or a test's. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

export interface OutboundRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** From the first byte sent to the last byte read. */
  readonly timeoutMs: number;
  /** A longer reply is cut off and refused. */
  readonly maxBodyBytes: number;
  readonly signal?: AbortSignal | undefined;
}

export interface OutboundReply {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

/** Why no usable reply came: kept apart from what a reply says. */
export type OutboundFailure = 'timeout' | 'aborted' | 'network' | 'too_large';

export class OutboundError extends Error {
  override readonly name = 'OutboundError';
  readonly failure: OutboundFailure;
  constructor(failure: OutboundFailure, host: string, options?: ErrorOptions) {
    super(`${failure} while talking to ${host}`, options);
    this.failure = failure;
  }
}

/**
 * One request, one reply, with a deadline over the whole exchange and a cap on the reply. Redirects are not followed:
 * an Authorization header must not travel to a host that a reply chose.
 * @throws OutboundError when no whole reply came; never for a status.
 */
export async function send(fetch: Fetch, request: OutboundRequest): Promise<OutboundReply> {
  const host = new URL(request.url).host;
  const deadline = AbortSignal.timeout(request.timeoutMs);
  const signal = request.signal ? AbortSignal.any([deadline, request.signal]) : deadline;
  try {
    const response = await fetch(request.url, {
      method: request.method,
      redirect: 'manual',
      signal,
      ...(request.headers ? { headers: request.headers } : {}),
      ...(request.body === undefined ? {} : { body: request.body }),
    });
    const body = await readCapped(response, request.maxBodyBytes, host);
    return { status: response.status, headers: response.headers, body };
  } catch (error) {
    if (error instanceof OutboundError) throw error;
    if (request.signal?.aborted) throw new OutboundError('aborted', host, { cause: error });
    throw new OutboundError(deadline.aborted ? 'timeout' : 'network', host, { cause: error });
  }
}

async function readCapped(response: Response, maxBodyBytes: number, host: string): Promise<string> {
  if (response.body === null) return '';
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body) {
    size += chunk.byteLength;
    // Leaving the loop cancels the stream, which closes the connection.
    if (size > maxBodyBytes) throw new OutboundError('too_large', host);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** An hour: longer demands are obeyed by giving up, not by waiting. */
const longestRetryAfterSeconds = 3600;

/**
 * Seconds from a Retry-After header (RFC 9110 section 10.2.3: seconds or an HTTP date), 1 to 3,600, rounded up. Never
 * 0: a date that is past by our clock may not be by the peer's, and a wait of nothing is one that nobody remembers.
 * @returns undefined when the header is absent or makes no sense.
 */
export function retryAfterSeconds(headers: Headers, nowMs: number): number | undefined {
  const value = headers.get('retry-after')?.trim();
  if (!value) return undefined;
  const seconds = /^\d{1,9}$/.test(value) ? Number(value) : (Date.parse(value) - nowMs) / 1000;
  if (!Number.isFinite(seconds)) return undefined;
  return Math.min(longestRetryAfterSeconds, Math.max(1, Math.ceil(seconds)));
}

/** The JSON value of a reply's body, or undefined when it is none: replies are data, they never throw. */
export function parseJson(body: string): unknown {
  try {
    return JSON.parse(body) as unknown;
  } catch {
    return undefined;
  }
}

/** An {@link OutboundError} said as one of the closed set, under the code that fits the peer. */
export function outboundFailure(
  error: unknown,
  code: 'entra_unavailable' | 'resource_error',
  peer: string,
): BrokerError {
  const failure = error instanceof OutboundError ? error.failure : 'network';
  const said = {
    timeout: 'did not answer in time',
    aborted: 'was not waited for',
    network: 'could not be reached',
    too_large: 'sent a reply that is too large',
  };
  return new BrokerError(code, `${peer} ${said[failure]}.`, { cause: error });
}
