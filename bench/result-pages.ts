import { runsIn, writeRun, type WrittenRun } from '../test/support/written-run.ts';
import { type Bench, embeddedHost, figure, round } from './measure.ts';
import { startProduct, type Product } from './product.ts';

const tenants = 5_000;
const rowsPerTenant = 100;
const samples = 30;
const goalMs = 100;

/** Asks for pages of the results of a large run, one request at a time. */
export const resultPages: Bench = {
  name: 'result-pages',
  run: async () => {
    const product = await startProduct({ tenants: 5 });
    try {
      const runs = runsIn(product.connectionString);
      const run = await writeRun(runs, { runId: 'former-job@large', tenants, rowsPerTenant, seed: 1 });
      const first = await pageMs(product, run, 'format=json');
      const csv = await pageMs(product, run, 'format=csv');
      const largest = await pageMs(product, run, 'format=jsonl&limit=50000');
      return resultOf(run, { first, csv, largest });
    } finally {
      await product.stop();
    }
  },
};

/** Milliseconds until a page is complete, without the first requests, which load the libraries of storage. */
async function pageMs(product: Product, run: WrittenRun, query: string): Promise<number[]> {
  const url = `${product.url}/api/runs/${encodeURIComponent(run.runId)}/results?${query}`;
  const headers = { authorization: `Bearer ${await product.callerToken()}` };
  const times: number[] = [];
  for (let sample = -5; sample < samples; sample += 1) {
    const startedMs = performance.now();
    const response = await fetch(url, { headers });
    const text = await response.text();
    if (response.status !== 200) throw new Error(`${response.status} ${text}`);
    if (sample >= 0) times.push(performance.now() - startedMs);
  }
  return times;
}

function resultOf(
  { rows }: WrittenRun,
  { first, csv, largest }: Readonly<Record<'first' | 'csv' | 'largest', readonly number[]>>,
) {
  const page = figure('first page of 1,000 rows, JSON', 'ms', first);
  return {
    title: 'Pages of results',
    setting: `A run over ${tenants.toLocaleString('en')} tenants with ${rows.toLocaleString('en')} rows in Azurite.`,
    engine: embeddedHost,
    figures: [
      page,
      figure('first page of 1,000 rows, CSV', 'ms', csv),
      figure('first page of 1 MiB, JSON Lines', 'ms', largest),
    ],
    unlisted: ['first page of 1,000 rows, JSON'],
    goals: [
      {
        goal: `first page in less than ${goalMs} ms`,
        reached: page.median < goalMs,
        value: `${round(page.median)} ms`,
      },
    ],
  };
}
