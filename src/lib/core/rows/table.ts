import { BrokerError } from '../errors.ts';
import { httpStatusOf } from '../outbound.ts';
import { once } from '../single-flight.ts';

/** Quotes an OData string literal: quotes inside are doubled. */
export const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`;

/**
 * Opens a table once, and creates it if it does not exist. A failure is not kept.
 * @param open returns the table's client.
 */
export const createdTable = <T extends { createTable(): Promise<void> }>(open: () => Promise<T>): (() => Promise<T>) =>
  once(async () => {
    const table = await open();
    await table.createTable();
    return table;
  });

/** Whether the entity already exists (409) or was changed concurrently (412). */
export const isStorageConflict = (thrown: unknown): boolean =>
  httpStatusOf(thrown) === 409 || httpStatusOf(thrown) === 412;

/** Whether the entity, blob, table or container does not exist (404). */
export const isStorageMissing = (thrown: unknown): boolean => httpStatusOf(thrown) === 404;

/** Whether a range starts beyond the end of the blob (416). */
export const isStorageRangeInvalid = (thrown: unknown): boolean => httpStatusOf(thrown) === 416;

/**
 * Whether the entity does not exist, but its table does ("Table service error codes", Microsoft Learn). For rows in a table
 * that was created before: if that does not exist, somebody has deleted it, and no row is known to be missing.
 */
export const isRowMissing = (thrown: unknown): boolean =>
  isStorageMissing(thrown) && storageCodeOf(thrown) !== 'TableNotFound';

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

/** @returns false if another writer was first: the entity exists already, or was changed since it was read. */
export async function unlessConflict(write: () => Promise<unknown>): Promise<boolean> {
  try {
    await write();
    return true;
  } catch (thrown) {
    if (isStorageConflict(thrown)) return false;
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

/** Like {@link storageCall}, for an iteration that fetches its pages lazily. */
export async function* storageItems<T>(items: AsyncIterable<T>): AsyncGenerator<T, void, undefined> {
  try {
    yield* items;
  } catch (thrown) {
    throw storageFailure(thrown);
  }
}

function storageFailure(
  thrown: unknown,
  detail = 'The storage account rejected the request or did not answer.',
): BrokerError {
  if (thrown instanceof BrokerError) return thrown;
  return new BrokerError('storage_unavailable', detail, {
    // The message may quote the request, so only status and code are logged.
    logFields: { status: httpStatusOf(thrown), storageCode: storageCodeOf(thrown) },
  });
}

/** The service's own code. The table client keeps it in the parsed body. */
function storageCodeOf(thrown: unknown): string | undefined {
  const code =
    propertyOf(propertyOf(propertyOf(thrown, 'details'), 'odataError'), 'code') ?? propertyOf(thrown, 'code');
  return typeof code === 'string' ? code : undefined;
}

const propertyOf = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
