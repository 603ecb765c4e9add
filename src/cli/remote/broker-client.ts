import { randomUUID } from 'node:crypto';
import { adviceFor, BrokerError, errorTable, isErrorCode, isLack } from '../../lib/core/errors.ts';
import { type Clock, systemClock } from '../../lib/core/clock.ts';
import { asObject } from '../../lib/core/objects.ts';
import {
  type Fetch,
  nextAddress,
  outboundFailure,
  type OutboundReply,
  type OutboundRequest,
  parseJson,
  send,
  sendForBytes,
} from '../../lib/core/outbound.ts';
import { CommandFailure } from '../command-failure.ts';
import { say } from '../sign-in/output.ts';

/**
 * Client of the broker's HTTP API. Every method throws BrokerError with the code and the detail of the broker. A request
 * that the broker refused because there were too many is repeated when the broker says.
 */
export interface BrokerClient {
  /** Address of the broker, without a path. */
  readonly url: string;
  get(path: string, query?: Readonly<Record<string, string | undefined>>): Promise<unknown>;
  /** As `get`, for an answer that nobody needs: asks once, waits two seconds, and says nothing to the person. */
  glance(path: string, query?: Readonly<Record<string, string | undefined>>): Promise<unknown>;
  /** @param signal gives up, also while it waits for the next attempt. */
  post(path: string, body: unknown, signal?: AbortSignal): Promise<unknown>;
  /**
   * A POST that starts a run. It has an Idempotency-Key, so it is repeated while the broker is not available.
   * @param signal ends the repetitions, not the request under way: its answer names the run.
   */
  start(path: string, body: unknown, signal?: AbortSignal): Promise<unknown>;
  put(path: string, body: unknown): Promise<unknown>;
  /** Yields the texts of an answer that has pages. Repeats a page while the broker, or its storage, is not available. */
  pages(path: string, query: Readonly<Record<string, string>>): AsyncIterable<string>;
  /** Sends a request through the gateway. @returns the answer of the resource, with any status. */
  relay(request: RelayRequest): Promise<OutboundReply<Buffer>>;
}

/** A request that the broker sends to a resource. */
export interface RelayRequest {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE';
  /** At the gateway of this broker. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array<ArrayBuffer> | undefined;
  /** Repeat it while the broker is not available, and not only if the broker throttles. For requests that change nothing. */
  readonly isRepeatable?: boolean;
  /** Gives up, also while it waits for the next attempt. */
  readonly signal?: AbortSignal | undefined;
}

const timeoutMs = 60_000;
const glanceMs = 2_000;
/** The gateway itself gives up after 100 s. */
const relayTimeoutMs = 130_000;
/** Enough for an answer about a run over 20,000 tenants. */
const maxBodyBytes = 64 * 1024 * 1024;

/** Attempts at a request, and the delay before the second one. It doubles. */
const maxAttempts = 5;
const firstPauseMs = 1_000;

/** The longest delay in seconds that the broker may ask for. The PowerShell module waits as long. */
const longestWaitSeconds = 60;
/** A delay from this on is said, in seconds. */
const noticedWaitSeconds = 5;

export function createBrokerClient(
  fetch: Fetch,
  baseUrl: string,
  callerToken: () => Promise<string>,
  clock: Clock = systemClock,
): BrokerClient {
  const addressOf = (path: string, query: Query = {}): string => addressAt(baseUrl, path, query);
  const unreachable = (error: unknown): never => {
    const { code, detail } = outboundFailure(error, 'resource_error', `The broker at ${baseUrl}`);
    throw new CommandFailure(code, detail, checkAddress, { cause: error });
  };
  const exchange = async (
    method: 'GET' | 'POST' | 'PUT',
    url: string,
    body?: unknown,
    { withinMs = timeoutMs, signal, headers = {} }: ExchangeOptions = {},
  ): Promise<OutboundReply> => {
    const authorization = `Bearer ${await callerToken()}`;
    const reply = await send(fetch, {
      method,
      url,
      headers: { ...headers, authorization, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      timeoutMs: withinMs,
      maxBodyBytes,
      signal,
    }).catch(unreachable);
    if (reply.status >= 200 && reply.status < 300) return reply;
    throw errorOf(reply, baseUrl);
  };
  const relay = async (request: RelayRequest): Promise<OutboundReply<Buffer>> =>
    relayed(await sendForBytes(fetch, await outboundRelay(request, callerToken)).catch(unreachable), baseUrl);
  const change = (method: 'POST' | 'PUT') => async (path: string, body: unknown, signal?: AbortSignal) =>
    parseJson(
      (await patiently(clock, isThrottled, () => exchange(method, addressOf(path), body, { signal }), signal)).body,
    );
  return {
    url: baseUrl,
    get: async (path, query = {}) =>
      parseJson((await patiently(clock, isThrottled, () => exchange('GET', addressOf(path, query)))).body),
    glance: async (path, query = {}) =>
      parseJson((await exchange('GET', addressOf(path, query), undefined, { withinMs: glanceMs })).body),
    post: change('POST'),
    start: async (path, body, signal) => {
      const headers = { 'idempotency-key': randomUUID() };
      const attempt = () => exchange('POST', addressOf(path), body, { headers });
      return parseJson((await patiently(clock, isTransient, attempt, signal)).body);
    },
    put: change('PUT'),
    pages: (path, query) =>
      followPages(addressOf(path, query), baseUrl, (url) => patiently(clock, isTransient, () => exchange('GET', url))),
    relay: (request) =>
      patiently(clock, request.isRepeatable === true ? isTransient : isThrottled, () => relay(request), request.signal),
  };
}

interface ExchangeOptions {
  readonly withinMs?: number;
  readonly signal?: AbortSignal | undefined;
  readonly headers?: Readonly<Record<string, string>>;
}

type Query = Readonly<Record<string, string | undefined>>;

function addressAt(baseUrl: string, path: string, query: Query): string {
  const url = new URL(`${baseUrl}/api${path}`);
  for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, value);
  return url.href;
}

