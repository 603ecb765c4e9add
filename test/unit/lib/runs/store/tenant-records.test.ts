import type { TableClient, TransactionAction } from '@azure/data-tables';
import { expect, it } from 'vitest';
import { Table } from '../../../../../src/lib/core/rows/table.ts';
import { TenantRecords } from '../../../../../src/lib/runs/store/table-run-log.ts';
import { FakeClock, settle } from '../../../../fakes/fake-clock.ts';
import { recordOf, tenantId } from './stage.ts';

// Which records share a transaction, and what happens to them if it fails. What a table stores is in
// test/contract/run-log.test.ts.

interface Insert {
  readonly rows: readonly string[];
  readonly signal: AbortSignal | undefined;
  done(): void;
  fail(thrown: object): void;
}

/** A table in which the test ends each insert. */
function stage() {
  const inserts: Insert[] = [];
  const insert = (rows: readonly string[], signal?: AbortSignal): Promise<object> => {
    const { promise, resolve, reject } = Promise.withResolvers<object>();
    inserts.push({ rows, signal, done: () => resolve({ etag: 'e2' }), fail: reject });
    return promise;
  };
  type Options = { readonly abortSignal?: AbortSignal };
  const client = {
    createTable: async () => undefined,
    createEntity: ({ rowKey }: { readonly rowKey: string }, { abortSignal }: Options = {}) =>
      insert([rowKey], abortSignal),
    submitTransaction: (actions: readonly TransactionAction[], { abortSignal }: Options) =>
      insert(
        actions.map(([kind, { rowKey }]) => (kind === 'create' ? rowKey : kind)),
        abortSignal,
      ),
    getEntity: async (partitionKey: string, rowKey: string) => ({
      partitionKey,
      rowKey,
      outcome: 'failed',
      round: 1,
      etag: 'e',
    }),
  };
  const clock = new FakeClock();
  const records = new TenantRecords(new Table(async () => client as unknown as TableClient), clock);
  const outcomes: unknown[] = [];
  const record = async (index: number, runId = 'probe@w'): Promise<void> => {
    await records.record(runId, recordOf(index)).then(
      ({ outcome }) => (outcomes[index] = outcome),
      (thrown: unknown) => (outcomes[index] = thrown),
    );
  };
  return { clock, inserts, outcomes, record };
}

const ids = (...indexes: readonly number[]): string[] => indexes.map((index) => tenantId(index));

it('inserts a record at once, and those that arrive meanwhile together', async () => {
  const { inserts, outcomes, record } = stage();
  for (const index of [1, 2, 3, 4]) void record(index);
  await settle();
  expect(inserts.map(({ rows }) => rows)).toEqual([ids(1)]);
  inserts[0]?.done();
  await settle();
  expect(inserts.map(({ rows }) => rows)).toEqual([ids(1), ids(2, 3, 4)]);
  expect(outcomes).toEqual([undefined, 'succeeded']);
  inserts[1]?.done();
  await settle();
  expect(outcomes.slice(1)).toEqual(Array.from({ length: 4 }, () => 'succeeded'));
});

it('shares no transaction between runs, because each has a partition of its own', async () => {
  const { inserts, record } = stage();
  void record(1);
  void record(2, 'other@w');
  void record(3);
  await settle();
  inserts[0]?.done();
  await settle();
  inserts[1]?.done();
  await settle();
  expect(inserts.map(({ rows }) => rows)).toEqual([ids(1), ids(2), ids(3)]);
});

it('does not wait for an insert that storage does not answer once five records are waiting', async () => {
  const { inserts, record } = stage();
  for (const index of [1, 2, 3, 4, 5]) void record(index);
  await settle();
  expect(inserts).toHaveLength(1);
  void record(6);
  await settle();
  expect(inserts.map(({ rows }) => rows)).toEqual([ids(1), ids(2, 3, 4, 5, 6)]);
});

it('inserts each record alone if storage refuses the transaction', async () => {
  const { inserts, outcomes, record } = stage();
  for (const index of [1, 2, 3]) void record(index);
  await settle();
  inserts[0]?.done();
  await settle();
  inserts[1]?.fail({ statusCode: 409, code: 'EntityAlreadyExists' });
  await settle();
  expect(inserts.slice(2).map(({ rows }) => rows)).toEqual([ids(2), ids(3)]);
  inserts[2]?.fail({ statusCode: 409, code: 'EntityAlreadyExists' });
  inserts[3]?.done();
  await settle();
  // The second has a record of the same round already.
  expect(outcomes.slice(1)).toEqual(['succeeded', 'failed', 'succeeded']);
});

it.each([503, undefined])('reports the failure of a transaction to all of its records (status %s)', async (status) => {
  const { inserts, outcomes, record } = stage();
  for (const index of [1, 2, 3]) void record(index);
  await settle();
  inserts[0]?.done();
  await settle();
  const failure = status === undefined ? {} : { statusCode: status };
  inserts[1]?.fail(failure);
  await settle();
  expect(inserts).toHaveLength(2);
  expect(outcomes.slice(1)).toEqual(['succeeded', failure, failure]);
});

it('inserts a record again, alone, if storage does not answer within 30 seconds, and ends both requests', async () => {
  const { clock, inserts, outcomes, record } = stage();
  void record(1);
  await settle();
  await clock.advance(29_999);
  expect(inserts).toHaveLength(1);
  await clock.advance(1);
  expect(inserts.map(({ rows, signal }) => [rows, signal?.aborted])).toEqual([
    [ids(1), true],
    [ids(1), false],
  ]);
  await clock.advance(29_999);
  expect(outcomes).toEqual([]);
  await clock.advance(1);
  expect(outcomes[1]).toMatchObject({ name: 'DeadlineError' });
  expect(inserts[1]?.signal?.aborted).toBe(true);
});

it('loses no record that waited for an insert without an answer', async () => {
  const { clock, inserts, outcomes, record } = stage();
  void record(1);
  await clock.advance(100);
  void record(2);
  await clock.advance(30_000);
  for (const later of inserts.slice(1)) later.done();
  await settle();
  expect(outcomes.slice(1)).toEqual(['succeeded', 'succeeded']);
});
