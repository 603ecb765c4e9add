import type {
  GetTableEntityOptions,
  TableClient,
  TableEntity,
  TableEntityQueryOptions,
  TableEntityResult,
  TableEntityResultPage,
  TransactionAction,
  UpdateMode,
} from '@azure/data-tables';
import * as z from 'zod';
import { BrokerError } from '../errors.ts';
import { httpStatusOf } from '../outbound.ts';
import { once } from '../single-flight.ts';
import { decodeContinuation } from './continuation.ts';

/** Quotes an OData string literal: quotes inside are doubled. */
export const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`;

export interface Keys {
  readonly partitionKey: string;
  readonly rowKey: string;
}

/** A row as it was read, with its version. */
export type Row = TableEntityResult<Record<string, unknown>>;
/** Rows that storage returned together. */
export type RowPage = TableEntityResultPage<Record<string, unknown>>;

/** Limits of "Performing entity group transactions" (Azure Table storage): 100 rows of one partition, and 4 MiB. */
const maxPerTransaction = 100;
const maxBytes = 3 * 1024 * 1024;
/** Most rows that storage returns at once. */
const maxPerPage = 1_000;
/** Replies of storage for one page of items, at most: with filters, none of many rows may match. */
const maxReplies = 10;

interface PageOptions {
  readonly size?: number;
  readonly continuation?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * A table or container that is created at its first use. If somebody has deleted it since, the call that finds out fails, and
 * the next one creates it again: what is gone must not read as empty without a word.
 */
export class Created<C> {
  readonly #make: () => Promise<C>;
  #client: () => Promise<C>;

  constructor(open: () => Promise<C>, create: (client: C) => Promise<unknown>) {
    this.#make = async () => {
      const client = await open();
      await create(client);
      return client;
    };
    this.#client = once(this.#make);
  }

  /** @throws what `open` and `create` throw. */
  client(): Promise<C> {
    return this.#client();
  }

  /** Runs an operation. @throws what `open`, `create` and the operation throw. */
  async use<T>(work: (client: C) => Promise<T>): Promise<T> {
    const client = await this.#client();
    return work(client).catch((thrown: unknown) => this.failed(thrown));
  }

  /** Resets the client if the failure says that it is gone. Rethrows. */
  failed(thrown: unknown): never {
    if (isDeleted(thrown)) this.#client = once(this.#make);
    throw thrown;
  }
}

/**
 * A table of Azure Table storage. It is created at its first use. All methods throw BrokerError storage_unavailable, also if
 * somebody has deleted the table since: then no row is known to be missing.
 */
export class Table {
  readonly #created: Created<TableClient>;
  readonly #detail: string | undefined;

  /**
   * @param open returns the table's client.
   * @param detail of the errors.
   */
  constructor(open: (() => Promise<TableClient>) | Created<TableClient>, detail?: string) {
    this.#created = open instanceof Created ? open : new Created(open, (client) => client.createTable());
    this.#detail = detail;
  }

  /** The same table, with another detail of the errors. */
  saying(detail: string): Table {
    return new Table(this.#created, detail);
  }

  /** Runs an operation of the SDK's client that this class lacks. Throws the SDK's errors. */
  use<T>(work: (client: TableClient) => Promise<T>): Promise<T> {
    return this.#created.use(work);
  }

  /** @returns undefined if there is no such row. */
  find({ partitionKey, rowKey }: Keys, options: GetTableEntityOptions = {}): Promise<Row | undefined> {
    return this.#call((client) =>
      unlessMissing<Row>(() => client.getEntity(partitionKey, rowKey, options), isItemMissing),
    );
  }

  /** The rows that a query finds, in the order of their keys. */
  async *rows(queryOptions: TableEntityQueryOptions = {}, signal?: AbortSignal): AsyncGenerator<Row, void, undefined> {
    for await (const row of this.#items(await this.#list(queryOptions, signal))) {
      signal?.throwIfAborted();
      yield row;
    }
  }

  /** The same in pages. One may be empty although more follow: storage looks at a limited number of rows for each. */
  async *pages(
    queryOptions: TableEntityQueryOptions,
    { size = maxPerPage, continuation, signal }: PageOptions = {},
  ): AsyncGenerator<RowPage, void, undefined> {
    const from = continuation === undefined ? {} : { continuationToken: continuation };
    const list = await this.#list(queryOptions, signal);
    yield* this.#items(list.byPage({ maxPageSize: Math.min(size, maxPerPage), ...from }));
  }

  /**
   * One page, for callers who ask for the next one.
   * @param continuation of the page before.
   * @throws BrokerError request_invalid also, for a continuation that no page has returned.
   */
  async page(
    queryOptions: TableEntityQueryOptions,
    { continuation, ...options }: PageOptions,
  ): Promise<{ readonly rows: readonly Row[]; readonly continuation?: string }> {
    const from = continuation === undefined ? undefined : sdkToken(continuation);
    for await (const rows of this.pages(queryOptions, { ...options, continuation: from })) {
      const next = rows.continuationToken;
      return next === undefined ? { rows } : { rows, continuation: Buffer.from(next, 'base64').toString('base64url') };
    }
    return { rows: [] };
  }

  /**
   * Creates a row, or changes the version that was read.
   * @param version its ETag. Undefined: there was no such row.
   * @returns the new version; undefined if somebody has written or removed the row since.
   */
  async putIfUnchanged(
    row: TableEntity,
    version: string | undefined,
    { mode = 'Replace', ...options }: { readonly mode?: UpdateMode; readonly abortSignal?: AbortSignal } = {},
  ): Promise<string | undefined> {
    const written = await this.#unlessLost((client) =>
      version === undefined
        ? client.createEntity(row, options)
        : client.updateEntity(row, mode, { ...options, etag: version }),
    );
    return written === 'lost' ? undefined : (written.etag ?? '');
  }

  /** Writes a row, whatever is there. With `Merge`, properties that are absent stay. */
  async put(row: TableEntity, mode: UpdateMode = 'Replace'): Promise<void> {
    await this.#call((client) => client.upsertEntity(row, mode));
  }

  /** Writes rows of one partition, whatever is there, in as few transactions as storage takes, in their order. */
  async putAll(rows: readonly TableEntity[]): Promise<void> {
    let together: TransactionAction[] = [];
    let bytes = 0;
    const write = async (): Promise<void> => {
      if (together.length > 0) await this.submit(together);
      together = [];
      bytes = 0;
    };
    for (const row of rows) {
      const size = Buffer.byteLength(JSON.stringify(row)) + 1_000;
      if (together.length >= maxPerTransaction || bytes + size > maxBytes) await write();
      bytes += size;
      together.push(['upsert', row, 'Replace']);
    }
    await write();
  }

  /** @param version its ETag. Default: any. @returns false if the row is gone, or has another version. */
  async remove({ partitionKey, rowKey }: Keys, version?: string): Promise<boolean> {
    const options = version === undefined ? {} : { etag: version };
    return (await this.#unlessLost((client) => client.deleteEntity(partitionKey, rowKey, options))) !== 'lost';
  }

  /** Does all of it, or nothing. Throws if a row has another version as well. */
  async submit(actions: TransactionAction[]): Promise<void> {
    await this.#call((client) => client.submitTransaction(actions));
  }

  /** The same. @returns false if somebody has written or removed one of the rows since it was read. */
  async submitIfUnchanged(actions: TransactionAction[]): Promise<boolean> {
    return (await this.#unlessLost((client) => client.submitTransaction(actions))) !== 'lost';
  }

  /**
   * Deletes rows, in their order. Rows of one partition share transactions. Rows that are gone already are passed over:
   * another instance may purge too.
   * @returns those that were there.
   */
  async removeAll(rows: readonly Keys[]): Promise<readonly Keys[]> {
    const removed: Keys[] = [];
    for (const together of Map.groupBy(rows, ({ partitionKey }) => partitionKey).values())
      for (let first = 0; first < together.length; first += maxPerTransaction)
        removed.push(...(await this.#removeTogether(together.slice(first, first + maxPerTransaction))));
    return removed;
  }

  /** One row that is gone fails the whole transaction, so it is halved until that row is alone. */
  async #removeTogether(rows: readonly Keys[]): Promise<readonly Keys[]> {
    const actions = rows.map(({ partitionKey, rowKey }): TransactionAction => ['delete', { partitionKey, rowKey }]);
    const isDone = await this.#call((client) =>
      unlessMissing(() => client.submitTransaction(actions).then(() => true), isItemMissing),
    );
    if (isDone === true) return rows;
    if (rows.length <= 1) return [];
    const middle = rows.length >> 1;
    return [
      ...(await this.#removeTogether(rows.slice(0, middle))),
      ...(await this.#removeTogether(rows.slice(middle))),
    ];
  }

  /** Deletes the rows that a filter finds, page by page. @returns their number. What is deleted before a failure stays so. */
  async removeRange(filter: string): Promise<number> {
    let removed = 0;
    for await (const page of this.pages({ filter, select: ['partitionKey', 'rowKey'] }))
      removed += (await this.removeAll(page.map(keysOf))).length;
    return removed;
  }

  async #list(queryOptions: TableEntityQueryOptions, signal?: AbortSignal) {
    const options = signal === undefined ? { queryOptions } : { queryOptions, abortSignal: signal };
    return this.#call(async (client) => client.listEntities(options));
  }

  #call<T>(work: (client: TableClient) => Promise<T>): Promise<T> {
    return storageCall(() => this.use(work), this.#detail);
  }

  /** Like `#call`, for an iteration that fetches its pages lazily. */
  async *#items<T>(items: AsyncIterable<T>): AsyncGenerator<T, void, undefined> {
    try {
      yield* items;
    } catch (thrown) {
      await this.#call(() => Promise.reject(thrown));
    }
  }

  #unlessLost<T>(write: (client: TableClient) => Promise<T>): Promise<T | 'lost'> {
    return this.#call((client) => write(client).catch(ifLost));
  }
}

