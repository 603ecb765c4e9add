import { createHash, X509Certificate } from 'node:crypto';
import { createLocalJWKSet, createRemoteJWKSet, importPKCS8, jwtVerify, type JWTPayload, SignJWT } from 'jose';
import * as oauth from 'oauth4webapi';
import { generate } from 'selfsigned';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { signIn } from '../../src/client.ts';
import type { RunningCloud } from '../../src/index.ts';
import { account, adminToken, call, postForm, readReply, redeem, startTrustedCloud } from '../../src/testing.ts';

let cloud: RunningCloud;
beforeAll(async () => {
  cloud = await startTrustedCloud();
});
afterAll(() => cloud.stop());

const issuerOf = (tenant: string): URL => new URL(`${cloud.document.entra}/${tenant}/v2.0`);

async function discover(tenant: string): Promise<oauth.AuthorizationServer> {
  return oauth.processDiscoveryResponse(issuerOf(tenant), await oauth.discoveryRequest(issuerOf(tenant)));
}

const client = (): oauth.Client => ({ client_id: cloud.document.application.clientId });
const secret = (): oauth.ClientAuth => oauth.ClientSecretPost(cloud.document.application.clientSecret);

describe('oauth4webapi, an independent client', () => {
  it('signs in with PKCE, checks the identity token, and refreshes', async () => {
    const server = await discover(cloud.document.partnerTenantId);
    const [verifier, nonce, state] = [
      oauth.generateRandomCodeVerifier(),
      oauth.generateRandomNonce(),
      oauth.generateRandomState(),
    ];
    const redirectUri = 'http://localhost:49152';
    const address = new URL(server.authorization_endpoint ?? '');
    address.search = new URLSearchParams({
      client_id: client().client_id,
      redirect_uri: redirectUri,
      response_type: 'code',
      scope: 'openid offline_access https://graph.microsoft.com/.default',
      code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      nonce,
      state,
    }).toString();
    const back = new URL(await signIn(cloud.document.control, address.href, account(cloud, 'broker')));
    const parameters = oauth.validateAuthResponse(server, client(), back, state);
    const response = await oauth.authorizationCodeGrantRequest(
      server,
      client(),
      secret(),
      parameters,
      redirectUri,
      verifier,
    );
    const tokens = await oauth.processAuthorizationCodeResponse(server, client(), response, {
      expectedNonce: nonce,
      requireIdToken: true,
    });
    await oauth.validateApplicationLevelSignature(server, response);
    expect(oauth.getValidatedIdTokenClaims(tokens)).toMatchObject({
      preferred_username: account(cloud, 'broker'),
      amr: ['pwd', 'mfa'],
    });
    const refreshed = await oauth.refreshTokenGrantRequest(server, client(), secret(), tokens.refresh_token ?? '');
    expect((await oauth.processRefreshTokenResponse(server, client(), refreshed)).refresh_token).not.toBe(
      tokens.refresh_token,
    );
  });

  it('proves itself with a Basic header too', async () => {
    const server = await discover(cloud.document.partnerTenantId);
    const basic = oauth.ClientSecretBasic(cloud.document.application.clientSecret);
    const response = await oauth.clientCredentialsGrantRequest(
      server,
      client(),
      basic,
      new URLSearchParams({ scope: 'https://graph.microsoft.com/.default' }),
    );
    expect((await oauth.processClientCredentialsResponse(server, client(), response)).access_token).toBeTruthy();
  });

  it('proves itself with a signed assertion (private_key_jwt) by a registered certificate', async () => {
    const { document } = cloud;
    const made = await generate([{ name: 'commonName', value: 'assertion' }], { algorithm: 'sha256' });
    const address = `${document.graph}/v1.0/applications(appId='${document.application.clientId}')`;
    const key = Buffer.from(made.cert).toString('base64');
    const body = JSON.stringify({ keyCredentials: [{ type: 'AsymmetricX509Cert', usage: 'Verify', key }] });
    expect((await call(address, await adminToken(cloud), { method: 'PATCH', body })).status).toBe(204);
    const x5t = createHash('sha256').update(new X509Certificate(made.cert).raw).digest('base64url');
    const signed = async (change: Partial<JWTPayload> = {}): Promise<number | readonly number[]> => {
      const endpoint = `${document.entra}/${document.partnerTenantId}/oauth2/v2.0/token`;
      const now = Math.floor(cloud.clock.nowMs() / 1000);
      const { clientId } = document.application;
      const claims = { iss: clientId, sub: clientId, aud: endpoint, jti: 'once', nbf: now, exp: now + 120, ...change };
      const assertion = await new SignJWT(claims)
        .setProtectedHeader({ alg: 'PS256', 'x5t#S256': x5t })
        .sign(await importPKCS8(made.private, 'PS256'));
      const { status, body: answer } = await postForm(endpoint, {
        grant_type: 'client_credentials',
        client_id: clientId,
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        client_assertion: assertion,
        scope: 'https://graph.microsoft.com/.default',
      });
      return status === 200 ? 200 : (answer['error_codes'] as readonly number[]);
    };
    expect(await signed()).toBe(200);
    expect(await signed({ exp: Math.floor(cloud.clock.nowMs() / 1000) - 3600 })).toEqual([700024]);
    expect(await signed({ aud: 'https://elsewhere.example' })).toEqual([700027]);
    expect(await signed({ sub: 'somebody else' })).toEqual([700027]);
  });

  it('waits for a device code, and is told when the person declines', async () => {
    const server = await discover(cloud.document.partnerTenantId);
    const publicClient: oauth.Client = { client_id: '1950a258-227b-4e31-a9cf-717495945fc2' };
    const begin = async () =>
      oauth.processDeviceAuthorizationResponse(
        server,
        publicClient,
        await oauth.deviceAuthorizationRequest(
          server,
          publicClient,
          oauth.None(),
          new URLSearchParams({ scope: 'openid https://graph.microsoft.com/.default' }),
        ),
      );
    const poll = async (deviceCode: string) =>
      oauth.processDeviceCodeResponse(
        server,
        publicClient,
        await oauth.deviceCodeGrantRequest(server, publicClient, oauth.None(), deviceCode),
      );
    const device = await begin();
    await expect(poll(device.device_code)).rejects.toMatchObject({ error: 'authorization_pending' });
    await expect(poll(device.device_code)).rejects.toMatchObject({ error: 'slow_down' });
    const page = await fetch(device.verification_uri, {
      method: 'POST',
      body: new URLSearchParams({
        user_code: device.user_code,
        username: account(cloud, 'admin'),
        mfa: 'yes',
        choice: 'accept',
      }),
    });
    expect(await page.text()).toContain('signed in');
    expect((await poll(device.device_code)).access_token).toBeTruthy();
    const declined = await begin();
    await fetch(declined.verification_uri, {
      method: 'POST',
      body: new URLSearchParams({ user_code: declined.user_code, choice: 'cancel' }),
    });
    await expect(poll(declined.device_code)).rejects.toMatchObject({ error: 'authorization_declined' });
    const late = await begin();
    cloud.clock.advance(16 * 60 * 1000);
    await expect(poll(late.device_code)).rejects.toMatchObject({ error: 'expired_token' });
  });
});

