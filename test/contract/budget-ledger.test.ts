import { TableClient } from '@azure/data-tables';
import { beforeAll, expect, it } from 'vitest';
import { type Ledger, noDemand } from '../../src/lib/microsoft/budgets/ledger.ts';
import { TableLedgerStore } from '../../src/lib/microsoft/budgets/ledger.ts';
import { type Azurite, emptyAzurite } from '../support/azurite.ts';

let azurite: Azurite;
beforeAll(async () => {
  azurite = await emptyAzurite();
});

const open = (name: string, connection = azurite.connectionString) =>
  new TableLedgerStore(async () =>
    TableClient.fromConnectionString(connection, name, {
      allowInsecureConnection: true,
      retryOptions: { maxRetries: 0 },
    }),
  );

const ledger = (count: number): Ledger => ({
  members: { a: count },
  budgets: { entra: { a: { ...noDemand, share: 8, background: 3 }, b: { ...noDemand, share: 0 } } },
  pauses: { 'graph x': 12_000 },
});

it('keeps a ledger, and says how long ago it was written by the clock of the service', async () => {
  const store = open('Kept');
  expect(await store.read()).toMatchObject({ version: undefined, ledger: { members: {} } });
  expect(await store.write(ledger(1), undefined)).toBe(true);
  const first = await store.read();
  expect(first.ledger).toEqual(ledger(1));
  expect(first.ageMs).toBeLessThan(2_000);
  await new Promise((resolve) => setTimeout(resolve, 2_100));
  expect((await store.read()).ageMs).toBeGreaterThanOrEqual(1_000);
});

it('lets one of several concurrent writers replace a version', async () => {
  const stores = Array.from({ length: 8 }, () => open('Race'));
  const first = await Promise.all(stores.map((store) => store.write(ledger(1), undefined)));
  expect(first.filter(Boolean)).toHaveLength(1);
  const { version } = await open('Race').read();
  const second = await Promise.all(stores.map((store) => store.write(ledger(2), version)));
  expect(second.filter(Boolean)).toHaveLength(1);
});

it('keeps the ledger of 16 instances with 200 budgets in use', async () => {
  const ids = Array.from({ length: 16 }, (_, n) => `member${n}`);
  const entry = { interactive: 123.45, background: 345.67, share: 233.33 };
  const large: Ledger = {
    members: Object.fromEntries(ids.map((id) => [id, 1_000_000])),
    budgets: Object.fromEntries(
      Array.from({ length: 200 }, (_, n) => [
        `graph-identity 00000000-0000-4000-8000-${String(n).padStart(12, '0')} default`,
        Object.fromEntries(ids.map((id) => [id, entry])),
      ]),
    ),
    pauses: {},
  };
  const store = open('Large');
  await store.write(large, undefined);
  expect((await store.read()).ledger).toEqual(large);
});

it('takes what it cannot read for an empty ledger', async () => {
  const store = open('Foreign');
  await store.write(ledger(1), undefined);
  const client = TableClient.fromConnectionString(azurite.connectionString, 'Foreign', {
    allowInsecureConnection: true,
  });
  for (const text of ['{', '[]', '{"v":2,"m":{"a":1}}', '{"v":1,"m":7,"b":{"x":3,"entra":{"a":[-1,"x",null]}}}']) {
    await client.upsertEntity({ partitionKey: 'budgets', rowKey: 'ledger', ledger0: text }, 'Replace');
    const { ledger: read } = await store.read();
    expect(read.members).toEqual({});
    for (const entries of Object.values(read.budgets))
      for (const { share } of Object.values(entries)) expect(share).toBe(0);
  }
});

it('reports an unreachable storage account', async () => {
  const store = open('Away', azurite.connectionString.replace(/:\d+\//g, ':9/'));
  await expect(store.read()).rejects.toMatchObject({ code: 'storage_unavailable' });
  await expect(store.write(ledger(1), undefined)).rejects.toMatchObject({ code: 'storage_unavailable' });
});
