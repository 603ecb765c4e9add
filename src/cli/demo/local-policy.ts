import type { CloudDocument } from 'microsoft-cloud';
import { callerTokens } from './caller-token.ts';
import { graphAppId, profiles } from '../../lib/consent/permissions.ts';

/**
 * An access policy that allows the callers of the simulated cloud everything, but the portal and people of the helpdesk only
 * what another person approves, and to people plans that another person approves. For the demo only, never for production.
 */
export function localPolicy(cloud: CloudDocument): string {
  const { callers: known, signInClientId } = cloud.brokerApplication;
  const portal = known.filter(isPortal).map(({ clientId }) => clientId);
  const others = known.filter((caller) => !isPortal(caller)).map(({ clientId }) => clientId);
  const callers = { applications: [...others, signInClientId] };
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
      // People of the helpdesk have the second role alone.
      callers: { ...callers, roles: ['Tokens.Request', 'Requests.Send'] },
      tenants: ['*'],
      resources: ['graph'],
      scopes: graphScopes(),
      via: ['gateway'],
      requests: { paths: ['/v1.0/**', '/beta/**'] },
    },
    {
      name: 'local applications may apply every plan',
      callers: { applications: callers.applications.filter((id) => id !== signInClientId) },
      tenants: ['*'],
      changes: ['*'],
    },
    {
      name: 'plans of people are applied with an approval',
      callers: { applications: [signInClientId] },
      tenants: ['*'],
      changes: ['*'],
      approval: { expiresMinutes: 1440 },
    },
    {
      name: approvalRule,
      callers: { applications: [...portal, signInClientId] },
      tenants: ['*'],
      resources: ['graph'],
      scopes: ['User.Read.All'],
      via: ['gateway'],
      // A visitor may look at the demo for hours.
      approval: { expiresMinutes: 1440 },
    },
  ];
  const reachable = cloud.tenants.filter(({ state }) => state === 'ok').map(({ tenantId }) => tenantId);
  const tenantGroups = { gold: reachable.slice(0, 3), managed: ['tag:managed'] };
  const people = cloud.accounts.filter(({ state }) => state === 'member');
  const callerNames = Object.fromEntries([
    ...known.map(({ clientId, name }) => [clientId, name]),
    ...people.map(({ objectId, name }) => [objectId, name]),
  ]);
  return JSON.stringify({ version: 1, tenantGroups, callerNames, rules }, null, 2);
}

/** The rule that asks for an approval. */
export const approvalRule = 'users are read with an approval';

const isPortal = ({ name }: CloudDocument['brokerApplication']['callers'][number]): boolean => name === 'Portal';

/**
 * Sends the request of the portal, so that a visitor finds something to decide on. It does nothing while the broker cannot
 * take it.
 */
export async function askForApproval(cloud: CloudDocument, url: string): Promise<void> {
  const portal = cloud.brokerApplication.callers.find(isPortal);
  const tenant = cloud.tenants.find(({ state }) => state === 'ok');
  if (portal === undefined || tenant === undefined) return;
  const token = callerTokens(cloud, globalThis.fetch, portal);
  const address = `${url}/api/gateway/${tenant.tenantId}/graph/v1.0/users?$select=displayName,userPrincipalName`;
  try {
    const headers = { authorization: `Bearer ${await token()}`, 'x-reason': 'Ticket 4711: who has left the company?' };
    await fetch(address, { headers, signal: AbortSignal.timeout(10_000) });
  } catch {
    // The demo also runs with faults. Then there is nothing to decide on.
  }
}

/** What the application of the demo is consented for. */
const graphScopes = (): readonly string[] =>
  profiles.gdap.resources.flatMap(({ appId, scopes }) =>
    appId === graphAppId ? scopes.map(({ value }) => value) : [],
  );
