import { TableClient, type TableEntityResult } from '@azure/data-tables';
import { BlobServiceClient } from '@azure/storage-blob';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { skippedBecause } from '../../support/skipped.ts';
import { startTcpProxy, type TcpProxy } from '../../support/tcp-proxy.ts';
import { startWatchedDemo, type WatchedDemo } from '../../support/watched-demo.ts';
import { runsIn, writeRun, type WrittenRun } from '../../support/written-run.ts';
import { findPowerShell } from '../powershell/powershell.ts';
import { readByDashboard, readByProgram, readByPtb, type Reader } from './read-by-each-client.ts';
import { readByPowerShellFile, readByPowerShellObjects, readByTypeScript } from './read-by-libraries.ts';

let demo: WatchedDemo;
let run: WrittenRun;
let reader: Reader;
/** Between the app and its blobs. */
let blobs: TcpProxy;

const shell = findPowerShell();
/** PowerShell takes long for thousands of objects while the machine is busy. */
const powerShell = { timeout: 900_000, ...skippedBecause(typeof shell === 'string' ? shell : undefined) };
const blobPort = /BlobEndpoint=http:\/\/[^:;]+:(\d+)/;

beforeAll(async () => {
  demo = await startWatchedDemo({
    tenants: 5,
    hostSettings: async (connectionString) => {
      const port = blobPort.exec(connectionString)?.[1] ?? '';
      blobs = await startTcpProxy(Number(port));
      const endpoint = (text: string): string => text.replace(port, String(blobs.port));
      return { AzureWebJobsStorage: connectionString.replace(blobPort, endpoint) };
    },
  });
  // More than one page of 1 MiB.
  const size = { tenants: 120, rowsPerTenant: 70 };
  run = await writeRun(runsIn(demo.connectionString), { runId: 'former-job@pages', seed: 15, ...size });
  reader = { url: demo.url, token: await demo.callerToken(), run };
});
afterAll(async () => {
  await demo?.stop();
  await blobs?.cut();
});

describe('the results of a run with thousands of rows', () => {
  it.each([undefined, 999, 50_000])('are what was written, row by row, in pages of %s rows', async (limit) => {
    expect(await readByProgram(reader, limit)).toBe(run.rows);
  });

  it('are what was written in the file of `ptb runs export`', async () => {
    expect(await readByPtb(reader)).toBe(run.rows);
  });

  it('are what was written in the download of the dashboard', async () => {
    expect(await readByDashboard(reader)).toBe(run.rows);
  });

  it.each([undefined, 333])('are what was written, for the TypeScript client in pages of %s rows', async (pageRows) => {
    expect(await readByTypeScript(reader, pageRows)).toBe(run.rows);
  });

  it('are what was written, for PowerShell as objects', powerShell, async () => {
    expect(await readByPowerShellObjects(shell, reader)).toBe(run.rows);
  });

  it('are what was written, for PowerShell in a file', powerShell, async () => {
    expect(await readByPowerShellFile(shell, reader)).toBe(run.rows);
  });
});

