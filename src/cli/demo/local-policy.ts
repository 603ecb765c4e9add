import type { CloudDocument } from 'microsoft-cloud';
import { graphAppId, profiles } from '../../lib/setup/permissions.ts';

/** An access policy that allows the callers of the simulated cloud everything. For the demo only, never for production. */
export function localPolicy(cloud: CloudDocument): string {
  const { brokerApplication } = cloud;
  const callers = {
    applications: [...brokerApplication.callers.map((caller) => caller.clientId), brokerApplication.signInClientId],
  };
  const rule = (name: string, tenants: readonly string[]) => ({
    name,
    callers,
    tenants,
    resources: ['*'],
    grants: ['delegated', 'application'],
  });
  const rules = [
    rule('local callers may try every customer', ['*']),
    rule('local callers may try the partner tenant', [cloud.partnerTenantId]),
    {
      name: 'local callers may try the gateway',
      callers,
      tenants: ['*'],
      resources: ['graph'],
      scopes: graphScopes(),
      via: ['gateway'],
    },
  ];
  const reachable = cloud.tenants.filter(({ state }) => state === 'ok').map(({ tenantId }) => tenantId);
  const tenantGroups = { pilot: reachable.slice(0, 3), managed: ['tag:managed'] };
  return JSON.stringify({ version: 1, tenantGroups, rules }, null, 2);
}

/** What the application of the demo is consented for. */
const graphScopes = (): readonly string[] =>
  profiles.gdap.resources.flatMap(({ appId, scopes }) =>
    appId === graphAppId ? scopes.map(({ value }) => value) : [],
  );
