import { backOffMs, type Clock, type Random, retry } from '../core/clock.ts';
import { BrokerError } from '../core/errors.ts';
import {
  type Fetch,
  outboundFailure,
  type OutboundReply,
  type OutboundRequest,
  retryAfterSeconds,
  send,
} from '../core/outbound.ts';
import type { Secret } from '../core/secrets.ts';
import type { Limiter } from '../core/limiter.ts';
import type { BudgetedRequest, RequestBudget } from '../core/share.ts';
import { isTransientStatus, type Peer } from './reply.ts';

/** The side effects that every client in this folder needs. */
export interface ExchangeDeps {
  readonly fetch: Fetch;
  readonly clock: Clock;
  readonly random: Random;
  /** Shared by all tenants of the process. */
  readonly limiter: Pick<Limiter, 'run'>;
  /** Limits that all instances of the app share. Absent: this process is alone. */
  readonly budgets?: RequestBudget | undefined;
}

/** Access to one API in one tenant. */
export interface Binding {
  readonly peer: Peer;
  /** Base address without a trailing slash. No request is sent to another origin. */
  readonly baseUrl: string;
  /** Called before each attempt. The broker's cache returns the same token until it expires. */
  readonly token: () => Promise<Secret>;
  /** Ends requests and pauses. */
  readonly signal?: AbortSignal | undefined;
  readonly correlationId: string;
  /** What the shared limits count the requests for. Absent: they do not. */
  readonly counted?: Pick<BudgetedRequest, 'resource' | 'tenantId' | 'application' | 'requesters'> | undefined;
}

export interface ExchangeRequest {
  readonly method: OutboundRequest['method'];
  /** Absolute, on the binding's origin. */
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Paths with the version of the reads that the request consists of, if it is a batch. */
  readonly parts?: readonly string[];
}

/** How often a request is sent at most. */
export const attempts = 4;
const limits = {
  timeoutMs: 100_000, // Graph's gateway has a timeout of 100 s.
  maxBodyBytes: 20 * 1024 * 1024, // A page of 999 users with all properties stays below.
};
/** A longer Retry-After ends the attempts instead of blocking a worker. The run returns to the tenant later. */
const maxWaitSeconds = 20;

/**
 * Sends a request with the tenant's token, up to four times after throttling and server errors. The pause is the
 * Retry-After of the reply, or else a back-off from one second. Both have jitter, so that tenants that are throttled
 * together do not retry together.
 * @returns the last reply, whatever its status.
 * @throws BrokerError resource_error if no complete reply arrived, or if the URL is on another origin; the error of the
 * token source; the reason of the signal.
 */
export async function exchange(deps: ExchangeDeps, binding: Binding, request: ExchangeRequest): Promise<OutboundReply> {
  requireOrigin(binding, request.url);
  const outcome = await retry(() => sendOnce(deps, binding, request, limits), {
    clock: deps.clock,
    attempts,
    afterValue: (reply, attempt) =>
      reply instanceof BrokerError
        ? pauseMs(deps, attempt)
        : pauseMs(deps, attempt, reply.status, retryAfterSeconds(reply.headers, deps.clock.nowMs())),
    signal: binding.signal,
  });
  if (outcome instanceof BrokerError) throw outcome;
  return outcome;
}

/**
 * Sends a request once, with the tenant's token.
 * @returns the reply, or why no complete reply arrived.
 * @throws the error of the token source; the reason of the signal.
 */
export async function sendOnce(
  deps: ExchangeDeps,
  binding: Binding,
  { parts, ...request }: ExchangeRequest,
  { timeoutMs, maxBodyBytes }: Pick<OutboundRequest, 'timeoutMs' | 'maxBodyBytes'>,
): Promise<OutboundReply | BrokerError> {
  const counted = binding.counted && {
    ...binding.counted,
    // The parts of a batch only read.
    method: parts === undefined ? request.method : 'GET',
    paths: parts ?? [request.url.slice(binding.baseUrl.length)],
  };
  if (counted !== undefined) await deps.budgets?.admit(counted, binding.signal);
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
    const reply = await deps.limiter.run(() => send(deps.fetch, outbound), binding.signal);
    const demanded = reply.status === 429 ? retryAfterSeconds(reply.headers, deps.clock.nowMs()) : undefined;
    if (counted !== undefined && demanded !== undefined) {
      deps.budgets?.throttled(counted, demanded, reply.headers.get('x-ms-throttle-scope'));
    }
    return reply;
  } catch (error) {
    if (binding.signal?.aborted) throw binding.signal.reason;
    return outboundFailure(error, 'resource_error', binding.peer);
  }
}

/**
 * Milliseconds until a request is sent again; undefined: the answer is final.
 * @param attempt how many attempts have been made, from 1.
 * @param status of the answer. Undefined: none came.
 * @param demanded its Retry-After, seconds.
 */
export function pauseMs(
  { random }: Pick<ExchangeDeps, 'random'>,
  attempt: number,
  status?: number,
  demanded?: number,
): number | undefined {
  if (status !== undefined && !isTransientStatus(status)) return undefined;
  if (demanded === undefined) return backOffMs(attempt, 1_000) * (0.5 + random());
  return demanded > maxWaitSeconds ? undefined : (demanded + random()) * 1000;
}

/**
 * The token is sent only to the host that it is for, not to another host that a reply or a job names.
 * @throws BrokerError resource_error
 */
function requireOrigin(binding: Binding, url: string): void {
  if (URL.canParse(url) && new URL(url).origin === new URL(binding.baseUrl).origin) return;
  throw new BrokerError(
    'resource_error',
    `The request to ${binding.peer} was not sent, because its address is on another host.`,
    {
      logFields: { host: URL.canParse(url) ? new URL(url).host : undefined },
    },
  );
}

/**
 * Path and query of a URL on the binding's origin, which a link may write in another way.
 * @throws BrokerError resource_error for another origin.
 */
export function below(binding: Binding, url: string): string {
  requireOrigin(binding, url);
  if (url.startsWith(`${binding.baseUrl}/`)) return url.slice(binding.baseUrl.length);
  const { pathname, search } = new URL(url);
  return pathname + search;
}
