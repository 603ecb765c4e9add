import { expect, it } from 'vitest';
import { silentLogger } from '../../../../src/lib/core/log.ts';
import type { Notice } from '../../../../src/lib/notices/notice.ts';
import { lazyTenantEvents } from '../../../../src/lib/tenant-events/tenant-events.ts';
import type { TenantEventsParts } from '../../../../src/lib/tenant-events/create-tenant-events.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import { TransactionTable } from '../../../fakes/transaction-table.ts';
import { tenant } from '../../../support/audit-entries.ts';
import { delegatedTenant } from '../../../support/delegated-tenant.ts';

it('follow the lists with the last results of jobs, consent, tell, and keep what they told until it is purged', async () => {
  const clock = new FakeClock();
  const tables = new Map<string, TransactionTable>();
  const notices: Notice[] = [];
  const jobsRead: (readonly string[])[] = [];
  const listed = [delegatedTenant(tenant(1), 'Customer 1')];
  let ids = 0;
  const parts: TenantEventsParts = {
    clock,
    log: silentLogger,
    newId: () => `id-${(ids += 1)}`,
    storage: {
      table: async (name) => {
        const table = tables.get(name) ?? new TransactionTable();
        tables.set(name, table);
        return table.client;
      },
    },
    notifier: { send: async (notice) => void notices.push(notice) },
    directory: { completeRead: async () => ({ tenants: listed, refused: [] }) },
    runs: {
      lastResults: {
        read: async (jobs) => {
          jobsRead.push(jobs);
          return new Map([
            [
              tenant(1),
              [
                {
                  job: 'a',
                  runId: 'r',
                  finishedAt: new Date(clock.nowMs()).toISOString(),
                  outcome: 'failed',
                  code: 'access_denied',
                },
              ],
            ],
          ]);
        },
      },
    },
    tenantTags: { current: async () => undefined as never },
    consentWatch: { consentOf: () => undefined },
    dashboardUrl: 'https://broker.example/api/dashboard',
  };
  const events = lazyTenantEvents(parts);
  const kinds = async (): Promise<string[]> => (await events.query({ limit: 9 })).events.map(({ kind }) => kind);

  expect(tables.size).toBe(0);
  expect(await events.follow([{ name: 'a', application: 'default' }])).toEqual({ outcome: 'read' });
  expect([jobsRead, await kinds()]).toEqual([[['a']], []]);
  listed.push(delegatedTenant(tenant(2), 'Customer 2'));
  await events.follow([], async (tenants) => new Map(tenants.map(({ tenantId }) => [tenantId, { outcome: 'given' }])));
  expect(await kinds()).toEqual(['auto_consented', 'reachable', 'appeared']);
  expect(notices.map(({ kind, link }) => [kind, link])).toEqual(
    ['appeared', 'reachable', 'auto_consented'].map((kind) => [
      `tenant.${kind}`,
      `https://broker.example/api/dashboard#/tenants/${tenant(2)}`,
    ]),
  );
  expect([...tables.keys()].toSorted()).toEqual(['TenantEvents', 'TenantEventsTold']);
  expect(await events.purge(clock.nowMs())).toBe(0);
  expect(await events.purge(clock.nowMs() + 1)).toBe(3);
  expect(await kinds()).toEqual([]);
});
