import { BrokerError } from '../model/errors.ts';
import { type BatchReply, type BatchRequest, readBatch } from './batch.ts';
import { type Binding, exchange, type ExchangeDeps } from './exchange.ts';
import { itemsOf, pages } from './paging.ts';
import { isJsonObject, type JsonObject, textOf, valueOf } from './reply.ts';

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

/** A client for one tenant. Create one for each operation, because it has the operation's deadline. */
export function createGraphClient(deps: ExchangeDeps, binding: Omit<Binding, 'peer'>): GraphClient {
  const bound: Binding = { ...binding, peer: 'Microsoft Graph' };
  const read = async (url: string, options: ReadOptions): Promise<unknown> => {
    // Graph throttles requests of low priority first, so that jobs do not slow people down (Graph "Throttling guidance").
    const headers = { 'x-ms-throttle-priority': 'low', ...options.headers };
    const reply = await exchange(deps, bound, { method: 'GET', url, headers });
    return valueOf(bound.peer, reply, deps.clock.nowMs());
  };
  const get = async (path: string, options: ReadOptions = {}): Promise<JsonObject> => {
    const value = await read(binding.baseUrl + versioned(path), options);
    if (isJsonObject(value)) return value;
    throw new BrokerError('resource_error', 'Microsoft Graph sends a value that is not an object.');
  };

  async function* list<T>(
    path: string,
    options: ReadOptions & { readonly shape?: Shape<T> } = {},
  ): AsyncGenerator<T | JsonObject, void, undefined> {
    const items = pages(bound.peer, { key: binding.baseUrl + versioned(path) }, async ({ key }) => {
      const page = await read(key, options);
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
      return readBatch(
        deps,
        bound,
        requests.map((request) => ({ ...request, relativeUrl: unversioned(request.path) })),
        `${binding.baseUrl}/v1.0/$batch`,
      );
    },
  };
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
