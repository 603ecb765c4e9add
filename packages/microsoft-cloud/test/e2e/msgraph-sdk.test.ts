import { ClientSecretCredential } from '@azure/identity';
import { AzureIdentityAuthenticationProvider } from '@microsoft/kiota-authentication-azure';
import { createGraphServiceClient, GraphRequestAdapter } from '@microsoft/msgraph-sdk';
import '@microsoft/msgraph-sdk-users';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunningCloud } from '../../src/index.ts';
import { account, startTrustedCloud } from '../../src/testing.ts';

let cloud: RunningCloud;
beforeAll(async () => {
  cloud = await startTrustedCloud({ tenants: 1, plain: true });
});
afterAll(() => cloud.stop());

function serviceClient() {
  const { application, entra, graph, partnerTenantId } = cloud.document;
  const credential = new ClientSecretCredential(partnerTenantId, application.clientId, application.clientSecret, {
    authorityHost: entra,
    disableInstanceDiscovery: true,
  });
  const hosts = new Set([new URL(graph).hostname, new URL(graph).host]);
  const scopes = ['https://graph.microsoft.com/.default'];
  const adapter = new GraphRequestAdapter(
    new AzureIdentityAuthenticationProvider(credential, scopes, undefined, hosts),
  );
  adapter.baseUrl = `${graph}/v1.0`;
  return createGraphServiceClient(adapter);
}

describe('@microsoft/msgraph-sdk', () => {
  it('reads users with $select, $filter and the count of an advanced query', async () => {
    const users = serviceClient().users;
    const found = await users.get({
      queryParameters: {
        select: ['id', 'userPrincipalName', 'accountEnabled'],
        filter: `userPrincipalName eq '${account(cloud, 'broker')}'`,
        count: true,
      },
      headers: { ConsistencyLevel: ['eventual'] },
    });
    expect([found?.odataCount, found?.value?.length]).toEqual([1, 1]);
    const [user] = found?.value ?? [];
    expect([user?.userPrincipalName, user?.accountEnabled, user?.displayName]).toEqual([
      account(cloud, 'broker'),
      true,
      undefined,
    ]);
    const single = await users.byUserId(user?.id ?? '').get();
    expect(single?.displayName).toBe('Service Account');
  });

  it('receives an error of Graph as such', async () => {
    const work = serviceClient().users.byUserId('nobody').get();
    await expect(work).rejects.toMatchObject({ responseStatusCode: 404 });
  });
});
