import { afterAll, beforeAll, expect, test } from 'vitest';
import { MemoryCredentialStore, refreshTokenOf } from '../fakes/memory-credential-store.ts';
import { startOperator, type TestOperator } from '../e2e/credential/operator.ts';
import { client, obtainedAtMs, testCredentialStore } from '../support/credential-store-contract.ts';
import { LeakScan } from '../support/leak-scan.ts';

let operator: TestOperator;
beforeAll(async () => {
  operator = await startOperator({ tenants: 1 });
});
afterAll(() => operator.close());

testCredentialStore('in memory', () => new MemoryCredentialStore(() => Date.now()));
testCredentialStore('in Key Vault', () => operator.store);

test('Key Vault holds a secret in its value only, not in its name, tags or content type', async () => {
  const value = 'only-in-the-value-0123456789abcdefghij';
  await operator.store.saveClientCredential('tags', client(value, { keyId: 'key-1' }));
  await operator.store.saveRefreshToken('tags', refreshTokenOf(value, obtainedAtMs));
  const scan = new LeakScan([{ name: 'canary', value }]);
  let versions = 0;
  for await (const { name } of operator.secrets.listPropertiesOfSecrets()) {
    for await (const properties of operator.secrets.listPropertiesOfSecretVersions(name)) {
      versions += 1;
      scan.scan({ where: name, content: JSON.stringify(properties) });
    }
  }
  expect(versions).toBeGreaterThan(1);
  expect(scan.leaks).toEqual([]);
  const stored = await operator.secrets.getSecret('ptb-tags-refresh-token');
  scan.scan({ where: stored.name, content: JSON.stringify(stored) });
  expect(scan.leaks.length).toBeGreaterThan(0);
});
