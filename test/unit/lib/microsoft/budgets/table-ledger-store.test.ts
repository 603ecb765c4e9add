import { expect, it } from 'vitest';
import { emptyLedger, type Ledger, noDemand } from '../../../../../src/lib/microsoft/budgets/ledger.ts';
import { TableLedgerStore } from '../../../../../src/lib/microsoft/budgets/ledger.ts';
import { EntityTable } from '../../../../fakes/entity-table.ts';

/* The ledger over a table in memory. test/contract/budget-ledger.test.ts has the same on Azurite. */

const writtenAt = '2026-11-24T05:00:00Z';
const ledger = (beat: number): Ledger => ({
  members: { a: beat },
  budgets: { entra: { a: { ...noDemand, share: 8 } } },
  pauses: {},
});
/** About 20 characters for each member. */
const ledgerOf = (members: number): Ledger => ({
  ...emptyLedger,
  members: Object.fromEntries(Array.from({ length: members }, (_, n) => [`member-${String(n).padStart(9, '0')}`, 1])),
});

/** @param answeredAt the date of each reply, as the service sends it. */
function stage(answeredAt?: string) {
  const table = new EntityTable();
  const get = table.getEntity;
  const client = Object.assign(Object.create(table) as EntityTable, {
    getEntity: async (
      partitionKey: string,
      rowKey: string,
      { onResponse }: { onResponse: (raw: { headers: Headers }) => void },
    ) => {
      const row = await get(partitionKey, rowKey);
      onResponse({ headers: new Headers(answeredAt === undefined ? {} : { date: answeredAt }) });
      return { ...row, timestamp: writtenAt };
    },
  });
  return { table, store: new TableLedgerStore(async () => client.client) };
}

it('is empty before the first write, and creates its table once', async () => {
  const { table, store } = stage();
  expect(await store.read()).toEqual({ ledger: emptyLedger, version: undefined, ageMs: 0 });
  expect(await store.write(ledger(1), undefined)).toBe(true);
  expect((await store.read()).ledger).toEqual(ledger(1));
  expect([table.created, [...table.rows.keys()]]).toEqual([1, ['budgets/ledger']]);
});

it.each([
  ['Tue, 24 Nov 2026 05:00:07 GMT', 7_000],
  ['Tue, 24 Nov 2026 05:00:00 GMT', 0],
  ['Tue, 24 Nov 2026 04:59:59 GMT', 0],
  ['yesterday', 0],
  [undefined, 0],
])('says by the clock of the service how old it is (%s)', async (answeredAt, ageMs) => {
  const { store } = stage(answeredAt);
  await store.write(ledger(1), undefined);
  expect((await store.read()).ageMs).toBe(ageMs);
});

it('is replaced only in the version that was read', async () => {
  const { store } = stage();
  await store.write(ledger(1), undefined);
  expect(await store.write(ledger(2), undefined)).toBe(false);
  const { version } = await store.read();
  expect(await store.write(ledger(3), version)).toBe(true);
  expect(await store.write(ledger(4), version)).toBe(false);
  expect((await store.read()).ledger).toEqual(ledger(3));
});

it('is not written over a row that somebody deleted', async () => {
  const { table, store } = stage();
  await store.write(ledger(1), undefined);
  const { version } = await store.read();
  table.rows.clear();
  expect(await store.write(ledger(2), version)).toBe(false);
});

it('is kept in pieces, of which none is left when it shrinks', async () => {
  const { table, store } = stage();
  await store.write(ledgerOf(5_000), undefined);
  const [row] = table.rows.values();
  expect(Object.keys(row ?? {}).filter((name) => name.startsWith('ledger')).length).toBeGreaterThan(3);
  expect(String(row?.['ledger0'])).toHaveLength(30_000);
  const large = await store.read();
  expect(large.ledger).toEqual(ledgerOf(5_000));
  await store.write(ledger(1), large.version);
  expect((await store.read()).ledger).toEqual(ledger(1));
});

it('fails if it is too long for a row, and while storage fails', async () => {
  const { table, store } = stage();
  await expect(store.write(ledgerOf(20_000), undefined)).rejects.toThrow();
  expect(table.rows.size).toBe(0);
  table.failure = Object.assign(new Error('away'), { statusCode: 503 });
  await expect(store.read()).rejects.toMatchObject({ code: 'storage_unavailable' });
  await expect(store.write(ledger(1), undefined)).rejects.toMatchObject({ code: 'storage_unavailable' });
});
