import { azureIdentity } from '../../src/lib/azure/identity.ts';
import { secretClient } from '../../src/lib/azure/key-vault.ts';
import type { Demo } from '../../src/cli/demo/start-demo.ts';
import type { Canary } from './leak-scan.ts';

/** Reads all current secrets of the vault with the managed identity, as the app does. */
export async function secretsInTheVault({
  cloud,
  environment,
}: Pick<Demo, 'environment'> & { readonly cloud: Pick<Demo['cloud'], 'keyVault'> }): Promise<Canary[]> {
  Object.assign(process.env, {
    IDENTITY_ENDPOINT: environment['IDENTITY_ENDPOINT'],
    IDENTITY_HEADER: environment['IDENTITY_HEADER'],
  });
  const managedIdentityClientId = environment['MANAGED_IDENTITY_CLIENT_ID'];
  const identity = await azureIdentity({ hasManagedIdentity: true, managedIdentityClientId });
  const vault = await secretClient(cloud.keyVault, identity);
  const found: Canary[] = [];
  for await (const { name } of vault.listPropertiesOfSecrets())
    found.push({ name, value: (await vault.getSecret(name)).value ?? '' });
  return found;
}
