import { describe, expect, it } from 'vitest';
import type { EntraFailure } from '../../../../src/lib/entra/judge-token-reply.ts';
import { signInFailure } from '../../../../src/lib/entra/sign-in-failure.ts';
import { BrokerError, type ErrorCode } from '../../../../src/lib/model/errors.ts';

const failure = (entraError?: string): EntraFailure => ({
  code: 'interaction_required',
  reach: 'ambiguous',
  detail: 'x',
  retryAfterSeconds: undefined,
  logFields: entraError === undefined ? {} : { entraError },
});
const said = (thrown: unknown, entra?: EntraFailure): [string, string] => {
  const { code, detail } = signInFailure(thrown, entra);
  return [code, detail];
};

describe('a sign-in that failed', () => {
  it('is told by the number in the redirect, where that is known', () => {
    expect(said({ error_description: 'AADSTS50076: MFA needed' })[1]).toMatch(/\(AADSTS50076\)\.$/);
  });

  it.each([
    ['access_denied', 'The sign-in was cancelled, or the consent was declined.'],
    ['authorization_declined', 'The sign-in was declined on the other device.'],
    ['expired_token', 'The code has expired before anybody signed in with it.'],
    ['bad_verification_code', 'Entra does not know the device code any more.'],
    ['login_required', 'Entra wants the account to sign in again.'],
  ])('by %s is told in plain words, whoever says it', (error, detail) => {
    expect(said({ error })).toEqual(['sign_in_refused', detail]);
    expect(said(new Error('x'), failure(error))).toEqual(['sign_in_refused', detail]);
  });

  it('by an error that is not known is told as it is, with its number', () => {
    expect(said({ error: 'odd' })[1]).toBe('Entra answered the sign-in with odd.');
    expect(said({ error: 'odd', error_description: 'AADSTS999999999' })[1]).toBe(
      'Entra answered the sign-in with odd (AADSTS999999999).',
    );
  });

  it.each(['interaction_required', 'blocked_by_policy', 'credential_revoked', 'credential_expired'] as ErrorCode[])(
    'with the code %s speaks of a person',
    (code) => {
      expect(said(new BrokerError(code, 'the detail'))).toEqual(['sign_in_refused', 'the detail']);
    },
  );

  it('that is none of the person keeps its own code', () => {
    expect(said(new BrokerError('client_credential_rejected', 'the detail'))).toEqual([
      'client_credential_rejected',
      'the detail',
    ]);
  });

  it('without any word of Entra is one that belongs to something else', () => {
    for (const thrown of [new Error('state mismatch'), undefined, { error: 3 }]) {
      expect(said(thrown)[1]).toBe("Entra's answer does not belong to this sign-in and was thrown away.");
    }
  });
});
