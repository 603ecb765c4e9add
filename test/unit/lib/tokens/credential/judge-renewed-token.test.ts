import { describe, expect, it } from 'vitest';
import { refreshTokenLifeMs, Secret, type StoredRefreshToken } from '../../../../../src/lib/core/secrets.ts';
import { judgeRenewedToken } from '../../../../../src/lib/tokens/credential/store-refresh-token.ts';
import type { RedeemedToken } from '../../../../../src/lib/microsoft/token-reply.ts';
import { refreshTokenOf } from '../../../../fakes/memory-credential-store.ts';

const nowMs = Date.UTC(2026, 10, 24);
const stored: StoredRefreshToken = { ...refreshTokenOf('old', nowMs - 1_000), version: 'v1' };
const client = { clientId: 'client' };
const rolled = (changes: Partial<RedeemedToken> = {}): RedeemedToken => ({
  accessToken: new Secret('access'),
  refreshToken: new Secret('new'),
  expiresAtMs: nowMs + 3_600_000,
  scopes: [],
  claims: {},
  ...changes,
});
const judge = (token: RedeemedToken, from: StoredRefreshToken = stored) =>
  judgeRenewedToken(from, client, token, nowMs);

describe('judgeRolled', () => {
  it('returns the new token with a lifetime of 90 days and the account of its claims', () => {
    const claims = {
      objectId: stored.accountObjectId,
      username: 'renamed@partner.example',
      authenticationMethods: ['pwd', 'mfa'],
    };
    const next = judge(rolled({ claims }));
    expect(next.secret.reveal()).toBe('new');
    expect(next).toMatchObject({
      clientId: 'client',
      account: 'renamed@partner.example',
      accountObjectId: stored.accountObjectId,
      mfa: true,
      obtainedAtMs: nowMs,
      expiresAtMs: nowMs + refreshTokenLifeMs,
    });
  });

  it('keeps account and MFA of the stored token when the new one is opaque', () => {
    const { account, accountObjectId, mfa } = stored;
    expect(judge(rolled())).toMatchObject({ account, accountObjectId, mfa });
    expect(judge(rolled(), { ...stored, mfa: false })).toMatchObject({ mfa: false });
  });

  it('throws when Entra returned no refresh token', () => {
    expect(() => judge(rolled({ refreshToken: undefined }))).toThrow(
      expect.objectContaining({
        code: 'entra_unavailable',
        detail: 'Entra returned no new refresh token, so the stored one is kept.',
      }),
    );
  });

  it('rejects a token of another account and logs both object ids', () => {
    expect(() => judge(rolled({ claims: { objectId: 'other' } }))).toThrow(
      expect.objectContaining({
        code: 'entra_unavailable',
        logFields: { tokenObjectId: 'other', storedObjectId: stored.accountObjectId },
      }),
    );
  });

  it('takes the object id from the token when none is stored', () => {
    expect(judge(rolled({ claims: { objectId: 'found' } }), { ...stored, accountObjectId: '' })).toMatchObject({
      accountObjectId: 'found',
    });
  });

  it('rejects a token that has lost MFA as a credential failure, and accepts one that has gained it', () => {
    expect(() => judge(rolled({ claims: { authenticationMethods: ['pwd'] } }))).toThrow(
      expect.objectContaining({ code: 'interaction_required', scope: 'credential' }),
    );
    const gained = judge(rolled({ claims: { authenticationMethods: ['mfa'] } }), { ...stored, mfa: false });
    expect(gained.mfa).toBe(true);
  });
});
