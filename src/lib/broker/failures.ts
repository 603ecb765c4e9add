import type { EntraFailure } from '../entra/judge-token-reply.ts';
import { isAwayOnly } from './everywhere-failures.ts';
import { BrokerError, type ErrorCode, errorTable } from '../errors.ts';

/** The failure as one of this tenant alone: the credential is known to work elsewhere, or the reply says so. */
export function tenantError(failure: EntraFailure): BrokerError {
  // "Grant revoked" in one tenant while the partner's own tenant answers: what is left is that tenant's policy.
  // What only shows away from home keeps its name: its remedy is at home all the same.
  const renamed = errorTable[failure.code].scope === 'credential' && !isAwayOnly(failure);
  const code: ErrorCode = renamed ? 'interaction_required' : failure.code;
  return new BrokerError(code, failure.detail, {
    logFields: failure.logFields,
    ...(errorTable[code].scope === 'tenant' ? {} : { scope: failure.reach === 'request' ? 'platform' : 'tenant' }),
  });
}

/** The failure as the credential's: confirmed by the canary. */
export function credentialError(failure: EntraFailure): BrokerError {
  const code: ErrorCode = errorTable[failure.code].scope === 'credential' ? failure.code : 'credential_revoked';
  return new BrokerError(code, failure.detail, { logFields: failure.logFields, scope: 'credential' });
}

/** The failure as nobody's: it may pass. Repeating sooner than `retryAfterSeconds` only makes it worse. */
export function transientError(failure: EntraFailure): BrokerError {
  const loop = failure.logFields['aadsts'] === 50196;
  return new BrokerError(failure.code, failure.detail, {
    logFields: failure.logFields,
    // Entra's loop detection lasts minutes; no header says so ("invalid_grant 50196", MSAL throttling page).
    retryAfterSeconds: loop ? 300 : (failure.retryAfterSeconds ?? (failure.code === 'throttled' ? 60 : 5)),
  });
}
