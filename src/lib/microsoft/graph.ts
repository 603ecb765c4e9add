import { backOffMs, retry } from '../core/clock.ts';
import { BrokerError } from '../core/errors.ts';
import { type OutboundReply, retryAfterSeconds } from '../core/outbound.ts';
import { type BatchEndpoint, type BatchPart, type BatchReply, readBatch } from './batch.ts';
import { below, type Binding, exchange, type ExchangeDeps, sendOnce } from './exchange.ts';
import { asObject, isObject, type JsonObject, textOf } from '../core/objects.ts';
import { itemsOf, pages, type Shape, shaped, valueOf } from './reply.ts';

/** One read inside a batch: a path below the version, as for `get`. */
interface BatchRequest {
  readonly id: string;
  readonly path: string;
}

/** A request that a client is about to send. */
interface GatedRequest {
  /** Path and query with the version, below the base address: `/v1.0/users?$top=5`. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** What the first request selected, if this one follows a link of its answer. */
  readonly selected?: readonly string[] | undefined;
}

/** A request that may be sent. */
interface AdmittedRequest {
  /** To send in place of the path that was asked for. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** For the requests that follow links of the answer. */
  readonly selected: readonly string[];
  /** The part of an answer's value that the requester may see. */
  readonly visible: (value: unknown) => Promise<unknown>;
}

/** Decides whether a client may read something. */
export interface RequestGate {
  /** @throws BrokerError with the reason if the request may not be sent. */
  admit(request: GatedRequest): Promise<AdmittedRequest>;
}

/** Admits every request as it is. */
const openGate: RequestGate = {
  admit: async ({ path, headers, selected = [] }) => ({ path, headers, selected, visible: async (value) => value }),
};

/**
 * The header that a request needs: Graph answers `$search`, `$count` and some filters only with eventual consistency
 * ("Advanced query capabilities"), which they name by `$count=true`. Elsewhere Graph ignores the header.
 * @param path with query.
 */
export function consistencyHeader(path: string): Readonly<Record<string, string>> {
  const isAdvanced = /[?&]\$?(?:search|count)=/i.test(path.replaceAll('%24', '$')) || /\/\$count(?:\?|$)/i.test(path);
  return isAdvanced ? { consistencylevel: 'eventual' } : {};
}

