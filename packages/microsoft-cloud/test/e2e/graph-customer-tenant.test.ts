import type { Client } from '@microsoft/microsoft-graph-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunningCloud } from '../../src/index.ts';
import { accessToken, startTrustedCloud, tenantWith } from '../../src/testing.ts';
import { all, graphClient } from './graph-client.ts';

let cloud: RunningCloud;
beforeAll(async () => {
  cloud = await startTrustedCloud({ tenants: 30 });
});
afterAll(() => cloud.stop());

const graphIn = async (tenant: string): Promise<Client> => graphClient(cloud, await accessToken(cloud, tenant));

describe('@microsoft/microsoft-graph-client in a customer tenant', () => {
  it('reads the organization of the token’s tenant', async () => {
    const { tenantId, name, domain } = cloud.document.tenants[1] ?? { tenantId: '', name: '', domain: '' };
    const [organization] = await all(await graphIn(tenantId), '/organization');
    expect(organization).toMatchObject({ id: tenantId, displayName: name });
    expect(organization?.['verifiedDomains']).toContainEqual(
      expect.objectContaining({ name: domain, isDefault: true }),
    );
  });

  it('pages, selects and filters users', async () => {
    const graph = await graphIn(cloud.document.tenants[7]?.tenantId ?? '');
    const users = await all(graph, '/users?$top=50&$select=id,userPrincipalName,accountEnabled');
    expect(users).toHaveLength(130);
    expect(new Set(users.map(({ id }) => id)).size).toBe(130);
    expect(Object.keys(users[0] ?? {})).toEqual(['id', 'userPrincipalName', 'accountEnabled']);
    const disabled = await all(graph, '/users?$filter=accountEnabled eq false&$select=accountEnabled');
    expect(disabled.length).toBeGreaterThan(0);
    expect(disabled.every(({ accountEnabled }) => accountEnabled === false)).toBe(true);
  });

  it('reads signInActivity when it is selected', async () => {
    const tenant = cloud.document.tenants[7]?.tenantId ?? '';
    const graph = await graphIn(tenant);
    const users = await all(graph, '/users?$top=999&$select=userPrincipalName,signInActivity');
    const times = users.map(({ signInActivity }) => signInActivity as { lastSignInDateTime: string } | undefined);
    expect(times.filter((each) => each === undefined).length).toBeGreaterThan(0);
    expect(times.filter((each) => Date.parse(each?.lastSignInDateTime ?? '') < Date.now()).length).toBeGreaterThan(100);
    expect((await all(graph, '/users'))[0]).not.toHaveProperty('signInActivity');
  });

  it('reads consumedUnits that match the licences of the users', async () => {
    const graph = await graphIn(cloud.document.tenants[0]?.tenantId ?? '');
    const users = await all(graph, '/users?$select=assignedLicenses');
    for (const sku of await all(graph, '/subscribedSkus')) {
      const holders = users.filter((user) =>
        (user['assignedLicenses'] as { skuId: string }[]).some(({ skuId }) => skuId === sku['skuId']),
      );
      expect(sku['consumedUnits']).toBe(holders.length);
    }
  });

  it('reads the sign-in methods of every user', async () => {
    const graph = await graphIn(cloud.document.tenants[0]?.tenantId ?? '');
    const rows = await all(graph, '/reports/authenticationMethods/userRegistrationDetails');
    const users = await all(graph, '/users?$select=id,accountEnabled');
    expect(rows).toHaveLength(users.filter(({ accountEnabled }) => accountEnabled).length);
    expect(rows.some(({ isMfaRegistered }) => isMfaRegistered === false)).toBe(true);
  });

  it('reads applications whose credentials expire soon and later', async () => {
    const ends: number[] = [];
    for (const { tenantId } of cloud.document.tenants.filter(
      ({ state, trait }) => state === 'ok' && trait === undefined,
    )) {
      for (const application of await all(await graphIn(tenantId), '/applications')) {
        for (const kind of ['passwordCredentials', 'keyCredentials']) {
          ends.push(
            ...(application[kind] as { endDateTime: string }[]).map(({ endDateTime }) => Date.parse(endDateTime)),
          );
        }
      }
    }
    const month = Date.now() + 30 * 24 * 3600 * 1000;
    expect(ends.some((end) => end > Date.now() && end < month)).toBe(true);
    expect(ends.some((end) => end > month)).toBe(true);
  });

  it('retries in a throttled tenant and succeeds', async () => {
    expect(await all(await graphIn(tenantWith(cloud, 'throttled')), '/organization')).toHaveLength(1);
    expect(cloud.ledger.read().totals.throttled).toBe(1);
  });
});
