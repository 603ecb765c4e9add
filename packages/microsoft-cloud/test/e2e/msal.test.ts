import {
  type Configuration,
  ConfidentialClientApplication,
  CryptoProvider,
  InteractionRequiredAuthError,
  PublicClientApplication,
} from '@azure/msal-node';
import { createHash, X509Certificate } from 'node:crypto';
import { generate } from 'selfsigned';
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { approveDeviceCode, signIn } from '../../src/client.ts';
import type { RunningCloud } from '../../src/index.ts';
import { account, adminToken, call, startTrustedCloud, tenantWith } from '../../src/testing.ts';

const graphScope = 'https://graph.microsoft.com/.default';
let cloud: RunningCloud;
beforeAll(async () => {
  cloud = await startTrustedCloud();
});
afterAll(() => cloud.stop());

function configuration(tenant: string, auth: Partial<Configuration['auth']> = {}): Configuration {
  const { entra, application } = cloud.document;
  return {
    auth: {
      clientId: application.clientId,
      clientSecret: application.clientSecret,
      authority: `${entra}/${tenant}`,
      knownAuthorities: [new URL(entra).host],
      // MSAL has the metadata of Microsoft's hosts built in and requests it from other hosts.
      authorityMetadata: JSON.stringify({
        authorization_endpoint: `${entra}/{tenant}/oauth2/v2.0/authorize`,
        token_endpoint: `${entra}/{tenant}/oauth2/v2.0/token`,
        issuer: `${entra}/{tenant}/v2.0`,
        jwks_uri: `${entra}/{tenant}/discovery/v2.0/keys`,
      }),
      ...auth,
    },
  };
}

const confidential = (tenant: string, auth?: Partial<Configuration['auth']>): ConfidentialClientApplication =>
  new ConfidentialClientApplication(configuration(tenant, auth));

const redeemIn = (tenant: string) =>
  confidential(tenant).acquireTokenByRefreshToken({
    refreshToken: cloud.document.refreshToken,
    scopes: [graphScope],
    forceCache: true,
  });

