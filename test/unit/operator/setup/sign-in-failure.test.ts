import { describe, expect, it } from 'vitest';
import { aadstsMeanings } from '../../../../src/lib/microsoft/aadsts.ts';
import type { EntraFailure } from '../../../../src/lib/microsoft/token-reply.ts';
import { signInFailure } from '../../../../src/operator/setup/sign-in-client.ts';
import { BrokerError, type ErrorCode } from '../../../../src/lib/core/errors.ts';

const failure = (entraError?: string): EntraFailure => ({
  code: 'interaction_required',
  reach: 'ambiguous',
  detail: 'x',
  retryAfterSeconds: undefined,
  logFields: entraError === undefined ? {} : { entraError },
});
const outcomeOf = (thrown: unknown, entra?: EntraFailure): [string, string] => {
  const { code, detail } = signInFailure(thrown, entra);
  return [code, detail];
};

describe('signInFailure', () => {
  it('uses the number in the redirect when it is known', () => {
    const { meaning } = aadstsMeanings.get(50_076)!;
    const detail = `${meaning.slice(0, -1)} (AADSTS50076).`;
    expect(outcomeOf({ error_description: 'AADSTS50076: MFA needed' })).toEqual(['sign_in_refused', detail]);
  });

  it.each([
    ['access_denied', 'The sign-in was cancelled, or the consent was declined.'],
    ['authorization_declined', 'The sign-in was declined on the other device.'],
    ['expired_token', 'The code expired before anyone signed in with it.'],
    ['bad_verification_code', 'Entra no longer accepts the device code.'],
    ['login_required', 'Entra requires the account to sign in again.'],
  ])('describes %s in plain words, from the redirect or the token endpoint', (error, detail) => {
    expect(outcomeOf({ error })).toEqual(['sign_in_refused', detail]);
    expect(outcomeOf(new Error('x'), failure(error))).toEqual(['sign_in_refused', detail]);
  });

  it('names the clock if the times of the answer do not fit it', () => {
    const thrown = Object.assign(new Error('unexpected JWT "exp"'), { code: 'OAUTH_JWT_TIMESTAMP_CHECK_FAILED' });
    expect(outcomeOf(thrown)[1]).toMatch(/^The clock of this machine differs from that of Entra/);
  });

  it('quotes an unknown error and its number', () => {
    expect(outcomeOf({ error: 'odd' })[1]).toBe('Entra answered the sign-in with odd.');
    expect(outcomeOf({ error: 'odd', error_description: 'AADSTS999999999' })[1]).toBe(
      'Entra answered the sign-in with odd (AADSTS999999999).',
    );
  });

  it.each(['interaction_required', 'blocked_by_policy', 'credential_revoked', 'credential_expired'] as ErrorCode[])(
    'maps %s to sign_in_refused',
    (code) => {
      expect(outcomeOf(new BrokerError(code, 'the detail'))).toEqual(['sign_in_refused', 'the detail']);
    },
  );

  it('keeps the cause and the fields for the log', () => {
    const thrown = new BrokerError('blocked_by_policy', 'the detail', { logFields: { aadsts: 53_003 } });
    expect(signInFailure(thrown, undefined)).toMatchObject({ cause: thrown, logFields: { aadsts: 53_003 } });
    const redirect = { error: 'access_denied' };
    const fields = { cause: redirect, logFields: { entraError: 'access_denied' } };
    expect(signInFailure(redirect, failure('access_denied'))).toMatchObject(fields);
  });

  it('keeps the code of a failure that the person did not cause', () => {
    expect(outcomeOf(new BrokerError('client_credential_rejected', 'the detail'))).toEqual([
      'client_credential_rejected',
      'the detail',
    ]);
  });

  it('reports an answer of another sign-in when Entra names no error', () => {
    for (const thrown of [new Error('state mismatch'), undefined, { error: 3 }]) {
      expect(outcomeOf(thrown)[1]).toBe("Entra's reply does not belong to this sign-in and was discarded.");
    }
  });
});
