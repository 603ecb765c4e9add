import { adviceFor } from '../../lib/core/advice.ts';
import type { TenantId } from '../../lib/core/identifiers.ts';
import { type BrokerError, type ErrorCode, toBrokerError } from '../../lib/core/errors.ts';

/** Result of one check. `skipped`: the check does not apply or could not be done. */
export interface Check {
  readonly check: string;
  readonly status: 'ok' | 'notice' | 'warning' | 'failed' | 'skipped';
  readonly message: string;
  /** What to do. Absent if nothing has to be done. */
  readonly remedy?: string;
  readonly code?: ErrorCode;
  /** The customers that the message counts. Only in JSON. */
  readonly affected?: readonly AffectedCustomer[];
}

/** A customer that a check is about, with the facts that matter to the check. */
export interface AffectedCustomer {
  readonly tenantId: TenantId;
  readonly name: string;
  readonly [fact: string]: unknown;
}

type Attempt<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly check: Check; readonly failure: BrokerError };

/**
 * Runs `work` and returns a failed check if it throws.
 * @param application the checked application, which the remedy names.
 */
export async function attempt<T>(application: string, check: string, work: () => Promise<T>): Promise<Attempt<T>> {
  try {
    return { ok: true, value: await work() };
  } catch (thrown) {
    const failure = toBrokerError(thrown);
    return { ok: false, check: failed(application, check, failure), failure };
  }
}

export const ok = (check: string, message: string): Check => ({ check, status: 'ok', message });

export const failed = (application: string, check: string, { code, detail }: BrokerError): Check => ({
  check,
  status: 'failed',
  code,
  message: detail,
  remedy: adviceFor(code, 'operator', application),
});

export const skipped = (check: string): Check => ({
  check,
  status: 'skipped',
  message: 'Not checked, because an earlier check failed or was skipped.',
});
