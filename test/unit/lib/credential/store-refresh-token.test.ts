import { beforeEach, describe, expect, it } from 'vitest';
import type { StoredClientCredential } from '../../../../src/lib/model/credential.ts';
import { storeRefreshToken } from '../../../../src/lib/credential/store-refresh-token.ts';
import { BrokerError } from '../../../../src/lib/model/errors.ts';
import type { TenantId } from '../../../../src/lib/model/identifiers.ts';
import { Secret } from '../../../../src/lib/model/secret.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import { aadstsFailure, FakeRedeemer, failureReply } from '../../../fakes/fake-redeemer.ts';
import {
  type MemoryCredentialStore,
  refreshTokenOf,
  storeWithCredential,
} from '../../../fakes/memory-credential-store.ts';

const partner = '99999999-9999-4999-8999-999999999999' as TenantId;
const client: StoredClientCredential = {
  clientId: 'client',
  tenantId: partner,
  credential: { kind: 'secret', secret: new Secret('s') },
  version: 'v1',
};
const token = refreshTokenOf('new', 0);
const lost = new BrokerError('key_vault_unavailable', 'The reply was lost.');

let store: MemoryCredentialStore;
let redeemer: FakeRedeemer;
beforeEach(async () => {
  const clock = new FakeClock();
  store = await storeWithCredential(partner, () => clock.nowMs());
  redeemer = new FakeRedeemer(clock);
});
const put = () =>
  storeRefreshToken(
    { store, redeemer, newId: () => 'id', canaryResource: 'https://graph.microsoft.com' },
    client,
    'default',
    token,
  );
const inForce = async (): Promise<string | undefined> => (await store.loadRefreshToken('default'))?.secret.reveal();

describe('storing a refresh token', () => {
  it('proves it before and after, and gives what the store gives out', async () => {
    const { refreshToken, proof } = await put();
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
    expect(await inForce()).toBe('new');
  });

  it('does not begin with one that Entra refuses', async () => {
    redeemer.script = () => aadstsFailure(50173);
    await expect(put()).rejects.toMatchObject({ code: 'credential_revoked', logFields: { aadsts: 50173 } });
    expect(redeemer.sent).toHaveLength(1);
    expect(await store.listRefreshTokenVersions('default')).toHaveLength(1);
  });

  it('takes out of use what Entra refuses once it is stored', async () => {
    redeemer.script = (_, nth) => (nth === 2 ? aadstsFailure(50173) : undefined);
    await expect(put()).rejects.toMatchObject({ code: 'credential_revoked', logFields: { aadsts: 50173 } });
    expect(await inForce()).toBe('refresh-token-1');
  });

  it('leaves it in place where Entra merely stumbles at the second proof', async () => {
    redeemer.script = (_, nth) => (nth === 2 ? failureReply() : undefined);
    await expect(put()).rejects.toMatchObject({ code: 'entra_unavailable' });
    expect(await inForce()).toBe('new');
  });

  it("leaves another run's in place, which was faster and is refused: it is not ours to judge", async () => {
    const save = store.saveRefreshToken.bind(store);
    store.saveRefreshToken = async (application, own) => {
      const version = await save(application, own);
      await save(application, refreshTokenOf('faster', 0));
      return version;
    };
    redeemer.script = (_, nth) => (nth === 2 ? aadstsFailure(50173) : undefined);
    await expect(put()).rejects.toMatchObject({ code: 'credential_revoked' });
    expect(await inForce()).toBe('faster');
  });

  it('fails where the vault does not give out what it took', async () => {
    store.loadRefreshToken = async () => undefined;
    await expect(put()).rejects.toMatchObject({
      code: 'key_vault_unavailable',
      detail: 'Key Vault does not give out what was just stored.',
    });
  });
});

describe('a write whose reply was lost', () => {
  it('counts as done where the store has the token', async () => {
    const save = store.saveRefreshToken.bind(store);
    store.saveRefreshToken = async (application, own) => {
      await save(application, own);
      throw lost;
    };
    expect((await put()).refreshToken.version).toBe('v2');
  });

  it('counts as failed where the store has another, or says nothing', async () => {
    store.saveRefreshToken = () => Promise.reject(lost);
    await expect(put()).rejects.toBe(lost);
    store.loadRefreshToken = () => Promise.reject(new BrokerError('key_vault_unavailable', 'Away.'));
    await expect(put()).rejects.toBe(lost);
  });
});