const longestContinuation = 1_024;
const tokenSchema = z.strictObject({ nextPartitionKey: z.string(), nextRowKey: z.string().optional() });

/** The SDK's token is a JSON object in base64. Only the expected properties are passed to it. */
function sdkToken(continuation: string): string {
  const start = decodeContinuation(tokenSchema, continuation.length <= longestContinuation ? continuation : '');
  return Buffer.from(JSON.stringify(start)).toString('base64');
}

export const keysOf = ({ partitionKey = '', rowKey = '' }: Partial<Keys>): Keys => ({ partitionKey, rowKey });

/**
 * One page of what rows say.
 * @param pages ask for one row more than `limit`, which tells whether there is another page.
 * @returns up to `limit` wanted items, and the item after which the next page begins; none on the last page. It looks at ten
 * replies of storage at most, so there may be fewer items although more follow.
 */
export async function readPage<T>(
  pages: AsyncIterable<RowPage>,
  limit: number,
  read: (row: Row) => T | undefined,
  isWanted: (item: T) => boolean,
): Promise<{ readonly items: readonly T[]; readonly last?: T }> {
  const items: T[] = [];
  let last: T | undefined;
  let replies = 0;
  for await (const page of pages) {
    replies += 1;
    for (const row of page) {
      const item = read(row);
      if (item === undefined) continue;
      const wanted = isWanted(item);
      if (wanted && items.length === limit && last !== undefined) return { items, last };
      if (wanted) items.push(item);
      last = item;
    }
    if (page.continuationToken === undefined) break;
    if (replies >= maxReplies && last !== undefined) return { items, last };
  }
  return { items };
}

