import { BrokerError } from '../model/errors.ts';

/** The relevant part of the storage clients' `RestError`. */
interface RestFailure {
  readonly statusCode?: unknown;
  readonly code?: unknown;
}

/** The HTTP status of a storage failure, or undefined for other values. */
export function storageStatus(thrown: unknown): number | undefined {
  const status = typeof thrown === 'object' && thrown !== null ? (thrown as RestFailure).statusCode : undefined;
  return typeof status === 'number' ? status : undefined;
}

/** Whether the entity already exists (409) or was changed concurrently (412). */
export const isStorageConflict = (thrown: unknown): boolean =>
  storageStatus(thrown) === 409 || storageStatus(thrown) === 412;

export const isStorageMissing = (thrown: unknown): boolean => storageStatus(thrown) === 404;

/**
 * Runs a storage operation and converts its failures.
 * @throws BrokerError storage_unavailable with status and code for the log. A BrokerError passes unchanged.
 */
export async function storageCall<T>(operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (thrown) {
    throw storageFailure(thrown);
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

function storageFailure(thrown: unknown): BrokerError {
  if (thrown instanceof BrokerError) return thrown;
  const code = typeof thrown === 'object' && thrown !== null ? (thrown as RestFailure).code : undefined;
  return new BrokerError('storage_unavailable', 'The storage account rejected the request or did not answer.', {
    // The message may quote the request, so only status and code are logged.
    logFields: { status: storageStatus(thrown), storageCode: typeof code === 'string' ? code : undefined },
  });
}

/** Runs `make` once and keeps what it made; a failure is not kept. */
export function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make().catch((thrown: unknown) => {
      made = undefined;
      throw thrown;
    });
    return made;
  };
}
