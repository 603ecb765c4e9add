import type { Clock, Random } from '../runtime/clock.ts';
import { BrokerError } from '../model/errors.ts';
import {
  type Fetch,
  outboundFailure,
  type OutboundReply,
  type OutboundRequest,
  retryAfterSeconds,
  send,
} from '../runtime/outbound.ts';
import type { Secret } from '../model/secret.ts';
import type { Limiter } from '../runtime/limiter.ts';
import { isTransientStatus, type Peer } from './reply.ts';

/** What every client of this folder needs from outside. */
export interface ExchangeDeps {
  readonly fetch: Fetch;
  readonly clock: Clock;
  readonly random: Random;
  /** Shared by all tenants of the process. */
  readonly limiter: Limiter;
}

/** One API seen as one tenant: where it is, who it is, how a token is had. */
export interface Binding {
  readonly peer: Peer;
  /** Base address without a trailing slash; nothing is sent to another origin. */
  readonly baseUrl: string;
  /** Asked before each attempt: it answers from the broker's cache as long as the token lives. */
  readonly token: () => Promise<Secret>;
  /** Deadline of the whole work: ends waits as well as exchanges. */
  readonly signal?: AbortSignal | undefined;
  readonly correlationId: string;
}

export interface ExchangeRequest {
  readonly method: OutboundRequest['method'];
  /** Absolute, on the binding's origin. */
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

const attempts = 4;
const timeoutMs = 100_000; // Graph's own gateway gives up after 100 s.
const maxBodyBytes = 20 * 1024 * 1024; // A page of 999 users with all properties stays below.
/** A longer Retry-After is not slept here, holding a worker: the run comes back to the tenant later. */
const longestWaitSeconds = 20;

/**
 * Sends a request with the tenant's token, and again after throttling and server faults: Retry-After obeyed, else
 * back-off that doubles from one second, both jittered so that tenants throttled together do not come back together.
 * @returns the last reply, whatever its status.
 * @throws BrokerError resource_error when no whole reply came; what the token source throws; the signal's reason.
 */
export async function exchange(deps: ExchangeDeps, binding: Binding, request: ExchangeRequest): Promise<OutboundReply> {
  requireOrigin(binding, request.url);
  for (let attempt = 1; ; attempt += 1) {
    const outcome = await attemptOnce(deps, binding, request);
    const wait = waitSeconds(outcome, attempt, deps);
    if (wait === undefined) {
      if (outcome instanceof BrokerError) throw outcome;
      return outcome;
    }
    await pause(deps, binding, wait);
  }
}

/** Waits, unless the deadline comes first. @throws the signal's reason. */
export async function pause(deps: ExchangeDeps, binding: Binding, seconds: number): Promise<void> {
  try {
    await deps.clock.sleep(seconds * 1000, binding.signal);
  } catch (error) {
    throw binding.signal?.aborted ? binding.signal.reason : error;
  }
}

async function attemptOnce(
  deps: ExchangeDeps,
  binding: Binding,
  request: ExchangeRequest,
): Promise<OutboundReply | BrokerError> {
  const token = await binding.token();
  const outbound: OutboundRequest = {
    ...request,
    headers: {
      accept: 'application/json',
      ...request.headers,
      authorization: `Bearer ${token.reveal()}`,
      'client-request-id': binding.correlationId,
    },
    timeoutMs,
    maxBodyBytes,
    signal: binding.signal,
  };
  try {
    return await deps.limiter.run(() => send(deps.fetch, outbound), binding.signal);
  } catch (error) {
    if (binding.signal?.aborted) throw binding.signal.reason;
    return outboundFailure(error, 'resource_error', binding.peer);
  }
}

/** Seconds to wait before the next attempt, or undefined when this one is the last. */
function waitSeconds(outcome: OutboundReply | BrokerError, attempt: number, deps: ExchangeDeps): number | undefined {
  if (attempt >= attempts) return undefined;
  if (!(outcome instanceof BrokerError) && !isTransientStatus(outcome.status)) return undefined;
  const demanded = outcome instanceof BrokerError ? undefined : retryAfterSeconds(outcome.headers, deps.clock.nowMs());
  if (demanded === undefined) return 2 ** (attempt - 1) * (0.5 + deps.random());
  return demanded > longestWaitSeconds ? undefined : demanded + deps.random();
}

/** The token goes to the host it is for, and nowhere that a reply or a job names instead. */
function requireOrigin(binding: Binding, url: string): void {
  if (URL.canParse(url) && new URL(url).origin === new URL(binding.baseUrl).origin) return;
  throw new BrokerError('resource_error', `${binding.peer} was to be asked at another host, which is refused.`, {
    logFields: { host: URL.canParse(url) ? new URL(url).host : undefined },
  });
}