/** In a transaction: creates a row, or replaces the version that was read. */
export const putAction = (row: TableEntity, version: string | undefined): TransactionAction =>
  version === undefined ? ['create', row] : ['update', row, 'Replace', { etag: version }];

/**
 * Repeats an attempt to read, change and write something as long as others write in between.
 * @param attempt returns undefined in that case. It gets its number, from 1.
 * @param otherwise what to do after the last attempt.
 */
export async function untilWritten<T>(
  attempts: number,
  attempt: (number: number) => Promise<T | undefined>,
  otherwise: () => T,
): Promise<T> {
  for (let number = 1; number <= attempts; number += 1) {
    const written = await attempt(number);
    if (written !== undefined) return written;
  }
  return otherwise();
}

/** Whether the entity or blob already exists (409) or was changed concurrently (412). */
export const isStorageConflict = (thrown: unknown): boolean =>
  httpStatusOf(thrown) === 409 || httpStatusOf(thrown) === 412;

/** Whether the entity, blob, table or container does not exist (404). */
export const isStorageMissing = (thrown: unknown): boolean => httpStatusOf(thrown) === 404;

/** Whether a range starts beyond the end of the blob (416). */
export const isStorageRangeInvalid = (thrown: unknown): boolean => httpStatusOf(thrown) === 416;

