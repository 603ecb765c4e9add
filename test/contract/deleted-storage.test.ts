import { Readable } from 'node:stream';
import { TableServiceClient } from '@azure/data-tables';
import { BlobServiceClient } from '@azure/storage-blob';
import { expect, it } from 'vitest';
import { checkpointContainer, createBlobCheckpointLog } from '../../src/lib/audit/chain/blob-checkpoint-log.ts';
import { createStorage } from '../../src/lib/config/storage.ts';
import type { DomainName, TenantId } from '../../src/lib/core/identifiers.ts';
import { clouds } from '../../src/lib/core/resources.ts';
import { putAction, storageCall, Table } from '../../src/lib/core/rows/table.ts';
import { MapBlobs, mapContainer } from '../../src/lib/gateway/map-store.ts';
import { createRuns } from '../../src/lib/runs/store/create-runs.ts';
import type { TenantRun } from '../../src/lib/runs/store/run.ts';
import type { Runs } from '../../src/lib/runs/store/runs.ts';
import { excludedDomainsTable, TableExcludedDomains } from '../../src/lib/tenants/excluded-domains.ts';
import { TableTenantTags, tenantTagsTable } from '../../src/lib/tenants/table-tenant-tags.ts';
import { tagsOf } from '../../src/lib/tenants/tags.ts';
import { FakeClock } from '../fakes/fake-clock.ts';
import { recordingLogger } from '../fakes/recording-logger.ts';
import { emptyAzurite } from '../support/azurite.ts';

async function stage(account?: string) {
  const connectionString = account ?? (await emptyAzurite()).connectionString;
  const { log, lines } = recordingLogger();
  const clock = new FakeClock();
  const noIdentity = () => Promise.reject(new Error('no identity may be requested'));
  const settings = { cloud: clouds.public, AzureWebJobsStorage: connectionString };
  const storage = createStorage(settings, noIdentity, clock, log);
  const tables = TableServiceClient.fromConnectionString(connectionString, { allowInsecureConnection: true });
  const blobs = BlobServiceClient.fromConnectionString(connectionString);
  return { storage, clock, lines, tables, blobs, connectionString };
}

const failed = 'It failed.';
const runId = 'access-check@first';
const tenantId = '10000000-0000-4000-8000-000000000001' as TenantId;
const record: TenantRun = {
  tenantId,
  name: 'Contoso',
  outcome: 'succeeded',
  round: 1,
  rows: 0,
  columns: [],
  startedAtMs: 0,
  finishedAtMs: 0,
};
const row = { partitionKey: 'p', rowKey: 'r', size: 1 };

it.each<[string, (table: Table) => Promise<unknown>, unknown]>([
  ['a look-up', (table) => table.find(row), undefined],
  ['a list', (table) => Array.fromAsync(table.rows()), []],
  ['a page', async (table) => (await table.page({}, { size: 5 })).rows.length, 0],
  ['a write', (table) => table.putIfUnchanged(row, undefined), expect.any(String)],
  ['a transaction', (table) => table.submitIfUnchanged([putAction(row, undefined)]), true],
  ['a removal', (table) => table.removeAll([row]), []],
  ['a removal of one row', (table) => table.remove(row), false],
  [
    'use of the client',
    (table) => storageCall(() => table.use((client) => client.upsertEntity(row)), failed),
    expect.anything(),
  ],
])('%s fails once its table was deleted, and the next call creates the table again', async (_what, call, after) => {
  const { storage, clock, lines, tables } = await stage();
  const table = new Table(() => storage.table('Deleted'));
  await table.put(row);
  expect(storage.deletions()).toEqual([]);
  await tables.deleteTable('Deleted');
  // Another wording of the same table shares what is known of it.
  await expect(call(table.saying(failed))).rejects.toMatchObject({
    code: 'storage_unavailable',
    detail: expect.stringMatching(/^It failed\. Its table .* was deleted/) as string,
  });
  expect(await call(table)).toEqual(after);
  expect(storage.deletions()).toEqual([
    expect.stringMatching(/^"Deleted" was found deleted at \d{4}-.*: what it held is gone\.$/),
  ]);
  expect(lines.filter(({ line }) => line.includes('"storage.deleted"'))).toMatchObject([
    { level: 'error', line: expect.stringContaining('"name":"Deleted"') as string },
  ]);
  await clock.advance(25 * 3_600_000);
  expect(storage.deletions()).toEqual([]);
});

