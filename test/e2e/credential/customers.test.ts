import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { faultMet } from './command-line.ts';
import { type CustomerBench, exchangeAppId, graphAppId, startCustomers } from './customer-bench.ts';

// The life of the consents of 25 customers: five have no Exchange Online, and in three the service account lacks the role.
// Three more are only in the list of contracts, so Partner Center does not know them.

let bench: CustomerBench;
let withoutExchange: readonly string[];
let withoutRole: readonly string[];
let unknown: readonly string[];
let others: readonly string[];
beforeAll(async () => {
  const lacking = [0, 1, 2, 3, 4].map((at) => [at, { lacks: [exchangeAppId] }] as const);
  const forbidding = [5, 7, 8].map((at) => [at, { withoutRoles: ['Cloud Application Administrator'] }] as const);
  bench = await startCustomers({
    tenants: 28,
    plain: true,
    customers: Object.fromEntries([...lacking, ...forbidding]),
  });
  withoutExchange = bench.tenantIds.slice(0, 5);
  withoutRole = [5, 7, 8].map((at) => bench.tenantIds[at] ?? '');
  unknown = bench.tenantIds.filter((tenantId) => {
    const { customer, relationship } = bench.operator.cloud.world.findCustomer(tenantId)?.sources ?? {};
    return customer !== true && relationship !== true;
  });
  others = bench.tenantIds.slice(9).filter((tenantId) => !unknown.includes(tenantId));
});
afterEach(() => {
  bench.operator.cloud.faults.clear();
  bench.operator.cloud.ledger.reset();
});
afterAll(() => bench.stop());

const byOutcome = (tenants: readonly { tenantId: string; outcome: string }[], outcome: string): readonly string[] =>
  tenants.filter((each) => each.outcome === outcome).map(({ tenantId }) => tenantId);
const graphScopes = (tenantId: string): readonly string[] => bench.grantsIn(tenantId)[graphAppId] ?? [];
const journal = async (): Promise<readonly string[]> => {
  const place = join(bench.line.folder, 'state/partner-token-broker/consent');
  const applications = await readdir(place).catch(() => []);
  return (await Promise.all(applications.map((each) => readdir(join(place, each))))).flat();
};

