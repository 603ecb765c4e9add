import { azureIdentity } from '../../src/lib/azure/identity.ts';
import { secretClient } from '../../src/lib/azure/key-vault.ts';
import type { Demo } from '../../src/cli/demo/start-demo.ts';
import type { Canary } from './leak-scan.ts';

/** What lies in the vault at this moment, read as the app reads it, with the managed identity: must be nowhere else. */
export async function secretsInTheVault({
  cloud,
  environment,
}: Pick<Demo, 'environment'> & { readonly cloud: Pick<Demo['cloud'], 'keyVault'> }): Promise<Canary[]> {
  Object.assign(process.env, {
    IDENTITY_ENDPOINT: environment['IDENTITY_ENDPOINT'],
    IDENTITY_HEADER: environment['IDENTITY_HEADER'],
  });
  const vault = await secretClient(cloud.keyVault, await azureIdentity({ hasManagedIdentity: true }));
  const found: Canary[] = [];
  for await (const { name } of vault.listPropertiesOfSecrets())
    found.push({ name, value: (await vault.getSecret(name)).value ?? '' });
  return found;
}
