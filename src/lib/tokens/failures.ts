import type { EntraFailure, TokenReply } from '../microsoft/token-reply.ts';
import { BrokerError, type ErrorCode, errorTable } from '../core/errors.ts';
import { isHiddenFromCanary } from './widespread-failures.ts';

/** Retry-After while a new client credential replicates between the servers of Entra, seconds. */
const replicationRetrySeconds = 10;

/** Returns the error for a failure of one tenant: the credential works elsewhere, or the reply says so. */
export function tenantError(failure: EntraFailure): BrokerError {
  // A failure that is hidden from the canary keeps its code, because its remedy is in the partner tenant.
  const aboutCredential = errorTable[failure.code].scope === 'credential' && !isHiddenFromCanary(failure);
  if (aboutCredential && failure.code === 'client_credential_rejected') return replicationError(failure);
  // If the partner's own tenant issues tokens, a policy of this tenant is the reason for "grant revoked".
  const code: ErrorCode = aboutCredential ? 'interaction_required' : failure.code;
  return new BrokerError(code, failure.detail, {
    logFields: failure.logFields,
    ...(errorTable[code].scope === 'tenant' ? {} : { scope: failure.reach === 'request' ? 'platform' : 'tenant' }),
  });
}

/** No tenant policy rejects a client credential that works elsewhere, so this server of Entra does not know it yet. */
const replicationError = ({ detail, logFields }: EntraFailure): BrokerError =>
  new BrokerError(
    'entra_unavailable',
    `The client credential works in the partner tenant. A new one takes about a minute to reach all servers of Entra. Entra replied: ${detail}`,
    { logFields, retryAfterSeconds: replicationRetrySeconds },
  );

/** Returns the error for a failure of the credential, which the canary or a customer tenant has confirmed. */
export function credentialError(failure: EntraFailure): BrokerError {
  return new BrokerError(credentialCode(failure), failure.detail, {
    logFields: failure.logFields,
    scope: 'credential',
  });
}

function credentialCode(failure: EntraFailure): ErrorCode {
  const { code } = failure;
  if (errorTable[code].scope === 'credential' || isHiddenFromCanary(failure)) return code;
  // If the partner tenant does not know the application, it was deleted or disabled, or its id is wrong. Consent does
  // not help.
  return code === 'consent_required' ? 'client_credential_rejected' : 'credential_revoked';
}

/** Returns the error for a transient failure. Callers must not retry before its `retryAfterSeconds`. */
export function transientError(failure: EntraFailure): BrokerError {
  const loop = failure.logFields['aadsts'] === 50196;
  return new BrokerError(failure.code, failure.detail, {
    logFields: failure.logFields,
    // Entra's loop detection lasts for minutes and sends no Retry-After ("invalid_grant 50196", MSAL throttling page).
    retryAfterSeconds: loop ? 300 : (failure.retryAfterSeconds ?? (failure.code === 'throttled' ? 60 : 5)),
  });
}

/** Whether the reply is a failure that may concern the credential. */
export const needsCheck = (reply: TokenReply): boolean =>
  !reply.ok && (reply.failure.reach === 'credential' || reply.failure.reach === 'ambiguous');
