import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import type { RunAnswer } from '../src/lib/api/answers/runs.ts';
import { tuning } from '../src/lib/config/tuning.ts';
import { cpuSeconds, residentMiB } from './cpu-time.ts';
import { readDocument } from 'microsoft-cloud/client';
import { type Bench, type Figure, figure, round, embeddedHost } from './measure.ts';
import { runReportScript } from './sequential-script.ts';
import { startProduct, type Product } from './product.ts';

const sizes = [1_000, 5_000];
const job = 'licence-report';
const delayMs = 50;
/** The job needs a token and one request to Graph per tenant. */
const delaysPerTenant = 2;
/** A run alone leaves one place to others. */
const concurrency = tuning.tenantConcurrency - 1;
const rounds = 3;
const pollMs = 500;
/** Of the large run: the time as a multiple of the bound, and processor time of the app per tenant, milliseconds. */
const most = { times: 1.25, appMs: 3 };
/** Tenants over which the script's time is measured before it is scaled up. */
const sampleTenants = 100;

/** The processes that share the machine. In Azure, each has processors of its own. */
const parts = ['the app', 'Azurite', 'the simulated cloud'];

interface Pass {
  readonly seconds: number;
  /** Of each of `parts`. */
  readonly cpuSeconds: readonly number[];
  readonly peakMiB: number;
}

/** One job over all tenants, at two sizes: time, memory, history and storage requests per tenant. */
export const fanOut: Bench = {
  name: 'fan-out',
  run: async () => {
    const passes = new Map<number, Pass[]>(sizes.map((size) => [size, []]));
    // Alternating, so that other load on the machine affects both sizes.
    for (let done = 0; done < rounds; done += 1) {
      for (const size of sizes) passes.get(size)?.push(await pass(size));
    }
    return resultOf(passes, await footprint(1_000), await scriptSeconds());
  },
};

async function pass(tenants: number): Promise<Pass> {
  const product = await startProduct({ tenants, delayMs });
  try {
    await product.api.tenants();
    const before = cpuOf(product);
    const { run, peakMiB } = await runJob(product);
    const after = cpuOf(product);
    return {
      seconds: run.durationMs / 1000,
      cpuSeconds: parts.map((_, part) => (after[part] ?? Number.NaN) - (before[part] ?? Number.NaN)),
      peakMiB,
    };
  } finally {
    await product.stop();
  }
}

const cpuOf = ({ hostPid, storagePid, cloudPid }: Product): readonly number[] =>
  [hostPid, storagePid, cloudPid].map(cpuSeconds);

/** Time of the published loop per tenant, seconds. */
async function scriptSeconds(): Promise<number> {
  const product = await startProduct({ tenants: sampleTenants, delayMs });
  try {
    const cloud = await readDocument(product.cloud.control);
    const { seconds } = await runReportScript(
      cloud,
      cloud.tenants.map(({ tenantId }) => tenantId),
    );
    return seconds / sampleTenants;
  } finally {
    await product.stop();
  }
}

async function runJob(product: Product): Promise<{ run: RunAnswer; peakMiB: number }> {
  const runId = await product.api.startRun(job);
  let peakMiB = 0;
  let run: RunAnswer;
  do {
    await Promise.race([delay(pollMs), product.broken]);
    peakMiB = Math.max(peakMiB, residentMiB(product.hostPid));
    run = await product.api.run(runId);
  } while (run.status === 'pending' || run.status === 'running');
  const { total, succeeded } = run.tenants;
  if (run.status !== 'completed' || succeeded !== total)
    throw new Error(`the run is ${run.status}: ${succeeded} of ${total} tenants succeeded`);
  return { run, peakMiB };
}

interface Footprint {
  readonly historyBytes: number;
  readonly historyEvents: number;
  readonly storageRequests: Readonly<Record<string, number>>;
}

/** History and storage requests per tenant. They do not depend on time, so this run simulates no delay. */
async function footprint(tenants: number): Promise<Footprint> {
  const folder = await mkdtemp(join(tmpdir(), 'ptb-bench-'));
  const hostStorePath = join(folder, 'host.sqlite');
  const product = await startProduct({ tenants, storage: {}, hostStorePath });
  let counts: Readonly<Record<string, number>> = {};
  try {
    await product.api.tenants();
    await product.storage?.counts();
    await runJob(product);
    counts = (await product.storage?.counts()) ?? {};
  } finally {
    await product.stop();
  }
  const database = new DatabaseSync(hostStorePath, { readOnly: true });
  const history = database.prepare('SELECT count(*) AS events, sum(length(event)) AS bytes FROM history').get();
  database.close();
  await rm(folder, { recursive: true, force: true });
  return {
    historyBytes: Number(history?.['bytes']) / tenants,
    historyEvents: Number(history?.['events']) / tenants,
    storageRequests: Object.fromEntries(Object.entries(counts).map(([kind, count]) => [kind, count / tenants])),
  };
}

/** Why a run takes longer than the delays of its requests. */
const busyReason = (usedMs: number, perTenantMs: number): string =>
  `records and rows are written as well, and app, Azurite and simulated cloud use ${round((usedMs / availableParallelism() / perTenantMs) * 100)} % of ${availableParallelism()} cores`;

