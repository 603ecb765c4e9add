import type { Demo } from '../../src/cli/demo/start-demo.ts';
import type { Canary } from './leak-scan.ts';
import { openVault } from './simulated-vault.ts';

/** Reads all current secrets of the vault. */
export async function secretsInTheVault({
  cloud,
}: {
  readonly cloud: Pick<Demo['cloud'], 'keyVault' | 'managedIdentity'>;
}): Promise<Canary[]> {
  const vault = await openVault(cloud);
  const found: Canary[] = [];
  for (const name of await vault.names()) found.push({ name, value: await vault.value(name) });
  return found;
}
