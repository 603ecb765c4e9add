import { beforeEach, describe, expect, it } from 'vitest';
import { keyMark } from '../../../../../src/lib/tokens/credential/client-keys.ts';
import { proveClientCredential } from '../../../../../src/lib/tokens/credential/prove-client-credential.ts';
import {
  federatedClient,
  renewClientCredential,
} from '../../../../../src/lib/tokens/credential/renew-client-credential.ts';
import { removeFormerCredentials } from '../../../../../src/lib/tokens/credential/superseded-keys.ts';
import { BrokerError } from '../../../../../src/lib/core/errors.ts';
import type { TenantId } from '../../../../../src/lib/core/identifiers.ts';
import { Secret } from '../../../../../src/lib/core/secrets.ts';
import { seededRandom } from '../../../../fakes/fake-clock.ts';
import { MemoryCredentialStore, refreshTokenOf } from '../../../../fakes/memory-credential-store.ts';
import { recordingLogger } from '../../../../fakes/recording-logger.ts';
import { SecretEntra } from '../../../../fakes/secret-entra.ts';

// A renewal while people change the vault, and while Entra or the clock are not as they should be.

const partner = '99999999-9999-4999-8999-999999999999' as TenantId;
const [hourMs, dayMs] = [3_600_000, 86_400_000];
const name = keyMark('vault.example', 'default', []).name;

let nowMs: number;
let skewMs: number;
let store: MemoryCredentialStore;
let entra: SecretEntra;
let logged: ReturnType<typeof recordingLogger>;
const clock = {
  nowMs: () => nowMs + skewMs,
  // A pause ends immediately and advances the clock.
  sleep: async (ms: number) => void (nowMs += ms),
};
beforeEach(async () => {
  [nowMs, skewMs] = [Date.UTC(2026, 10, 24), 0];
  store = new MemoryCredentialStore(() => nowMs);
  entra = new SecretEntra(partner, () => nowMs, seededRandom(17));
  logged = recordingLogger();
  await storeSecret(entra.addPassword(name));
});
const storeSecret = (password: { keyId: string; secret: string; endsAtMs: number }, more = {}) =>
  store.saveClientCredential('default', {
    clientId: entra.clientId,
    tenantId: partner,
    credential: { kind: 'secret', secret: new Secret(password.secret) },
    keyId: password.keyId,
    endsAtMs: password.endsAtMs,
    ...more,
  });
const deps = () => ({
  store,
  redeemer: entra,
  clock,
  log: logged.log,
  newId: () => 'id',
  graphIdentifier: 'https://graph.microsoft.com',
  createCertificate: () => Promise.reject(new Error('no certificate is expected')),
  graphOf: () => ({ graph: entra, writer: entra }),
});
const renew = (force = false) => renewClientCredential(deps(), 'default', force);
const keyIds = () => entra.passwords.map(({ keyId }) => keyId);
const isWorking = async () => entra.accepts((await store.load('default')).client.credential);

