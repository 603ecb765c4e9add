import * as oidc from 'openid-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { approveDeviceCode, signIn } from '../../src/client.ts';
import type { RunningCloud } from '../../src/index.ts';
import { account, startTrustedCloud } from '../../src/testing.ts';

const redirectUri = 'http://localhost/';
const scope = 'openid profile offline_access https://graph.microsoft.com/.default';
let cloud: RunningCloud;
let config: oidc.Configuration;
beforeAll(async () => {
  cloud = await startTrustedCloud({ tenants: 1, plain: true });
  const { entra, partnerTenantId, application } = cloud.document;
  const issuer = new URL(`${entra}/${partnerTenantId}/v2.0`);
  config = await oidc.discovery(issuer, application.clientId, application.clientSecret);
});
afterAll(() => cloud.stop());

describe('openid-client', () => {
  it('discovers, signs in with PKCE and nonce, reads the user and refreshes', async () => {
    const verifier = oidc.randomPKCECodeVerifier();
    const checks = { expectedNonce: oidc.randomNonce(), expectedState: oidc.randomState() };
    const address = oidc.buildAuthorizationUrl(config, {
      redirect_uri: redirectUri,
      scope,
      nonce: checks.expectedNonce,
      state: checks.expectedState,
      code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
    });
    const returned = new URL(await signIn(cloud.control, address.href, account(cloud, 'broker')));
    const tokens = await oidc.authorizationCodeGrant(config, returned, { ...checks, pkceCodeVerifier: verifier });
    const claims = tokens.claims();
    expect(claims).toMatchObject({ tid: cloud.document.partnerTenantId, preferred_username: account(cloud, 'broker') });
    const user = await oidc.fetchUserInfo(config, tokens.access_token, claims?.sub ?? '');
    expect(user).toMatchObject({ email: account(cloud, 'broker') });
    const refreshed = await oidc.refreshTokenGrant(config, tokens.refresh_token ?? '', { scope });
    expect(refreshed.access_token.split('.')).toHaveLength(3);
  });

  it('polls for a device code', async () => {
    const { entra, partnerTenantId } = cloud.document;
    const issuer = new URL(`${entra}/${partnerTenantId}/v2.0`);
    const commandLine = await oidc.discovery(issuer, '14d82eec-204b-4c2f-b7e8-296a70dab67e', undefined, oidc.None());
    const begun = await oidc.initiateDeviceAuthorization(commandLine, { scope: 'openid User.Read' });
    await approveDeviceCode(cloud.control, begun.user_code, account(cloud, 'broker'));
    const tokens = await oidc.pollDeviceAuthorizationGrant(commandLine, begun);
    expect(tokens.claims()).toMatchObject({ name: 'Service Account' });
  });
});
