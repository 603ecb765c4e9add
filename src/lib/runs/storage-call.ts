import { BrokerError } from '../model/errors.ts';

/** What the storage clients throw (`RestError`), as far as it is looked at here. */
interface RestFailure {
  readonly statusCode?: unknown;
  readonly code?: unknown;
}

/** The HTTP status of a storage failure, or undefined when it is none. */
export function storageStatus(thrown: unknown): number | undefined {
  const status = typeof thrown === 'object' && thrown !== null ? (thrown as RestFailure).statusCode : undefined;
  return typeof status === 'number' ? status : undefined;
}

/** Whether the thing is there already (409), or was changed by somebody else meanwhile (412). */
export const isStorageConflict = (thrown: unknown): boolean =>
  storageStatus(thrown) === 409 || storageStatus(thrown) === 412;

export const isStorageMissing = (thrown: unknown): boolean => storageStatus(thrown) === 404;

/**
 * Runs one storage operation under the project's own error.
 * @throws BrokerError storage_unavailable with status and code for the log; a BrokerError as it is.
 */
export async function storageCall<T>(operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (thrown) {
    throw storageFailure(thrown);
  }
}

/** The same for an iteration: its pages are fetched while it runs. */
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
  return new BrokerError('storage_unavailable', 'The storage account refuses or does not answer.', {
    // The message may quote the request; status and code say enough.
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
