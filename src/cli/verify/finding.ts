import type { Check } from '../../operator/doctor/checks.ts';

/** Where the evidence of a check comes from: answers of the broker, Azure Resource Manager, or Log Analytics. */
type Source = 'broker' | 'azure' | 'logs';

/** The result of a check. `fix` is what to do, if anything has to be done. */
export interface Finding {
  readonly check: string;
  readonly source: Source;
  readonly result: 'passed' | 'failed' | 'skipped';
  readonly evidence: string;
  readonly fix?: string;
}

/** Creates the findings of the checks with one source. */
export const findingsFrom = (source: Source) => ({
  passed: (check: string, evidence: string): Finding => ({ check, source, result: 'passed', evidence }),
  skipped: (check: string, evidence: string): Finding => ({ check, source, result: 'skipped', evidence }),
  failed: (check: string, evidence: string, fix: string): Finding => ({
    check,
    source,
    result: 'failed',
    evidence,
    fix,
  }),
});

const results: Readonly<Record<Check['status'], Finding['result']>> = {
  ok: 'passed',
  notice: 'passed',
  warning: 'failed',
  failed: 'failed',
  skipped: 'skipped',
};

/** What a check of `ptb doctor` found. A notice is no failure, and keeps what to do about it. */
export const fromDoctor = (check: string, { status, message, remedy }: Check): Finding => ({
  check,
  source: 'broker',
  result: results[status],
  evidence: message,
  ...(remedy === undefined ? {} : { fix: remedy }),
});
