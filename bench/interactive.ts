import { setTimeout as delay } from 'node:timers/promises';
import { seededRandom } from '../test/fakes/fake-clock.ts';
import { askUntil, type CallersOfTokens, type Wanted } from './interactive-load.ts';
import { type Bench, type BenchResult, embeddedHost, type Figure, figure, type Goal, round } from './measure.ts';
import { type Product, startProduct } from './product.ts';

/** Fewer for a try: `PTB_TENANTS=500 npm run bench -- interactive`. */
const tenants = Number(process.env['PTB_TENANTS'] ?? '5000');
const rounds = 3;
const callers = 50;
const pauseMs = 250;
const restSeconds = 20;
const delayMs = 50;
/** Approximate time of a transaction with Azure Table storage in the same region. */
const storageMs = 5;
const job = 'licence-report';
const mostTimes = 1.5;

/** The tokens that are asked for: those in the cache, and one in ten that is not. */
const cachedTenants = 200;
const shareOfNew = 0.1;
const newResources = ['exchange', 'arm'];
/** From the host's pauses for garbage collection, measured beside the answers. */
const whyMissed = {
  'cached token':
    'the heap is collected in full once or twice in a run, which holds about 1 % of the answers: the p99 falls sometimes before and sometimes behind them',
  'new token': 'app, storage and simulated cloud share the processors, and a new token needs each of them',
} as const;
const kinds = ['cached token', 'new token'] as const;

interface Round {
  readonly rest: ReadonlyMap<string, readonly number[]>;
  readonly run: ReadonlyMap<string, readonly number[]>;
  readonly runSeconds: number;
}

/** Callers that ask for tokens, at rest and while a job visits all tenants in the same process. */
export const interactive: Bench = {
  name: 'interactive',
  run: async () => {
    const product = await startProduct({ tenants, delayMs, storage: { acknowledgeMs: storageMs } });
    try {
      const load = await loadOf(product);
      // Nothing is cached and no code is loaded before it.
      await askUntil(runJob(product), load);
      const done: Round[] = [];
      while (done.length < rounds) {
        const rest = await askUntil(delay(restSeconds * 1000), load);
        const running = runJob(product);
        const run = await askUntil(running, load);
        done.push({ rest, run, runSeconds: await running });
      }
      return resultOf(done);
    } finally {
      await product.stop();
    }
  },
};

async function loadOf(product: Product): Promise<CallersOfTokens> {
  const random = seededRandom(1);
  const listed = await product.api.tenants();
  const cached: readonly Wanted[] = listed
    .slice(0, cachedTenants)
    .map(({ tenantId }) => ({ tenant: tenantId, resource: 'graph' }));
  const fresh = newResources.flatMap((resource) => listed.map(({ tenantId }) => ({ tenant: tenantId, resource })));
  let asked = 0;
  return {
    url: product.url,
    authorization: `Bearer ${await product.callerToken()}`,
    callers,
    pauseMs,
    next: () => {
      const unused = fresh[asked];
      if (random() >= shareOfNew || unused === undefined) {
        return ['cached token', cached[Math.floor(random() * cached.length)] as Wanted];
      }
      asked += 1;
      return ['new token', unused];
    },
  };
}

/** @returns the duration of the run, seconds. */
async function runJob(product: Product): Promise<number> {
  const runId = await product.api.startRun(job);
  for (;;) {
    await Promise.race([delay(1_000), product.broken]);
    const { status, tenants: outcome, failures, durationMs } = await product.api.run(runId);
    if (status === 'pending' || status === 'running') continue;
    if (status === 'completed' && outcome.succeeded === outcome.total) return durationMs / 1000;
    const why = [...new Set(failures.map(({ code, detail }) => `${code}: ${detail}`))].join(' ');
    throw new Error(`the run is ${status}: ${outcome.succeeded} of ${outcome.total} tenants succeeded. ${why}`);
  }
}

function resultOf(done: readonly Round[]): BenchResult {
  const figures: Figure[] = [
    figure(
      'run',
      's',
      done.map(({ runSeconds }) => runSeconds),
    ),
  ];
  const goals: Goal[] = [];
  for (const kind of kinds) {
    const percentiles = (when: 'rest' | 'run', share: number): number[] =>
      done.map((one) => percentile(one[when].get(kind) ?? [], share));
    const [rest, run] = [percentiles('rest', 0.99), percentiles('run', 0.99)];
    const times = figure(
      `${kind}: p99 during the run by p99 at rest`,
      'times',
      run.map((ms, index) => ms / (rest[index] ?? Number.NaN)),
    );
    figures.push(
      figure(`${kind}: p50 at rest`, 'ms', percentiles('rest', 0.5)),
      figure(`${kind}: p50 during the run`, 'ms', percentiles('run', 0.5)),
      figure(`${kind}: p99 at rest`, 'ms', rest),
      figure(`${kind}: p99 during the run`, 'ms', run),
      times,
    );
    const reached = times.median <= mostTimes;
    goals.push({
      goal: `${kind}: p99 at most ${mostTimes} times that at rest`,
      reached,
      value: `${round(times.median)} times`,
      ...(reached ? {} : { reason: whyMissed[kind] }),
    });
  }
  return {
    title: 'Callers during a run',
    engine: embeddedHost,
    setting: `${callers} callers ask for tokens over HTTP, each ${pauseMs} ms after its last answer: at rest for ${restSeconds} s, then while ${job} visits ${tenants.toLocaleString('en')} tenants in the same process. One in ten tokens is not in the cache. Entra and Graph take at least ${delayMs} ms, the audit log ${storageMs} ms.`,
    figures,
    cases: kinds,
    unlisted: ['p50', 'p99 during the run by', 'run'],
    goals,
  };
}

function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(share * sorted.length)] ?? Number.NaN;
}
