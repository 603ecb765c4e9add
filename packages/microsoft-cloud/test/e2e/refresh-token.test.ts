import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { changeAccount, changeSettings, moveClock, signIn } from '../../src/client.ts';
import type { RunningCloud } from '../../src/index.ts';
import { account, type JsonReply, redeem, startTrustedCloud } from '../../src/testing.ts';

let cloud: RunningCloud;
beforeAll(async () => {
  cloud = await startTrustedCloud();
});
afterAll(() => cloud.stop());

const day = 24 * 3600 * 1000;

describe('refresh tokens', () => {
  it('returns a new refresh token at every use and keeps the old one valid', async () => {
    const first = await redeem(cloud, cloud.document.partnerTenantId);
    const second = await redeem(cloud, cloud.document.partnerTenantId);
    expect(second.status).toBe(200);
    expect(new Set([cloud.document.refreshToken, first.body['refresh_token'], second.body['refresh_token']]).size).toBe(
      3,
    );
  });

  it('binds a refresh token to the client, not to a tenant', async () => {
    const rolled = String((await redeem(cloud, cloud.document.tenants[0]?.tenantId ?? '')).body['refresh_token']);
    expect((await redeem(cloud, cloud.document.tenants[1]?.tenantId ?? '', { refresh_token: rolled })).status).toBe(
      200,
    );
    const [stranger] = cloud.document.brokerApplication.callers;
    const other = await redeem(cloud, cloud.document.partnerTenantId, {
      client_id: stranger?.clientId ?? '',
      client_secret: stranger?.clientSecret ?? '',
      refresh_token: rolled,
    });
    expect(other.body).toMatchObject({ error: 'invalid_grant', error_codes: [700007] });
  });

  it('rejects malformed and missing refresh tokens, and unknown clients', async () => {
    const { partnerTenantId } = cloud.document;
    expect(
      (await redeem(cloud, partnerTenantId, { refresh_token: `${cloud.document.refreshToken}x` })).body,
    ).toMatchObject({ error: 'invalid_grant', error_codes: [9002313] });
    expect((await redeem(cloud, partnerTenantId, { refresh_token: '' })).body).toMatchObject({
      error: 'invalid_request',
      error_codes: [900144],
    });
    expect(
      (await redeem(cloud, partnerTenantId, { client_id: '11111111-1111-4111-8111-111111111111' })).body,
    ).toMatchObject({ error: 'unauthorized_client', error_codes: [700016] });
  });

  it('rejects a used refresh token in strict mode', async () => {
    await changeSettings(cloud.document.control, { strictRefreshTokens: true });
    const fresh = String((await redeem(cloud, cloud.document.partnerTenantId)).body['refresh_token']);
    expect((await redeem(cloud, cloud.document.partnerTenantId, { refresh_token: fresh })).status).toBe(200);
    expect((await redeem(cloud, cloud.document.partnerTenantId, { refresh_token: fresh })).body).toMatchObject({
      error_codes: [70000],
    });
    await changeSettings(cloud.document.control, { strictRefreshTokens: false });
  });

  it('expires a refresh token after 90 days, unless it was used', async () => {
    const { control, partnerTenantId } = cloud.document;
    await moveClock(control, 60 * day);
    const rolled = String((await redeem(cloud, partnerTenantId)).body['refresh_token']);
    await moveClock(control, 31 * day);
    expect((await redeem(cloud, partnerTenantId)).body).toMatchObject({
      error: 'invalid_grant',
      error_codes: [700082],
      suberror: 'bad_token',
    });
    expect((await redeem(cloud, partnerTenantId, { refresh_token: rolled })).status).toBe(200);
  });

  it('rejects refresh tokens of a single-page app a day after its sign-in, whatever their own age', async () => {
    const { world, document, control } = cloud;
    const signIn = world.signIns.begin({
      user: world.partner.serviceAccount,
      clientId: document.application.clientId,
      amr: ['pwd', 'mfa'],
      isSinglePage: true,
    });
    const issued = () => world.signIns.issueRefreshToken(signIn);
    const answer = async () => {
      const form = { refresh_token: issued(), client_id: document.application.clientId };
      return (await redeem(cloud, document.partnerTenantId, form)).body['error_codes'];
    };
    expect(await answer()).not.toEqual([700084]);
    await moveClock(control, day + 1_000);
    expect(await answer()).toEqual([700084]);
  });

  it('rejects refresh tokens of revoked sessions and disabled accounts', async () => {
    const { control, partnerTenantId } = cloud.document;
    const begin = () =>
      cloud.world.signIns.begin({
        user: cloud.world.partner.serviceAccount,
        clientId: cloud.document.application.clientId,
        amr: ['pwd', 'mfa'],
        isSinglePage: false,
      });
    const rolled = async () =>
      redeem(cloud, partnerTenantId, { refresh_token: cloud.world.signIns.issueRefreshToken(begin()) });
    const earlier = cloud.world.signIns.issueRefreshToken(begin());
    await changeAccount(control, account(cloud, 'broker'), { revoke: true });
    expect((await redeem(cloud, partnerTenantId, { refresh_token: earlier })).body).toMatchObject({
      error: 'invalid_grant',
      error_codes: [50173],
    });
    await moveClock(control, 1000);
    expect((await rolled()).status).toBe(200);
    await changeAccount(control, account(cloud, 'broker'), { enabled: false });
    expect((await rolled()).body).toMatchObject({ error_codes: [50057] });
    await changeAccount(control, account(cloud, 'broker'), { enabled: true });
  });
});

describe('partner accounts', () => {
  const redeemAs = async (name: 'nomfa' | 'outsider' | 'broker', tenant: string): Promise<JsonReply> => {
    const { entra, application, control, partnerTenantId } = cloud.document;
    const redirectUri = 'http://localhost';
    const scope = 'offline_access https://graph.microsoft.com/.default';
    const query = new URLSearchParams({
      client_id: application.clientId,
      redirect_uri: redirectUri,
      response_type: 'code',
      scope,
    });
    const back = await signIn(
      control,
      `${entra}/${partnerTenantId}/oauth2/v2.0/authorize?${query.toString()}`,
      account(cloud, name),
    );
    const code = new URL(back).searchParams.get('code') ?? '';
    const { body } = await redeem(cloud, partnerTenantId, {
      grant_type: 'authorization_code',
      redirect_uri: redirectUri,
      code,
      scope,
    });
    return redeem(cloud, tenant, { refresh_token: String(body['refresh_token']) });
  };

  it('reach customers only with MFA and with a delegated role', async () => {
    const tenant = cloud.document.tenants[0]?.tenantId ?? '';
    expect((await redeemAs('broker', tenant)).status).toBe(200);
    expect((await redeemAs('nomfa', tenant)).body).toMatchObject({ error_codes: [50076], suberror: 'basic_action' });
    expect((await redeemAs('outsider', tenant)).body).toMatchObject({ error_codes: [50020] });
    expect((await redeemAs('nomfa', cloud.document.partnerTenantId)).status).toBe(200);
  });
});
