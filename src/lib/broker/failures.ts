import type { EntraFailure } from '../entra/judge-token-reply.ts';
import { BrokerError, type ErrorCode, errorTable } from '../model/errors.ts';
import { isHiddenFromCanary } from './widespread-failures.ts';

/** Time until all servers of Entra most likely know a new client credential. */
const spreadingSeconds = 10;

/** The failure as one of this tenant: the credential works elsewhere, or the reply says so. */
export function tenantError(failure: EntraFailure): BrokerError {
  // A failure that the canary does not see keeps its code: its remedy is in the partner tenant all the same.
  const aboutCredential = errorTable[failure.code].scope === 'credential' && !isHiddenFromCanary(failure);
  if (aboutCredential && failure.code === 'client_credential_rejected') return spreadingError(failure);
  // "Grant revoked" in one tenant while the partner's own tenant issues tokens: a policy of that tenant is the reason.
  const code: ErrorCode = aboutCredential ? 'interaction_required' : failure.code;
  return new BrokerError(code, failure.detail, {
    logFields: failure.logFields,
    ...(errorTable[code].scope === 'tenant' ? {} : { scope: failure.reach === 'request' ? 'platform' : 'tenant' }),
  });
}

/**
 * No policy of a tenant refuses a client credential that works elsewhere: this server of Entra does not know it yet.
 */
const spreadingError = ({ detail, logFields }: EntraFailure): BrokerError =>
  new BrokerError(
    'entra_unavailable',
    `The client credential works in the partner tenant; a new one takes a minute to be known everywhere. Entra said: ${detail}`,
    { logFields, retryAfterSeconds: spreadingSeconds },
  );

/** The failure as the credential's: confirmed by the canary, or by customers if the canary cannot see it. */
export function credentialError(failure: EntraFailure): BrokerError {
  return new BrokerError(credentialCode(failure), failure.detail, {
    logFields: failure.logFields,
    scope: 'credential',
  });
}

function credentialCode(failure: EntraFailure): ErrorCode {
  const { code } = failure;
  if (errorTable[code].scope === 'credential' || isHiddenFromCanary(failure)) return code;
  // An application that its own tenant does not know was deleted or disabled, or its id is wrong. Consent does not
  // help.
  return code === 'consent_required' ? 'client_credential_rejected' : 'credential_revoked';
}

/** The failure as transient. A repetition before `retryAfterSeconds` makes it worse. */
export function transientError(failure: EntraFailure): BrokerError {
  const loop = failure.logFields['aadsts'] === 50196;
  return new BrokerError(failure.code, failure.detail, {
    logFields: failure.logFields,
    // Entra's loop detection lasts for minutes, and no header says so ("invalid_grant 50196", MSAL throttling page).
    retryAfterSeconds: loop ? 300 : (failure.retryAfterSeconds ?? (failure.code === 'throttled' ? 60 : 5)),
  });
}
