import type { KeyObject } from 'node:crypto';
import type { CloudDocument } from 'microsoft-cloud';

/**
 * Creates the key that signs checkpoints of the audit log in the simulated Key Vault, as infra/app/key-vault.bicep does in
 * Azure.
 * @param privateKey P-256, to import. Absent: the vault makes one.
 * @returns the id of the key.
 * @throws Error
 */
export async function createCheckpointKey(cloud: Vault, privateKey?: KeyObject): Promise<string> {
  const kind = { kty: 'EC', crv: 'P-256', key_ops: ['sign', 'verify'] };
  if (privateKey === undefined) return sendKey(cloud, 'POST', 'audit-checkpoints/create', kind);
  return sendKey(cloud, 'PUT', 'audit-checkpoints', { key: { ...kind, ...privateKey.export({ format: 'jwk' }) } });
}

/** The same for the key that makes the indexes of tenants. */
export const createIndexKey = (cloud: Vault): Promise<string> =>
  sendKey(cloud, 'POST', 'audit-index/create', { kty: 'RSA', key_size: 3072, key_ops: ['sign', 'verify'] });

type Vault = Pick<CloudDocument, 'keyVault' | 'managedIdentity'>;

async function sendKey(
  { keyVault, managedIdentity: { endpoint, header, clientId } }: Vault,
  method: 'POST' | 'PUT',
  path: string,
  body: object,
): Promise<string> {
  const query = { resource: 'https://vault.azure.net', 'api-version': '2019-08-01', client_id: clientId };
  const issued = await fetch(`${endpoint}?${new URLSearchParams(query).toString()}`, {
    headers: { 'x-identity-header': header },
  });
  const { access_token: token } = (await issued.json()) as { access_token?: unknown };
  const created = await fetch(`${keyVault}/keys/${path}?api-version=7.6`, {
    method,
    headers: { authorization: `Bearer ${String(token)}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!created.ok) throw new Error(`The simulated Key Vault answered ${created.status}: ${await created.text()}`);
  return ((await created.json()) as { readonly key: { readonly kid: string } }).key.kid;
}
