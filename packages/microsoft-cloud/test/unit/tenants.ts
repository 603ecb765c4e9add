import type { Row, TenantView } from '../../src/graph/declaration.ts';
import { viewOf, worldOf } from './tenant-view.ts';

const seeds = [1, 2, 3, 5, 8, 13, 21, 34];
const views: readonly TenantView[] = seeds.flatMap((seed) => {
  const world = worldOf(seed, 12);
  return world.customers.map((customer) => viewOf(world, customer));
});

export const text = (row: Row | undefined, name: string): string => String(row?.[name]);
export const idsOf = (rows: readonly Row[]): ReadonlySet<string> => new Set(rows.map((row) => text(row, 'id')));
export const eachTenant = (check: (view: TenantView) => void): void => {
  for (const view of views) check(view);
};

/** The values that are not in the set. */
export const unknownTo = (known: ReadonlySet<string>, values: readonly string[]): readonly string[] =>
  values.filter((value) => !known.has(value));
