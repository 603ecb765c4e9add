import { BrokerError } from '../errors.ts';
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
export function signInFailure(thrown: unknown, failure: EntraFailure | undefined): BrokerError {
  const said = failure?.logFields['entraError'] ?? fieldOf(thrown, 'error');
  const refusal = typeof said === 'string' ? refusals[said] : undefined;
  if (refusal !== undefined) {
    return new BrokerError('sign_in_refused', refusal, { cause: thrown, logFields: failure?.logFields });
  }
  if (thrown instanceof BrokerError) return asSignIn(thrown);
  // The redirect itself carried an error: its description names the AADSTS number.
  const description = fieldOf(thrown, 'error_description');
  if (description !== undefined) {
    const number = /AADSTS\d{3,9}/.exec(description)?.[0];
    const named = number === undefined ? '' : ` (${number})`;
    return new BrokerError('sign_in_refused', `Entra answered the sign-in with ${String(said)}${named}.`, {
      cause: thrown,
    });
  }
  return new BrokerError('sign_in_refused', "Entra's answer does not belong to this sign-in and was thrown away.", {
    cause: thrown,
  });
}

/** `interaction_required` and the like speak of a tenant; here a person is just signing in. */
function asSignIn(error: BrokerError): BrokerError {
  const personal = new Set(['interaction_required', 'blocked_by_policy', 'credential_revoked', 'credential_expired']);
  if (!personal.has(error.code)) return error;
  return new BrokerError('sign_in_refused', error.detail, { cause: error, logFields: error.logFields });
}

function fieldOf(thrown: unknown, name: string): string | undefined {
  const value = (thrown as Record<string, unknown> | undefined)?.[name];
  return typeof value === 'string' ? value : undefined;
}