describe('@azure/msal-node', () => {
  it('redeems one refresh token in every customer tenant', async () => {
    for (const { tenantId } of cloud.document.tenants.filter(({ state }) => state === 'ok').slice(0, 5)) {
      const result = await redeemIn(tenantId);
      expect(result?.tenantId).toBe(tenantId);
      expect(result?.accessToken.split('.')).toHaveLength(3);
      expect(result?.account?.username).toBe(account(cloud, 'broker'));
    }
  });

  it('stores the new refresh token in its cache', async () => {
    const client = confidential(cloud.document.partnerTenantId);
    await client.acquireTokenByRefreshToken({
      refreshToken: cloud.document.refreshToken,
      scopes: [graphScope],
      forceCache: true,
    });
    const cached = Object.values(
      (JSON.parse(client.getTokenCache().serialize()) as { RefreshToken: Record<string, { secret: string }> })
        .RefreshToken,
    );
    expect(cached).toHaveLength(1);
    expect(cached[0]?.secret).not.toBe(cloud.document.refreshToken);
  });

  it('reports missing consent as InteractionRequiredAuthError', async () => {
    const failure = await redeemIn(tenantWith(cloud, 'no_consent')).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(InteractionRequiredAuthError);
    expect(failure).toMatchObject({ errorCode: 'invalid_grant', subError: 'consent_required', errorNo: 65001 });
  });

  it('receives the claims of a Conditional Access policy', async () => {
    const failure = await redeemIn(tenantWith(cloud, 'conditional_access')).catch((error: unknown) => error);
    expect(failure).toMatchObject({ errorNo: 53003, claims: expect.stringContaining('capolids') as string });
  });

  it.each([
    ['gdap_expired', 50020],
    ['deleted', 90002],
  ])('is refused in a tenant in the state %s', async (state, errorNo) => {
    await expect(redeemIn(tenantWith(cloud, state))).rejects.toMatchObject({ errorNo });
  });

  it('gets an application token with a client secret', async () => {
    const result = await confidential(cloud.document.partnerTenantId).acquireTokenByClientCredential({
      scopes: [graphScope],
    });
    expect(result?.expiresOn?.getTime()).toBeGreaterThan(Date.now() + 3_500_000);
  });

  it('reports a wrong client secret', async () => {
    const client = confidential(cloud.document.partnerTenantId, { clientSecret: 'not+it~' });
    await expect(client.acquireTokenByClientCredential({ scopes: [graphScope] })).rejects.toMatchObject({
      errorCode: 'invalid_client',
      errorNo: 7000215,
    });
  });

  it('gets an application token only with a registered certificate', async () => {
    const { clientId } = cloud.document.application;
    const { cert, private: privateKey } = await generate([{ name: 'commonName', value: 'client' }], {
      algorithm: 'sha256',
    });
    const thumbprintSha256 = createHash('sha256').update(new X509Certificate(cert).raw).digest('hex');
    const client = confidential(cloud.document.partnerTenantId, {
      clientSecret: '',
      clientCertificate: { thumbprintSha256, privateKey },
    });
    const ask = () => client.acquireTokenByClientCredential({ scopes: [graphScope], skipCache: true });
    await expect(ask()).rejects.toMatchObject({ errorNo: 700027 });
    const registered = await call(
      `${cloud.document.graph}/v1.0/applications(appId='${clientId}')`,
      await adminToken(cloud),
      {
        method: 'PATCH',
        body: JSON.stringify({
          keyCredentials: [{ type: 'AsymmetricX509Cert', usage: 'Verify', key: Buffer.from(cert).toString('base64') }],
        }),
      },
    );
    expect(registered.status).toBe(204);
    expect(decodeJwt((await ask())?.accessToken ?? '')).toMatchObject({ appid: clientId });
  });

  it('signs a person in with an authorization code and PKCE', async () => {
    const { control, partnerTenantId } = cloud.document;
    const client = confidential(partnerTenantId);
    const { verifier, challenge } = await new CryptoProvider().generatePkceCodes();
    const redirectUri = 'http://localhost:50123';
    const scopes = [graphScope, 'offline_access'];
    const address = await client.getAuthCodeUrl({
      scopes,
      redirectUri,
      codeChallenge: challenge,
      codeChallengeMethod: 'S256',
      state: 'kept',
    });
    const back = new URL(await signIn(control, address, account(cloud, 'broker')));
    expect(back.origin).toBe(redirectUri);
    expect(back.searchParams.get('state')).toBe('kept');
    const code = back.searchParams.get('code') ?? '';
    await expect(
      client.acquireTokenByCode({ code, scopes, redirectUri, codeVerifier: 'x'.repeat(50) }),
    ).rejects.toMatchObject({ errorNo: 501481 });
    const result = await client.acquireTokenByCode({ code, scopes, redirectUri, codeVerifier: verifier });
    expect(result.idTokenClaims).toMatchObject({ tid: partnerTenantId, amr: ['pwd', 'mfa'] });
    await expect(
      client.acquireTokenByCode({ code, scopes, redirectUri, codeVerifier: verifier }),
    ).rejects.toMatchObject({ errorNo: 54005 });
  });

  it('signs a person in with a device code', async () => {
    const { entra, control, partnerTenantId } = cloud.document;
    const client = new PublicClientApplication({
      auth: {
        clientId: '04b07795-8ddb-461a-bbee-02f9e1bf7b46',
        authority: `${entra}/${partnerTenantId}`,
        knownAuthorities: [new URL(entra).host],
      },
    });
    const result = await client.acquireTokenByDeviceCode({
      scopes: [graphScope],
      deviceCodeCallback: ({ userCode, verificationUri }) => {
        expect(verificationUri).toBe(`${entra}/devicelogin`);
        void approveDeviceCode(control, userCode, account(cloud, 'admin'));
      },
    });
    expect(result?.account?.username).toBe(account(cloud, 'admin'));
  });

  it('leaves no unmatched request in the ledger', () => {
    expect(cloud.ledger.read().requests.filter(({ unmatched }) => unmatched)).toEqual([]);
  });
});
