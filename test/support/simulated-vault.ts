import type { CloudDocument } from 'microsoft-cloud';
import { readReply } from 'microsoft-cloud/testing';
import type { SecretToStore } from '../../src/lib/tokens/credential/stored-secret.ts';

export interface SimulatedVault {
  names(): Promise<readonly string[]>;
  /** The current value of a secret. */
  value(name: string): Promise<string>;
  set(name: string, secret: SecretToStore): Promise<void>;
}

/**
 * The Key Vault of a simulated cloud, as its managed identity. Over plain HTTP, because the Azure SDKs take half a second
 * of processor time to load. The process must trust the certificate of the cloud.
 */
export async function openVault({
  keyVault,
  managedIdentity: { endpoint, header, clientId },
}: Pick<CloudDocument, 'keyVault' | 'managedIdentity'>): Promise<SimulatedVault> {
  const identity = new URLSearchParams({
    resource: 'https://vault.azure.net',
    'api-version': '2019-08-01',
    client_id: clientId,
  });
  const issued = await fetch(`${endpoint}?${identity}`, { headers: { 'x-identity-header': header } });
  const token = String((await readReply(issued)).body['access_token']);
  const call = async (url: string, body?: object): Promise<Record<string, unknown>> => {
    const response = await fetch(url, {
      method: body === undefined ? 'GET' : 'PUT',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const reply = await readReply(response);
    if (!response.ok)
      throw new Error(`The simulated Key Vault answered ${reply.status}: ${JSON.stringify(reply.body)}`);
    return reply.body;
  };
  const version = 'api-version=7.6';
  return {
    names: async () => {
      const ids: string[] = [];
      let page: string | null = `${keyVault}/secrets?${version}`;
      while (page !== null) {
        const { value, nextLink } = (await call(page)) as { value: { id: string }[]; nextLink: string | null };
        ids.push(...value.map(({ id }) => id));
        page = nextLink;
      }
      return ids.map((id) => new URL(id).pathname.split('/')[2] ?? '');
    },
    value: async (name) => String((await call(`${keyVault}/secrets/${name}?${version}`))['value']),
    set: async (name, { value, contentType, tags, expiresOn }) => {
      const attributes = expiresOn === undefined ? {} : { exp: Math.floor(expiresOn.getTime() / 1000) };
      await call(`${keyVault}/secrets/${name}?${version}`, { value, contentType, tags, attributes });
    },
  };
}
