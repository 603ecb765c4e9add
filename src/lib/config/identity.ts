import type { TokenCredential } from '@azure/identity';
import { SetupError } from '../core/errors.ts';
import type { TenantId } from '../core/identifiers.ts';
import { Secret } from '../core/secrets.ts';

export interface IdentityOptions {
  /** Client id of the user-assigned managed identity. If absent, the system-assigned identity is used. */
  readonly managedIdentityClientId?: string | undefined;
  /** Whether a managed identity is available (App Service and Functions set IDENTITY_ENDPOINT). */
  readonly hasManagedIdentity: boolean;
}

/**
 * The identity that this program uses in Azure: the managed identity if there is one, otherwise the account that is signed
 * in on the developer's machine. Environment variables that could hold a secret are ignored.
 */
export async function azureIdentity(options: IdentityOptions): Promise<TokenCredential> {
  // The slowest import of the program (about 180 ms), so it is loaded at first use.
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
 * The assertion of a federated credential. The identity caches it until it expires.
 * @param audience `federationAudience` of the cloud.
 * @throws Error if the identity issues no token.
 */
export async function federatedAssertion(identity: TokenCredential, audience: string): Promise<string> {
  const token = await identity.getToken(`${audience}/.default`);
  if (token === null) throw new Error('the managed identity issued no token for the token exchange');
  return token.token;
}

/**
 * A token for the account that is signed in to the Azure CLI.
 * @throws SetupError sign_in_refused if no account is signed in to this tenant.
 */
export async function azureCliToken(tenantId: TenantId, resourceIdentifier: string): Promise<Secret> {
  const { AzureCliCredential } = await import('@azure/identity');
  try {
    const token = await new AzureCliCredential({ tenantId }).getToken(`${resourceIdentifier}/.default`);
    return new Secret(token.token);
  } catch (cause) {
    throw new SetupError(
      'sign_in_refused',
      `There is no Azure CLI sign-in for the tenant ${tenantId}. Run \`az login --tenant ${tenantId}\`.`,
      { cause },
    );
  }
}