describe('ptb tenants consent for 25 customers', () => {
  it('has 25 customers that Partner Center knows', () => {
    expect([withoutExchange.length, withoutRole.length, others.length, unknown.length]).toEqual([5, 3, 17, 3]);
  });

  it('shows in --dry-run and --check what is missing, and changes nothing', async () => {
    const dry = await bench.consent('--dry-run');
    expect([dry.exitCode, dry.document.tenants.length]).toEqual([0, 28]);
    const { exitCode, document } = await bench.consent('--check');
    expect([exitCode, document]).toMatchObject([3, { equal: 0, different: 28, failed: 0 }]);
    expect(bench.requested('POST')).toEqual([]);
  });

  it('consents in all that allow it, skips missing resources, and names the role for the others', async () => {
    const { exitCode, document, stderr } = await bench.consent();
    expect([exitCode, document]).toMatchObject([3, { consented: 22, already: 0, failed: 6 }]);
    expect(byOutcome(document.tenants, 'failed').toSorted()).toEqual([...withoutRole, ...unknown].toSorted());
    for (const { outcome, tenantId, code, nextStep, resources = [] } of document.tenants) {
      if (unknown.includes(tenantId)) {
        expect([code, nextStep]).toEqual(['tenant_unknown', expect.stringContaining('reseller or GDAP relationship')]);
        continue;
      }
      if (outcome === 'failed') {
        expect(code).toBe('access_denied');
        expect(nextStep).toContain('Cloud Application Administrator');
        continue;
      }
      expect(resources.map((each) => each.outcome)).toEqual(
        withoutExchange.includes(tenantId)
          ? ['consented', 'unavailable', 'consented']
          : ['consented', 'consented', 'consented'],
      );
    }
    expect(stderr).toMatch(/^28\/28 \S.*: (?:consented|failed)$/m);
    // One request per resource, and only one where Partner Center refuses the customer.
    expect(bench.requested('POST')).toHaveLength(22 * 3 + 6);
  });

  it('finds in --check that the consents are equal to the profile, except where nothing could be given', async () => {
    const { exitCode, document } = await bench.consent('--check');
    expect([exitCode, document]).toMatchObject([3, { equal: 22, different: 6, failed: 0 }]);
    expect(byOutcome(document.tenants, 'different').toSorted()).toEqual([...withoutRole, ...unknown].toSorted());
    const equal = await bench.consent('--check', '--tenant', ...withoutExchange, ...others);
    expect([equal.exitCode, equal.document]).toMatchObject([0, { equal: 22 }]);
    const { stdout } = await bench.line.ptb(['tenants', 'consent', '--check']);
    expect(stdout).toMatch(/^ {2}Without Office 365 Exchange Online: \S+.*$/m);
  });

  it('sends nothing to customers that have the consent', async () => {
    const { exitCode, document } = await bench.consent('--tenant', ...withoutExchange, ...others);
    expect([exitCode, document]).toMatchObject([0, { consented: 0, already: 22, failed: 0 }]);
    expect(bench.requested('POST')).toEqual([]);
  });

  it('adds a resource without a withdrawal, and --check reports it as excess', async () => {
    const [first = ''] = others;
    expect((await bench.consent('--permissions', 'management.json', '--tenant', first)).exitCode).toBe(0);
    expect(bench.requested('DELETE')).toEqual([]);
    const { exitCode, document } = await bench.consent('--check', '--tenant', first);
    expect([exitCode, document.tenants]).toMatchObject([
      3,
      [{ outcome: 'different', missing: [], excess: [{ scopes: ['ActivityFeed.Read'] }] }],
    ]);
  });

  it('adds permissions of a resource only with --renew, and only after it asked', async () => {
    const more = ['--permissions', 'more.json', '--tenant', ...withoutExchange, ...others] as const;
    const plain = await bench.consent(...more);
    expect([plain.exitCode, plain.document]).toMatchObject([3, { consented: 0, failed: 22 }]);
    expect(plain.document.tenants[0]).toMatchObject({
      detail: 'The consent lacks Microsoft Graph: Group.Read.All.',
      nextStep: expect.stringContaining('--renew') as string,
    });
    const unasked = await bench.consent(...more, '--renew');
    expect([unasked.exitCode, unasked.stderr]).toEqual([2, expect.stringContaining('--yes')]);
    expect(bench.requested('DELETE')).toEqual([]);
    const renewed = await bench.consent(...more, '--renew', '--yes');
    expect([renewed.exitCode, renewed.document]).toMatchObject([0, { consented: 22, failed: 0 }]);
    expect(renewed.stderr).toContain('add Microsoft Graph: Group.Read.All');
    expect([...new Set(bench.requested('DELETE'))]).toEqual([...withoutExchange, ...others].toSorted());
    const [first = '', second = ''] = others;
    expect(graphScopes(second)).toContain('Group.Read.All');
    // The resource that the profile does not name was given again.
    expect(Object.values(bench.grantsIn(first)).flat()).toContain('ActivityFeed.Read');
    expect(await journal()).toEqual([]);
  });
});

