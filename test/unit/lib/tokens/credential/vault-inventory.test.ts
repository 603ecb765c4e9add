import { createHttpHeaders, createPipelineRequest } from '@azure/core-rest-pipeline';
import type { ListPropertiesOfSecretVersionsOptions, SecretClient, SecretProperties } from '@azure/keyvault-secrets';
import { beforeEach, describe, expect, it } from 'vitest';
import { keyVaultInventory } from '../../../../../src/lib/tokens/credential/vault-inventory.ts';

type Properties = Partial<SecretProperties> & { readonly name: string };

let live: Map<string, readonly Properties[]>;
let deleted: Map<string, Properties>;
let failure: Error | undefined;
let stored: unknown[];
/** The header of that name of Key Vault's answers. */
let date: string | undefined;
beforeEach(() => {
  live = new Map();
  deleted = new Map();
  failure = undefined;
  stored = [];
  date = undefined;
});

const missing = (): Error => Object.assign(new Error('SecretNotFound'), { name: 'RestError', statusCode: 404 });

async function* listed(properties: readonly Properties[] | undefined): AsyncGenerator<Properties> {
  if (failure !== undefined) throw failure;
  if (properties === undefined) throw missing();
  yield* properties;
}

const inventory = () =>
  keyVaultInventory({
    listPropertiesOfSecrets: () => listed([...live.keys()].map((name) => ({ name }))),
    listDeletedSecrets: () => listed([...deleted.values()]),
    listPropertiesOfSecretVersions: (name: string, { onResponse }: ListPropertiesOfSecretVersionsOptions) => {
      const headers = createHttpHeaders(date === undefined ? {} : { date });
      onResponse?.({ status: 200, headers, request: createPipelineRequest({ url: 'https://vault.test' }) }, undefined);
      return listed(live.get(name));
    },
    setSecret: async (name: string, value: string, { tags }: { readonly tags: object }) => {
      stored.push([name, value, tags]);
      return { properties: { version: 'new' } };
    },
    getDeletedSecret: (name: string) => {
      const properties = deleted.get(name);
      return properties === undefined ? Promise.reject(missing()) : Promise.resolve({ name, properties });
    },
  } as unknown as SecretClient);

const version = (name: string, minute: number, more: Partial<SecretProperties> = {}): Properties => ({
  name,
  version: `v${minute}`,
  createdOn: new Date(minute * 60_000),
  enabled: false,
  ...more,
});

describe('keyVaultInventory', () => {
  it('lists applications of which anything is left, also a deleted secret', async () => {
    live.set('ptb-default-refresh-token', []);
    live.set('ptb-default-client-credential', []);
    live.set('something-else', []);
    deleted.set('x', { name: 'ptb-former-app-client-credential' });
    expect(await inventory().applications()).toEqual(['default', 'former-app']);
  });

  it('reads account and client id, in any case, from the tags of disabled versions, newest first', async () => {
    const tags = { clientId: 'client', account: 'a@partner.example', accountObjectId: 'object' };
    live.set('ptb-default-refresh-token', [
      version('ptb-default-refresh-token', 1, { tags: { ...tags, clientId: 'CLIENT' } }),
      version('ptb-default-refresh-token', 2, { enabled: true }),
    ]);
    expect(await inventory().read('default')).toEqual({
      client: [],
      refreshToken: [
        { version: 'v2', createdAtMs: 120_000, enabled: true },
        { version: 'v1', createdAtMs: 60_000, enabled: false, ...tags },
      ],
    });
  });

  it('reads the newest version of a deleted secret, which is not enabled', async () => {
    const tags = { clientId: 'client', keyId: 'key', kind: 'secret', proposed: 'true' };
    const name = 'ptb-default-client-credential';
    deleted.set(name, version(name, 3, { enabled: true, tags }));
    expect((await inventory().read('default')).client).toEqual([
      { version: 'v3', createdAtMs: 180_000, enabled: false, ...tags, proposed: true },
    ]);
  });

  it('reads the tenant of a client credential, and ignores one that is no id', async () => {
    const name = 'ptb-default-client-credential';
    const tenantId = '99999999-9999-4999-8999-999999999999';
    live.set(name, [version(name, 1, { tags: { tenantId } }), version(name, 2, { tags: { tenantId: 'contoso.com' } })]);
    expect((await inventory().read('default')).client.map((each) => each.tenantId)).toEqual([undefined, tenantId]);
  });

  it('records a revocation, and reads when the last one was', async () => {
    const name = 'ptb-default-revocation';
    await inventory().recordRevocation('default');
    expect(stored).toEqual([[name, 'revoked', { application: 'default' }]]);
    expect(await inventory().read('default')).not.toHaveProperty('revokedAtMs');
    live.set(name, [version(name, 5), version(name, 7)]);
    expect((await inventory().read('default')).revokedAtMs).toBe(420_000);
    expect(await inventory().applications()).toEqual([]);
  });

  it.each([
    ['Mon, 30 Nov 2026 08:00:00 GMT', Date.UTC(2026, 10, 30, 8)],
    ['yesterday', undefined],
    [undefined, undefined],
  ])('reads what time it is by the clock of the vault (%s)', async (said, atMs) => {
    date = said;
    expect((await inventory().read('default')).readAtMs).toBe(atMs);
  });

  it('throws key_vault_unavailable when the vault does not answer', async () => {
    failure = new Error('away');
    await expect(inventory().read('default')).rejects.toMatchObject({ code: 'key_vault_unavailable' });
    await expect(inventory().applications()).rejects.toMatchObject({ code: 'key_vault_unavailable' });
  });
});