const deletedCodes = new Set(['TableNotFound', 'TableBeingDeleted', 'ContainerNotFound', 'ContainerBeingDeleted']);

/**
 * Whether the table or container does not exist ("Table service error codes" and "Blob service error codes", Microsoft Learn).
 * If it was created before, somebody has deleted it, and nothing in it is known to be missing. For about 30 s after that it
 * cannot be created.
 */
export const isDeleted = (thrown: unknown): boolean => deletedCodes.has(storageCodeOf(thrown) ?? '');

/** Whether a method of {@link Table} has failed because somebody has deleted the table. */
export const isTableDeleted = (thrown: unknown): boolean =>
  thrown instanceof BrokerError && deletedCodes.has(String(thrown.logFields['storageCode']));

/** Whether a BrokerError of storage says that a blob does not exist. */
export const isBlobMissing = (thrown: unknown): boolean =>
  thrown instanceof BrokerError && thrown.logFields['storageCode'] === 'BlobNotFound';

/** Whether the entity does not exist, but its table does; or the blob, but its container does. */
export const isItemMissing = (thrown: unknown): boolean => isStorageMissing(thrown) && !isDeleted(thrown);

/** Whether somebody else has written or removed the row. */
function ifLost(thrown: unknown): 'lost' {
  if (!isDeleted(thrown) && (isStorageConflict(thrown) || isItemMissing(thrown))) return 'lost';
  throw thrown;
}

/** @returns undefined if what is read does not exist. @param isMissing tells which failures mean that. */
export async function unlessMissing<T>(
  read: () => Promise<T>,
  isMissing: (thrown: unknown) => boolean = isStorageMissing,
): Promise<T | undefined> {
  try {
    return await read();
  } catch (thrown) {
    if (isMissing(thrown)) return undefined;
    throw thrown;
  }
}

/**
 * Runs a storage operation and converts its failures.
 * @param detail the error's detail.
 * @throws BrokerError storage_unavailable with status and code for the log. A BrokerError passes unchanged.
 */
export async function storageCall<T>(operation: () => Promise<T>, detail?: string): Promise<T> {
  try {
    return await operation();
  } catch (thrown) {
    throw storageFailure(thrown, detail);
  }
}

const deletedText = 'Its table or container was deleted: the next request creates it again, without what it held.';

function storageFailure(
  thrown: unknown,
  detail = 'The storage account rejected the request or did not answer.',
): BrokerError {
  if (thrown instanceof BrokerError) return thrown;
  return new BrokerError('storage_unavailable', isDeleted(thrown) ? `${detail} ${deletedText}` : detail, {
    // The message may quote the request, so only status and code are logged.
    logFields: { status: httpStatusOf(thrown), storageCode: storageCodeOf(thrown) },
  });
}

/** The service's own code, such as `EntityAlreadyExists`. The table client keeps it in the parsed body or among the headers. */
export function storageCodeOf(thrown: unknown): string | undefined {
  const details = propertyOf(thrown, 'details');
  const code =
    propertyOf(propertyOf(details, 'odataError'), 'code') ??
    propertyOf(details, 'errorCode') ??
    propertyOf(thrown, 'code');
  return typeof code === 'string' ? code : undefined;
}

const propertyOf = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