describe('ptb tenants consent --renew that is killed', () => {
  const kill = async (fault: object, ...args: readonly string[]): Promise<void> => {
    const { faults } = bench.operator.cloud;
    faults.add({ service: 'partnerCenter', kind: 'delay', delayMs: 60_000, ...fault });
    const { child, ended } = bench.line.start(['tenants', 'consent', '--renew', '--yes', ...args]);
    await Promise.race([faultMet(bench.operator.cloud), ended]);
    child.kill('SIGKILL');
    await ended;
    faults.clear();
  };

  it.each([
    ['between the withdrawal and the first consent', { method: 'DELETE' }],
    ['between two consents', { method: 'POST', from: 2 }],
    // Soon after a withdrawal, a 409 is repeated for 17 seconds.
  ])('%s finishes at the next start', { timeout: 300_000 }, async (_when, fault) => {
    const tenantId = others[1] ?? '';
    // The customer lacks a permission again.
    await bench.consent('--remove', '--yes', '--tenant', tenantId);
    await bench.consent('--tenant', tenantId);
    await bench.consent('--permissions', 'management.json', '--tenant', tenantId);
    const before = bench.grantsIn(tenantId);
    await kill(fault, '--permissions', 'more.json', '--tenant', tenantId);
    expect(Object.keys(bench.grantsIn(tenantId)).length).toBeLessThan(Object.keys(before).length);
    expect(await journal()).toEqual([`${tenantId}.json`]);
    const check = await bench.consent('--check', '--tenant', tenantId);
    expect(check.stderr).toContain('An earlier run was interrupted');
    expect(await journal()).toHaveLength(1);
    // The next run is for another customer and has the default profile.
    const next = await bench.consent('--tenant', others[2] ?? '');
    expect([next.exitCode, next.document]).toMatchObject([0, { consented: 1 }]);
    const after = bench.grantsIn(tenantId);
    expect(Object.keys(after).toSorted()).toEqual(Object.keys(before).toSorted());
    expect(graphScopes(tenantId)).toEqual([...(before[graphAppId] ?? []), 'Group.Read.All'].toSorted());
    expect(await journal()).toEqual([]);
  });

  it('leaves no customer without consent after Ctrl+C, and prints the results', async () => {
    await bench.consent('--remove', '--yes', '--tenant', ...others);
    await bench.consent('--tenant', ...others);
    bench.operator.cloud.ledger.reset();
    bench.operator.cloud.faults.add({ service: 'partnerCenter', method: 'DELETE', kind: 'delay', delayMs: 500 });
    const args = ['--renew', '--yes', '--permissions', 'more.json', '--tenant', ...others];
    const { child, ended } = bench.line.start(['tenants', 'consent', '--json', ...args]);
    await Promise.race([faultMet(bench.operator.cloud), ended]);
    child.kill('SIGINT');
    const { exitCode, stdout, stderr } = await ended;
    // A request that breaks is repeated.
    const withdrawn = [...new Set(bench.requested('DELETE'))];
    expect(withdrawn.length).toBeGreaterThan(0);
    expect(withdrawn.length).toBeLessThan(others.length);
    expect([...new Set(bench.requested('POST'))]).toEqual(withdrawn);
    expect([exitCode, JSON.parse(stdout)]).toMatchObject([130, { consented: withdrawn.length }]);
    expect(stderr).toContain('Finishing the tenants that were started');
    for (const tenantId of withdrawn) expect(graphScopes(tenantId)).toContain('Group.Read.All');
  });
});

describe('ptb tenants consent --remove', () => {
  it('asks, and withdraws the consent of the given customers', async () => {
    const [first = '', second = ''] = others;
    const unasked = await bench.consent('--remove', '--tenant', first, second);
    expect([unasked.exitCode, unasked.stderr]).toEqual([2, expect.stringContaining('--yes')]);
    const dry = await bench.consent('--remove', '--dry-run', '--tenant', first, second);
    expect([dry.exitCode, dry.document.tenants.length]).toEqual([0, 2]);
    expect(bench.requested('DELETE')).toEqual([]);
    const removed = await bench.consent('--remove', '--yes', '--tenant', first, second);
    expect([removed.exitCode, removed.document]).toMatchObject([0, { removed: 2, absent: 0, failed: 0 }]);
    expect(bench.grantsIn(first)).toEqual({});
    const again = await bench.consent('--remove', '--yes', '--tenant', first, second);
    expect([again.exitCode, again.document]).toMatchObject([0, { removed: 0, absent: 2 }]);
    expect((await bench.consent('--check', '--tenant', first)).exitCode).toBe(3);
  });

  it('rejects options that contradict each other', async () => {
    expect((await bench.line.ptb(['tenants', 'consent', '--check', '--remove'])).exitCode).toBe(2);
  });
});
