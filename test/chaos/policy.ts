import type { CloudDocument } from 'microsoft-cloud';

type Caller = CloudDocument['brokerApplication']['callers'][number];

export const callerNamed = (cloud: CloudDocument, name: string): Caller => {
  const found = cloud.brokerApplication.callers.find((caller) => caller.name === name);
  if (found === undefined) throw new Error(`the simulated cloud has no caller "${name}"`);
  return found;
};

/** Has all rights in every customer tenant. */
export const consoleName = 'Operations console';
/** May only read Graph in {@link helpdeskTenants}. */
export const helpdeskName = 'Helpdesk';

const helpdeskTenants = (cloud: CloudDocument): readonly string[] =>
  cloud.tenants.slice(0, 8).map(({ tenantId }) => tenantId);

/** The policy of the campaign: one caller with all rights, one with few, all others with none. */
export function campaignPolicy(cloud: CloudDocument): string {
  const rules = [
    {
      name: 'the console may everything in customer tenants',
      callers: { applications: [callerNamed(cloud, consoleName).clientId] },
      tenants: ['*'],
      resources: ['*'],
      grants: ['delegated', 'application'],
    },
    {
      name: 'the helpdesk may read Graph in some tenants',
      callers: { applications: [callerNamed(cloud, helpdeskName).clientId] },
      tenants: helpdeskTenants(cloud),
      resources: ['graph'],
      grants: ['delegated'],
    },
  ];
  return JSON.stringify({ version: 1, rules });
}

/** Whether the policy allows the request. A second implementation, so that a mistake in one shows. */
export function allowed(cloud: CloudDocument, caller: string, tenantId: string, resource: string): boolean {
  if (tenantId === cloud.partnerTenantId) return false;
  if (caller === consoleName) return true;
  return caller === helpdeskName && resource === 'graph' && helpdeskTenants(cloud).includes(tenantId);
}
