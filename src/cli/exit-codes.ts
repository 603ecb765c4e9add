import { type BrokerError, errorTable } from '../lib/model/errors.ts';

/** What a shell learns from `ptb`. */
export const exitCodes = {
  ok: 0,
  failure: 1,
  usage: 2,
  /** Some tenants failed, the rest succeeded. */
  partial: 3,
  /** A person must sign in or consent, or see to the credential in another way. */
  signInNeeded: 4,
  /** A remote service failed or throttles. */
  remote: 5,
  interrupted: 130,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

const signIn = new Set([
  'credential_missing',
  'credential_expired',
  'credential_revoked',
  'client_credential_rejected',
  'consent_required',
  'interaction_required',
  'caller_unauthenticated',
  'sign_in_refused',
]);

/** The exit code for an error of the closed set. */
export function exitCodeOf(error: BrokerError): ExitCode {
  if (signIn.has(error.code)) return exitCodes.signInNeeded;
  if (error.code === 'request_invalid') return exitCodes.usage;
  if (error.code === 'caller_throttled') return exitCodes.remote;
  return errorTable[error.code].scope === 'platform' && error.code !== 'config_invalid' && error.code !== 'internal'
    ? exitCodes.remote
    : exitCodes.failure;
}
