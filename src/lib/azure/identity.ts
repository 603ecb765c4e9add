import type { TokenCredential } from '@azure/identity';
import { SetupError } from '../model/errors.ts';
import type { TenantId } from '../model/identifiers.ts';
import { Secret } from '../model/secret.ts';

export interface IdentityOptions {
  /** Client id of the user-assigned managed identity; absent: the system-assigned one. */
  readonly managedIdentityClientId?: string | undefined;
  /** Whether this program runs where a managed identity answers (App Service and Functions set IDENTITY_ENDPOINT). */
  readonly hasManagedIdentity: boolean;
}

/**
 * Who this program is to Azure: the managed identity where there is one, else whoever is signed in on the developer's
 * machine. Nothing is taken from environment variables that could hold a secret.
 */
export async function azureIdentity(options: IdentityOptions): Promise<TokenCredential> {
  // The heaviest import of the program (about 180 ms): loaded when first needed.
  const identity = await import('@azure/identity');
  if (options.hasManagedIdentity) {
    return options.managedIdentityClientId === undefined
      ? new identity.ManagedIdentityCredential()
      : new identity.ManagedIdentityCredential({ clientId: options.managedIdentityClientId });
  }
  return new identity.ChainedTokenCredential(
    new identity.AzureCliCredential(),
    new identity.AzureDeveloperCliCredential(),
    new identity.AzurePowerShellCredential(),
  );
}

/**
 * The assertion of a federated credential. The identity's own cache keeps it for its life.
 * @param audience `federationAudience` of the cloud.
 */
export async function federatedAssertion(identity: TokenCredential, audience: string): Promise<string> {
  const token = await identity.getToken(`${audience}/.default`);
  if (token === null) throw new Error('the managed identity gave no token for the token exchange');
  return token.token;
}

/**
 * A token of the account that `az login` signed in.
 * @throws SetupError sign_in_refused when there is none for this tenant.
 */
export async function azureCliToken(tenantId: TenantId, resourceIdentifier: string): Promise<Secret> {
  const { AzureCliCredential } = await import('@azure/identity');
  try {
    const token = await new AzureCliCredential({ tenantId }).getToken(`${resourceIdentifier}/.default`);
    return new Secret(token.token);
  } catch (cause) {
    throw new SetupError('sign_in_refused', `There is no Azure CLI sign-in for the tenant ${tenantId}; run az login.`, {
      cause,
    });
  }
}
