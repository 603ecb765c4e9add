import type { CloudDocument } from 'microsoft-cloud';

/**
 * Creates the key that signs checkpoints of the audit log in the simulated Key Vault, as infra/app/key-vault.bicep does in
 * Azure.
 * @throws Error
 */
export async function createCheckpointKey({
  keyVault,
  managedIdentity: { endpoint, header, clientId },
}: Pick<CloudDocument, 'keyVault' | 'managedIdentity'>): Promise<void> {
  const query = { resource: 'https://vault.azure.net', 'api-version': '2019-08-01', client_id: clientId };
  const issued = await fetch(`${endpoint}?${new URLSearchParams(query).toString()}`, {
    headers: { 'x-identity-header': header },
  });
  const { access_token: token } = (await issued.json()) as { access_token?: unknown };
  const created = await fetch(`${keyVault}/keys/audit-checkpoints/create?api-version=7.6`, {
    method: 'POST',
    headers: { authorization: `Bearer ${String(token)}`, 'content-type': 'application/json' },
    body: JSON.stringify({ kty: 'EC', crv: 'P-256', key_ops: ['sign', 'verify'] }),
  });
  if (!created.ok) throw new Error(`The simulated Key Vault answered ${created.status}: ${await created.text()}`);
}
