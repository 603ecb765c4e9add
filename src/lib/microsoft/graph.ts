import { BrokerError } from '../core/errors.ts';
import { type OutboundReply, retryAfterSeconds } from '../core/outbound.ts';
import { backOffMs, retry } from '../core/retry.ts';
import { versioned } from './client.ts';
import { type Binding, exchange, type ExchangeDeps, sendOnce } from './exchange.ts';
import { isJsonObject, type JsonObject, valueOf } from './reply.ts';

/**
 * Writes to Microsoft Graph, to set up an application and to renew its client credential. Paths are those of the
 * GraphClient. Every failure is a BrokerError, with `logFields.status` if Graph answered.
 */
export interface GraphWriter {
  /**
   * Creates an object or performs an action. Sent once, because Graph may have executed a request whose reply was lost,
   * and a second request would create an unrecorded application or secret. Only a request that Graph answered with 429,
   * and so did not execute, is sent again.
   * @returns the reply, empty for 204.
   */
  post(path: string, body: JsonObject): Promise<JsonObject>;
  patch(path: string, body: JsonObject): Promise<void>;
  /** Deletes. An object that does not exist (404) counts as deleted. */
  remove(path: string): Promise<void>;
}

const limits = { timeoutMs: 60_000, maxBodyBytes: 1024 * 1024 };
const attempts = 4;
const maxWaitSeconds = 30;
const json = { 'content-type': 'application/json' };

/** A writer for one tenant. */
export function createGraphWriter(deps: ExchangeDeps, binding: Omit<Binding, 'peer'>): GraphWriter {
  const bound: Binding = { ...binding, peer: 'Microsoft Graph' };
  const url = (path: string): string => binding.baseUrl + versioned(path);
  return {
    post: async (path, body) => {
      const reply = await post(deps, bound, url(path), JSON.stringify(body));
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

async function post(deps: ExchangeDeps, binding: Binding, url: string, body: string): Promise<OutboundReply> {
  const request = { method: 'POST', url, headers: json, body } as const;
  const outcome = await retry(() => sendOnce(deps, binding, request, limits), {
    clock: deps.clock,
    attempts,
    afterValue: (reply, attempt) => {
      if (reply instanceof BrokerError || reply.status !== 429) return undefined;
      const demanded = retryAfterSeconds(reply.headers, deps.clock.nowMs());
      if (demanded !== undefined && demanded > maxWaitSeconds) return undefined;
      return (demanded === undefined ? backOffMs(attempt, 2_000) : demanded * 1000) + deps.random() * 1000;
    },
    signal: binding.signal,
  });
  if (outcome instanceof BrokerError) throw outcome;
  return outcome;
}

/** The HTTP status of a Graph failure, if Graph answered. */
export function graphStatus(thrown: unknown): number | undefined {
  const status = thrown instanceof BrokerError ? thrown.logFields['status'] : undefined;
  return typeof status === 'number' ? status : undefined;
}
