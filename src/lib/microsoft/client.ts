import { BrokerError } from '../core/errors.ts';
import { type BatchReply, type BatchRequest, readBatch } from './batch.ts';
import { type Binding, exchange, type ExchangeDeps, requireOrigin } from './exchange.ts';
import { itemsOf, pages } from './paging.ts';
import { isJsonObject, type JsonObject, textOf, valueOf } from './reply.ts';
import { type AdmittedRequest, openGate, type RequestGate } from './request-gate.ts';

/** Checks a value and returns it with its type. A zod schema fits, as do schemas of other libraries. */
interface Shape<T> {
  parse(value: unknown): T;
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
  requireOrigin(bound, url);
  const admitted = await gate.admit({ path: below(bound.baseUrl, url), headers: options.headers ?? {}, selected });
  // Graph throttles requests of low priority first, so that jobs do not slow people down (Graph "Throttling guidance").
  const headers = { 'x-ms-throttle-priority': 'low', ...admitted.headers };
  const reply = await exchange(deps, bound, { method: 'GET', url: bound.baseUrl + admitted.path, headers });
  const value = admitted.visible(valueOf(bound.peer, reply, deps.clock.nowMs()));
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
    if (isJsonObject(value)) return value;
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
      const next = isJsonObject(page) ? textOf(page, '@odata.nextLink') : undefined;
      return { items: itemsOf(bound.peer, page, 'value'), next: next === undefined ? undefined : { key: next } };
    });
    for await (const item of items) yield options.shape === undefined ? item : shaped(options.shape, item);
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
      return batchOf(requests, gate, (admitted) => readBatch(deps, bound, admitted, `${binding.baseUrl}/v1.0/$batch`));
    },
  };
}

/** Path and query of a URL of the same origin. A link may write the origin in another way. */
function below(baseUrl: string, url: string): string {
  if (url.startsWith(`${baseUrl}/`)) return url.slice(baseUrl.length);
  const { pathname, search } = new URL(url);
  return pathname + search;
}

type Relative = BatchRequest & { readonly relativeUrl: string };

/** Sends the reads that the gate admits. @returns one reply for each read, in their order. */
async function batchOf(
  requests: readonly BatchRequest[],
  gate: RequestGate,
  send: (admitted: readonly Relative[]) => Promise<BatchReply[]>,
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
  const open = [...admitted].map(([id, { path }]) => ({ id, path, relativeUrl: unversioned(path) }));
  for (const reply of await send(open)) {
    const { visible } = admitted.get(reply.id) ?? { visible: (value: unknown) => value };
    replies.set(reply.id, reply.ok ? { ...reply, value: visible(reply.value) } : reply);
  }
  return requests.flatMap(({ id }) => replies.get(id) ?? []);
}

/** The path with its version. @throws TypeError if it does not start with `/`, because a full URL is never accepted. */
export function versioned(path: string): string {
  if (!path.startsWith('/')) throw new TypeError('a Graph path starts with "/"');
  return /^\/(?:v1\.0|beta)\//.test(path) ? path : `/v1.0${path}`;
}

/** In a batch, the path is relative to the version of the batch. @throws TypeError for another version. */
function unversioned(path: string): string {
  if (!path.startsWith('/') || path.startsWith('/beta/'))
    throw new TypeError('a path in a batch starts with "/" and belongs to v1.0');
  return path.replace(/^\/v1\.0\//, '/');
}

function shaped<T>(shape: Shape<T>, item: JsonObject): T {
  try {
    return shape.parse(item);
  } catch (cause) {
    throw new BrokerError('resource_error', 'Microsoft Graph sends an item that does not have the expected shape.', {
      cause,
    });
  }
}