function resultOf(
  passes: ReadonlyMap<number, readonly Pass[]>,
  per: Footprint,
  scriptPerTenant: number,
): Awaited<ReturnType<Bench['run']>> {
  const of = (size: number, name: string, unit: string, value: (pass: Pass) => number): Figure =>
    figure(`${name}, ${size} tenants`, unit, (passes.get(size) ?? []).map(value));
  const [small = 0, large = 0] = sizes;
  const perTenant = sizes.map((size) => of(size, 'time per tenant', 'ms', ({ seconds }) => (seconds / size) * 1000));
  const total = of(small, 'whole run', 's', ({ seconds }) => seconds);
  const boundMsPerTenant = (delayMs * delaysPerTenant) / concurrency;
  const bound = (small * boundMsPerTenant) / 1000;
  const peaks = sizes.map((size) => of(size, 'peak memory of the app', 'MiB', ({ peakMiB }) => peakMiB));
  const growth = ((peaks[1]?.median ?? 0) - (peaks[0]?.median ?? 0)) / (large - small);
  const largeByBound = (perTenant[1]?.median ?? Number.NaN) / boundMsPerTenant;
  const processorTimes = parts.flatMap((part, place) =>
    sizes.map((size) =>
      of(
        size,
        `processor time of ${part} per tenant`,
        'ms',
        ({ cpuSeconds: used }) => ((used[place] ?? Number.NaN) / size) * 1000,
      ),
    ),
  );
  const appMs = processorTimes[1]?.median ?? Number.NaN;
  const usedMs = processorTimes
    .filter(({ name }) => name.endsWith(`${large} tenants`))
    .reduce((sum, { median }) => sum + median, 0);
  const flat = (perTenant[1]?.median ?? 0) / (perTenant[0]?.median ?? 1);
  return {
    title: 'One job over all tenants',
    engine: embeddedHost,
    setting: `${job}: one request to Entra and one to Graph per tenant, ${delayMs} ms each; ${concurrency} tenants at a time. Bound: tenants × ${delaysPerTenant} × ${delayMs} ms ÷ ${concurrency}. The script is scaled up from ${sampleTenants} tenants.`,
    figures: [
      ...sizes.map((size) => of(size, 'whole run', 's', ({ seconds }) => seconds)),
      figure(`bound, ${small} tenants`, 's', [bound]),
      ...sizes.map((size) => figure(`sequential script, ${size} tenants`, 's', [scriptPerTenant * size])),
      ...perTenant,
      ...processorTimes,
      ...peaks,
      figure('memory per additional tenant', 'KiB', [growth * 1024]),
      figure('history per tenant', 'bytes', [per.historyBytes]),
      figure('history events per tenant', 'events', [per.historyEvents]),
      ...Object.entries(per.storageRequests)
        .filter(([, count]) => count >= 0.01)
        .toSorted(([, a], [, b]) => b - a)
        .map(([kind, count]) => figure(`storage requests per tenant, ${kind}`, 'requests', [count])),
    ],
    cases: sizes.map((size) => `${size} tenants`),
    unlisted: [
      'history',
      'memory per additional tenant',
      'storage requests per tenant',
      'bound',
      'processor time of Azurite',
      'time per tenant',
      'processor time of the simulated cloud',
    ],
    goals: [
      {
        goal: 'time per tenant at 5,000 tenants at most 1.2 times that at 1,000',
        reached: flat <= 1.2,
        value: `${round(flat)}`,
      },
      {
        goal: 'at most 2 times the bound at 1,000 tenants',
        reached: total.median <= 2 * bound,
        value: `${round(total.median / bound)}`,
      },
      {
        goal: `at most ${most.times} times the bound at 5,000 tenants`,
        reached: largeByBound <= most.times,
        value: `${round(largeByBound)}`,
        ...(largeByBound <= most.times ? {} : { reason: busyReason(usedMs, perTenant[1]?.median ?? Number.NaN) }),
      },
      {
        goal: `at most ${most.appMs} ms of processor time of the app per tenant at 5,000 tenants`,
        reached: appMs <= most.appMs,
        value: `${round(appMs)}`,
      },
      {
        goal: `at least 10 times as fast as the script at ${small.toLocaleString('en')} tenants`,
        reached: scriptPerTenant * small >= 10 * total.median,
        value: `${round((scriptPerTenant * small) / total.median)} times`,
      },
    ],
    charts: [
      {
        file: 'fan-out-time',
        kind: 'bars',
        title: 'Time per tenant, milliseconds (median, range)',
        bars: perTenant.map(({ name }, index) => ({
          label: `${sizes[index]?.toLocaleString('en')} tenants`,
          figure: name,
        })),
      },
      {
        file: 'fan-out-memory',
        kind: 'bars',
        title: 'Peak memory of the function app, MiB (median, range)',
        bars: peaks.map(({ name }, index) => ({
          label: `${sizes[index]?.toLocaleString('en')} tenants`,
          figure: name,
        })),
      },
    ],
  };
}
