import type { TableClient } from '@azure/data-tables';
import { describe, expect, test } from 'vitest';
import { type DomainName, parseTenantId } from '../../../../src/lib/core/identifiers.ts';
import { TableExcludedDomains } from '../../../../src/lib/tenants/excluded-domains.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';

// test/contract/excluded-domains.test.ts runs the same class against a real table.

const one = parseTenantId('00000000-0000-4000-8000-000000000001')!;
const two = parseTenantId('00000000-0000-4000-8000-000000000002')!;
const domain = 'a.example' as DomainName;
type Row = { readonly partitionKey: string; readonly rowKey: string };

function stage(rows: Row[] = []) {
  const calls = { created: 0, listed: 0, written: [] as unknown[] };
  const state = { broken: false };
  const table = {
    createTable: async () => {
      calls.created += 1;
    },
    listEntities: async function* () {
      calls.listed += 1;
      if (state.broken) throw new Error('the table is away');
      yield* rows;
    },
    upsertEntity: async (entity: Row, mode: string) => {
      if (state.broken) throw new Error('the table is away');
      calls.written.push([entity, mode]);
      rows.push(entity);
    },
  } as unknown as TableClient;
  const clock = new FakeClock(Date.parse('2026-01-02T03:04:05Z'));
  return { domains: new TableExcludedDomains(async () => table, { clock }), calls, clock, rows, state };
}

describe('TableExcludedDomains', () => {
  test('writes one row per domain and tenant, and knows it at once without a new read', async () => {
    const { domains, calls } = stage();
    expect(await domains.tenantsOf(domain)).toEqual(new Set());
    await domains.add(domain, one);
    await domains.add(domain, two);
    expect(await domains.tenantsOf(domain)).toEqual(new Set([one, two]));
    expect(calls).toEqual({
      created: 1,
      listed: 1,
      written: [one, two].map((rowKey) => [
        { partitionKey: domain, rowKey, seenAt: '2026-01-02T03:04:05.000Z' },
        'Merge',
      ]),
    });
  });

  test('skips rows without a valid domain or tenant id', async () => {
    const { domains } = stage([
      { partitionKey: domain, rowKey: 'nonsense' },
      { partitionKey: 'not a domain', rowKey: one },
      { partitionKey: domain, rowKey: two },
    ]);
    expect(await domains.tenantsOf(domain)).toEqual(new Set([two]));
    expect(await domains.tenantsOf('b.example' as DomainName)).toEqual(new Set());
  });

  test('reads again after ten minutes, and keeps the copy while storage fails', async () => {
    const { domains, calls, clock, rows, state } = stage();
    await domains.tenantsOf(domain);
    rows.push({ partitionKey: domain, rowKey: one });
    await clock.advance(10 * 60_000 - 1);
    expect(await domains.tenantsOf(domain)).toEqual(new Set());
    await clock.advance(1);
    expect(await domains.tenantsOf(domain)).toEqual(new Set([one]));
    state.broken = true;
    await clock.advance(10 * 60_000);
    expect(await domains.tenantsOf(domain)).toEqual(new Set([one]));
    const afterFailure = calls.listed;
    await clock.advance(60_000 - 1);
    await domains.tenantsOf(domain);
    expect(calls.listed).toBe(afterFailure);
    await clock.advance(1);
    await domains.tenantsOf(domain);
    expect(calls.listed).toBe(afterFailure + 1);
  });

  test('tries again at once if there is no copy', async () => {
    const { domains, calls, state } = stage();
    state.broken = true;
    await expect(domains.tenantsOf(domain)).rejects.toMatchObject({ code: 'storage_unavailable' });
    await expect(domains.add(domain, one)).rejects.toMatchObject({ code: 'storage_unavailable' });
    state.broken = false;
    expect(await domains.tenantsOf(domain)).toEqual(new Set());
    expect(calls.listed).toBe(2);
  });
});