describe('a page that cannot be read', () => {
  const ask = async (query: string) => {
    const address = `${demo.url}/api/runs/${encodeURIComponent(run.runId)}/results?${query}`;
    const response = await fetch(address, { headers: { authorization: `Bearer ${reader.token}` } });
    const type = response.headers.get('content-type');
    return { status: response.status, type, body: (await response.json()) as Record<string, unknown> };
  };
  const problem = (detail: RegExp) => ({
    status: 503,
    type: 'application/problem+json',
    body: {
      code: 'storage_unavailable',
      detail: expect.stringMatching(detail) as string,
      advice: expect.stringMatching(/later/) as string,
    },
  });
  let query: string;
  let before: Awaited<ReturnType<typeof ask>>;
  beforeAll(async () => {
    query = `limit=3000&continuation=${String((await ask('limit=300')).body['continuation'])}`;
    before = await ask(query);
  });

  const container = () => BlobServiceClient.fromConnectionString(demo.connectionString).getContainerClient('results');
  const storedRows = async () => {
    const rows: { name: string; bytes: Buffer }[] = [];
    for await (const { name } of container().listBlobsFlat({ prefix: `${run.runId}/rows/` }))
      rows.push({ name, bytes: await container().getBlobClient(name).downloadToBuffer() });
    return rows;
  };
  const store = (rows: readonly { name: string; bytes: Buffer }[]) =>
    Promise.all(rows.map(({ name, bytes }) => container().getBlockBlobClient(name).uploadData(bytes)));

  it('is a problem while rows are missing', async () => {
    expect(before).toMatchObject({ status: 200, body: { rows: { length: 3000 } } });
    const rows = await storedRows();
    for (const { name } of rows) await container().deleteBlob(name);
    expect(await ask(query)).toMatchObject(problem(/does not exist/));
    await store(rows);
    expect(await ask(query)).toEqual(before);
  });

  it('is a problem while a blob of rows is unreadable, and names the tenant', async () => {
    // Not the tenant in whose rows the page begins: there, a damaged blob is a continuation that names no row.
    const [{ tenantId: first }] = before.body['rows'] as [{ tenantId: string }];
    const rows = (await storedRows()).filter(({ name }) => !name.includes(first));
    await store(rows.map(({ name }) => ({ name, bytes: Buffer.from('\u0000{"number":') })));
    expect(await ask(query)).toMatchObject(problem(/Müller & Söhne \d+.*Run the job again for this tenant/));
    await store(rows);
    expect(await ask(query)).toEqual(before);
  });

  const records = () =>
    TableClient.fromConnectionString(demo.connectionString, 'TenantRuns', { allowInsecureConnection: true });

  it.each([
    ['missing', null, /has no rows/],
    ['damaged', '\u0000{"number":', /Müller & Söhne \d+.*Run the job again for this tenant/],
  ])('is a problem while the rows of a record are %s', async (_, damaged, detail) => {
    const [{ tenantId: first }] = before.body['rows'] as [{ tenantId: string }];
    const short: { partitionKey: string; rowKey: string; rowsText: string }[] = [];
    const queryOptions = { select: ['partitionKey', 'rowKey', 'rowsText'] };
    for await (const { partitionKey = '', rowKey = '', rowsText } of records().listEntities({ queryOptions }))
      if (typeof rowsText === 'string' && rowKey !== first) short.push({ partitionKey, rowKey, rowsText });
    expect(short.length).toBeGreaterThan(40);
    const write = async (entity: (typeof short)[number], rowsText: string | null) => {
      const whole = await records().getEntity(entity.partitionKey, entity.rowKey);
      const { rowsText: _old, ...rest } = whole;
      const changed = { ...rest, partitionKey: entity.partitionKey, rowKey: entity.rowKey };
      await records().updateEntity(rowsText === null ? changed : { ...changed, rowsText }, 'Replace');
    };
    for (const entity of short) await write(entity, damaged);
    expect(await ask(query)).toMatchObject(problem(detail));
    for (const entity of short) await write(entity, entity.rowsText);
    expect(await ask(query)).toEqual(before);
  });

  it('is a problem while the table of its tenants is missing', async () => {
    const table = records();
    const kept: TableEntityResult<Record<string, unknown>>[] = [];
    for await (const record of table.listEntities()) kept.push(record);
    await table.deleteTable();
    expect(await ask(query)).toMatchObject(problem(/storage account/));
    await table.createTable();
    for (const record of kept) await table.createEntity({ partitionKey: '', rowKey: '', ...record });
    expect(await ask(query)).toEqual(before);
  });

  it('is a problem, and not half a page, when storage fails half-way', async () => {
    blobs.breakAfter(70_000);
    expect(await ask(query)).toMatchObject(problem(/storage account/));
    blobs.breakAfter(undefined);
    expect(await ask(query)).toEqual(before);
  });
});
