import { BrokerError, type CodedError, SetupError } from '../../lib/core/errors.ts';
import { aadstsMeanings } from '../../lib/microsoft/aadsts.ts';
import type { EntraFailure } from '../../lib/microsoft/token-reply.ts';

/** The cause by OAuth error (RFC 6749 section 4.1.2.1, RFC 8628 section 3.5), if the person can act on it. */
const refusals: Readonly<Record<string, string>> = {
  access_denied: 'The sign-in was cancelled, or the consent was declined.',
  authorization_declined: 'The sign-in was declined on the other device.',
  expired_token: 'The code expired before anyone signed in with it.',
  bad_verification_code: 'Entra no longer accepts the device code.',
  login_required: 'Entra requires the account to sign in again.',
};

/**
 * Converts a failed sign-in to a coded error. A failure that the person did not cause (wrong client secret, Entra down)
 * keeps its own code.
 */
export function signInFailure(thrown: unknown, failure: EntraFailure | undefined): CodedError {
  const options = { cause: thrown, logFields: failure?.logFields };
  // The redirect may carry the error, with the AADSTS number in its description.
  const description = fieldOf(thrown, 'error_description');
  const number = /AADSTS(\d{3,9})/.exec(description ?? '')?.[1];
  const meaning = number === undefined ? undefined : aadstsMeanings.get(Number(number))?.meaning;
  if (meaning !== undefined) {
    return new SetupError('sign_in_refused', `${meaning.slice(0, -1)} (AADSTS${number}).`, options);
  }
  const oauthError = failure?.logFields['entraError'] ?? fieldOf(thrown, 'error');
  const refusal = typeof oauthError === 'string' ? refusals[oauthError] : undefined;
  if (refusal !== undefined) return new SetupError('sign_in_refused', refusal, options);
  if (thrown instanceof BrokerError) return asSignIn(thrown);
  if (oauthError !== undefined) {
    const named = number === undefined ? '' : ` (AADSTS${number})`;
    return new SetupError('sign_in_refused', `Entra answered the sign-in with ${String(oauthError)}${named}.`, options);
  }
  return new SetupError('sign_in_refused', "Entra's reply does not belong to this sign-in and was discarded.", options);
}

/** Replaces codes whose title and advice concern redemption: during a sign-in, the person can correct the cause. */
function asSignIn(error: BrokerError): CodedError {
  const personal = new Set(['interaction_required', 'blocked_by_policy', 'credential_revoked', 'credential_expired']);
  if (!personal.has(error.code)) return error;
  return new SetupError('sign_in_refused', error.detail, { cause: error, logFields: error.logFields });
}

function fieldOf(thrown: unknown, name: string): string | undefined {
  const value = (thrown as Record<string, unknown> | undefined)?.[name];
  return typeof value === 'string' ? value : undefined;
}
