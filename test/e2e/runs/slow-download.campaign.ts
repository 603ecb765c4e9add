import { readFileSync } from 'node:fs';
import { get, type IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Demo, startDemo } from '../../../src/cli/demo/start-demo.ts';
import { nextAddress } from '../../../src/lib/core/outbound.ts';
import { skippedBecause } from '../../support/skipped.ts';
import { quiet } from '../../support/watched-demo.ts';
import { runsIn, writeRun, type WrittenRun } from '../../support/written-run.ts';
import { readFirstPage } from './read-by-each-client.ts';

const megabytes = Number(process.env['DOWNLOAD_MB'] ?? '300');
/** A row takes about 220 bytes in an answer, and a ninth of the tenants has none. */
const rowsPerTenant = 1_000;
const tenants = Math.ceil((megabytes * 1e6) / 170_000);
const limitMegabytes = 100;
/**
 * V8 sizes its heap by the memory of the machine: half of it on small ones. This is the heap of an instance with 2,048 MB,
 * the size of docs/deploy.md. On a machine with 24 GB, the space for new objects alone grows to 130 MB.
 */
const heapMegabytes = 1_024;
/** The client reads 64 KB, then pauses: 5 MB a second at most. */
const pauseMs = 12;

let demo: Demo;
let run: WrittenRun;

beforeAll(async () => {
  const environment = { NODE_OPTIONS: `--max-heap-size=${heapMegabytes}` };
  demo = await startDemo({ tenants: 5, ...quiet, hostSettings: async () => environment });
  run = await writeRun(runsIn(demo.connectionString), { runId: 'former-job@large', tenants, rowsPerTenant, seed: 3 });
}, 1_800_000);
afterAll(() => demo?.stop());

/** Memory of the app that is in use now. */
const residentMegabytes = (): number =>
  Number(/VmRSS:\s*(\d+)/.exec(readFileSync(`/proc/${demo.hostPid}/status`, 'utf8'))?.[1] ?? Number.NaN) / 1000;

const noMemory = process.platform === 'linux' ? undefined : 'only Linux counts the memory of processes in /proc';

test(`a slow download of ${megabytes} MB leaves the memory of the app within ${limitMegabytes} MB of idle`, {
  timeout: 3_600_000,
  ...skippedBecause(noMemory),
}, async () => {
  const token = await demo.callerToken();
  // The first request loads the libraries of storage.
  await readFirstPage({ url: demo.url, token, run });
  await sleep(5_000);
  const idle = residentMegabytes();
  const seen: number[] = [];
  const sampling = setInterval(() => seen.push(residentMegabytes()), 100);
  const bytes = await download(token);
  clearInterval(sampling);
  const peak = Math.max(...seen);
  const sorted = seen.toSorted((a, b) => a - b);
  console.log(
    `${Math.round(bytes / 1e6)} MB downloaded; memory of the app in MB: idle ${Math.round(idle)}, median ${Math.round(sorted[Math.floor(sorted.length / 2)] ?? 0)}, peak ${Math.round(peak)} (${seen.length} samples)`,
  );
  expect(bytes).toBeGreaterThan(megabytes * 1e6);
  expect(peak - idle).toBeLessThan(limitMegabytes);
});

async function download(token: string): Promise<number> {
  let bytes = 0;
  let next: string | undefined =
    `${demo.url}/api/runs/${encodeURIComponent(run.runId)}/results?format=jsonl&limit=50000`;
  while (next !== undefined) {
    const address: string = next;
    const reply = await new Promise<IncomingMessage>((resolve, reject) => {
      get(address, { headers: { authorization: `Bearer ${token}` } }, resolve).once('error', reject);
    });
    if (reply.statusCode !== 200) throw new Error(`The answer is ${reply.statusCode}`);
    for await (const piece of reply as AsyncIterable<Buffer>) {
      bytes += piece.length;
      await sleep(pauseMs);
    }
    next = nextAddress([reply.headers.link ?? []].flat()[0] ?? null, address);
  }
  return bytes;
}
