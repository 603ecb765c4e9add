import { type ErrorCode, errorTable, isSetupErrorCode, type SetupErrorCode } from '../lib/core/error-table.ts';

/** Exit codes of `ptb`. */
export const exitCodes = {
  ok: 0,
  failure: 1,
  usage: 2,
  /** Some tenants failed, the others succeeded; or a policy allows something on a condition only. */
  partial: 3,
  /** A person must sign in, consent or repair the credential. */
  signInNeeded: 4,
  /** A remote service failed or throttles. */
  remote: 5,
  interrupted: 130,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

const signInCodes: ReadonlySet<ErrorCode | SetupErrorCode> = new Set([
  'credential_missing',
  'credential_expired',
  'credential_revoked',
  'client_credential_rejected',
  'consent_required',
  'interaction_required',
  'caller_unauthenticated',
  'sign_in_refused',
]);

/** Codes of scope `platform` that no remote service causes. */
const localCodes: ReadonlySet<ErrorCode> = new Set(['config_invalid', 'policy_missing', 'plan_changed', 'internal']);

/** The exit code of a command that ends with this error. */
export function exitCodeOf(code: ErrorCode | SetupErrorCode): ExitCode {
  if (signInCodes.has(code)) return exitCodes.signInNeeded;
  if (isSetupErrorCode(code)) return exitCodes.failure;
  if (code === 'request_invalid') return exitCodes.usage;
  if (code === 'caller_throttled') return exitCodes.remote;
  return errorTable[code].scope === 'platform' && !localCodes.has(code) ? exitCodes.remote : exitCodes.failure;
}
