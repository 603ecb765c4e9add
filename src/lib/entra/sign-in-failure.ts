import { BrokerError, type CodedError, SetupError } from '../model/errors.ts';
import { aadstsMeanings } from './aadsts.ts';
import type { EntraFailure } from './judge-token-reply.ts';

/** What the person did or did not do, by OAuth error (RFC 6749 section 4.1.2.1, RFC 8628 section 3.5). */
const refusals: Readonly<Record<string, string>> = {
  access_denied: 'The sign-in was cancelled, or the consent was declined.',
  authorization_declined: 'The sign-in was declined on the other device.',
  expired_token: 'The code has expired before anybody signed in with it.',
  bad_verification_code: 'Entra does not know the device code any more.',
  login_required: 'Entra wants the account to sign in again.',
};

/**
 * What went wrong while somebody signed in, said as one of the closed set. A failure that has nothing to do with the
 * person (wrong client secret, Entra down) keeps its own code.
 */
export function signInFailure(thrown: unknown, failure: EntraFailure | undefined): CodedError {
  const options = { cause: thrown, logFields: failure?.logFields };
  // The redirect itself may carry the error, its description the number.
  const description = fieldOf(thrown, 'error_description');
  const number = /AADSTS(\d{3,9})/.exec(description ?? '')?.[1];
  const meaning = number === undefined ? undefined : aadstsMeanings.get(Number(number))?.meaning;
  if (meaning !== undefined) {
    return new SetupError('sign_in_refused', `${meaning.slice(0, -1)} (AADSTS${number}).`, options);
  }
  const said = failure?.logFields['entraError'] ?? fieldOf(thrown, 'error');
  const refusal = typeof said === 'string' ? refusals[said] : undefined;
  if (refusal !== undefined) return new SetupError('sign_in_refused', refusal, options);
  if (thrown instanceof BrokerError) return asSignIn(thrown);
  if (said !== undefined) {
    const named = number === undefined ? '' : ` (AADSTS${number})`;
    return new SetupError('sign_in_refused', `Entra answered the sign-in with ${String(said)}${named}.`, options);
  }
  return new SetupError(
    'sign_in_refused',
    "Entra's answer does not belong to this sign-in and was thrown away.",
    options,
  );
}

/** `interaction_required` and the like speak of a tenant; here a person is just signing in. */
function asSignIn(error: BrokerError): CodedError {
  const personal = new Set(['interaction_required', 'blocked_by_policy', 'credential_revoked', 'credential_expired']);
  if (!personal.has(error.code)) return error;
  return new SetupError('sign_in_refused', error.detail, { cause: error, logFields: error.logFields });
}

function fieldOf(thrown: unknown, name: string): string | undefined {
  const value = (thrown as Record<string, unknown> | undefined)?.[name];
  return typeof value === 'string' ? value : undefined;
}
