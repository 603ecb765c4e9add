import type { EntraFailure } from '../entra/judge-token-reply.ts';
import { BrokerError, type ErrorCode, errorTable } from '../model/errors.ts';
import { isAwayOnly } from './everywhere-failures.ts';

/** Until the servers that lag have most likely learnt of a new client credential, seconds. */
const spreadingSeconds = 10;

/** The failure as one of this tenant alone: the credential is known to work elsewhere, or the reply says so. */
export function tenantError(failure: EntraFailure): BrokerError {
  // What only shows away from home keeps its name: its remedy is at home all the same.
  const aboutCredential = errorTable[failure.code].scope === 'credential' && !isAwayOnly(failure);
  if (aboutCredential && failure.code === 'client_credential_rejected') return spreadingError(failure);
  // "Grant revoked" in one tenant while the partner's own tenant answers: what is left is that tenant's policy.
  const code: ErrorCode = aboutCredential ? 'interaction_required' : failure.code;
  return new BrokerError(code, failure.detail, {
    logFields: failure.logFields,
    ...(errorTable[code].scope === 'tenant' ? {} : { scope: failure.reach === 'request' ? 'platform' : 'tenant' }),
  });
}

/** No tenant's policy refuses a client credential that works at home: this server of Entra does not know it yet. */
const spreadingError = ({ detail, logFields }: EntraFailure): BrokerError =>
  new BrokerError(
    'entra_unavailable',
    `The client credential works in the partner tenant; a new one takes a minute to be known everywhere. Entra said: ${detail}`,
    { logFields, retryAfterSeconds: spreadingSeconds },
  );

/** The failure as the credential's: confirmed by the canary, or by customers where home does not see it. */
export function credentialError(failure: EntraFailure): BrokerError {
  return new BrokerError(credentialCode(failure), failure.detail, {
    logFields: failure.logFields,
    scope: 'credential',
  });
}

function credentialCode(failure: EntraFailure): ErrorCode {
  const { code } = failure;
  if (errorTable[code].scope === 'credential' || isAwayOnly(failure)) return code;
  // An application that its own tenant does not know was deleted or disabled, or its id is wrong: no consent helps.
  return code === 'consent_required' ? 'client_credential_rejected' : 'credential_revoked';
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
