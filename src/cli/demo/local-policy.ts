import type { CloudDocument } from 'microsoft-cloud';

/** An access policy that allows the callers of the simulated cloud everything. For the demo only, never for production. */
export function localPolicy(cloud: CloudDocument): string {
  const { callers, signInClientId } = cloud.brokerApplication;
  const rule = (name: string, tenants: readonly string[]) => ({
    name,
    callers: { applications: [...callers.map((caller) => caller.clientId), signInClientId] },
    tenants,
    resources: ['*'],
    grants: ['delegated', 'application'],
  });
  const rules = [
    rule('local callers may try every customer', ['*']),
    rule('local callers may try the partner tenant', [cloud.partnerTenantId]),
  ];
  return JSON.stringify({ version: 1, rules }, null, 2);
}
