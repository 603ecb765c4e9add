import type { BrokerConnection } from './broker-connection.ts';
import { failure, retryAfterSeconds, textOf, unreachable } from './broker-exchange.ts';
import { BrokerRequestError } from './broker-request-error.ts';

/** From the first byte sent to the last byte read. The broker itself gives up after 100 s. */
const timeoutMs = 130_000;
/** Statuses whose responses have no body ("Fetch Standard" section 2.2.3). */
const withoutBody = new Set([204, 205, 304]);

/**
 * Sends one request with the caller's token, and reads the complete answer.
 * @throws BrokerRequestError `network`, or `unexpected` if the answer is not from a broker.
 */
export async function sendThroughGateway(
  connection: BrokerConnection,
  url: string,
  init: RequestInit,
): Promise<Response> {
  const headers = new Headers(init.headers);
  headers.set('authorization', `Bearer ${await connection.callerToken()}`);
  const deadline = AbortSignal.timeout(timeoutMs);
  const signal = init.signal ? AbortSignal.any([init.signal, deadline]) : deadline;
  let response: Response;
  let body: ArrayBuffer;
  try {
    response = await connection.fetch(url, { ...init, headers, signal, redirect: 'manual' });
    body = await response.arrayBuffer();
  } catch (cause) {
    if (init.signal?.aborted === true) throw cause;
    throw unreachable(cause);
  }
  const { status, statusText } = response;
  // Every answer of the broker has a correlation id, also those of the resource.
  if (!response.headers.has('x-correlation-id')) throw failure(response, {});
  return new Response(withoutBody.has(status) ? null : body, { status, statusText, headers: response.headers });
}

/** Whether the broker, and not the resource, answered with an error. */
export const isBrokerFailure = ({ status, headers }: Response): boolean =>
  status >= 400 && /^application\/problem\+json\b/i.test(headers.get('content-type') ?? '');

/** The failure that an answer with a status of 400 or more describes. */
export function failureOf(response: Response, body: Readonly<Record<string, unknown>>): BrokerRequestError {
  if (isBrokerFailure(response)) return failure(response, body);
  const { status, headers } = response;
  const { error } = body;
  const { code, message } = (typeof error === 'object' && error !== null ? error : {}) as Record<string, unknown>;
  const text = [textOf(code), textOf(message)].filter((part) => part !== undefined).join(': ');
  return new BrokerRequestError(`The resource returned HTTP ${status}${text === '' ? '' : ` (${text})`}.`, {
    code: 'resource_refused',
    status,
    correlationId: headers.get('x-correlation-id') ?? undefined,
    retryAfterSeconds: retryAfterSeconds(headers),
    resourceCode: textOf(code),
  });
}

/** An answer with status 200 that cannot be used. */
export const unexpectedAnswer = (message: string): BrokerRequestError =>
  new BrokerRequestError(message, { code: 'unexpected', status: 200 });
