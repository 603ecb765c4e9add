import { execFile } from 'node:child_process';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { chromium } from 'playwright-core';
import { toRow } from '../src/lib/audit/log/audit-row.ts';
import type { StoredRecord } from '../src/lib/audit/chain/checkpoint.ts';
import { RecordChain } from '../src/lib/audit/log/table-audit-log.ts';
import { minuteMs } from '../src/lib/core/clock.ts';
import { calm, ProofWorld, textsOf } from '../test/campaigns/proof/proof-world.ts';
import { ptbScript } from '../test/paths.ts';
import { guid, issued, tenant } from '../test/support/audit-entries.ts';
import { type Bench, figure, round } from './measure.ts';

const records = 100_000;
const checkpoints = 500;
const rounds = 5;
const goalMs = 5_000;

/** Opens a large extract in verify.html from disk, as a customer does, until the page says that it is proven. */
export const extract: Bench = {
  name: 'extract',
  run: async () => {
    const folder = await mkdtemp(join(tmpdir(), 'ptb-extract-'));
    try {
      const page = join(folder, 'verify.html');
      await promisify(execFile)(process.execPath, [ptbScript, 'audit', 'verify-page', '--out', page]);
      const file = join(folder, 'extract.jsonl');
      await writeFile(file, await largeExtract());
      const megabytes = (await stat(file)).size / 1e6;
      const opened = figure('extract opened and verified', 'ms', await openedMs(page, file));
      return {
        title: 'Extract of a customer',
        setting: `${records.toLocaleString('en')} records in ${checkpoints} checkpoints, ${round(megabytes)} MB, from the choice of the file until the page shows its verdict. Chromium.`,
        figures: [opened],
        goals: [
          {
            goal: `${records.toLocaleString('en')} records in at most ${goalMs / 1000} s`,
            reached: opened.median <= goalMs,
            value: `${round(opened.median / 1000)} s`,
          },
        ],
      };
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
};

/** The extract of one of three customers: tokens, and requests through the gateway with their answers. */
async function largeExtract(): Promise<string> {
  const world = new ProofWorld(1, 4, calm);
  const { audit } = world;
  const chain = new RecordChain(() => guid(1));
  const sinceMs = audit.nowMs;
  for (let written = 0; audit.checkpoints.length < checkpoints; ) {
    const others = [2, 3].map((other) => row((written += 1), audit.nowMs, other));
    const own = Array.from({ length: records / checkpoints }, () => row((written += 1), audit.nowMs, 1));
    const linked = chain.link([...others, ...own], audit.nowMs);
    linked.settle(true);
    for (const text of linked.texts) audit.put(JSON.parse(text) as StoredRecord);
    audit.nowMs += 5 * minuteMs;
    while (typeof (await audit.write(world.tree)) !== 'string');
  }
  const lines = await world.extract(tenant(1), sinceMs, audit.nowMs);
  const found = lines.filter(({ type }) => type === 'record').length;
  if (found !== records) throw new Error(`The extract has ${found} records.`);
  return `${textsOf(lines).join('\n')}\n`;
}

/** Every third record is a token, the others are a request and its answer. */
function row(number: number, atMs: number, customer: number) {
  const common = { atMs, tenantId: tenant(customer), correlationId: guid(number), tokenId: guid(number) };
  const request = { kind: 'request', method: 'GET', path: '/v1.0/users', template: '/v1.0/users' } as const;
  const outcomes = [{}, { ...request, outcome: 'sent' }, { ...request, outcome: 'answered', status: 200 }] as const;
  return toRow(issued({ ...common, ...outcomes[number % 3] }), guid(number));
}

/** Milliseconds in a new page each, after one round that is not counted. */
async function openedMs(page: string, file: string): Promise<number[]> {
  const browser = await chromium.launch({
    executablePath: process.env['PTB_CHROMIUM'] ?? '/usr/bin/chromium',
    args: ['--no-sandbox'],
  });
  try {
    const samples: number[] = [];
    for (let done = -1; done < rounds; done += 1) {
      const tab = await browser.newPage();
      await tab.goto(pathToFileURL(page).href);
      const startedMs = performance.now();
      await tab.getByLabel(/^Drop the file/).setInputFiles(file);
      await tab.getByRole('heading', { name: /^PROVEN/ }).waitFor({ timeout: 120_000 });
      if (done >= 0) samples.push(performance.now() - startedMs);
      await tab.close();
    }
    return samples;
  } finally {
    await browser.close();
  }
}
