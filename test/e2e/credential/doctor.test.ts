import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { createLocalBroker } from '../../../src/cli/sign-in/local-broker.ts';
import type { Secret } from '../../../src/lib/model/secret.ts';
import { clouds } from '../../../src/lib/model/clouds.ts';
import { type Check, examine } from '../../../src/lib/setup/doctor.ts';
import { account } from 'microsoft-cloud/testing';
import { browser, startOperator, type TestOperator } from './operator.ts';

let operator: TestOperator;
beforeAll(async () => {
  operator = await startOperator({ tenants: 3 });
  await operator.setUp();
  await operator.consent(browser(operator.cloud));
});
afterEach(() => operator.cloud.faults.clear());
afterAll(() => operator.stop());

async function examined(more: { application?: string; customer?: string } = {}): Promise<readonly Check[]> {
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
    graphOf: (token: Secret) => graphOf(token.reveal()).client,
    ...more,
  };
  for await (const check of examine(deps)) checks.push(check);
  return operator.note('the checks of doctor', checks);
}

const statuses = (checks: readonly Check[]): Record<string, string> =>
  Object.fromEntries(checks.map(({ check, status }) => [check, status]));

it('passes every check, down to a token for a customer', async () => {
  expect(statuses(await examined())).toEqual({
    'Key Vault': 'ok',
    Credential: 'ok',
    'Client credential': 'ok',
    Keys: 'ok',
    'Partner tenant': 'ok',
    'Partner Center': 'ok',
    Customers: 'ok',
    'Customer token': 'ok',
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
  expect((await examined({ customer: first?.domain ?? '' })).at(-1)).toMatchObject({ status: 'ok' });
  expect((await examined({ customer: 'nobody.example' })).at(-1)).toMatchObject({
    status: 'failed',
    code: 'tenant_not_delegated',
  });
});

it('names AdminAgents for a service account that is not a member', async () => {
  const outsider = account(operator.cloud, 'outsider');
  await operator.consent(browser(operator.cloud, 'outsider'), { account: outsider });
  const customers = (await examined()).find(({ check }) => check === 'Customers');
  expect(customers?.status).toBe('failed');
  expect(`${customers?.message} ${customers?.remedy}`).toMatch(/AdminAgents/);
});
