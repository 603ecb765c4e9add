import { BlobServiceClient } from '@azure/storage-blob';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startWatchedDemo, type WatchedDemo } from '../../support/watched-demo.ts';
import { runsIn, writeRun, type WrittenRun } from '../../support/written-run.ts';
import { readByDashboard, readByProgram, readByPtb, type Reader } from './read-by-each-client.ts';

let demo: WatchedDemo;
let run: WrittenRun;
let reader: Reader;

beforeAll(async () => {
  demo = await startWatchedDemo({ tenants: 5 });
  const size = { tenants: 150, rowsPerTenant: 70 };
  run = await writeRun(runsIn(demo.connectionString), { runId: 'former-job@pages', seed: 15, ...size });
  reader = { url: demo.url, token: await demo.callerToken(), run };
});
afterAll(() => demo?.stop());

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
});

it('answers a problem while rows are missing, and the same page once they are back', async () => {
  const first = `${demo.url}/api/runs/${encodeURIComponent(run.runId)}/results`;
  const ask = async (query: string) => {
    const response = await fetch(`${first}?${query}`, { headers: { authorization: `Bearer ${reader.token}` } });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };
  const { continuation } = (await ask('limit=300')).body;
  const query = `limit=300&continuation=${String(continuation)}`;
  const before = await ask(query);
  const container = BlobServiceClient.fromConnectionString(demo.connectionString).getContainerClient('results');
  const rows: { name: string; bytes: Buffer }[] = [];
  for await (const { name } of container.listBlobsFlat({ prefix: `${run.runId}/rows/` })) {
    const blob = container.getBlockBlobClient(name);
    rows.push({ name, bytes: await blob.downloadToBuffer() });
    await blob.delete();
  }
  expect(await ask(query)).toMatchObject({
    status: 503,
    body: {
      code: 'storage_unavailable',
      detail: expect.stringMatching(/does not exist/) as string,
      advice: expect.stringMatching(/later/) as string,
    },
  });
  await Promise.all(rows.map(({ name, bytes }) => container.getBlockBlobClient(name).uploadData(bytes)));
  expect(await ask(query)).toEqual(before);
});
