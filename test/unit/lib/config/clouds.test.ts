import type { TokenCredential } from '@azure/identity';
import { describe, expect, test } from 'vitest';
import { federatedAssertion } from '../../../../src/lib/config/identity.ts';
import { createStorage } from '../../../../src/lib/config/storage.ts';
import { type CloudName, clouds } from '../../../../src/lib/core/resources.ts';
import { parseTenantId } from '../../../../src/lib/core/identifiers.ts';
import type { DirectoryState } from '../../../../src/lib/consent/directory-state.ts';
import { profiles } from '../../../../src/lib/consent/permissions.ts';
import { planSteps } from '../../../../src/operator/setup/plan.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import { requestsOf } from '../../operator/setup/plan-bench.ts';

function identity() {
  const requestedScopes: unknown[] = [];
  const credential: TokenCredential = {
    getToken: async (scopes) => {
      requestedScopes.push(scopes);
      return { token: 'assertion', expiresOnTimestamp: 0 };
    },
  };
  return { credential, requestedScopes };
}

const emptyTenant: DirectoryState = {
  application: undefined,
  principalId: undefined,
  resourceIds: new Map(),
  scopeGrants: [],
  roleGrants: [],
  requiresAssignment: false,
  assignedIds: [],
  federatedTrusts: [],
  adminAgentsId: 'group',
  isAdminAgent: false,
  isOwner: false,
  stored: undefined,
  isProposed: false,
  mark: { name: 'partner-token-broker:0', storedKeyIds: new Set(), versions: [], values: new Map() },
};

// "Configure an application to trust a managed identity", "Azure Government endpoints", "Azure China developer guide".
const cases: readonly [CloudName, audience: string, suffix: string][] = [
  ['public', 'api://AzureADTokenExchange', 'core.windows.net'],
  ['usgovernment', 'api://AzureADTokenExchangeUSGov', 'core.usgovcloudapi.net'],
  ['china', 'api://AzureADTokenExchangeChina', 'core.chinacloudapi.cn'],
];

describe.each(cases)('the cloud %s', (name, audience, suffix) => {
  const cloud = clouds[name];

  test('uses one token audience for the assertion of the managed identity and for the trust of the application', async () => {
    const { credential, requestedScopes } = identity();
    expect(await federatedAssertion(credential, cloud.federationAudience)).toBe('assertion');
    expect(requestedScopes).toEqual([`${audience}/.default`]);
    const options = {
      partnerTenantId: parseTenantId('aaaaaaaa-0000-4000-8000-000000000000')!,
      application: 'default',
      displayName: 'Broker',
      profile: profiles.gdap,
      credential: 'federated',
      managedIdentityObjectId: 'identity',
      entraEndpoint: cloud.endpoints.entra,
      federationAudience: cloud.federationAudience,
    } as const;
    const steps = planSteps(options, emptyTenant, 0).filter(({ text }) =>
      text.startsWith('Trust the managed identity'),
    );
    expect(await requestsOf(steps)).toEqual([
      ['POST', '/applications/object/federatedIdentityCredentials', [audience]],
    ]);
  });

  test('derives the addresses of the storage account from the cloud', async () => {
    const storage = createStorage(
      { cloud, AzureWebJobsStorage__accountName: 'store' },
      async () => identity().credential,
      new FakeClock(),
    );
    expect((await storage.table('Audit')).url).toBe(`https://store.table.${suffix}`);
    expect((await storage.container('runs')).url).toBe(`https://store.blob.${suffix}/runs`);
  });
});
