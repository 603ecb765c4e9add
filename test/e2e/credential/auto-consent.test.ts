import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { createLocalBroker } from '../../../src/cli/sign-in/local-broker.ts';
import type { Toolbox } from '../../../src/cli/sign-in/toolbox.ts';
import { clouds } from '../../../src/lib/core/resources.ts';
import { BrokerError } from '../../../src/lib/core/errors.ts';
import { parseTenantId, type TenantId } from '../../../src/lib/core/identifiers.ts';
import type { TokenRequest } from '../../../src/lib/core/secrets.ts';
import { consentInNewTenants } from '../../../src/lib/consent/consent-in-new-tenants.ts';
import { MemoryAuditLog } from '../../fakes/memory-audit-log.ts';
import { type CustomerBench, exchangeAppId, graphAppId, startCustomers } from './customer-bench.ts';

const partnerCenterPath = (tenantId: string): string => `/v1/customers/${tenantId}/applicationconsents`;

let bench: CustomerBench;
let audit: MemoryAuditLog;
let isAuditDown = false;
let purposes: (string | undefined)[];
/** What refuses tokens for customers, as the gate does. */
let gate: (request: TokenRequest) => void;

beforeAll(async () => {
  bench = await startCustomers({
    tenants: 10,
    plain: true,
    customers: { 0: { lacks: [exchangeAppId] }, 1: { withoutRoles: ['Cloud Application Administrator'] } },
  });
});
afterEach(() => {
  bench.operator.cloud.faults.clear();
  bench.operator.cloud.ledger.reset();
});
afterAll(() => bench.stop());

/** Consents in customers by their numbers, in a new process. @returns the outcomes. */
async function consentIn(...numbers: readonly number[]) {
  const { operator } = bench;
  const { endpoints, exchangeDeps, newId, partnerTenantId, store } = operator;
  const target = { cloud: { ...clouds.public, endpoints }, partnerTenantId };
  const { tokens, resources } = createLocalBroker({ ...operator, target } as unknown as Toolbox);
  audit = new MemoryAuditLog();
  audit.down = isAuditDown;
  purposes = [];
  const consent = consentInNewTenants({
    ...exchangeDeps,
    audit,
    log: operator.log,
    newId,
    resources,
    endpoints,
    partnerTenantId,
    ownTokens: tokens,
    customerTokens: {
      getToken: async (request) => {
        purposes.push(request.purpose);
        gate(request);
        return tokens.getToken(request);
      },
      forgetTenant: (tenantId) => tokens.forgetTenant(tenantId),
    },
    clientId: async () => (await store.load('default')).client.clientId,
  });
  const tenants = numbers.map((number) => idOf(number)).map((tenantId) => ({ tenantId, name: tenantId }));
  const results = await consent(tenants);
  operator.note('results of consents', [...results]);
  return tenants.map(({ tenantId }) => results.get(tenantId));
}

const idOf = (number: number): TenantId => parseTenantId(bench.tenantIds[number])!;
const requests = () => audit.entries.filter(({ kind }) => kind === 'request');

it('consents with the registered permissions, in what the customer has, and records it', async () => {
  gate = () => undefined;
  expect(await consentIn(0, 3)).toEqual([{ outcome: 'given' }, { outcome: 'given' }]);
  expect(Object.keys(bench.grantsIn(idOf(3)))).toHaveLength(3);
  expect(bench.grantsIn(idOf(0))[graphAppId]).toContain('Directory.Read.All');
  expect(bench.grantsIn(idOf(0))).not.toHaveProperty([exchangeAppId]);
  expect(new Set(purposes)).toEqual(new Set(['auto-consent']));
  const of = requests().filter(({ tenantId }) => tenantId === idOf(3));
  expect(of.map(({ outcome, status }) => [outcome, status])).toEqual(
    [201, 200, 200].flatMap((status) => [
      ['sent', undefined],
      ['answered', status],
    ]),
  );
  expect(of[0]).toMatchObject({
    rule: 'auto-consent',
    resource: 'partner-center',
    method: 'POST',
    path: partnerCenterPath(idOf(3)),
    caller: { applicationId: '00000000-0000-0000-0000-000000000000' },
  });
  expect(of[0]?.scopes).toContain('Microsoft Graph: Directory.Read.All');
  // Nothing is sent where the consent is there.
  expect(await consentIn(3)).toEqual([{ outcome: 'given' }]);
  expect(requests()).toEqual([]);
});