describe('the sign-in page', () => {
  const authorize = (more: Readonly<Record<string, string>>): string =>
    `${cloud.document.entra}/organizations/oauth2/v2.0/authorize?${new URLSearchParams({
      client_id: cloud.document.application.clientId,
      redirect_uri: 'http://localhost:1234',
      response_type: 'code',
      scope: 'https://graph.microsoft.com/.default',
      state: 's',
      ...more,
    }).toString()}`;

  it('works as a plain form, without scripts', async () => {
    const page = await (await fetch(authorize({}))).text();
    const [, action = ''] = /<form method="post" action="([^"]+)"/.exec(page) ?? [];
    const [, context = ''] = /name="ctx" value="([^"]+)"/.exec(page) ?? [];
    const body = new URLSearchParams({
      ctx: context.replaceAll('&amp;', '&'),
      username: account(cloud, 'broker'),
      mfa: 'no',
      choice: 'accept',
    });
    const back = await fetch(`${cloud.document.entra}${action}`, { method: 'POST', body, redirect: 'manual' });
    expect(back.status).toBe(302);
    expect(back.headers.get('location')).toMatch(/^http:\/\/localhost:1234\?code=.+&state=s$/);
  });

  it('shows an unknown redirect address instead of following it', async () => {
    const page = await fetch(authorize({ redirect_uri: 'https://elsewhere.example/<script>' }), { redirect: 'manual' });
    expect(page.status).toBe(400);
    const text = await page.text();
    expect(text).toContain('AADSTS50011');
    expect(text).not.toContain('<script>');
  });

  it.each([
    ['cancelled', { cancel: true }, 'broker', 'access_denied'],
    ['a disabled account', {}, 'disabled', 'access_denied'],
  ] as const)('sends an error back: %s', async (_what, options, name, error) => {
    const back = new URL(await signIn(cloud.document.control, authorize({}), account(cloud, name), options));
    expect(back.searchParams.get('error')).toBe(error);
    expect(back.searchParams.get('code')).toBeNull();
  });

  it('asks for an administrator where consent is missing, and takes one’s consent', async () => {
    const token = await adminToken(cloud);
    const create = async (path: string, body: object) =>
      (await call(`${cloud.document.graph}/v1.0/${path}`, token, { method: 'POST', body: JSON.stringify(body) })).body;
    const { appId } = await create('applications', {
      displayName: 'Unconsented',
      signInAudience: 'AzureADMultipleOrgs',
      web: { redirectUris: ['http://localhost'] },
      requiredResourceAccess: [
        {
          resourceAppId: '00000003-0000-0000-c000-000000000000',
          resourceAccess: [{ id: 'e1fe6dd8-ba31-4d61-89e7-88639da4683d', type: 'Scope' }],
        },
      ],
    });
    await create('servicePrincipals', { appId });
    const attempt = async (name: 'broker' | 'admin', consent: boolean) =>
      new URL(
        await signIn(cloud.document.control, authorize({ client_id: String(appId) }), account(cloud, name), {
          consent,
        }),
      ).searchParams;
    expect((await attempt('broker', true)).get('error')).toBe('consent_required');
    expect((await attempt('admin', false)).get('error')).toBe('access_denied');
    expect((await attempt('admin', true)).get('code')).toBeTruthy();
    expect((await attempt('broker', false)).get('code')).toBeTruthy();
  });
});

