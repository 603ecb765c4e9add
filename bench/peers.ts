/** The caches that the broker's is compared with. Each function fills one with one token per tenant. */
import * as msal from '@azure/msal-node';
import { createAppAuth } from '@octokit/auth-app';
import { LRUCache } from 'lru-cache';

export interface PeerData {
  readonly tenantId: (n: number) => string;
  readonly clientId: string;
  readonly partnerTenantId: string;
  /** The token that each cache holds. */
  readonly tokenText: string;
}

export type Lookup = (n: number) => Promise<unknown>;

/** The lower bound: a bounded map without anything around it. */
export function filledLru({ tenantId, tokenText }: PeerData, tenants: number): Lookup {
  const cache = new LRUCache<string, string>({ max: 50_000 });
  const keys = Array.from({ length: tenants }, (_, n) => tenantId(n));
  for (const key of keys) cache.set(key, tokenText);
  return async (n) => cache.get(keys[n] ?? '');
}

/** Octokit caches installation tokens of GitHub apps: the same task in another cloud, with a cache of 15,000 tokens. */
export async function filledOctokit({ tokenText }: PeerData, tenants: number): Promise<Lookup> {
  let requests = 0;
  const answer = {
    data: {
      token: tokenText,
      expires_at: new Date(Date.now() + 3_600_000).toISOString(),
      permissions: { contents: 'read' },
      repository_selection: 'all',
    },
  };
  const request = async (): Promise<typeof answer> => {
    requests += 1;
    return answer;
  };
  const auth = createAppAuth({
    appId: 1,
    createJwt: async () => ({ jwt: 'jwt', expiresAt: answer.data.expires_at }),
    // The type demands all of Octokit; the cache calls only this function.
    request: request as unknown as NonNullable<Parameters<typeof createAppAuth>[0]['request']>,
  });
  const lookup: Lookup = (n) => auth({ type: 'installation', installationId: n + 1 });
  for (let n = 0; n < tenants; n += 1) await lookup(n);
  return async (n) => {
    const found = await lookup(n);
    if (requests > tenants) throw new Error('Octokit went to the network: the comparison would not be fair');
    return found;
  };
}

/** MSAL with a cache in its own serialised form. Filling it by redemptions is quadratic and would take minutes. */
export function filledMsal({ tenantId, clientId, partnerTenantId, tokenText }: PeerData, tenants: number): Lookup {
  const environment = 'login.microsoftonline.com';
  const homeAccountId = `user.${partnerTenantId}`;
  const nowSeconds = Math.floor(Date.now() / 1000);
  const accounts: Record<string, unknown> = {};
  const accessTokens: Record<string, unknown> = {};
  for (let n = 0; n < tenants; n += 1) {
    const realm = tenantId(n);
    accounts[`${homeAccountId}-${environment}-${realm}`] = {
      home_account_id: homeAccountId,
      environment,
      realm,
      local_account_id: `user-${n}`,
      username: 'broker@partner.example',
      authority_type: 'MSSTS',
    };
    accessTokens[
      `${homeAccountId}-${environment}-accesstoken-${clientId}-${realm}-https://graph.microsoft.com/.default--`
    ] = {
      home_account_id: homeAccountId,
      environment,
      credential_type: 'AccessToken',
      client_id: clientId,
      secret: tokenText,
      realm,
      target: 'https://graph.microsoft.com/.default',
      cached_at: String(nowSeconds),
      expires_on: String(nowSeconds + 3600),
      extended_expires_on: String(nowSeconds + 3600),
      token_type: 'Bearer',
    };
  }
  const client = new msal.ConfidentialClientApplication({
    auth: { clientId, clientSecret: 'secret', authority: `https://${environment}/${partnerTenantId}` },
  });
  client
    .getTokenCache()
    .deserialize(
      JSON.stringify({ Account: accounts, IdToken: {}, AccessToken: accessTokens, RefreshToken: {}, AppMetadata: {} }),
    );
  return async (n) => {
    const realm = tenantId(n);
    const result = await client.acquireTokenSilent({
      account: {
        homeAccountId,
        environment,
        tenantId: realm,
        username: 'broker@partner.example',
        localAccountId: `user-${n}`,
      },
      scopes: ['https://graph.microsoft.com/.default'],
      authority: `https://${environment}/${realm}`,
    });
    if (!result.fromCache) throw new Error('MSAL went to the network: the comparison would not be fair');
    return result;
  };
}
