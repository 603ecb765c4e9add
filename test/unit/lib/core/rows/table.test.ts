import type { TableClient } from '@azure/data-tables';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { BrokerError } from '../../../../../src/lib/core/errors.ts';
import { type Keys, putAction, readPage, Table, untilWritten } from '../../../../../src/lib/core/rows/table.ts';
import { TransactionTable } from '../../../../fakes/transaction-table.ts';

const tableOf = (methods: object): Table =>
  new Table(async () => ({ createTable: async () => undefined, ...methods }) as unknown as TableClient, 'It failed.');
const rest = (statusCode: number, code?: string): Error => Object.assign(new Error('refused'), { statusCode, code });
const fail = (thrown: unknown) => () => Promise.reject(thrown);
const key = { partitionKey: 'p', rowKey: 'r' };
const keysOf = (count: number, partitionKey = 'p'): Keys[] =>
  Array.from({ length: count }, (_, index) => ({ partitionKey, rowKey: `r${String(index).padStart(4, '0')}` }));

/** A table in memory that counts its transactions. */
async function stage(rows: readonly Keys[]) {
  const memory = new TransactionTable();
  await memory.createTable();
  for (const row of rows) await memory.upsertEntity({ ...row, size: 1 });
  const transactions: number[] = [];
  const submit = memory.submitTransaction;
  memory.submitTransaction = async (actions) => {
    transactions.push(actions.length);
    await submit(actions);
  };
  return { memory, transactions, table: new Table(async () => memory.client) };
}

describe('removeAll', () => {
  it('deletes all rows but those that are gone, in few transactions', async () => {
    const cases = fc.tuple(fc.integer({ min: 0, max: 350 }), fc.array(fc.nat(349), { maxLength: 6 }));
    await fc.assert(
      fc.asyncProperty(cases, async ([count, gone]) => {
        const rows = keysOf(count);
        const isGone = (index: number): boolean => gone.includes(index);
        const { memory, transactions, table } = await stage(rows.filter((_, index) => !isGone(index)));
        expect(await table.removeAll(rows)).toEqual(rows.filter((_, index) => !isGone(index)));
        expect(memory.rows.size).toBe(0);
        expect(Math.max(0, ...transactions)).toBeLessThanOrEqual(100);
        // Halving 100 rows until one is alone takes seven steps of two transactions.
        expect(transactions.length).toBeLessThanOrEqual(Math.ceil(count / 100) + 14 * new Set(gone).size);
      }),
      { numRuns: 40 },
    );
  });

  it('shares no transaction between partitions', async () => {
    const rows = [
      ...keysOf(2, 'a'),
      ...keysOf(1, 'b'),
      ...keysOf(2, 'a').map((row) => ({ ...row, rowKey: `x${row.rowKey}` })),
    ];
    const { memory, transactions, table } = await stage(rows);
    expect(await table.removeAll(rows)).toHaveLength(5);
    expect([memory.rows.size, transactions]).toEqual([0, [4, 1]]);
  });

  it.each([503, 409])('ends at any other failure (%i)', async (status) => {
    const { memory, table } = await stage(keysOf(3));
    memory.submitTransaction = fail(rest(status));
    await expect(table.removeAll(keysOf(3))).rejects.toMatchObject({ code: 'storage_unavailable' });
  });
});

it('removeRange deletes what a filter finds, and says how many rows it were', async () => {
  const { memory, transactions, table } = await stage([...keysOf(1_250), ...keysOf(3, 'q')]);
  expect(await table.removeRange("PartitionKey eq 'p' and RowKey ge 'r0050'")).toBe(1_200);
  expect([memory.rows.size, transactions.length]).toEqual([53, 12]);
});

describe('putAll', () => {
  it('writes rows in their order, as many as fit together', async () => {
    const { memory, transactions, table } = await stage([]);
    await table.putAll(keysOf(250).map((row) => ({ ...row, size: 2 })));
    expect([memory.rows.size, transactions]).toEqual([250, [100, 100, 50]]);
    await table.putAll(keysOf(5).map((row) => ({ ...row, text: 'x'.repeat(1_000_000) })));
    expect(transactions.slice(3)).toEqual([3, 2]);
    await table.putAll([]);
    expect(transactions).toHaveLength(5);
  });
});

