import { BrokerError } from '../model/errors.ts';
import { httpStatusOf } from './sdk-error.ts';

/** Whether the entity already exists (409) or was changed concurrently (412). */
export const isStorageConflict = (thrown: unknown): boolean =>
  httpStatusOf(thrown) === 409 || httpStatusOf(thrown) === 412;

/** Whether the entity, blob, table or container does not exist (404). */
export const isStorageMissing = (thrown: unknown): boolean => httpStatusOf(thrown) === 404;

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
  const code: unknown = typeof thrown === 'object' && thrown !== null ? Reflect.get(thrown, 'code') : undefined;
  return new BrokerError('storage_unavailable', detail, {
    // The message may quote the request, so only status and code are logged.
    logFields: { status: httpStatusOf(thrown), storageCode: typeof code === 'string' ? code : undefined },
  });
}
