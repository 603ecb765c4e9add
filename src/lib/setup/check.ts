import { adviceFor } from '../model/advice.ts';
import { type BrokerError, type ErrorCode, toBrokerError } from '../model/errors.ts';

/** What became of one check. `skipped`: it does not apply, or could not be looked at, so it says nothing. */
export interface Check {
  readonly check: string;
  readonly status: 'ok' | 'notice' | 'warning' | 'failed' | 'skipped';
  readonly message: string;
  /** What to do; absent where nothing is to be done. */
  readonly remedy?: string;
  readonly code?: ErrorCode;
}

export type Attempt<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly check: Check; readonly failure: BrokerError };

/** @param application which one is looked at, for the remedy. */
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
  message: 'Not checked, because something before it failed or could not be checked.',
});