describe('a row that somebody else writes', () => {
  it('is not replaced, created or removed', async () => {
    const { table } = await stage([]);
    const row = { ...key, size: 1 };
    await table.put(row);
    const read = await table.find(key);
    expect(await table.putIfUnchanged({ ...row, size: 2 }, read?.etag)).toBe((await table.find(key))?.etag);
    expect(await table.putIfUnchanged({ ...row, size: 3 }, read?.etag)).toBeUndefined();
    expect(await table.submitIfUnchanged([putAction(row, read?.etag)])).toBe(false);
    expect(await table.submitIfUnchanged([putAction(row, undefined)])).toBe(false);
    expect(await table.remove(key, read?.etag)).toBe(false);
    expect((await table.find(key))?.['size']).toBe(2);
    expect([await table.remove(key), await table.remove(key)]).toEqual([true, false]);
    expect(await table.putIfUnchanged(row, read?.etag)).toBeUndefined();
  });

  it.each([409, 412, 404])('loses a write with the status %i', async (status) => {
    const refusing = tableOf({ createEntity: fail(rest(status)), submitTransaction: fail(rest(status)) });
    expect(await refusing.putIfUnchanged(key, undefined)).toBeUndefined();
    expect(await refusing.submitIfUnchanged([['create', key]])).toBe(false);
    await expect(refusing.submit([['create', key]])).rejects.toMatchObject({ code: 'storage_unavailable' });
  });

  it.each([rest(409, 'TableBeingDeleted'), rest(404, 'TableNotFound'), rest(503), new Error('text')])(
    'is not the reason for %s',
    async (thrown) => {
      const refusing = tableOf({ createEntity: fail(thrown), deleteEntity: fail(thrown) });
      const unavailable = { code: 'storage_unavailable', detail: expect.stringMatching(/^It failed\./) as string };
      await expect(refusing.putIfUnchanged(key, undefined)).rejects.toMatchObject(unavailable);
      await expect(refusing.remove(key)).rejects.toMatchObject(unavailable);
    },
  );
});

it('is created again after it was deleted, once storage has finished that', async () => {
  const memory = new TransactionTable();
  const created = vi.spyOn(memory, 'createTable');
  const table = new Table(async () => memory.client);
  await table.put({ ...key, size: 1 });
  const get = vi.spyOn(memory, 'getEntity').mockRejectedValueOnce(rest(404, 'TableNotFound'));
  await expect(table.find(key)).rejects.toMatchObject({ code: 'storage_unavailable' });
  created.mockRejectedValueOnce(rest(409, 'TableBeingDeleted'));
  await expect(table.find(key)).rejects.toMatchObject({ code: 'storage_unavailable' });
  expect([created.mock.calls.length, get.mock.calls.length]).toEqual([2, 1]);
  await table.find(key);
  await table.find(key);
  expect([created.mock.calls.length, get.mock.calls.length]).toEqual([3, 3]);
  // Any other failure is no reason to create it.
  get.mockRejectedValueOnce(rest(503)).mockRejectedValueOnce(rest(404, 'ResourceNotFound'));
  await expect(table.find(key)).rejects.toMatchObject({ code: 'storage_unavailable' });
  expect([await table.find(key), created.mock.calls.length]).toEqual([undefined, 3]);
});

