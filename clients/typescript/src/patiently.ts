import type { BrokerConnection } from './broker-connection.ts';
import { type BrokerAnswer, exchange } from './broker-exchange.ts';
import { BrokerRequestError } from './broker-request-error.ts';

/** Attempts at a page, and the pause before the second one, which doubles. The same as those of `ptb`. */
const pageAttempts = 5;
const firstPauseMs = 1_000;
/** A longer Retry-After is not waited for. */
const maxWaitSeconds = 60;

/** Codes after which the same request may succeed later (docs/errors.md). */
export const transientCodes: readonly string[] = [
  'caller_throttled',
  'too_many_approvals',
  'throttled',
  'busy',
  'entra_unavailable',
  'resource_error',
  'key_vault_unavailable',
  'directory_unavailable',
  'storage_unavailable',
  'audit_unavailable',
  'not_attempted',
  'change_pending',
  'job_timed_out',
  'internal',
];
/** Statuses of proxies and of the Functions host while the app is not available. */
const transientStatuses = new Set([429, 502, 503, 504]);

/** Requests a page, and repeats that while the broker or its storage is not available. */
export async function patiently(connection: BrokerConnection, url: string): Promise<BrokerAnswer> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await exchange(connection, url);
    } catch (error) {
      const pauseMs = attempt < pageAttempts ? pauseAfter(error, attempt) : undefined;
      if (pauseMs === undefined) throw error;
      await connection.clock.sleep(pauseMs);
    }
  }
}

/** Milliseconds until the next attempt. Undefined: the error is final. */
function pauseAfter(error: unknown, attempt: number): number | undefined {
  if (!(error instanceof BrokerRequestError)) return undefined;
  const { code, status = 0, retryAfterSeconds } = error;
  const isTransient =
    code === 'network' || transientCodes.includes(code) || (code === 'unexpected' && transientStatuses.has(status));
  if (!isTransient) return undefined;
  if (retryAfterSeconds === undefined) return firstPauseMs * 2 ** (attempt - 1);
  return retryAfterSeconds > maxWaitSeconds ? undefined : retryAfterSeconds * 1000;
}
