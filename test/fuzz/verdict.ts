import { BrokerError, errorTable } from '../../src/lib/core/errors.ts';
import { problemOf } from '../../src/lib/api/route.ts';
import { createLogger, errorFields } from '../../src/lib/core/log.ts';
import { casesOf } from '../support/extent.ts';
import { canaries } from './genuine.ts';

/** Cases over all targets. `FUZZ_RUNS` chooses another number. */
const totalRuns = Number(process.env['FUZZ_RUNS'] ?? casesOf(200_000));
/** The seed of the cases; `FUZZ_SEED` chooses others. */
export const share = (of: number): { readonly numRuns: number; readonly seed: number } => ({
  numRuns: Math.round(totalRuns * of),
  seed: Number(process.env['FUZZ_SEED'] ?? '1'),
});

/** @throws Error if the text contains a secret. */
export function expectNoSecret(where: string, text: string): void {
  const found = canaries.find((canary) => text.includes(canary));
  if (found !== undefined) throw new Error(`a secret is in ${where}: ${found.slice(0, 12)}…`);
}

/**
 * Checks a failure: an error code of the closed set, a valid Retry-After, and no secret in anything that is
 * derived from it.
 * @throws Error for anything else.
 */
export function expectProperFailure(thrown: unknown): BrokerError {
  if (!(thrown instanceof BrokerError))
    throw new Error('something else than a BrokerError was thrown', { cause: thrown });
  if (!Object.hasOwn(errorTable, thrown.code) || thrown.code === 'internal')
    throw new Error(`the code ${thrown.code} is no answer to a broken reply`, { cause: thrown });
  const wait = thrown.retryAfterSeconds;
  if (wait !== undefined && !(wait >= 1 && wait <= 3_600)) throw new Error(`a wait of ${wait} s cannot be kept`);
  expectNoSecret('the answer to the caller', JSON.stringify(problemOf(thrown, 'id')));
  createLogger((_level, line) => expectNoSecret('the log', line)).log('warn', 'fuzz', errorFields(thrown));
  return thrown;
}

/** Counts the results: damage that always or never breaks a reply would test nothing. */
export class Tally {
  usable = 0;
  failed = 0;

  /** A one-line summary for the test output. */
  summary(what: string): string {
    return `fuzz: ${what}: ${this.usable + this.failed} cases, ${this.usable} usable, ${this.failed} failed properly`;
  }
}
