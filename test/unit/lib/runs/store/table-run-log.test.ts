import { Readable } from 'node:stream';
import { expect, it } from 'vitest';
import type { TableClient } from '@azure/data-tables';
import { BlobRunResults } from '../../../../../src/lib/runs/store/blob-run-results.ts';
import { TableRunLog } from '../../../../../src/lib/runs/store/table-run-log.ts';
import { FakeClock } from '../../../../fakes/fake-clock.ts';
import { recordOf, tenantId } from './stage.ts';

// Failures and races that a real table cannot produce on demand. The contract is in test/contract/run-log.test.ts.

const busy = { statusCode: 503, code: 'ServerBusy' };
const conflict = { statusCode: 409, code: 'EntityAlreadyExists' };
const missing = { statusCode: 404, code: 'ResourceNotFound' };
const unavailable = { code: 'storage_unavailable' };
const logOn = (methods: object): TableRunLog =>
  new TableRunLog(
    async () => ({ createTable: async () => undefined, ...methods }) as unknown as TableClient,
    () => 'claim-1',
    new FakeClock(),
  );
const fail = (thrown: object) => () => Promise.reject(thrown);
const record = recordOf(1);
const run = { runId: 'probe@w', job: 'probe', window: 'w', startedBy: 'timer', createdAtMs: 0 };

it('throws storage_unavailable from every method', async () => {
  const log = logOn({ createEntity: fail(busy), getEntity: fail(busy), updateEntity: fail(busy) });
  await expect(log.create(run, { parameters: {} })).rejects.toMatchObject(unavailable);
  await expect(log.find('probe@w')).rejects.toMatchObject(unavailable);
  await expect(log.recordTenant('probe@w', record)).rejects.toMatchObject(unavailable);
  await expect(log.change('probe@w', { status: 'running' })).rejects.toMatchObject(unavailable);
});

it('recognizes its own row when a retried insert conflicts', async () => {
  const found = (claimId?: string) =>
    logOn({ createEntity: fail(conflict), getEntity: async () => ({ etag: '', ...(claimId && { claimId }) }) });
  expect(await found('claim-1').create(run, { parameters: {} })).toBe(true);
  expect(await found('claim-2').create(run, { parameters: {} })).toBe(false);
  expect(await found().create(run, { parameters: {} })).toBe(false);
  const gone = logOn({ createEntity: fail(conflict), getEntity: fail(missing) });
  expect(await gone.create(run, { parameters: {} })).toBe(false);
  const away = logOn({ createEntity: fail(conflict), getEntity: fail(busy) });
  await expect(away.create(run, { parameters: {} })).rejects.toMatchObject(unavailable);
});

it('rejects a request that is too large, and finds nothing for an invalid run id', async () => {
  const log = logOn({});
  await expect(log.create(run, { parameters: { text: 'x'.repeat(400_000) } })).rejects.toMatchObject({
    code: 'request_invalid',
  });
  expect(await log.find('no run id')).toBeUndefined();
  await expect(log.change('no run id', { status: 'running' })).resolves.toBeUndefined();
});

it('removes records, ignores missing ones, and reports storage failures', async () => {
  const nothing = async function* (): AsyncGenerator<object> {};
  const none = () => ({ byPage: nothing });
  const deleted: string[] = [];
  const gone = logOn({
    listEntities: none,
    deleteEntity: (partition: string, row: string) => {
      deleted.push(`${partition} ${row}`);
      return Promise.reject(missing);
    },
  });
  await gone.remove('probe@w');
  expect(deleted).toHaveLength(1);
  await gone.remove('no run id');
  expect(deleted).toHaveLength(1);
  await expect(logOn({ listEntities: none, deleteEntity: fail(busy) }).remove('probe@w')).rejects.toMatchObject(
    unavailable,
  );
});

it('writes a tenant record again if the conflicting one has disappeared', async () => {
  let creations = 0;
  const log = logOn({
    createEntity: () => ((creations += 1) === 1 ? Promise.reject(conflict) : Promise.resolve({ etag: 'e' })),
    getEntity: fail(missing),
  });
  expect(await log.recordTenant('probe@w', record)).toBe(record);
  expect(creations).toBe(2);
});

it('retries a lost update of an older record, and stops at any other failure', async () => {
  const older = { etag: 'e', partitionKey: 'probe@w', rowKey: tenantId(1), outcome: 'retrying', round: 1 };
  let found: object = older;
  let thrown: object = { statusCode: 412 };
  const log = logOn({
    createEntity: fail(conflict),
    getEntity: async () => found,
    updateEntity: () => {
      found = { ...older, round: 2, outcome: 'succeeded' };
      return Promise.reject(thrown);
    },
  });
  expect(await log.recordTenant('probe@w', { ...record, round: 2 })).toMatchObject({ round: 2, outcome: 'succeeded' });
  found = older;
  thrown = busy;
  await expect(log.recordTenant('probe@w', { ...record, round: 2 })).rejects.toMatchObject(unavailable);
});

it('skips rows that are not tenant records', async () => {
  const rows = async function* () {
    yield { etag: '', partitionKey: 'probe@w', rowKey: 'odd' };
    yield { etag: '', partitionKey: 'probe@w', rowKey: tenantId(1) };
  };
  const log = logOn({ listEntities: rows });
  const seen: string[] = [];
  for await (const tenant of log.tenants('probe@w')) seen.push(tenant.tenantId);
  expect(seen).toEqual([tenantId(1)]);
});

it('stores plans and rows in blobs, and reports their failures', async () => {
  const blobs = (blob: object) =>
    new BlobRunResults(
      async () => ({ createIfNotExists: async () => undefined, getBlockBlobClient: () => blob }) as never,
      { clock: new FakeClock(), newId: () => 'id', shortRows: async () => undefined },
    );
  const plan = { job: 'probe', parameters: {}, attempt: [], decided: [] };
  await expect(blobs({ upload: fail(busy) }).putPlan('probe@w', plan)).rejects.toMatchObject(unavailable);
  await expect(blobs({ download: fail(busy) }).plan({ runId: 'probe@w' })).rejects.toMatchObject(unavailable);
  // The existing plan disappeared before it was read, so our plan is used.
  expect(await blobs({ upload: fail(conflict), download: fail(missing) }).putPlan('probe@w', plan)).toMatchObject(plan);
  const read = async (body: unknown): Promise<string> => {
    let text = '';
    for await (const piece of blobs({ download: async () => ({ readableStreamBody: body }) }).rows('probe@w', 'rows'))
      text += piece;
    return text;
  };
  expect(await read(undefined)).toBe('');
  expect(await read(Readable.from(['a', Buffer.from('ü')]))).toBe('aü');
});
