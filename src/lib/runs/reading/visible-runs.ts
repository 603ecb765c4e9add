import { BrokerError } from '../../core/errors.ts';
import type { Clock } from '../../core/clock.ts';
import { DeadlineError, withDeadline } from '../../core/deadline.ts';
import type { ReadableRuns } from './readable-runs.ts';

/**
 * Longest time to read what one answer needs, in seconds. Less than the 100 seconds that .NET programs wait by default,
 * and than the 230 seconds after which the load balancer of Azure Functions gives up.
 */
const readSeconds = 60;

/**
 * Reads from stored runs for an answer. After the time, nothing more is read: an answer that nobody waits for must not
 * keep storage busy.
 * @param read receives the runs to read from.
 * @throws BrokerError storage_unavailable if that takes too long.
 */
export const readInTime = <T>(clock: Clock, runs: ReadableRuns, read: (runs: ReadableRuns) => Promise<T>): Promise<T> =>
  withReadDeadline(clock, (signal) => read(untilAborted(runs, signal)));

/** The same for another source. @param read must end when its signal is aborted. */
export async function withReadDeadline<T>(clock: Clock, read: (signal: AbortSignal) => Promise<T>): Promise<T> {
  try {
    return await withDeadline(clock, readSeconds * 1000, read);
  } catch (thrown) {
    if (!(thrown instanceof DeadlineError)) throw thrown;
    throw new BrokerError('storage_unavailable', `Storage did not return the data within ${readSeconds} seconds.`);
  }
}

/** The same runs. Once the signal is aborted, every read throws its reason, also one that has begun to yield. */
function untilAborted({ log, results }: ReadableRuns, signal: AbortSignal): ReadableRuns {
  const once = async <R>(read: () => Promise<R>): Promise<R> => {
    signal.throwIfAborted();
    return read();
  };
  async function* each<R>(read: () => AsyncIterable<R>): AsyncGenerator<R, void, undefined> {
    signal.throwIfAborted();
    for await (const item of read()) {
      signal.throwIfAborted();
      yield item;
    }
  }
  return {
    log: {
      find: (...args) => once(() => log.find(...args)),
      list: (...args) => once(() => log.list(...args)),
      findTenant: (...args) => once(() => log.findTenant(...args)),
      findOutcome: (...args) => once(() => log.findOutcome(...args)),
      countTenants: (...args) => once(() => log.countTenants(...args)),
      tenants: (...args) => each(() => log.tenants(...args)),
    },
    results: {
      plan: (...args) => once(() => results.plan(...args)),
      rows: (...args) => each(() => results.rows(...args)),
    },
  };
}