async function outboundRelay(
  { method, url, headers, body, signal }: RelayRequest,
  callerToken: () => Promise<string>,
): Promise<OutboundRequest> {
  const authorization = `Bearer ${await callerToken()}`;
  const content = body === undefined ? {} : { body };
  const sent = { ...headers, authorization };
  return { method, url, headers: sent, ...content, timeoutMs: relayTimeoutMs, maxBodyBytes, signal };
}

/** @throws BrokerError if the answer is not one of the resource. */
function relayed(reply: OutboundReply<Buffer>, baseUrl: string): OutboundReply<Buffer> {
  const isProblem = /^application\/problem\+json\b/i.test(reply.headers.get('content-type') ?? '');
  // Every answer of the broker has a correlation id, also those of the resource.
  if (!isProblem && reply.headers.has('x-correlation-id')) return reply;
  throw errorOf({ ...reply, body: reply.body.toString('utf8') }, baseUrl);
}

async function* followPages(
  first: string,
  baseUrl: string,
  page: (url: string) => Promise<OutboundReply>,
): AsyncGenerator<string, void, undefined> {
  let next: string | undefined = first;
  while (next !== undefined) {
    const { body, headers } = await page(next);
    yield body;
    next = nextAddress(headers.get('link'), next);
    // The token goes to the broker only, whatever the link says.
    if (next !== undefined && !next.startsWith(`${baseUrl}/api/`)) throw unexpected(200, baseUrl);
  }
}

/** A limit passes soon only if the broker says when: otherwise its holder must make room. */
const isTransient = ({ code, transient, retryAfterSeconds }: BrokerError): boolean =>
  transient && (errorTable[code].status !== 429 || retryAfterSeconds !== undefined);

/** The broker refused the request before it did anything, so every request may be repeated. */
const isThrottled = (error: BrokerError): boolean => error.code === 'caller_throttled';

/**
 * Repeats work that fails in a way that may pass.
 * @throws BrokerError the last failure, or the first one after which the broker asks for too long a delay.
 */
async function patiently<T>(
  clock: Clock,
  mayPass: (error: BrokerError) => boolean,
  work: () => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (thrown) {
      if (!(thrown instanceof BrokerError) || !mayPass(thrown) || attempt >= maxAttempts) throw thrown;
      const seconds = thrown.retryAfterSeconds ?? (firstPauseMs / 1000) * 2 ** (attempt - 1);
      if (seconds > longestWaitSeconds) throw tooLong(thrown, seconds);
      if (seconds >= noticedWaitSeconds) say(`The broker asks to wait ${seconds} seconds.`);
      await clock.sleep(seconds * 1000, signal);
    }
  }
}

const tooLong = ({ code, detail }: BrokerError, seconds: number): BrokerError =>
  new BrokerError(
    code,
    `${detail} The broker asks to wait ${seconds} seconds, and ptb waits at most ${longestWaitSeconds}.`,
    { retryAfterSeconds: seconds },
  );

/** The broker did not answer, so its log does not have the request. */
export const checkAddress = 'Check BROKER_URL (or --url), and that the broker is running.';

/** Turns the broker's problem document back into the error. */
function errorOf(reply: OutboundReply, baseUrl: string): BrokerError {
  const { code, detail, retryAfterSeconds, lacks } = asObject(parseJson(reply.body));
  if (isErrorCode(code)) {
    const text = typeof detail === 'string' ? detail : '';
    const options = {
      ...(typeof retryAfterSeconds === 'number' ? { retryAfterSeconds } : {}),
      ...(isLack(lacks) ? { lacks } : {}),
    };
    // The setting is one of the app, not one of this command.
    if (code === 'config_invalid') return new CommandFailure(code, text, adviceFor(code, 'operator'), options);
    return new BrokerError(code, text, options);
  }
  if (reply.status === 401) {
    // A 401 of the platform has no body. It comes before the broker sees the request.
    const required = 'The function app requires a function key.';
    return new CommandFailure('caller_unauthenticated', required, 'Put the key into PTB_FUNCTION_KEY.');
  }
  return unexpected(reply.status, baseUrl);
}

const unexpected = (status: number, baseUrl: string): CommandFailure =>
  new CommandFailure(
    'resource_error',
    `The server at ${baseUrl} does not answer like the broker (HTTP ${status}).`,
    checkAddress,
  );
