import { beforeEach, describe, expect, it } from 'vitest';
import { Secret, type StoredClientCredential } from '../../../../../src/lib/core/secrets.ts';
import { storeRefreshToken } from '../../../../../src/lib/tokens/credential/store-refresh-token.ts';
import { BrokerError } from '../../../../../src/lib/core/errors.ts';
import type { TenantId } from '../../../../../src/lib/core/identifiers.ts';
import { FakeClock } from '../../../../fakes/fake-clock.ts';
import { aadstsFailure, FakeRedeemer, failureReply } from '../../../../fakes/fake-redeemer.ts';
import {
  type MemoryCredentialStore,
  refreshTokenOf,
  storeWithCredential,
} from '../../../../fakes/memory-credential-store.ts';

const partner = '99999999-9999-4999-8999-999999999999' as TenantId;
const client: StoredClientCredential = {
  clientId: 'client',
  tenantId: partner,
  credential: { kind: 'secret', secret: new Secret('s') },
  version: 'v1',
};
const token = refreshTokenOf('new', 0);
const lostReply = new BrokerError('key_vault_unavailable', 'The reply was lost.');

let store: MemoryCredentialStore;
let redeemer: FakeRedeemer;
let clock: FakeClock;
beforeEach(async () => {
  clock = new FakeClock();
  store = await storeWithCredential(partner, () => clock.nowMs());
  redeemer = new FakeRedeemer(clock);
});
const storeToken = () =>
  storeRefreshToken(
    { store, redeemer, clock, newId: () => 'id', canaryResource: 'https://graph.microsoft.com' },
    client,
    'default',
    token,
  );
const currentToken = async (): Promise<string | undefined> =>
  (await store.loadRefreshToken('default'))?.secret.reveal();

describe('storeRefreshToken', () => {
  it('proves the token twice before storing it, and returns the stored version', async () => {
    const { refreshToken, proof } = await storeToken();
    expect(refreshToken).toMatchObject({ version: 'v2' });
    expect(
      redeemer.sent.map(({ tenantId, resourceIdentifier, clientId }) => [tenantId, resourceIdentifier, clientId]),
    ).toEqual([
      [partner, 'https://graph.microsoft.com', 'client'],
      [partner, 'https://graph.microsoft.com', 'client'],
    ]);
    expect(redeemer.sent.map(({ grant }) => grant.kind === 'delegated' && grant.refreshToken.reveal())).toEqual([
      'new',
      'new',
    ]);
    expect(proof.accessToken.reveal()).toBe('token-2');
    expect(await currentToken()).toBe('new');
  });

  it('does not store a token that Entra rejects', async () => {
    redeemer.script = () => aadstsFailure(50173);
    await expect(storeToken()).rejects.toMatchObject({ code: 'credential_revoked', logFields: { aadsts: 50173 } });
    expect(redeemer.sent).toHaveLength(1);
    expect(await store.listRefreshTokenVersions('default')).toHaveLength(1);
  });

  it('does not store a token that Entra keeps rejecting after its first use', async () => {
    redeemer.script = (_, nth) => (nth > 1 ? aadstsFailure(50173) : undefined);
    const storing = storeToken();
    storing.catch(() => undefined);
    await clock.advance(60_000);
    await expect(storing).rejects.toMatchObject({ code: 'credential_revoked', logFields: { aadsts: 50173 } });
    expect(await store.listRefreshTokenVersions('default')).toHaveLength(1);
  });

  it('keeps the new version when only one of the servers of Entra rejects it', async () => {
    redeemer.script = ({ grant }, nth) =>
      nth === 2 || (grant.kind === 'delegated' && grant.refreshToken.reveal() !== 'new')
        ? aadstsFailure(70000)
        : undefined;
    const storing = storeToken();
    await clock.advance(60_000);
    expect((await storing).refreshToken.version).toBe('v2');
    expect(await currentToken()).toBe('new');
  });

  it('does not store a token that redeems for another account', async () => {
    redeemer.script = (_, nth) => {
      const reply = redeemer.token(`token-${nth}`);
      return reply.ok ? { ok: true, token: { ...reply.token, claims: { objectId: 'another' } } } : reply;
    };
    await expect(storeToken()).rejects.toMatchObject({ code: 'entra_unavailable' });
    expect(await store.listRefreshTokenVersions('default')).toHaveLength(1);
  });

  it('keeps the new version when Entra is unavailable at the second proof', async () => {
    redeemer.script = (_, nth) => (nth === 2 ? failureReply() : undefined);
    await expect(storeToken()).rejects.toMatchObject({ code: 'entra_unavailable' });
    expect(await currentToken()).toBe('new');
  });

  it('does not disable the version of a concurrent run, even if Entra rejects it', async () => {
    const save = store.saveRefreshToken.bind(store);
    store.saveRefreshToken = async (application, newToken) => {
      const version = await save(application, newToken);
      await save(application, refreshTokenOf('faster', 0));
      return version;
    };
    redeemer.script = (_, nth) => (nth === 3 ? aadstsFailure(50173) : undefined);
    await expect(storeToken()).rejects.toMatchObject({ code: 'credential_revoked' });
    expect(await currentToken()).toBe('faster');
  });

  it('throws when the vault does not return the stored token', async () => {
    store.loadRefreshToken = async () => undefined;
    await expect(storeToken()).rejects.toMatchObject({
      code: 'key_vault_unavailable',
      detail: 'Key Vault did not return the refresh token that was just stored.',
    });
  });
});

describe('storeRefreshToken when Entra accepts each refresh token only once', () => {
  it('never writes a token that is spent', async () => {
    const spent = new Set<string>();
    const written: string[] = [];
    redeemer.script = ({ grant }, nth) => {
      const used = grant.kind === 'delegated' ? grant.refreshToken.reveal() : '';
      if (spent.has(used)) return aadstsFailure(70000);
      spent.add(used);
      const reply = redeemer.token(`token-${nth}`);
      return reply.ok ? { ok: true, token: { ...reply.token, refreshToken: new Secret(`rolled-${nth}`) } } : reply;
    };
    const save = store.saveRefreshToken.bind(store);
    store.saveRefreshToken = (application, newToken) => {
      const value = newToken.secret.reveal();
      written.push(spent.has(value) ? `${value}, spent` : value);
      return save(application, newToken);
    };
    expect(await storeToken()).toMatchObject({ isSingleUse: true });
    expect(written).toEqual(['rolled-3']);
  });
});

describe('storeRefreshToken when the reply of a write is lost', () => {
  it('succeeds if the store contains the token', async () => {
    const save = store.saveRefreshToken.bind(store);
    store.saveRefreshToken = async (application, newToken) => {
      await save(application, newToken);
      throw lostReply;
    };
    expect((await storeToken()).refreshToken.version).toBe('v2');
  });

  it('fails if the store contains another token or cannot be read', async () => {
    store.saveRefreshToken = () => Promise.reject(lostReply);
    await expect(storeToken()).rejects.toBe(lostReply);
    store.loadRefreshToken = () => Promise.reject(new BrokerError('key_vault_unavailable', 'Away.'));
    await expect(storeToken()).rejects.toBe(lostReply);
  });
});
