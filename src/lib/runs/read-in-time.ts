import { BrokerError } from '../model/errors.ts';
import type { Clock } from '../runtime/clock.ts';
import { DeadlineError, withDeadline } from '../runtime/deadline.ts';

/**
 * Longest time to read the rows of one answer, in seconds. Less than the 100 seconds that .NET programs wait by default,
 * and than the 230 seconds after which the load balancer of Azure Functions gives up.
 */
const readSeconds = 60;

/** Reads the rows of an answer. @throws BrokerError storage_unavailable if that takes too long. */
export async function readInTime<T>(clock: Clock, read: () => Promise<T>): Promise<T> {
  try {
    return await withDeadline(clock, readSeconds * 1000, read);
  } catch (thrown) {
    if (!(thrown instanceof DeadlineError)) throw thrown;
    throw new BrokerError('storage_unavailable', `Storage did not return the rows within ${readSeconds} seconds.`);
  }
}
