import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { neededScopes } from '../../../../src/cli/customer-consent/report-needs.ts';
import { registerSetup } from '../../../../src/cli/commands/setup.ts';
import { graphAppId, profiles } from '../../../../src/lib/consent/permissions.ts';
import type { TenantId } from '../../../../src/lib/core/identifiers.ts';
import type { Check } from '../../../../src/operator/doctor/checks.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import { aadstsFailure } from '../../../fakes/fake-redeemer.ts';
import { type MemoryCredentialStore, storeWithCredential } from '../../../fakes/memory-credential-store.ts';
import { clearStage, partner, runOnVault } from '../commands/vault-stage.ts';
import { GdapBench } from '../../operator/doctor/gdap-bench.ts';
import { CustomerCloud, customerId } from './customer-cloud.ts';

let clock: FakeClock;
let store: MemoryCredentialStore;
let cloud: CustomerCloud;
let gdap: GdapBench;
let state: string;
/** Three customers, whose consent has all that the profile asks for. */
beforeEach(async () => {
  clock = new FakeClock();
  store = await storeWithCredential(partner as TenantId, () => clock.nowMs());
  cloud = new CustomerCloud(clock);
  cloud.customers = [1, 2, 3];
  cloud.profile = profiles.gdap;
  for (const number of cloud.customers) cloud.granted.set(customerId(number), cloud.wanted);
  gdap = new GdapBench(clock);
  gdap.relationships = cloud.customers.map((customer) => ({ customer, roles: ['Global Reader'] }));
  state = await mkdtemp(join(tmpdir(), 'ptb-needs-'));
});
afterEach(async () => {
  clearStage();
  await rm(state, { recursive: true });
});

async function needs(...words: string[]) {
  vi.stubEnv('XDG_STATE_HOME', state);
  const graph = () => ({ client: gdap.client, writer: undefined as never });
  const tools = { store, redeemer: cloud.redeemer, clock, fetch: cloud.fetch, graph };
  const { exit, out, err } = await runOnVault(registerSetup, ['setup', '--reports', ...words, '--json'], tools);
  const { checks } = (out === '' ? { checks: [] } : JSON.parse(out)) as { checks: readonly Check[] };
  return { exit, err, checks, of: (name: string) => checks.find(({ check }) => check === name) };
}

it('shows which permissions and roles the chosen reports need, and that no customer lacks them', async () => {
  const { exit, checks } = await needs('legacy-authentication', 'devices');
  expect(exit).toBe(0);
  expect(checks.map(({ check, status }) => [check, status])).toEqual([
    ['Permissions', 'ok'],
    ['Consent', 'ok'],
    ['AdminAgents', 'ok'],
    ['Roles for legacy-authentication', 'ok'],
    ['Roles for devices', 'ok'],
  ]);
  expect(checks[0]?.message).toBe(
    'The reports need Microsoft Graph: AuditLog.Read.All, Organization.Read.All, Device.Read.All, DeviceManagementManagedDevices.Read.All. The application has them.',
  );
  expect(cloud.changes).toEqual([]);
});

it('counts the customers that lack a permission or role, each with the remedy', async () => {
  const without = (scope: string) => cloud.wanted.filter((each) => each !== scope);
  cloud.granted.set(customerId(1), without('Device.Read.All'));
  cloud.granted.delete(customerId(2));
  // No chosen report needs it.
  cloud.granted.set(customerId(3), without('ServiceHealth.Read.All'));
  gdap.relationships = [1, 2, 3].map((customer) => ({
    customer,
    roles: [customer === 3 ? 'User Administrator' : 'Security Reader'],
  }));
  const { exit, of } = await needs('devices');
  expect([exit, of('Consent')]).toMatchObject([
    0,
    {
      status: 'notice',
      message:
        '2 of 3 customers lack permissions (Device.Read.All 2, DeviceManagementManagedDevices.Read.All 1): Customer 1, Customer 2.',
      remedy: expect.stringContaining('`ptb tenants consent` gives what a customer lacks') as string,
      affected: [
        { tenantId: customerId(1), name: 'Customer 1', missing: [{ scopes: ['Device.Read.All'] }] },
        { tenantId: customerId(2) },
      ],
    },
  ]);
  expect(of('Roles for devices')).toMatchObject({
    status: 'notice',
    message: expect.stringMatching(/^1 of 3 customers give the account no role\./) as string,
    affected: [{ name: 'customer 3', cause: 'not_in_relationship' }],
  });
});

it('says what the application itself lacks, before its customers can consent to it', async () => {
  cloud.profile = profiles.reader;
  const { of } = await needs('domain-protection', 'access-check');
  expect(of('Permissions')).toMatchObject({
    status: 'notice',
    message: expect.stringContaining(
      'The application lacks Microsoft Graph: Domain.Read.All; Office 365 Exchange Online: Exchange.Manage; Azure Resource Manager: user_impersonation.',
    ) as string,
    remedy: 'Run `ptb setup --permissions gdap`, `ptb consent` and `ptb tenants consent --renew`.',
  });
});

it('finds the resource of a permission that several resources have by the resources of the job', () => {
  const scope = (value: string) => ({ id: '', value, reason: '' });
  const own = { appId: 'own', name: 'Own', scopes: ['Mail.Read', 'Own.Read'].map(scope), roles: [] };
  const graph = { appId: graphAppId, name: 'Microsoft Graph', scopes: [scope('Mail.Read')], roles: [] };
  const permissions = ['Mail.Read', 'Own.Read', 'user_impersonation (Azure)', 'New.Read'];
  const job = { resources: ['graph', 'arm', 'of-settings'], permissions };
  expect(neededScopes([job], { name: 'own', resources: [own, graph] })).toMatchObject([
    { appId: graphAppId, scopes: ['Mail.Read', 'New.Read'] },
    { appId: 'own', scopes: ['Own.Read'] },
    { name: 'Azure Resource Manager', scopes: ['user_impersonation'] },
  ]);
});

it('says for whom it does not know the consent, and goes on', async () => {
  const token = cloud.token.bind(cloud);
  cloud.redeemer.script = (redemption) =>
    redemption.tenantId === customerId(2) ? aadstsFailure(53003) : token(redemption);
  const { of } = await needs('devices');
  expect(of('Consent')?.message).toMatch(/^The consent of 2 of 3 customers .*Not known in 1: Customer 2\. /);
  expect(of('Roles for devices')?.status).toBe('ok');
});

it('takes all jobs without a name, and refuses an unknown one before any request', async () => {
  const { checks } = await needs();
  expect(checks.filter(({ check }) => check.startsWith('Roles for ')).length).toBeGreaterThan(20);
  const { exit, err } = await needs('device');
  expect([exit, err]).toEqual([2, expect.stringContaining('There is no job "device"; did you mean "devices"?')]);
});

it('refuses options that change something', async () => {
  const { exit, err } = await needs('devices', '--yes');
  expect([exit, err]).toEqual([2, expect.stringContaining("'--reports [job...]' cannot be used with option '--yes'")]);
});
