import type { TokenCredential } from '@azure/identity';
import type { SecretClient } from '@azure/keyvault-secrets';

const azureVaultHosts = /\.vault\.(azure\.net|usgovcloudapi\.net|azure\.cn)$/;

/** A client for the secrets of one vault. */
export async function secretClient(vaultUrl: string, identity: TokenCredential): Promise<SecretClient> {
  const { SecretClient } = await import('@azure/keyvault-secrets');
  return new SecretClient(vaultUrl, identity, vaultClientOptions(vaultUrl));
}

/** Options of every client of a vault. */
export const vaultClientOptions = (vaultUrl: string) => ({
  // The SDK requires the vault to be in the audience's domain. The vault of the simulated cloud is not.
  disableChallengeResourceVerification: !azureVaultHosts.test(new URL(vaultUrl).hostname),
  retryOptions: { maxRetries: 3, retryDelayInMs: 500, maxRetryDelayInMs: 4_000 },
});
