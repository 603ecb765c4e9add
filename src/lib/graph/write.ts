import { BrokerError } from '../model/errors.ts';
import { outboundFailure, type OutboundReply, retryAfterSeconds, send } from '../runtime/outbound.ts';
import { versioned } from './client.ts';
import { type Binding, exchange, type ExchangeDeps, pause } from './exchange.ts';
import { isJsonObject, type JsonObject, valueOf } from './reply.ts';

/**
 * The writing half of Microsoft Graph, for setting an application up and keeping its client credential. Paths as for
 * the client. Every failure is a BrokerError with `logFields.status` where Graph answered.
 */
export interface GraphWriter {
  /**
   * Creates or acts. Sent once: a reply that got lost may stand for work that was done, and done twice it would leave
   * an application or a secret behind that nobody knows. Only a 429, which was not carried out, is sent again.
   * @returns the answer, empty for 204.
   */
  post(path: string, body: JsonObject): Promise<JsonObject>;
  patch(path: string, body: JsonObject): Promise<void>;
  /** Deletes; what does not exist (404) counts as deleted. */
  remove(path: string): Promise<void>;
}

const timeoutMs = 60_000;
const maxBodyBytes = 1024 * 1024;
const attempts = 4;
const longestWaitSeconds = 30;

/** A writer for one tenant with one token. */
export function createGraphWriter(deps: ExchangeDeps, binding: Omit<Binding, 'peer'>): GraphWriter {
  const bound: Binding = { ...binding, peer: 'Microsoft Graph' };
  const json = { 'content-type': 'application/json' };
  const url = (path: string): string => binding.baseUrl + versioned(path);
  return {
    post: async (path, body) => {
      const reply = await postOnce(deps, bound, url(path), JSON.stringify(body));
      const value = valueOf(bound.peer, reply, deps.clock.nowMs());
      return isJsonObject(value) ? value : {};
    },
    patch: async (path, body) => {
      const request = { method: 'PATCH', url: url(path), headers: json, body: JSON.stringify(body) } as const;
      valueOf(bound.peer, await exchange(deps, bound, request), deps.clock.nowMs());
    },
    remove: async (path) => {
      const reply = await exchange(deps, bound, { method: 'DELETE', url: url(path) });
      if (reply.status !== 404) valueOf(bound.peer, reply, deps.clock.nowMs());
    },
  };
}

async function postOnce(deps: ExchangeDeps, binding: Binding, url: string, body: string): Promise<OutboundReply> {
  for (let attempt = 1; ; attempt += 1) {
    const token = await binding.token();
    const headers = {
      accept: 'application/json',
      'content-type': 'application/json',
      authorization: `Bearer ${token.reveal()}`,
      'client-request-id': binding.correlationId,
    };
    const reply = await deps.limiter
      .run(
        () => send(deps.fetch, { method: 'POST', url, headers, body, timeoutMs, maxBodyBytes, signal: binding.signal }),
        binding.signal,
      )
      .catch((error: unknown): never => {
        throw binding.signal?.aborted
          ? binding.signal.reason
          : outboundFailure(error, 'resource_error', 'Microsoft Graph');
      });
    if (reply.status !== 429 || attempt >= attempts) return reply;
    const wait = retryAfterSeconds(reply.headers, deps.clock.nowMs()) ?? 2 ** attempt;
    if (wait > longestWaitSeconds) return reply;
    await pause(deps, binding, wait + deps.random());
  }
}

/** The HTTP status that a Graph failure carries, where Graph answered at all. */
export function graphStatus(thrown: unknown): number | undefined {
  const status = thrown instanceof BrokerError ? thrown.logFields['status'] : undefined;
  return typeof status === 'number' ? status : undefined;
}
