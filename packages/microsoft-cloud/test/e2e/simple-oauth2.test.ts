import { AuthorizationCode, ClientCredentials } from 'simple-oauth2';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { signIn } from '../../src/client.ts';
import type { RunningCloud } from '../../src/index.ts';
import { account, call, startTrustedCloud } from '../../src/testing.ts';

const graph = 'https://graph.microsoft.com/.default';
const redirectUri = 'http://localhost';
let cloud: RunningCloud;
beforeAll(async () => {
  cloud = await startTrustedCloud({ tenants: 1, plain: true });
});
afterAll(() => cloud.stop());

/** The library sends the secret in a Basic header by default. */
const options = () => {
  const { application, entra, partnerTenantId } = cloud.document;
  const path = `/${partnerTenantId}/oauth2/v2.0`;
  return {
    client: { id: application.clientId, secret: application.clientSecret },
    auth: { tokenHost: entra, tokenPath: `${path}/token` },
    authorizePath: `${path}/authorize`,
  };
};

describe('simple-oauth2', () => {
  it('signs in with a code and refreshes the token', async () => {
    const { client: own, auth, authorizePath } = options();
    const client = new AuthorizationCode({ client: own, auth: { ...auth, authorizePath } });
    const scope = `${graph} offline_access`;
    const address = client.authorizeURL({ redirect_uri: redirectUri, scope, state: 'kept' });
    const returned = new URL(await signIn(cloud.control, address, account(cloud, 'broker'))).searchParams;
    expect(returned.get('state')).toBe('kept');
    const signedIn = await client.getToken({ code: returned.get('code') ?? '', redirect_uri: redirectUri, scope });
    expect(signedIn.expired()).toBe(false);
    const refreshed = await signedIn.refresh({ scope });
    const me = await call(`${cloud.document.graph}/v1.0/me`, String(refreshed.token['access_token']));
    expect(me.body).toMatchObject({ userPrincipalName: account(cloud, 'broker') });
  });

  it('gets a token for the application itself', async () => {
    const { client: own, auth } = options();
    const { token } = await new ClientCredentials({ client: own, auth }).getToken({ scope: graph });
    const users = await call(`${cloud.document.graph}/v1.0/organization`, String(token['access_token']));
    expect(users.status).toBe(200);
  });
});
