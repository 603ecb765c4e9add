import { describe, expect, it, vi } from 'vitest';
import { KeyVaultCredentialStore } from '../../../../../src/lib/tokens/credential/key-vault-credential-store.ts';
import { MemoryVault } from '../../../../fakes/memory-vault.ts';
import { refreshTokenOf } from '../../../../fakes/memory-credential-store.ts';
import { client, obtainedAtMs, testCredentialStore } from '../../../../support/credential-store-contract.ts';

testCredentialStore('in a vault in memory', () => new KeyVaultCredentialStore(new MemoryVault().client));

const clientName = 'ptb-default-client-credential';
const tokenName = 'ptb-default-refresh-token';

function open() {
  const vault = new MemoryVault();
  return { vault, store: new KeyVaultCredentialStore(vault.client) };
}

describe('what Key Vault shows of a credential', () => {
  it('is its kind, its end and its tags', async () => {
    const { vault, store } = open();
    const endsAtMs = obtainedAtMs + 1000;
    const version = await store.saveClientCredential('default', client('s', { keyId: 'key-1', endsAtMs }));
    expect(vault.secrets.get(clientName)).toMatchObject([
      {
        value: 's',
        properties: {
          version,
          enabled: true,
          contentType: 'client-secret',
          expiresOn: new Date(endsAtMs),
          tags: { application: 'default', kind: 'secret', keyId: 'key-1', endsAt: new Date(endsAtMs).toISOString() },
        },
      },
    ]);
    await store.setClientCredentialEnd('default', version, endsAtMs + 1);
    expect(vault.secrets.get(clientName)?.[0]?.properties.expiresOn).toEqual(new Date(endsAtMs + 1));
  });

  it('names a refresh token by its use, and a staged one differently until it is enabled', async () => {
    const { vault, store } = open();
    await store.saveRefreshToken('default', refreshTokenOf('in use', obtainedAtMs));
    const staged = await store.stageRefreshToken('default', refreshTokenOf('staged', obtainedAtMs));
    const shown = () =>
      vault.secrets.get(tokenName)?.map(({ properties }) => [properties.contentType, properties.enabled]);
    expect(shown()).toEqual([
      ['refresh-token-staged', false],
      ['refresh-token', true],
    ]);
    expect((await store.loadRefreshToken('default'))?.secret.reveal()).toBe('in use');
    expect(await store.listRefreshTokenVersions('default')).toMatchObject([{ version: staged, staged: true }, {}]);
    await store.enableRefreshTokenVersion('default', staged);
    expect(shown()?.[0]).toEqual(['refresh-token', true]);
    expect((await store.loadRefreshToken('default'))?.secret.reveal()).toBe('staged');
  });

  it('gets the content type of its kind when a staged or proposed client credential is enabled', async () => {
    const { vault, store } = open();
    const staged = await store.stageClientCredential('default', client('next'));
    expect(vault.secrets.get(clientName)?.[0]?.properties).toMatchObject({
      contentType: 'client-credential-staged',
      enabled: false,
    });
    await store.enableClientCredentialVersion('default', staged);
    expect(vault.secrets.get(clientName)?.[0]?.properties).toMatchObject({
      contentType: 'client-secret',
      enabled: true,
    });
    // A kind that this version does not know keeps its type.
    await vault.setSecret(clientName, 'x', { enabled: false, contentType: 'card', tags: { kind: 'smartcard' } });
    await store.enableClientCredentialVersion('default', 'v2');
    expect(vault.secrets.get(clientName)?.[0]?.properties).toMatchObject({ contentType: 'card', enabled: true });
  });
});

describe('the credential in force', () => {
  it('is the newest version that can be read, and says which it skips', async () => {
    const { vault, store } = open();
    const good = await store.saveClientCredential('default', client('good'));
    await vault.setSecret(clientName, 'pasted by hand');
    expect(await store.load('default')).toMatchObject({
      client: { version: good },
      skipped: [{ part: 'client credential', version: 'v2' }],
    });
    await store.disableClientCredentialVersion('default', 'v2');
    const found = await store.load('default');
    expect(found.client.version).toBe(good);
    expect(found).not.toHaveProperty('skipped');
  });

  it('has no refresh token before the consent', async () => {
    const { vault, store } = open();
    await store.saveClientCredential('default', client('s'));
    expect(await store.load('default')).toMatchObject({ application: 'default', refreshToken: undefined });
    await vault.setSecret(tokenName, 'by hand', { enabled: false });
    expect(await store.loadRefreshToken('default')).toBeUndefined();
  });

  it('is a token of the consent before one that was stored by hand', async () => {
    const { vault, store } = open();
    const consented = { ...refreshTokenOf('consented', obtainedAtMs), consentedAtMs: obtainedAtMs };
    const version = await store.saveRefreshToken('default', consented);
    await vault.setSecret(tokenName, 'by hand');
    await store.saveClientCredential('default', client('s'));
    const { refreshToken, skipped } = await store.load('default');
    expect(refreshToken?.version).toBe(version);
    expect(skipped).toMatchObject([{ part: 'refresh token', version: 'v2' }]);
  });

  it('is read without a list of versions while the current ones are in force', async () => {
    const { vault, store } = open();
    await store.saveClientCredential('default', client('s'));
    await store.saveRefreshToken('default', { ...refreshTokenOf('t', obtainedAtMs), consentedAtMs: obtainedAtMs });
    const list = vi.spyOn(vault.client, 'listPropertiesOfSecretVersions');
    expect(await store.load('default')).toMatchObject({ client: { version: 'v1' }, refreshToken: { version: 'v2' } });
    expect(await store.loadRefreshToken('other')).toBeUndefined();
    expect(list).not.toHaveBeenCalled();
  });

  it('cannot be told while Key Vault does not answer', async () => {
    const { vault, store } = open();
    await store.saveClientCredential('default', client('s'));
    vault.failure = Object.assign(new Error('busy'), { statusCode: 503 });
    await expect(store.load('default')).rejects.toMatchObject({ code: 'key_vault_unavailable' });
    await expect(store.listApplications()).rejects.toMatchObject({ code: 'key_vault_unavailable' });
  });

  it('belongs to an application that Key Vault lists by its own secret', async () => {
    const { vault, store } = open();
    await store.saveClientCredential('b', client('s'));
    await store.saveClientCredential('a', client('s'));
    await store.saveRefreshToken('c', refreshTokenOf('t', obtainedAtMs));
    await vault.setSecret('other-d-client-credential', 'x');
    await vault.setSecret('ptb-d-client-credential-old', 'x');
    expect(await store.listApplications()).toEqual(['a', 'b']);
  });
});
