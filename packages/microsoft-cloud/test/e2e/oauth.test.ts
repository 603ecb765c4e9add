import { createHash, X509Certificate } from 'node:crypto';
import { decodeJwt, importPKCS8, type JWTHeaderParameters, type JWTPayload, SignJWT } from 'jose';
import * as oauth from 'oauth4webapi';
import { generate } from 'selfsigned';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { signIn } from '../../src/client.ts';
import type { RunningCloud } from '../../src/index.ts';
import { account, adminToken, call, postForm, startTrustedCloud } from '../../src/testing.ts';

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

describe('oauth4webapi', () => {
  it('signs in with PKCE, validates the id token, and refreshes', async () => {
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

  it('authenticates with a Basic header', async () => {
    const server = await discover(cloud.document.partnerTenantId);
    const basic = oauth.ClientSecretBasic(cloud.document.application.clientSecret);
    const response = await oauth.clientCredentialsGrantRequest(
      server,
      client(),
      basic,
      new URLSearchParams({ scope: 'https://graph.microsoft.com/.default' }),
    );
    const issued = await oauth.processClientCredentialsResponse(server, client(), response);
    expect(decodeJwt(issued.access_token)).toMatchObject({ appid: cloud.document.application.clientId });
  });

  it('authenticates with private_key_jwt, unless time, audience, subject or algorithm are wrong', async () => {
    const { document } = cloud;
    const certificate = await generate([{ name: 'commonName', value: 'assertion' }], { algorithm: 'sha256' });
    const address = `${document.graph}/v1.0/applications(appId='${document.application.clientId}')`;
    const key = Buffer.from(certificate.cert).toString('base64');
    const body = JSON.stringify({ keyCredentials: [{ type: 'AsymmetricX509Cert', usage: 'Verify', key }] });
    expect((await call(address, await adminToken(cloud), { method: 'PATCH', body })).status).toBe(204);
    const der = new X509Certificate(certificate.cert).raw;
    const digest = (name: 'sha1' | 'sha256') => createHash(name).update(der).digest('base64url');
    const recommended = { alg: 'PS256', 'x5t#S256': digest('sha256') };
    const signed = async (
      change: Partial<JWTPayload> = {},
      header: JWTHeaderParameters = recommended,
    ): Promise<number | readonly number[]> => {
      const endpoint = `${document.entra}/${document.partnerTenantId}/oauth2/v2.0/token`;
      const now = Math.floor(cloud.clock.nowMs() / 1000);
      const { clientId } = document.application;
      const claims = { iss: clientId, sub: clientId, aud: endpoint, jti: 'once', nbf: now, exp: now + 120, ...change };
      const assertion = await new SignJWT(claims)
        .setProtectedHeader(header)
        .sign(await importPKCS8(certificate.private, header.alg));
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
    expect(await signed({}, { alg: 'RS256', x5t: digest('sha1') })).toBe(200);
    expect(await signed({}, { ...recommended, alg: 'PS384' })).toEqual([700027]);
    expect(await signed({}, { ...recommended, 'x5t#S256': digest('sha1') })).toEqual([700027]);
    expect(await signed({ exp: Math.floor(cloud.clock.nowMs() / 1000) - 3600 })).toEqual([700024]);
    expect(await signed({ aud: 'https://elsewhere.example' })).toEqual([700023]);
    expect(await signed({ sub: 'another client' })).toEqual([700027]);
  });

  it('polls for a device code: pending, too fast, approved, declined, expired', async () => {
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
    const { access_token } = await poll(device.device_code);
    expect(decodeJwt(access_token)).toMatchObject({ upn: account(cloud, 'admin') });
    await expect(poll(device.device_code)).rejects.toMatchObject({ error: 'bad_verification_code' });
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