it('tries again later where a role or the customer is missing, and is not stopped by them', async () => {
  gate = () => undefined;
  const unlisted = bench.tenantIds.findIndex((tenantId) => {
    const { customer, relationship } = bench.operator.cloud.world.findCustomer(tenantId)?.sources ?? {};
    return customer !== true && relationship !== true;
  });
  const [withoutRole, unknown, other] = await consentIn(1, unlisted, 4);
  expect(withoutRole).toMatchObject({ outcome: 'later', failure: { code: 'access_denied' } });
  expect(unknown).toMatchObject({ outcome: 'later', failure: { code: 'tenant_unknown' } });
  expect(other).toEqual({ outcome: 'given' });
});

it('gives up where a policy blocks it, and where a person has consented to less', async () => {
  gate = () => undefined;
  const { faults, world } = bench.operator.cloud;
  faults.add({
    service: 'partnerCenter',
    path: `${partnerCenterPath(idOf(5))}$`,
    status: 403,
    body: JSON.stringify({ code: 900309, description: 'Blocked.' }),
  });
  const directory = world.directoryOf(world.findCustomer(idOf(4))!);
  const { client } = await bench.operator.store.load('default');
  const principalId = directory.servicePrincipalOf(client.clientId)?.id;
  for (const grant of directory.permissionGrants.values())
    if (grant.clientId === principalId && grant.scope.includes('Directory.Read.All'))
      directory.permissionGrants.set(grant.id, { ...grant, scope: 'User.Read Directory.Read.All' });
  const [blocked, less] = await consentIn(5, 4);
  expect(blocked).toMatchObject({ outcome: 'refused', failure: { code: 'blocked_by_policy' } });
  expect(less).toMatchObject({ outcome: 'refused', failure: { code: 'consent_required' } });
  expect(bench.requested('DELETE')).toEqual([]);
});

it('sends nothing that it could not record, and nothing for a tenant that the gate refuses', async () => {
  gate = () => undefined;
  isAuditDown = true;
  expect(await consentIn(6)).toMatchObject([{ outcome: 'later', failure: { code: 'audit_unavailable' } }]);
  isAuditDown = false;
  gate = () => {
    throw new BrokerError('policy_missing', 'No policy is in force.');
  };
  expect(await consentIn(6)).toMatchObject([{ outcome: 'later', failure: { code: 'policy_missing' } }]);
  gate = ({ tenantId }) => {
    if (tenantId === idOf(6)) throw new BrokerError('tenant_excluded', 'It is excluded.');
  };
  const [excluded, other] = await consentIn(6, 7);
  expect([excluded, other]).toMatchObject([
    { outcome: 'refused', failure: { code: 'tenant_excluded' } },
    { outcome: 'given' },
  ]);
  expect(bench.requested('POST')).not.toContain(idOf(6));
});

it('tries again later while Partner Center refuses the token or does not answer, whatever the tenant', async () => {
  gate = () => undefined;
  bench.operator.cloud.faults.add({ service: 'partnerCenter', status: 401, body: JSON.stringify({ code: 900421 }) });
  expect(await consentIn(6, 8)).toMatchObject([
    { outcome: 'later', failure: { code: 'interaction_required' } },
    { outcome: 'later', failure: { code: 'interaction_required' } },
  ]);
  bench.operator.cloud.faults.clear();
  bench.operator.cloud.faults.add({ service: 'partnerCenter', status: 503, body: '{}' });
  expect(await consentIn(6)).toMatchObject([{ outcome: 'later', failure: { code: 'resource_error' } }]);
});
