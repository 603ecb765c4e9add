import { beforeEach, describe, expect, it } from 'vitest';
import { giveConsents, resumptionOf } from '../../../../src/cli/customer-consent/give.ts';
import type { Consents } from '../../../../src/cli/customer-consent/open.ts';
import type { JournalEntry } from '../../../../src/lib/consent/customer-grants.ts';
import { ConsentBench, graph, teams, tenants, wanted } from '../../lib/consent/customer-consent-bench.ts';

let bench: ConsentBench;
let entry: JournalEntry;
const [tenantId = '' as never] = tenants(1);
const resume = async () => resumptionOf({ run: bench.run, read: async (customer) => bench.read(customer) }, entry);
beforeEach(() => {
  bench = new ConsentBench();
  const before = [{ ...graph, scopes: ['User.Read.All'] }, teams];
  entry = { tenantId, name: 'Contoso', startedAtMs: bench.clock.nowMs(), before, after: [graph, teams] };
  bench.journal.set(tenantId, entry);
  bench.granted.set(tenantId, { grants: before, visibleAtMs: 0 });
});

describe('resumptionOf', () => {
  it('gives everything again while the directory may still show the consent that was withdrawn', async () => {
    await bench.clock.advance(179_000);
    expect(await resume()).toMatchObject([{ give: [graph, teams], already: [] }]);
    expect(bench.journal.size).toBe(1);
  });

  it('forgets an entry whose consent is still there after three minutes', async () => {
    await bench.clock.advance(180_000);
    expect(await resume()).toEqual([]);
    expect(bench.journal.size).toBe(0);
  });

  it('gives what is missing after three minutes', async () => {
    bench.granted.set(tenantId, { grants: [graph], visibleAtMs: 0 });
    await bench.clock.advance(180_000);
    expect(await resume()).toMatchObject([{ give: [teams], already: [graph] }]);
    expect(bench.journal.size).toBe(1);
  });
});

describe('giveConsents for a customer that has fewer scopes', () => {
  const plan = async (renew: boolean | undefined) => {
    const consents = {
      toolbox: { signal: new AbortController().signal },
      local: { directory: { list: async () => [{ tenantId, name: 'Contoso', reachable: true }] } },
      run: bench.run,
      wanted,
      read: async () => bench.read(tenantId),
    } as unknown as Consents;
    const flags = { application: 'default', customers: undefined, dryRun: true };
    const confirm = (): Promise<never> => Promise.reject(new Error('asked for confirmation'));
    return giveConsents(consents, renew === undefined ? flags : { ...flags, renew }, confirm);
  };
  beforeEach(() => {
    bench.journal.clear();
  });

  it.each([undefined, false])('withdraws nothing without --renew (%s)', async (renew) => {
    const { planned, results } = await plan(renew);
    expect(planned).toMatchObject([
      { withdrawsFirst: false, outdated: [{ appId: 'graph', scopes: ['Group.Read.All'] }] },
    ]);
    expect(results).toEqual([]);
  });

  it('withdraws everything first with --renew', async () => {
    const { planned } = await plan(true);
    expect(planned).toMatchObject([{ tenantId, withdrawsFirst: true, outdated: [] }]);
    expect(bench.seen).toEqual([]);
  });
});
