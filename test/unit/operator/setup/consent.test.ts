import { describe, expect, it } from 'vitest';
import type { RedeemedToken, TokenClaims } from '../../../../src/lib/microsoft/token-reply.ts';
import { MemoryCredentialStore, refreshTokenOf } from '../../../fakes/memory-credential-store.ts';
import { parseTenantId } from '../../../../src/lib/core/identifiers.ts';
import { Secret } from '../../../../src/lib/core/secrets.ts';
import { checkConsent, clockAheadSeconds, confirmChange } from '../../../../src/operator/setup/consent.ts';

const partner = parseTenantId('99999999-9999-4999-8999-999999999999')!;
const client = { clientId: 'client', tenantId: partner };
const claims: TokenClaims = {
  tenantId: partner,
  objectId: 'object',
  username: 'broker@partner.example',
  authenticationMethods: ['pwd', 'mfa'],
};

function check(more: Partial<TokenClaims> = {}, account?: string, refreshToken: Secret | undefined = new Secret('r')) {
  const token: RedeemedToken = {
    accessToken: new Secret('a'),
    refreshToken,
    expiresAtMs: 0,
    scopes: [],
    claims: { ...claims, ...more },
  };
  return checkConsent(token, client, account, 1000);
}
/** The claims without one of them. */
const without = (name: keyof TokenClaims) => ({ [name]: undefined }) as Partial<TokenClaims>;

describe('checkConsent', () => {
  it('returns a refresh token that expires in ninety days', () => {
    const checked = check({}, 'Broker@Partner.Example');
    expect(checked).toEqual({
      secret: expect.any(Secret) as Secret,
      clientId: 'client',
      account: 'broker@partner.example',
      accountObjectId: 'object',
      mfa: true,
      consentedAtMs: 1000,
      obtainedAtMs: 1000,
      expiresAtMs: 1000 + 90 * 86_400_000,
    });
    expect(checked.secret.reveal()).toBe('r');
  });

  it.each<[string, Partial<TokenClaims>, string | undefined, RegExp]>([
    ['a token of another tenant', { tenantId: 'other' }, undefined, /^The sign-in was for the tenant other, but/],
    ['a token without a tenant', without('tenantId'), undefined, /for the tenant \(unknown\), but/],
    ['a token without a user name', without('username'), undefined, /does not name the account/],
    ['a token without an object id', without('objectId'), undefined, /does not name the account/],
    ['a token of another account', {}, 'other@partner.example', /^broker@partner\.example signed in, but/],
    ['a token without MFA', { authenticationMethods: ['pwd'] }, undefined, /without MFA/],
    ['a token without authentication methods', without('authenticationMethods'), undefined, /without MFA/],
  ])('rejects %s', (_, more, account, detail) => {
    expect(() => check(more, account)).toThrow(
      expect.objectContaining({ code: 'sign_in_refused', detail: expect.stringMatching(detail) as string }) as Error,
    );
  });

  it('rejects a sign-in without a refresh token', () => {
    const token = { accessToken: new Secret('a'), refreshToken: undefined, expiresAtMs: 0, scopes: [], claims };
    expect(() => checkConsent(token, client, undefined, 0)).toThrow(/lacks the scope offline_access/);
  });
});

describe('confirmChange', () => {
  const former = refreshTokenOf('former', 0);
  const other = { ...former, accountObjectId: 'other', account: 'other@partner.example' };
  const store = async (): Promise<MemoryCredentialStore> => {
    const created = new MemoryCredentialStore();
    await created.disableRefreshTokenVersion('default', await created.saveRefreshToken('default', former));
    return created;
  };

  it('asks before another account replaces the one that consented last, also if that is disabled', async () => {
    const asked: string[][] = [];
    const ask = (answer: boolean) => async (before: string, account: string) => {
      asked.push([before, account]);
      return answer;
    };
    await confirmChange({ store: await store() }, { application: 'default', confirmAccount: ask(true) }, other);
    expect(asked).toEqual([['broker@partner.example', 'other@partner.example']]);
    for (const confirmAccount of [ask(false), undefined]) {
      await expect(
        confirmChange({ store: await store() }, { application: 'default', confirmAccount }, other),
      ).rejects.toMatchObject({
        code: 'sign_in_refused',
        detail: expect.stringContaining('--account') as string,
      });
    }
  });

  it('does not ask for the same account when a person changed the object id in its tags', async () => {
    const edited = await store();
    edited.editToken('default', 'v1', { accountObjectId: 'nobody' });
    await expect(confirmChange({ store: edited }, { application: 'default' }, former)).resolves.toBeUndefined();
  });

  it('does not ask for the first consent, or for the same account', async () => {
    const first = confirmChange({ store: new MemoryCredentialStore() }, { application: 'default' }, other);
    await expect(first).resolves.toBeUndefined();
    const again = confirmChange({ store: await store() }, { application: 'default' }, former);
    await expect(again).resolves.toBeUndefined();
  });
});

describe('clockAheadSeconds', () => {
  it.each([
    [300_000, 300],
    [-300_000, -300],
    [100_000, undefined],
  ])('returns a difference of %i ms between expires_in and exp as %s', (aheadMs, seconds) => {
    const token = { accessToken: new Secret('a'), refreshToken: undefined, scopes: [] };
    expect(clockAheadSeconds({ ...token, expiresAtMs: aheadMs, claims: { expiresAtMs: 0 } })).toBe(seconds);
    expect(clockAheadSeconds({ ...token, expiresAtMs: aheadMs, claims: {} })).toBeUndefined();
  });
});
