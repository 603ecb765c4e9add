import { expect, it } from 'vitest';
import { type Change, changesInWords } from '../../../dashboard/app/run-changes.tsx';

const tenant = { tenantId: '6f9c1f0e-3b8a-4d59-9a51-5c2f3f1a7b10', name: 'Contoso' };
const columns = [
  { name: 'product', title: 'Product', type: 'text' },
  { name: 'skuId', title: 'SKU id', type: 'text' },
  { name: 'assigned', title: 'Assigned', type: 'number' },
  { name: 'renewsAt', title: 'Renews', type: 'date' },
] as const;
const row = { skuId: tenant.tenantId, assigned: 1_037, product: 'E3', renewsAt: '2026-11-24' };

const inWords = (change: Partial<Change>, declared: Parameters<typeof changesInWords>[1] = columns) =>
  changesInWords([{ ...tenant, ...change } as Change], declared)[0];

it('shows what changed, and names the row by a value that did not', () => {
  const before = { ...row, assigned: 37, renewsAt: null };
  expect(inWords({ change: 'changed', before, after: row, columns: ['assigned', 'renewsAt'] })).toEqual({
    key: '0',
    tenant: 'Contoso',
    change: 'changed',
    row: 'E3',
    values: ['Assigned: 37 → 1,037', 'Renews: none → 24 Nov 2026'],
  });
});

it('names a row whose first value changed by another one, but never by an id', () => {
  const change = { change: 'changed', before: { ...row, product: 'E5' }, after: row, columns: ['product'] } as const;
  expect(inWords(change)).toMatchObject({ row: '24 Nov 2026', values: ['Product: E5 → E3'] });
  const after = { skuId: tenant.tenantId, assigned: 1 };
  expect(inWords({ change: 'changed', before: after, after, columns: [] })?.row).toBe('');
});

it('shows the other values of a row that was added or removed, without ids', () => {
  expect(inWords({ change: 'added', after: row })).toMatchObject({
    row: 'E3',
    values: ['Assigned: 1,037', 'Renews: 24 Nov 2026'],
  });
  expect(inWords({ change: 'removed', before: row })).toMatchObject({ change: 'removed', row: 'E3' });
});

it('shows a column that the job does not declare under its name', () => {
  expect(inWords({ change: 'added', after: { user: 'ann', last: true } }, undefined)).toMatchObject({
    row: 'ann',
    values: ['last: yes'],
  });
});
