import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { createLocalBroker } from '../../../src/cli/sign-in/local-broker.ts';
import { parsePolicy } from '../../../src/lib/access/policy/parse-policy.ts';
import type { Rule } from '../../../src/lib/access/policy/policy.ts';
import { clouds } from '../../../src/lib/core/resources.ts';
import type { Secret } from '../../../src/lib/core/secrets.ts';
import { signInPoliciesCheck } from '../../../src/operator/doctor/conditional-access.ts';
import { type Check, examine } from '../../../src/operator/doctor/doctor.ts';
import { runSetupApi } from '../../../src/operator/setup/setup-api.ts';
import { changeTenant } from 'microsoft-cloud/client';
import { account, adminToken } from 'microsoft-cloud/testing';
import { projectRoot } from '../../paths.ts';
import { browser, startOperator, type TestOperator } from './operator.ts';

let operator: TestOperator;
beforeAll(async () => {
  operator = await startOperator({ tenants: 3 });
  await operator.setUp();
  await operator.consent(browser(operator.cloud));
  // Now the service account is known.
  await operator.setUp();
});
afterEach(() => operator.cloud.faults.clear());
afterAll(() => operator.stop());

async function examined(
  more: { application?: string; customer?: string; rules?: readonly Rule[] } = {},
): Promise<readonly Check[]> {
  const { store, redeemer, clock, newId, exchangeDeps, partnerTenantId, endpoints, resources, graphOf } = operator;
  const cloud = { ...clouds.public, endpoints, resources };
  const {
    tokens,
    directory,
    resources: registry,
  } = createLocalBroker({
    target: { partnerTenantId, cloud, keyVaultUrl: '', managedIdentityClientId: undefined, hasManagedIdentity: true },
    store,
    redeemer,
    clock,
    newId,
    identityTrust: operator.identityTrust,
    exchangeDeps,
    signInDeps: operator.signInDeps,
    signal: new AbortController().signal,
    graph: (token) => graphOf(token.reveal()),
  });
  const checks: Check[] = [];
  const deps = {
    application: 'default',
    partnerTenantId,
    hasManagedIdentity: true,
    store,
    tokens,
    directory,
    graph: registry.get('graph'),
    partnerCenter: registry.get('partner-center'),
    partnerCenterEndpoint: endpoints.partnerCenter,
    fetch: exchangeDeps.fetch,
    clock,
    newId,
    identityTrust: operator.identityTrust,
    partnerGraph: (token: Secret) => graphOf(token.reveal()).client,
    rules: [],
    requirements: [{ purpose: 'mfa-report', roles: ['Reports Reader', 'Global Reader'] as const }],
    ...more,
  };
  for await (const check of examine(deps)) checks.push(check);
  return operator.note('the checks of doctor', checks);
}

const statuses = (checks: readonly Check[]): Record<string, string> =>
  Object.fromEntries(checks.map(({ check, status }) => [check, status]));

it('passes every check, down to a token for a customer', async () => {
  const admin = account(operator.cloud, 'admin');
  const { client: graph, writer } = operator.graphOf(await adminToken(operator.cloud, admin));
  await runSetupApi(
    { graph, writer, clock: operator.clock },
    {
      tenantId: operator.partnerTenantId,
      name: 'broker',
      displayName: 'Broker API',
      principal: undefined,
      roles: [],
      pageRedirects: [],
    },
  );
  expect(statuses(await examined())).toEqual({
    'Key Vault': 'ok',
    Credential: 'ok',
    'Client credential': 'ok',
    Keys: 'ok',
    Hardening: 'ok',
    'Partner tenant': 'ok',
    'Partner Center': 'ok',
    Callers: 'ok',
    // No profile contains Policy.Read.All.
    'Conditional Access': 'skipped',
    AdminAgents: 'ok',
    'Delegated roles': 'ok',
    'Relationship ends': 'ok',
    'Roles for consent': 'ok',
    'Roles for mfa-report': 'ok',
    Customers: 'ok',
    'Customer token': 'ok',
    'Customer policies': 'ok',
  });
});

it('reads Conditional Access with the permission for it', async () => {
  const { client } = operator.graphOf(await adminToken(operator.cloud));
  expect(await signInPoliciesCheck(client, [])).toMatchObject({ check: 'Conditional Access', status: 'ok' });
});