interface ReadOptions {
  /** Additional headers, such as `ConsistencyLevel: eventual`. */
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * Reads Microsoft Graph in one tenant. A path starts with `/`. It is prefixed with `/v1.0` unless it starts with `/v1.0/`
 * or `/beta/`. A throttled request is sent again, up to four attempts in total. Every failure is a BrokerError (see
 * reply.ts).
 */
export interface GraphClient {
  /** One object. @throws BrokerError job_failed if it does not exist (404). Use `find` if that is expected. */
  get(path: string, options?: ReadOptions): Promise<JsonObject>;
  /** One object, or undefined if Graph answers 404. */
  find(path: string, options?: ReadOptions): Promise<JsonObject | undefined>;
  /**
   * All items of a collection, page by page.
   * @throws BrokerError resource_error if an item does not match `shape`.
   */
  list(path: string, options?: ReadOptions): AsyncGenerator<JsonObject, void, undefined>;
  list<T>(path: string, options: ReadOptions & { readonly shape: Shape<T> }): AsyncGenerator<T, void, undefined>;
  /** Sends many reads in few requests. The failure of one read is a value. @throws TypeError if two ids are equal. */
  batch(requests: readonly BatchRequest[]): Promise<BatchReply[]>;
}

/** What a value was read from: the pages that follow are part of the same query. */
interface Read {
  readonly value: unknown;
  readonly selected: readonly string[];
}

type Reader = (url: string, options: ReadOptions, selected?: readonly string[]) => Promise<Read>;

/** Reads an absolute URL. @param selected What the first page selected, if this is a later one. */
async function gatedRead(
  { deps, bound, gate }: { deps: ExchangeDeps; bound: Binding; gate: RequestGate },
  ...[url, options, selected]: Parameters<Reader>
): Promise<Read> {
  const admitted = await gate.admit({ path: below(bound, url), headers: options.headers ?? {}, selected });
  // Graph throttles requests of low priority first, so that jobs do not slow people down (Graph "Throttling guidance").
  const headers = { 'x-ms-throttle-priority': 'low', ...admitted.headers };
  const reply = await exchange(deps, bound, { method: 'GET', url: bound.baseUrl + admitted.path, headers });
  const value = await admitted.visible(await valueOf(bound.peer, reply, deps.clock.nowMs()));
  return { value, selected: admitted.selected };
}

/**
 * A client for one tenant. Create one for each operation, because it has the operation's deadline.
 * @param gate Is asked before each request. Absent: every request is sent.
 */
export function createGraphClient(
  deps: ExchangeDeps,
  binding: Omit<Binding, 'peer'>,
  gate: RequestGate = openGate,
): GraphClient {
  const bound: Binding = { ...binding, peer: 'Microsoft Graph' };
  const read: Reader = (url, options, selected) => gatedRead({ deps, bound, gate }, url, options, selected);
  const get = async (path: string, options: ReadOptions = {}): Promise<JsonObject> => {
    const { value } = await read(binding.baseUrl + versioned(path), options);
    if (isObject(value)) return value;
    throw new BrokerError('resource_error', 'Microsoft Graph sends a value that is not an object.');
  };

  async function* list<T>(
    path: string,
    options: ReadOptions & { readonly shape?: Shape<T> } = {},
  ): AsyncGenerator<T | JsonObject, void, undefined> {
    let selected: readonly string[] | undefined;
    const items = pages(bound.peer, { key: binding.baseUrl + versioned(path) }, async ({ key }) => {
      const { value: page, ...first } = await read(key, options, selected);
      ({ selected } = first);
      const next = textOf(asObject(page), '@odata.nextLink');
      return { items: itemsOf(bound.peer, page, 'value'), next: next === undefined ? undefined : { key: next } };
    });
    for await (const item of items) yield options.shape === undefined ? item : shaped(bound.peer, options.shape, item);
  }

  return {
    get,
    find: async (path, options) => {
      try {
        return await get(path, options);
      } catch (error) {
        if (error instanceof BrokerError && error.logFields['status'] === 404) return undefined;
        throw error;
      }
    },
    list,
    batch: async (requests) => {
      if (new Set(requests.map(({ id }) => id)).size !== requests.length)
        throw new TypeError('the ids of a batch must be unique');
      return batchOf(requests, gate, (parts) =>
        readBatch(deps, bound, parts, batchAt(`${binding.baseUrl}/v1.0/$batch`)),
      );
    },
  };
}

/** "Combine multiple requests in one HTTP call using JSON batching": Graph accepts at most 20. */
const batchAt = (url: string): BatchEndpoint => ({ url, size: 20 });

/** Sends the reads that the gate admits. @returns one reply for each read, in their order. */
async function batchOf(
  requests: readonly BatchRequest[],
  gate: RequestGate,
  send: (admitted: readonly BatchPart[]) => Promise<BatchReply[]>,
): Promise<BatchReply[]> {
  const admitted = new Map<string, AdmittedRequest>();
  const replies = new Map<string, BatchReply>();
  for (const { id, path } of requests) {
    try {
      admitted.set(id, await gate.admit({ path: versioned(unversioned(path)), headers: {} }));
    } catch (error) {
      if (!(error instanceof BrokerError) || error.transient) throw error;
      replies.set(id, { id, ok: false, error });
    }
  }
  const open = [...admitted].map(([id, { path }]) => {
    const url = unversioned(path);
    return { id, path: `/v1.0${url}`, sent: { method: 'GET', url } };
  });
  for (const reply of await send(open)) {
    const { visible } = admitted.get(reply.id) ?? { visible: async (value: unknown) => value };
    replies.set(reply.id, reply.ok ? { ...reply, value: await visible(reply.value) } : reply);
  }
  return requests.flatMap(({ id }) => replies.get(id) ?? []);
}

/** The path with its version. @throws TypeError if it does not start with `/`, because a full URL is never accepted. */
function versioned(path: string): string {
  if (!path.startsWith('/')) throw new TypeError('a Graph path starts with "/"');
  return /^\/(?:v1\.0|beta)\//.test(path) ? path : `/v1.0${path}`;
}

/** In a batch, the path is relative to the version of the batch. @throws TypeError for another version. */
function unversioned(path: string): string {
  if (!path.startsWith('/') || path.startsWith('/beta/'))
    throw new TypeError('a path in a batch starts with "/" and belongs to v1.0');
  return path.replace(/^\/v1\.0\//, '/');
}

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
      return asObject(await valueOf(bound.peer, reply, deps.clock.nowMs()));
    },
    patch: async (path, body) => {
      const request = { method: 'PATCH', url: url(path), headers: json, body: JSON.stringify(body) } as const;
      await valueOf(bound.peer, await exchange(deps, bound, request), deps.clock.nowMs());
    },
    remove: async (path) => {
      const reply = await exchange(deps, bound, { method: 'DELETE', url: url(path) });
      if (reply.status !== 404) await valueOf(bound.peer, reply, deps.clock.nowMs());
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
