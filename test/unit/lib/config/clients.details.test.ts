import { expect, test } from 'vitest';
import { federatedAssertion } from '../../../../src/lib/config/identity.ts';
import { secretClient } from '../../../../src/lib/config/key-vault.ts';

test('secretClient is a client of the vault', async () => {
  const identity = { getToken: () => Promise.resolve(null) };
  const client = await secretClient('https://vault.example.vault.azure.net/', identity);
  expect(client.vaultUrl).toBe('https://vault.example.vault.azure.net/');
});

test('federatedAssertion is a token for the audience', async () => {
  const scopes: unknown[] = [];
  const identity = {
    getToken: async (scope: string | string[]) => {
      scopes.push(scope);
      return { token: 'assertion', expiresOnTimestamp: 0 };
    },
  };
  expect(await federatedAssertion(identity, 'api://AzureADTokenExchange')).toBe('assertion');
  expect(scopes).toEqual(['api://AzureADTokenExchange/.default']);
});