// The clients of tables and blobs keep the code of the service in different places.
it.each([
  [rest(404, 'TableNotFound'), false],
  [{ statusCode: 404, details: { odataError: { code: 'TableNotFound' } } }, false],
  [{ statusCode: 404, details: { errorCode: 'TableNotFound' } }, false],
  [{ statusCode: 404, code: 'REST', details: { odataError: { code: 'ResourceNotFound' } } }, true],
  [{ statusCode: 404, code: 'TableNotFound', details: null }, false],
  [{ statusCode: 404, code: 'TableNotFound', details: 'text' }, false],
  [rest(404, 'ResourceNotFound'), true],
  [rest(404), true],
  [rest(409, 'ResourceNotFound'), false],
  [null, false],
])('tells from %j whether a row is missing: %j', async (thrown, isMissing) => {
  const found = tableOf({ getEntity: fail(thrown) }).find(key);
  if (isMissing) expect(await found).toBeUndefined();
  else await expect(found).rejects.toMatchObject({ code: 'storage_unavailable' });
});

it('converts failures while rows are read', async () => {
  const items = async function* () {
    yield key;
    throw rest(500);
  };
  const table = tableOf({ listEntities: () => Object.assign(items(), { byPage: items }) });
  const seen: unknown[] = [];
  const read = async (rows: AsyncIterable<unknown>): Promise<void> => {
    for await (const row of rows) seen.push(row);
  };
  await expect(read(table.rows())).rejects.toMatchObject({ code: 'storage_unavailable', detail: 'It failed.' });
  await expect(read(table.saying('No.').pages({}))).rejects.toMatchObject({ detail: 'No.' });
  expect(seen).toHaveLength(2);
});

describe('a page for callers', () => {
  const next = { nextPartitionKey: 'p', nextRowKey: 'r' };
  const asked: (string | undefined)[] = [];
  const table = tableOf({
    listEntities: () => ({
      byPage: async function* ({ continuationToken }: { continuationToken?: string }) {
        asked.push(continuationToken);
        const token = Buffer.from(JSON.stringify(next)).toString('base64');
        yield Object.assign([key], continuationToken === undefined ? { continuationToken: token } : {});
      },
    }),
  });

  it('continues where storage says, and ends without a continuation', async () => {
    const first = await table.page({}, { size: 1 });
    expect([...first.rows]).toEqual([key]);
    expect(first.continuation).toMatch(/^[\w-]+$/);
    expect(await table.page({}, { size: 1, continuation: first.continuation })).not.toHaveProperty('continuation');
    expect(JSON.parse(Buffer.from(asked[1] ?? '', 'base64').toString())).toEqual(next);
  });

  it.each(['', 'x', 'e30', Buffer.from(JSON.stringify({ ...next, more: 1 })).toString('base64url'), 'A'.repeat(1_025)])(
    'refuses the continuation %s, which it cannot have returned',
    async (continuation) => {
      await expect(table.page({}, { size: 1, continuation })).rejects.toMatchObject({ code: 'request_invalid' });
    },
  );
});

it('readPage returns as many items as wanted, and where the next page begins', async () => {
  const { table } = await stage(keysOf(30));
  const read = (limit: number, isWanted: (row: string) => boolean, size = 5) =>
    readPage(table.pages({ filter: "PartitionKey eq 'p'" }, { size }), limit, ({ rowKey }) => rowKey, isWanted);
  expect(await read(2, (row) => row > 'r0003')).toEqual({ items: ['r0004', 'r0005'], last: 'r0005' });
  expect(await read(30, () => true)).toEqual({ items: keysOf(30).map(({ rowKey }) => rowKey) });
  // Ten replies of storage.
  expect(await read(30, () => false, 2)).toEqual({ items: [], last: 'r0019' });
});

describe('untilWritten', () => {
  const exhausted = (): never => {
    throw new BrokerError('busy', 'Others write.');
  };

  it('repeats an attempt until it is written', async () => {
    const seen: number[] = [];
    const attempt = async (number: number) => (seen.push(number) === 3 ? 'written' : undefined);
    expect(await untilWritten(3, attempt, exhausted)).toBe('written');
    expect(seen).toEqual([1, 2, 3]);
  });

  it('gives up after the last attempt', async () => {
    await expect(untilWritten(2, async () => undefined, exhausted)).rejects.toMatchObject({ code: 'busy' });
    expect(
      await untilWritten(
        2,
        async () => undefined,
        () => 7,
      ),
    ).toBe(7);
  });
});