it('reads from what a customer consented to whether the sample policy can look up whom it protects', async () => {
  const sample = await readFile(join(projectRoot, 'access-policy.sample.json'), 'utf8');
  const [first] = operator.cloud.document.tenants;
  const parsed = parsePolicy(
    sample.replace('"application": "changes",', '').replace('contoso.com', first?.domain ?? ''),
  );
  const check = (await examined({ customer: first?.domain ?? '', rules: parsed.ok ? parsed.policy.rules : [] })).find(
    (each) => each.check === 'Protected targets',
  );
  // The profile gdap contains what the look-ups need.
  expect(check).toMatchObject({
    status: 'ok',
    message: `All applications of rules with protect (1) have the permissions to look up in ${first?.name} whom they protect.`,
  });
});

it('skips checks that depend on a failed one', async () => {
  operator.cloud.faults.add({ service: 'keyVault', status: 403, body: '{"error":{"code":"Forbidden"}}' });
  const checks = await examined();
  expect(statuses(checks)).toMatchObject({ 'Key Vault': 'failed', 'Customer token': 'skipped' });
  expect(checks[0]).toMatchObject({ code: 'key_vault_unavailable', remedy: expect.stringMatching(/role/) });
});

it.each([
  [
    'the client secret has expired',
    { service: 'entra', path: '/token$', aadsts: 7000222 },
    'Client credential',
    /rotate --client-credential/,
  ],
  [
    'the sessions were revoked',
    { service: 'entra', grant: 'refresh_token', aadsts: 50173 },
    'Partner tenant',
    /ptb consent/,
  ],
  ['Partner Center does not answer', { service: 'partnerCenter', status: 503 }, 'Partner Center', /./],
] as const)('gives a remedy when %s', async (_what, fault, failing, remedy) => {
  operator.cloud.faults.add(fault);
  const found = (await examined()).find(({ check }) => check === failing);
  expect(found).toMatchObject({ status: 'failed', remedy: expect.stringMatching(remedy) });
});

it('checks the given customer, and fails with a code for an unknown one', async () => {
  const [first] = operator.cloud.document.tenants;
  expect(statuses(await examined({ customer: first?.domain ?? '' }))).toMatchObject({ 'Customer token': 'ok' });
  expect((await examined({ customer: 'nobody.example' })).at(-1)).toMatchObject({
    status: 'failed',
    code: 'tenant_not_delegated',
  });
});

it('groups the customers without a role by cause', async () => {
  const { cloud } = operator;
  const [first, second, third] = cloud.document.tenants.map(({ tenantId }) => tenantId);
  await changeTenant(cloud.control, first ?? '', { withoutRoles: ['Cloud Application Administrator'] });
  await changeTenant(cloud.control, second ?? '', { unassignedRoles: ['Global Reader'] });
  await changeTenant(cloud.control, third ?? '', { assignmentsPendingMs: 600_000, relationshipEndsInMs: 3_600_000 });
  const checks = await examined();
  await Promise.all([
    changeTenant(cloud.control, first ?? '', { withoutRoles: [] }),
    changeTenant(cloud.control, second ?? '', { unassignedRoles: [] }),
    changeTenant(cloud.control, third ?? '', { assignmentsPendingMs: 0, relationshipEndsInMs: 300 * 86_400_000 }),
  ]);
  const of = (name: string) => checks.find(({ check }) => check === name);
  expect(of('Roles for consent')).toMatchObject({
    status: 'notice',
    affected: expect.arrayContaining([
      expect.objectContaining({ tenantId: first, cause: 'not_in_relationship' }),
      expect.objectContaining({ tenantId: third, cause: 'pending' }),
    ]) as unknown,
  });
  expect(of('Roles for consent')?.affected).toHaveLength(2);
  expect(of('Roles for mfa-report')?.affected).toEqual(
    expect.arrayContaining([expect.objectContaining({ tenantId: second, cause: 'not_assigned' })]),
  );
  expect(of('Relationship ends')).toMatchObject({ status: 'notice', affected: [{ tenantId: third }] });
  expect(of('Customer token')?.status).toBe('ok');
});

it('names AdminAgents for a service account that is not a member', async () => {
  const outsider = account(operator.cloud, 'outsider');
  const consent = operator.consent(browser(operator.cloud, 'outsider'), { account: outsider });
  // Nobody else can be made to hand over a refresh token.
  await expect(consent).rejects.toThrow(/AADSTS50105/);
  await operator.setUp({ account: outsider });
  await operator.consent(browser(operator.cloud, 'outsider'), { account: outsider });
  const customers = (await examined()).find(({ check }) => check === 'Customers');
  expect(customers?.status).toBe('failed');
  expect(`${customers?.message} ${customers?.remedy}`).toMatch(/AdminAgents/);
});
