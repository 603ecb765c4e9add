import fc from 'fast-check';
import { expect, it } from 'vitest';
import { TableHistory } from '../../../../../src/lib/runs/history/table-history.ts';
import {
  historyKey,
  type HistoryTenant,
  type HistoryTotals,
  RowCounter,
} from '../../../../../src/lib/runs/history/tenant-numbers.ts';
import type { TenantId } from '../../../../../src/lib/core/identifiers.ts';
import { TransactionTable } from '../../../../fakes/transaction-table.ts';
import { period, run, tenant } from './stored-run.ts';

// The sums of the history beside sums that are added from the rows themselves.

interface Row {
  readonly product: string | null;
  readonly free?: number | null;
  readonly on?: boolean | null;
}
interface Visited {
  readonly tenantId: TenantId;
  readonly outcome: HistoryTenant['outcome'];
  readonly rows: readonly Row[];
}

const products = ['E3', 'E5', ''];
const row: fc.Arbitrary<Row> = fc.record(
  {
    product: fc.constantFrom(...products, null),
    free: fc.oneof(fc.integer({ min: -100, max: 100 }), fc.constant(null)),
    on: fc.option(fc.boolean()),
  },
  { requiredKeys: ['product'] },
);
const visitedBy = (minLength: number) =>
  fc
    .array(
      fc.record({
        outcome: fc.constantFrom<HistoryTenant['outcome'][]>(
          'succeeded',
          'succeeded',
          'failed',
          'skipped',
          'not_attempted',
        ),
        rows: fc.array(row, { maxLength: 4 }),
      }),
      { minLength, maxLength: 12 },
    )
    .map((tenants) =>
      tenants.map(
        (one, at): Visited => ({
          ...one,
          tenantId: tenant(at * 40),
          rows: one.outcome === 'succeeded' ? one.rows : [],
        }),
      ),
    );

function kept({ tenantId, outcome, rows }: Visited): HistoryTenant {
  const counter = new RowCounter({ by: 'product' });
  for (const one of rows) counter.add({ ...one });
  return { tenantId, outcome, rows: rows.length, numbers: counter.result() };
}

/** The sums as somebody adds them who has all rows. */
function added(tenants: readonly Visited[], value: string | undefined) {
  const succeeded = tenants.filter(({ outcome }) => outcome === 'succeeded');
  if (succeeded.length === 0) return undefined;
  const rows = succeeded.flatMap((one) => one.rows).filter(({ product }) => value === undefined || product === value);
  const numbers = rows.flatMap(({ free }) => free ?? []);
  const booleans = rows.flatMap(({ on }) => on ?? []);
  return {
    counted: succeeded.length,
    rows: rows.length,
    ...(numbers.length === 0 ? {} : { free: numbers.reduce((sum, one) => sum + one, 0) }),
    ...(booleans.length === 0 ? {} : { 'on=true': booleans.filter(Boolean).length }),
    ...(booleans.length === 0 ? {} : { 'on=false': booleans.filter((on) => !on).length }),
  };
}

function shown(sum: HistoryTotals['sum']) {
  if (sum === undefined) return undefined;
  const [rows, ...numbers] = sum.numbers;
  return { counted: sum.counted, rows, ...Object.fromEntries(sum.names.map((name, at) => [name, numbers[at]])) };
}

it('the sums of two runs over the tenants that succeeded in both are those of the rows', async () => {
  let compared = 0;
  const later = { ...run, window: 'w2', runId: 'licences@w2', startedAtMs: run.startedAtMs + 500 };
  // As old as the first, so that its rows are beside those that are compared.
  const beside = { ...run, window: 'w3', runId: 'licences@w3' };
  await fc.assert(
    fc.asyncProperty(visitedBy(8), visitedBy(8), async (before, now) => {
      const table = new TransactionTable();
      const history = new TableHistory(async () => table.client);
      await history.add(run, before.map(kept));
      await history.add(later, now.map(kept));
      await history.add(beside, now.map(kept));
      const isBoth = ({ tenantId }: Visited): boolean =>
        [before, now].every((some) => some.some((one) => one.tenantId === tenantId && one.outcome === 'succeeded'));
      const isPicked = ({ tenantId }: Visited): boolean => Number.parseInt(tenantId.slice(-2), 16) % 3 > 0;
      for (const value of [undefined, 'E3'])
        for (const isWanted of [() => true, isPicked]) {
          const among = new Set([...before, ...now].filter(isWanted).map(({ tenantId }) => tenantId));
          const part = value === undefined ? undefined : { by: 'product', value };
          const both = await history.inBoth([later, run], (id) => among.has(id), { part, among });
          const sums = both?.sums.map((sum) => shown({ ...sum, counted: both.counted })) ?? [undefined, undefined];
          expect(sums).toEqual([now, before].map((some) => added(some.filter(isBoth).filter(isWanted), value)));
          compared += both?.counted ?? 0;
        }
    }),
    { numRuns: 50 },
  );
  expect(compared).toBeGreaterThan(100);
});

it('the sums over all tenants and over some are those of the rows', async () => {
  let numbers = 0;
  await fc.assert(
    fc.asyncProperty(visitedBy(0), fc.array(fc.boolean(), { minLength: 12, maxLength: 12 }), async (tenants, picks) => {
      const table = new TransactionTable();
      const history = new TableHistory(async () => table.client);
      await history.add(run, tenants.map(kept));
      const picked = tenants.filter((_, at) => picks[at]);
      const among = new Set(picked.map(({ tenantId }) => tenantId));
      for (const value of [undefined, 'E3', 'E5', 'none']) {
        const reading = value === undefined ? {} : { part: { by: 'product', value } };
        const key = historyKey(run);
        const all = (await history.totals(period, reading)).get(key);
        const everyOne = (await history.totalsOf(() => true, period, reading)).get(key);
        const some = (await history.totalsOf((id) => among.has(id), period, { ...reading, among })).get(key);
        expect(shown(all?.sum)).toEqual(added(tenants, value));
        expect(shown(everyOne?.sum)).toEqual(added(tenants, value));
        expect(shown(some?.sum)).toEqual(added(picked, value));
        const count = (wanted: HistoryTenant['outcome']): number =>
          picked.filter(({ outcome }) => outcome === wanted).length;
        if (picked.length > 0)
          expect(some?.outcomes).toEqual({
            succeeded: count('succeeded'),
            failed: count('failed'),
            skipped: count('skipped'),
            not_attempted: count('not_attempted'),
          });
        numbers += shown(some?.sum) === undefined ? 0 : 1;
      }
    }),
    { numRuns: 50 },
  );
  expect(numbers).toBeGreaterThan(60);
});
