import { adviceFor } from '../core/advice.ts';
import type { ErrorCode } from '../core/errors.ts';

/** One problem, or something worth knowing. Severity `notice` does not change the state. */
export interface Finding {
  readonly severity: 'notice' | 'degraded' | 'down';
  readonly code:
    | ErrorCode
    | 'end_unknown'
    | 'expires_soon'
    | 'mfa_missing'
    | 'rotation_failed'
    | 'rotation_overdue'
    | 'unknown_keys'
    | 'version_skipped';
  readonly message: string;
  readonly advice: string;
}

export const fromError = (
  application: string,
  severity: 'degraded' | 'down',
  code: ErrorCode,
  message: string,
): Finding => ({
  severity,
  code,
  message,
  advice: adviceFor(code, 'operator', application),
});
