import { createLocalJWKSet, createRemoteJWKSet, decodeJwt, jwtVerify } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readSignInLog } from '../../src/client.ts';
import type { RunningCloud } from '../../src/index.ts';
import { postForm, readReply, redeem, startTrustedCloud } from '../../src/testing.ts';

let cloud: RunningCloud;
beforeAll(async () => {
  cloud = await startTrustedCloud();
});
afterAll(() => cloud.stop());

describe('Entra', () => {
  it('signs tokens with a published key, and publishes both keys after a rotation', async () => {
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
    const payload = { roles: caller?.roles };
    for (const token of [before, after])
      await expect(jwtVerify(token, published, expected)).resolves.toMatchObject({ payload });
  });

  it('lists the tokens of a tenant in its sign-in log, with their uti', async () => {
    const { control, tenants, application } = cloud.document;
    const [first, second] = tenants.filter(({ state }) => state === 'ok');
    const { body } = await redeem(cloud, first?.tenantId ?? '');
    const claims = decodeJwt(String(body['access_token']));
    const log = await readSignInLog(control, first?.tenantId ?? '');
    expect(log[0]).toMatchObject({
      uniqueTokenIdentifier: claims['uti'],
      appId: application.clientId,
      crossTenantAccessType: 'serviceProvider',
      resourceTenantId: first?.tenantId,
    });
    expect(await readSignInLog(control, second?.tenantId ?? '')).toEqual([]);
    await expect(readSignInLog(control, 'nobody')).rejects.toThrow('There is no tenant "nobody".');
  });

  it('names the tenant in both versions of discovery, with a placeholder for organizations', async () => {
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

  it('issues access tokens with random lifetimes from 60 to 90 minutes', async () => {
    const lifetimes = new Set<number>();
    for (let number = 0; number < 10; number += 1) {
      const { body } = await redeem(cloud, cloud.document.partnerTenantId);
      lifetimes.add(Number(body['expires_in']));
    }
    expect(Math.min(...lifetimes)).toBeGreaterThanOrEqual(3600);
    expect(Math.max(...lifetimes)).toBeLessThan(5400);
    expect(lifetimes.size).toBeGreaterThan(1);
  });

  it('lists every consented scope in scp, whichever scope is requested', async () => {
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