describe('tokens and their keys', () => {
  it('are signed with a published key; after a change of keys both are published', async () => {
    const { entra, partnerTenantId, control, brokerApplication } = cloud.document;
    const [caller] = brokerApplication.callers;
    const ask = async (): Promise<string> =>
      String(
        (
          await postForm(`${entra}/${partnerTenantId}/oauth2/v2.0/token`, {
            grant_type: 'client_credentials',
            client_id: caller?.clientId ?? '',
            client_secret: caller?.clientSecret ?? '',
            scope: `api://${brokerApplication.clientId}/.default`,
          })
        ).body['access_token'],
      );
    const keysAddress = `${entra}/${partnerTenantId}/discovery/v2.0/keys`;
    const expected = {
      issuer: `${entra}/${partnerTenantId}/v2.0`,
      audience: brokerApplication.clientId,
      currentDate: new Date(cloud.clock.nowMs()),
    };
    const before = await ask();
    expect((await jwtVerify(before, createRemoteJWKSet(new URL(keysAddress)), expected)).payload['roles']).toEqual(
      caller?.roles,
    );
    await fetch(`${control}/keys`, { method: 'POST' });
    const { body } = await readReply(await fetch(keysAddress));
    const published = createLocalJWKSet(body as unknown as Parameters<typeof createLocalJWKSet>[0]);
    const after = await ask();
    for (const token of [before, after]) await expect(jwtVerify(token, published, expected)).resolves.toBeTruthy();
  });

  it('name the tenant in both versions of discovery, and keep a placeholder for organizations', async () => {
    const { entra, tenants } = cloud.document;
    const { domain, tenantId } = tenants[1] ?? { domain: '', tenantId: '' };
    const configuration = async (path: string) =>
      (await readReply(await fetch(`${entra}/${path}/.well-known/openid-configuration`))).body;
    expect(await configuration(`${domain}/v2.0`)).toMatchObject({
      issuer: `${entra}/${tenantId}/v2.0`,
      token_endpoint: `${entra}/${domain}/oauth2/v2.0/token`,
    });
    expect(await configuration(tenantId)).toMatchObject({
      issuer: `https://sts.windows.net/${tenantId}/`,
      token_endpoint: `${entra}/${tenantId}/oauth2/token`,
    });
    expect(await configuration('organizations/v2.0')).toMatchObject({ issuer: `${entra}/{tenantid}/v2.0` });
    expect(await configuration('nowhere.example/v2.0')).toMatchObject({
      error: 'invalid_request',
      error_codes: [90002],
    });
  });

  it('live 60 to 90 minutes, not always the same', async () => {
    const lifetimes = new Set<number>();
    for (let number = 0; number < 10; number += 1) {
      const { body } = await redeem(cloud, cloud.document.partnerTenantId);
      lifetimes.add(Number(body['expires_in']));
    }
    expect(Math.min(...lifetimes)).toBeGreaterThanOrEqual(3600);
    expect(Math.max(...lifetimes)).toBeLessThan(5400);
    expect(lifetimes.size).toBeGreaterThan(1);
  });

  it('carry every consented scope, whatever is asked for', async () => {
    const { body } = await redeem(cloud, cloud.document.partnerTenantId, {
      scope: 'https://graph.microsoft.com/User.Read',
    });
    const claims = JSON.parse(
      Buffer.from(String(body['access_token']).split('.')[1] ?? '', 'base64url').toString(),
    ) as { scp: string };
    expect(claims.scp.split(' ')).toEqual(
      expect.arrayContaining(['User.Read', 'Directory.Read.All', 'DelegatedAdminRelationship.Read.All']),
    );
  });
});