it.each<[string, (runs: Runs) => Promise<unknown>, unknown]>([
  ['a look-up', ({ results }) => results.plan({ runId }), undefined],
  ['rows', ({ results }) => results.putRows(runId, 'rows', '{}'), undefined],
  ['an export', ({ results }) => results.putExport(runId, 'csv', Readable.from(['a'])), undefined],
  ['a removal', ({ results }) => results.remove(runId), undefined],
])(
  '%s fails once the container was deleted, and the next call creates the container again',
  async (_what, call, after) => {
    const { storage, clock, blobs } = await stage();
    const runs = createRuns({ storage, clock, newId: () => 'id' });
    await runs.results.putRows(runId, 'earlier', '{}');
    await blobs.deleteContainer('results');
    await expect(call(runs)).rejects.toMatchObject({ code: 'storage_unavailable' });
    expect(await call(runs)).toEqual(after);
    expect(storage.deletions()).toEqual([expect.stringContaining('"results" was found deleted')]);
  },
);

it('checkpoints that were deleted do not read as none, and the next one is written', async () => {
  const { storage, blobs } = await stage();
  const checkpoints = createBlobCheckpointLog(() => storage.container(checkpointContainer));
  const ownsAll = () => Promise.resolve(true);
  expect(await checkpoints.last(ownsAll)).toBeUndefined();
  expect(await checkpoints.append('first', 1, undefined)).toBe(true);
  expect(await checkpoints.last(ownsAll)).toBeDefined();
  await blobs.deleteContainer(checkpointContainer);
  await expect(checkpoints.last(ownsAll)).rejects.toMatchObject({
    code: 'storage_unavailable',
    detail: expect.stringMatching(/was deleted/) as string,
  });
  expect(storage.deletions()).toEqual([expect.stringContaining(`"${checkpointContainer}" was found deleted`)]);
  expect(await checkpoints.last(ownsAll)).toBeUndefined();
  expect(await checkpoints.append('second', 1, undefined)).toBe(true);
});

it.each([true, false])(
  'the container of the permission map is named when it was deleted (with a map: %s)',
  async (hasMap) => {
    const { storage, blobs } = await stage();
    await blobs.createContainer(mapContainer);
    const map = new MapBlobs(() => storage.container(mapContainer));
    if (hasMap) await map.replace('{}');
    await map.read();
    expect(storage.deletions()).toEqual([]);
    await blobs.deleteContainer(mapContainer);
    await map.read();
    expect(storage.deletions()).toEqual([expect.stringContaining(`"${mapContainer}" was found deleted`)]);
  },
);

it('a record of a tenant is written although its table was deleted', async () => {
  const { storage, clock, tables } = await stage();
  const { log } = createRuns({ storage, clock, newId: () => 'id' });
  await log.recordTenant(runId, record);
  await tables.deleteTable('TenantRuns');
  await log.recordTenant(runId, record);
  expect(await log.findOutcome(runId, record.tenantId)).toMatchObject({ outcome: 'succeeded' });
  expect(storage.deletions()).toHaveLength(1);
});

it('no table is called deleted that this instance has not used, or that is new', async () => {
  const { storage, tables, connectionString } = await stage();
  const client = await storage.table('Fresh');
  await expect(client.getEntity('p', 'r')).rejects.toMatchObject({ statusCode: 404 });
  await new Table(() => storage.table('Fresh')).put(row);
  await tables.deleteTable('Fresh');
  const other = (await stage(connectionString)).storage;
  await expect((await other.table('Fresh')).getEntity('p', 'r')).rejects.toMatchObject({ statusCode: 404 });
  expect([...storage.deletions(), ...other.deletions()]).toEqual([]);
});

it('a tenant that is excluded by a domain stays so, also for instances that start later', async () => {
  const { storage, clock, tables } = await stage();
  const domain = 'contoso.com' as DomainName;
  const instance = () => new TableExcludedDomains(() => storage.table(excludedDomainsTable), { clock });
  const running = instance();
  await running.add(domain, tenantId);
  await tables.deleteTable(excludedDomainsTable);
  for (const minutes of [11, 2]) {
    await clock.advance(minutes * 60_000);
    expect(await running.tenantsOf(domain)).toEqual(new Set([tenantId]));
  }
  expect(await instance().tenantsOf(domain)).toEqual(new Set([tenantId]));
});

it('tags are unknown, and not none, until one is set again', async () => {
  const { storage, clock, tables } = await stage();
  const { log } = recordingLogger();
  let changes = 0;
  const tags = new TableTenantTags(() => storage.table(tenantTagsTable), {
    clock,
    log,
    newId: () => `change-${(changes += 1)}`,
  });
  await tags.replace({ tenantId, tags: ['regulated'], changedBy: 'somebody' }, undefined);
  await tables.deleteTable(tenantTagsTable);
  for (const minutes of [2, 1, 1]) {
    await clock.advance(minutes * 60_000);
    await expect(tags.current()).rejects.toMatchObject({ code: 'storage_unavailable' });
  }
  await tags.replace({ tenantId, tags: ['regulated'], changedBy: 'somebody' }, undefined);
  await clock.advance(2_000);
  expect(tagsOf(await tags.current(), tenantId)).toEqual(['regulated']);
});
