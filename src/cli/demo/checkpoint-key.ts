import type { KeyObject } from 'node:crypto';
import type { CloudDocument } from 'microsoft-cloud';

/**
 * Creates the key that signs checkpoints of the audit log in the simulated Key Vault, as infra/app/key-vault.bicep does in
 * Azure.
 * @param privateKey P-256, to import. Absent: the vault makes one.
 * @returns the id of the key.
 * @throws Error
 */
export async function createCheckpointKey(
  { keyVault, managedIdentity: { endpoint, header, clientId } }: Pick<CloudDocument, 'keyVault' | 'managedIdentity'>,
  privateKey?: KeyObject,
): Promise<string> {
  const query = { resource: 'https://vault.azure.net', 'api-version': '2019-08-01', client_id: clientId };
  const issued = await fetch(`${endpoint}?${new URLSearchParams(query).toString()}`, {
    headers: { 'x-identity-header': header },
  });
  const { access_token: token } = (await issued.json()) as { access_token?: unknown };
  const kind = { kty: 'EC', crv: 'P-256', key_ops: ['sign', 'verify'] };
  const key = { ...kind, ...privateKey?.export({ format: 'jwk' }) };
  const path = `${keyVault}/keys/audit-checkpoints`;
  const created = await fetch(`${path}${privateKey === undefined ? '/create' : ''}?api-version=7.6`, {
    method: privateKey === undefined ? 'POST' : 'PUT',
    headers: { authorization: `Bearer ${String(token)}`, 'content-type': 'application/json' },
    body: JSON.stringify(privateKey === undefined ? kind : { key }),
  });
  if (!created.ok) throw new Error(`The simulated Key Vault answered ${created.status}: ${await created.text()}`);
  return ((await created.json()) as { readonly key: { readonly kid: string } }).key.kid;
}