describe('renewClientCredential', () => {
  it('leaves the old secret valid until a run 20 hours later', async () => {
    const [first] = keyIds();
    await renew(true);
    expect(keyIds()).toContain(first);
    nowMs += 19 * hourMs;
    await renew();
    expect(keyIds()).toContain(first);
    nowMs += 2 * hourMs;
    expect(await renew()).toMatchObject({ removed: 1 });
    expect(keyIds()).not.toContain(first);
    expect(await isWorking()).toBe(true);
  });

  it('does not remove the old secret while Entra refuses the new one now and then', async () => {
    await renew(true);
    nowMs += dayMs;
    Object.assign(entra, { lagShare: 0.5, lagMs: 2 * dayMs });
    await renew().catch(() => undefined);
    expect(keyIds()).toHaveLength(2);
  });

  it('corrects an end date that is later in the vault than in Entra, and renews', async () => {
    await storeSecret({ ...entra.addPassword(name, 20 * dayMs), endsAtMs: nowMs + 900 * dayMs });
    expect(await renew()).toMatchObject({ renewed: true });
    expect(logged.events()).toContain('credential.end_corrected');
    await storeSecret(entra.addPassword(name, 40 * dayMs), { endsAtMs: undefined });
    expect(await renew()).toMatchObject({ renewed: false });
    expect((await store.load('default')).client.endsAtMs).toBe(nowMs + 40 * dayMs);
  });

  it.each([
    ['without an expiry and without the id of its key', {}],
    ['with the id of another key', { keyId: 'key-1' }],
  ])('finds the end of a secret in Entra that a person stored %s, and renews it', async (_, more) => {
    const { secret } = entra.addPassword('portal', 20 * dayMs);
    await storeSecret({ secret } as never, { keyId: undefined, endsAtMs: undefined, ...more });
    entra.isSelfChangeRefused = true;
    expect(await renew()).toMatchObject({ renewed: false, refused: true });
    expect((await store.load('default')).client.endsAtMs).toBe(nowMs + 20 * dayMs);
    entra.isSelfChangeRefused = false;
    expect(await renew()).toMatchObject({ renewed: true });
  });

  it.each(['an identity', 'a secret'])('leaves %s in use that setup stores during the renewal', async (what) => {
    const stage = store.stageClientCredential.bind(store);
    const theirs = entra.addPassword(name);
    store.stageClientCredential = async (...args) => {
      if (what === 'a secret') await storeSecret(theirs);
      const version = await stage(...args);
      entra.isIdentityTrusted = true;
      const owner = { clientId: entra.clientId, tenantId: partner };
      if (what === 'an identity') await store.saveClientCredential('default', federatedClient(owner));
      return version;
    };
    const before = keyIds();
    expect(await renew(true)).toMatchObject({ renewed: false });
    expect((await store.load('default')).client.keyId).toBe(what === 'a secret' ? theirs.keyId : undefined);
    expect(keyIds()).toEqual(before);
    expect(logged.events()).toContain('credential.renewal_overtaken');
  });

  it.each(['before', 'after'])(
    'keeps a proposal that setup stores during the renewal, %s it lists the versions',
    async (when) => {
      const [list, stage] = [store.listClientCredentialVersions.bind(store), store.stageClientCredential.bind(store)];
      const owner = { clientId: entra.clientId, tenantId: partner };
      const propose = () => store.proposeClientCredential('default', federatedClient(owner));
      let lists = 0;
      // The second list is that of the proposal to adopt.
      store.listClientCredentialVersions = async (application) => {
        lists += 1;
        const versions = await list(application);
        if (when === 'before' && lists === 2) await propose();
        return versions;
      };
      store.stageClientCredential = async (...args) => {
        if (when === 'after') await propose();
        return stage(...args);
      };
      const before = keyIds();
      expect(await renew(true)).toMatchObject({ renewed: false });
      expect(keyIds()).toEqual(before);
      Object.assign(store, { listClientCredentialVersions: list, stageClientCredential: stage });
      entra.isIdentityTrusted = true;
      await renew();
      expect((await store.load('default')).client.credential.kind).toBe('federated');
    },
  );

  it('names the version that it could not disable again after a person disabled all', async () => {
    const enable = store.enableClientCredentialVersion.bind(store);
    store.enableClientCredentialVersion = async (...args) => {
      await store.disableClientCredentialVersion('default', 'v1');
      store.disableClientCredentialVersion = () => Promise.reject(new BrokerError('key_vault_unavailable', 'Away.'));
      return enable(...args);
    };
    await expect(renew(true)).rejects.toMatchObject({
      code: 'credential_missing',
      detail: expect.stringMatching(/v2 could not be disabled: Away\. Disable it/) as string,
    });
    expect(keyIds()).toHaveLength(1);
  });

  it('disables a version again although Key Vault fails twice', async () => {
    const [enable, disable] = [
      store.enableClientCredentialVersion.bind(store),
      store.disableClientCredentialVersion.bind(store),
    ];
    let failures = 0;
    store.enableClientCredentialVersion = async (...args) => {
      await disable('default', 'v1');
      store.disableClientCredentialVersion = (...disabled) =>
        (failures += 1) < 3 ? Promise.reject(new BrokerError('key_vault_unavailable', 'Away.')) : disable(...disabled);
      return enable(...args);
    };
    await expect(renew(true)).rejects.toMatchObject({ code: 'credential_missing' });
    expect(await store.listApplications()).toEqual([]);
  });

  it('puts nothing in use when a person disables all versions during the renewal', async () => {
    const stage = store.stageClientCredential.bind(store);
    store.stageClientCredential = async (...args) => {
      await store.disableClientCredentialVersion('default', 'v1');
      return stage(...args);
    };
    const before = keyIds();
    await expect(renew(true)).rejects.toMatchObject({ code: 'credential_missing' });
    expect(await store.listApplications()).toEqual([]);
    expect(keyIds()).toEqual(before);
  });

  it('keeps a secret in Entra whose write may still arrive, and removes it when it has not', async () => {
    const stage = store.stageClientCredential.bind(store);
    store.stageClientCredential = () => Promise.reject(new BrokerError('key_vault_unavailable', 'No answer.'));
    await expect(renew(true)).rejects.toMatchObject({ code: 'key_vault_unavailable' });
    expect(keyIds()).toHaveLength(2);
    expect(await isWorking()).toBe(true);
    store.stageClientCredential = stage;
    nowMs += 2 * hourMs;
    expect(await renew()).toMatchObject({ removed: 1 });
    expect(await isWorking()).toBe(true);
  });
});

