import { expect, it } from 'vitest';
import type { Consents } from '../../../../src/cli/customer-consent/open.ts';
import { removeConsents } from '../../../../src/cli/customer-consent/remove.ts';
import type { Customer } from '../../../../src/cli/customer-consent/select.ts';
import { ConsentBench, graph, tenants, wanted } from '../../lib/consent/customer-consent-bench.ts';

const [consented = '' as never, absent = '' as never] = tenants(2);

it('asks only about customers that have a consent, and forgets an interrupted withdrawal of the others', async () => {
  const bench = new ConsentBench();
  bench.granted.set(consented, { grants: [graph], visibleAtMs: 0 });
  const entry = { tenantId: absent, name: 'Absent', startedAtMs: 0, before: wanted, after: wanted };
  bench.journal.set(absent, entry);
  const customers = [consented, absent].map((tenantId) => ({ tenantId, name: tenantId, reachable: true }));
  const consents = {
    toolbox: { signal: new AbortController().signal },
    local: { directory: { list: async () => customers } },
    run: bench.run,
    read: async (tenantId: typeof consented) => bench.read(tenantId),
  } as unknown as Consents;
  const asked: (readonly Customer[])[] = [];
  const flags = { application: 'default', customers: undefined };
  const planned = await removeConsents(consents, { ...flags, dryRun: true }, async () => undefined);
  expect([planned.planned.map(({ tenantId }) => tenantId), bench.journal.size]).toEqual([[consented], 1]);
  await expect(
    removeConsents(consents, flags, async (chosen) => {
      asked.push(chosen);
      throw new Error('no');
    }),
  ).rejects.toThrow('no');
  expect(asked.map((chosen) => chosen.map(({ tenantId }) => tenantId))).toEqual([[consented]]);
  bench.granted.delete(consented);
  const { results } = await removeConsents(consents, flags, async () => undefined);
  expect(results.map(({ tenantId, outcome }) => [tenantId, outcome])).toEqual([
    [consented, 'absent'],
    [absent, 'absent'],
  ]);
  expect(bench.journal.size).toBe(0);
});
