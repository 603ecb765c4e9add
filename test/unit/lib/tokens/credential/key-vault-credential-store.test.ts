import type { SecretClient } from '@azure/keyvault-secrets';
import { describe, expect, it } from 'vitest';
import { KeyVaultCredentialStore } from '../../../../../src/lib/tokens/credential/key-vault-credential-store.ts';

// Answers that the simulated vault never gives. test/contract covers the rest.

const tags = { clientId: 'client', tenantId: '99999999-9999-4999-8999-999999999999' };
const missing = Object.assign(new Error('SecretNotFound'), { statusCode: 404 });

/** A vault that holds a client credential with these tags, and no refresh token. */
function storeOver(secret: object, getSecret?: SecretClient['getSecret']): KeyVaultCredentialStore {
  const answer = async (name: string) => {
    if (name.endsWith('-refresh-token')) throw missing;
    return { name, value: 'value', properties: { name, version: 'v1', ...secret } };
  };
  const listPropertiesOfSecretVersions = async function* (name: string) {
    yield { name, version: 'v1', enabled: true, ...secret };
  };
  return new KeyVaultCredentialStore({
    getSecret: getSecret ?? answer,
    listPropertiesOfSecretVersions,
  } as unknown as SecretClient);
}

describe('KeyVaultCredentialStore.load', () => {
  it('reads a credential without a kind as a secret, because it was stored by hand', async () => {
    const { client } = await storeOver({ tags }).load('default');
    expect(client.credential.kind === 'secret' && client.credential.secret.reveal()).toBe('value');
  });

  it('rejects a credential of an unknown kind', async () => {
    await expect(storeOver({ tags: { ...tags, kind: 'smartcard' } }).load('default')).rejects.toMatchObject({
      code: 'credential_missing',
      detail: expect.stringContaining('unknown kind') as string,
    });
  });

  it.each([{}, { tags: { clientId: 'client' } }, { tags: { ...tags, tenantId: 'contoso.com' } }])(
    'rejects a credential without a client id or a tenant id: %j',
    async (secret) => {
      await expect(storeOver(secret).load('default')).rejects.toMatchObject({ code: 'credential_missing' });
    },
  );
});

describe('KeyVaultCredentialStore', () => {
  it.each(['https://NAME.vault.azure.net', 'https://name.vault.azure.net/'])(
    'normalizes the name of the vault %s',
    (vaultUrl) => {
      const store = new KeyVaultCredentialStore({ vaultUrl } as SecretClient);
      expect(store.vault).toBe('name.vault.azure.net');
    },
  );

  it('aborts its requests when the caller aborts', async () => {
    const signals: (AbortSignal | undefined)[] = [];
    const hangs: SecretClient['getSecret'] = (_name, options) =>
      new Promise((_resolve, reject) => {
        const signal = options?.abortSignal as AbortSignal | undefined;
        signals.push(signal);
        signal?.addEventListener('abort', () => reject(signal.reason as Error));
      });
    const waiting = new AbortController();
    const loading = storeOver({}, hangs).load('default', waiting.signal);
    waiting.abort(new Error('gone'));
    await expect(loading).rejects.toMatchObject({ code: 'key_vault_unavailable' });
    expect(signals.map((signal) => signal?.aborted)).toEqual([true, true]);
  });

  it.each([new Error('Forbidden'), {}, 'no'])('does not treat the error %s as a disabled secret', async (thrown) => {
    const error = typeof thrown === 'object' ? Object.assign(thrown, { statusCode: 403 }) : thrown;
    const store = storeOver({}, () => Promise.reject(error));
    await expect(store.load('default')).rejects.toMatchObject({ code: 'key_vault_unavailable' });
    await expect(store.loadRefreshTokenVersion('default', 'v1')).rejects.toMatchObject({
      code: 'key_vault_unavailable',
    });
  });
});