describe('renewClientCredential with a version that a person changed', () => {
  it.each([
    ['client id', { clientId: 'another' }],
    ['tenant id', { tenantId: '88888888-8888-4888-8888-888888888888' as TenantId }],
    ['kind', { credential: { kind: 'federated' } as const }],
    ['value', { credential: { kind: 'secret', secret: new Secret('pasted') } as const }],
  ])('falls back to the previous version when the %s is wrong, and disables it', async (_, wrong) => {
    await storeSecret(entra.addPassword(name), wrong);
    nowMs += 2 * hourMs;
    await renew();
    expect((await store.load('default')).client.version).toBe('v1');
    expect(await isWorking()).toBe(true);
    expect(logged.events()).toContain('credential.client_credential_fell_back');
  });

  it('falls back to the application of the refresh token when the client id is that of another application', async () => {
    await store.saveRefreshToken('default', { ...refreshTokenOf('r', nowMs), clientId: entra.clientId });
    await storeSecret(entra.addPassword(name), { clientId: 'another' });
    nowMs += 2 * hourMs;
    await renew();
    expect((await store.load('default')).client.clientId).toBe(entra.clientId);
  });

  it('falls back without a refresh token when the client id is that of another application, with an error in the log', async () => {
    await storeSecret(entra.addPassword(name), { clientId: entra.otherClientId });
    nowMs += 2 * hourMs;
    await renew();
    expect((await store.load('default')).client.clientId).toBe(entra.clientId);
    const fellBack = logged.lines.find(({ line }) => line.includes('client_credential_fell_back'));
    expect(fellBack?.level).toBe('error');
    expect(fellBack?.line).toContain(`"fromClientId":"${entra.otherClientId}"`);
  });

  it('heals after three wrong versions', async () => {
    for (let nth = 0; nth < 3; nth += 1) await storeSecret({ keyId: 'none', secret: 'pasted', endsAtMs: nowMs });
    nowMs += 2 * hourMs;
    await renew();
    expect(await isWorking()).toBe(true);
  });
});

describe('renewClientCredential when the clock of the app is wrong', () => {
  it('does not remove a key that another run has just created, when the clock is an hour behind', async () => {
    nowMs += 2 * dayMs;
    entra.addPassword(name);
    skewMs = -hourMs;
    expect(await renew()).toMatchObject({ removed: 0 });
    expect(keyIds()).toHaveLength(2);
  });

  it('does not remove the old secret at once when the clock is a day behind', async () => {
    await renew(true);
    nowMs += hourMs;
    skewMs = -dayMs;
    expect(await renew()).toMatchObject({ removed: 0 });
    expect(keyIds()).toHaveLength(2);
  });

  it('neither falls back nor removes anything when the assertion is outside its validity period', async () => {
    entra.isIdentityTrusted = true;
    await store.saveClientCredential('default', federatedClient({ clientId: entra.clientId, tenantId: partner }));
    nowMs += 2 * dayMs;
    skewMs = entra.skewMs = 600_000;
    await renew().catch(() => undefined);
    const { client } = await store.load('default');
    await removeFormerCredentials(deps(), 'default', client);
    expect(client.credential.kind).toBe('federated');
    expect(keyIds()).toHaveLength(1);
    expect(logged.events()).not.toContain('credential.client_credential_fell_back');
  });

  it('disables a rejected version although it seems to come from the future', async () => {
    await storeSecret({ keyId: 'none', secret: 'pasted', endsAtMs: nowMs + 90 * dayMs });
    nowMs += 10_000;
    skewMs = -hourMs;
    await renew();
    expect(await isWorking()).toBe(true);
  });
});

describe('proveClientCredential while four of five servers of Entra lack the credential', () => {
  it('passes in at most 5 of 100 proofs', async () => {
    Object.assign(entra, { lagShare: 0.8, lagMs: dayMs });
    let passed = 0;
    for (let nth = 0; nth < 100; nth += 1) {
      const { client } = await store.load('default');
      await proveClientCredential(deps(), client).then(
        () => (passed += 1),
        () => undefined,
      );
      nowMs = Date.UTC(2026, 10, 24);
    }
    expect(passed).toBeLessThanOrEqual(5);
  });
});
