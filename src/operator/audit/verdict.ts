import { isTampering } from './finding.ts';
import type { Verification } from './verify-export.ts';

/**
 * What verification amounts to.
 * - `tampered`: something is not as it was written.
 * - `unproven`: nothing speaks for tampering, but something in the period that was asked for is not signed.
 * - `proven`: in the period of the verification each record is as it was written, and none is missing.
 */
export type Verdict = 'tampered' | 'unproven' | 'proven';

export function verdictOf({ findings, period, counts }: Verification): Verdict {
  if (findings.some(isTampering)) return 'tampered';
  const isProven = period !== undefined && counts.proven > 0 && counts.earlier === 0 && counts.unsigned === 0;
  return isProven && !findings.some(({ kind }) => kind === 'unproven') ? 'proven' : 'unproven';
}
