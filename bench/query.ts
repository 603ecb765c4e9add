import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpuSeconds, residentMiB } from './cpu-time.ts';
import { type Bench, type BenchResult, embeddedHost, type Figure, figure, type Goal, round } from './measure.ts';
import { ptbScript } from '../test/paths.ts';
import { type Product, startProduct } from './product.ts';

const tenants = 3_000;
const delayMs = 50;
const products = 3;
/** Queries after the first one, of each product. */
const further = 2;
const firstRowGoalMs = 2_000;
/** Growth of memory after the first half of the rows, as a factor. */
const flatGoal = 1.2;
const sampleEveryMs = 50;

/** `ptb query` over many tenants, in a process of its own. */
export const query: Bench = {
  name: 'query',
  run: async () => {
    const firsts: Measured[] = [];
    const laters: Measured[] = [];
    for (let done = 0; done < products; done += 1) {
      const product = await startProduct({ tenants, delayMs });
      try {
        // The app has read neither the list of tenants nor the policy, has no token, and has yet to load code.
        firsts.push(await measure(product));
        for (let query = 0; query < further; query += 1) laters.push(await measure(product));
      } finally {
        await product.stop();
      }
    }
    return resultOf(firsts, laters);
  },
};

interface Measured {
  readonly firstRowMs: number;
  readonly lastRowMs: number;
  readonly rows: number;
  /** Processor time of the app until the first row, milliseconds. */
  readonly firstRowCpuMs: number;
  readonly ptb: Memory;
  readonly app: Memory;
}

/** The largest resident memory of a process, MiB. */
interface Memory {
  /** Until half of the output had come. */
  readonly firstHalf: number;
  readonly peak: number;
}

async function measure(product: Product): Promise<Measured> {
  const words = ['query', '/users?$top=100', '--select', 'id,displayName,userPrincipalName', '--all-pages', '--json'];
  const env = { ...process.env, BROKER_URL: product.url, PTB_TOKEN: await product.callerToken() };
  const cpuBefore = cpuSeconds(product.hostPid);
  const startedMs = performance.now();
  const child = spawn(process.execPath, [ptbScript, ...words], { env, stdio: ['ignore', 'pipe', 'ignore'] });
  let first: Pick<Measured, 'firstRowMs' | 'firstRowCpuMs'> | undefined;
  let lastRowMs = 0;
  const output = { bytes: 0, rows: 0 };
  child.stdout.on('data', (chunk: Buffer) => {
    lastRowMs = performance.now() - startedMs;
    first ??= { firstRowMs: lastRowMs, firstRowCpuMs: (cpuSeconds(product.hostPid) - cpuBefore) * 1000 };
    output.bytes += chunk.length;
    for (const byte of chunk) if (byte === 10) output.rows += 1;
  });
  const memory = watchMemory({ ptb: child, appPid: product.hostPid }, () => output.bytes);
  const [code] = (await once(child, 'close')) as [number | null];
  const { ptb, app } = memory.stop(output.bytes);
  if (code !== 0 || first === undefined) throw new Error(`ptb query ended with ${code}, ${output.rows} rows.`);
  return { ...first, lastRowMs, rows: output.rows, ptb, app };
}

function watchMemory(
  { ptb, appPid }: { readonly ptb: ChildProcess; readonly appPid: number },
  bytesSoFar: () => number,
): { stop(bytes: number): Record<'ptb' | 'app', Memory> } {
  const points: { readonly bytes: number; readonly ptb: number; readonly app: number }[] = [];
  const timer = setInterval(() => {
    const point = { bytes: bytesSoFar(), ptb: residentMiB(ptb.pid ?? 0), app: residentMiB(appPid) };
    // NaN once the process has ended.
    if (point.ptb > 0) points.push(point);
  }, sampleEveryMs);
  return {
    stop: (bytes) => {
      clearInterval(timer);
      const half = points.filter((point) => point.bytes <= bytes / 2);
      const of = (name: 'ptb' | 'app'): Memory => ({
        firstHalf: Math.max(...half.map((point) => point[name])),
        peak: Math.max(...points.map((point) => point[name])),
      });
      return { ptb: of('ptb'), app: of('app') };
    },
  };
}

function resultOf(firsts: readonly Measured[], laters: readonly Measured[]): BenchResult {
  const count = tenants.toLocaleString('en');
  const rows = (firsts[0]?.rows ?? 0).toLocaleString('en');
  const all = [...firsts, ...laters];
  const firstRows = {
    first: of('first row of the first query', 'ms', firsts, ({ firstRowMs }) => firstRowMs),
    later: of('first row of a later query', 'ms', laters, ({ firstRowMs }) => firstRowMs),
  };
  return {
    title: 'A query over many tenants',
    setting: `\`ptb query --all-pages\` over ${count} tenants, ${rows} rows. Entra and Graph take at least ${delayMs} ms. Times are from the start of \`ptb\`. The first query finds nothing in the app's caches.`,
    engine: embeddedHost,
    figures: [
      firstRows.first,
      of('last row of the first query', 'ms', firsts, ({ lastRowMs }) => lastRowMs),
      firstRows.later,
      of('last row of a later query', 'ms', laters, ({ lastRowMs }) => lastRowMs),
      of('processor time of the app until the first row', 'ms', all, ({ firstRowCpuMs }) => firstRowCpuMs),
      of('largest memory of ptb', 'MiB', all, ({ ptb }) => ptb.peak),
      of('largest memory of the app', 'MiB', all, ({ app }) => app.peak),
    ],
    unlisted: ['processor time', 'first row'],
    goals: [
      ...Object.values(firstRows).map(soon),
      flat('ptb', all, ({ ptb }) => ptb),
      flat('the app', all, ({ app }) => app),
    ],
  };
}

const of = (name: string, unit: string, measured: readonly Measured[], value: (sample: Measured) => number): Figure =>
  figure(name, unit, measured.map(value));

const soon = ({ name, median }: Figure): Goal => ({
  goal: `${name} within ${firstRowGoalMs / 1000} s`,
  reached: median <= firstRowGoalMs,
  value: `${round(median)} ms`,
});

function flat(name: string, measured: readonly Measured[], memoryOf: (sample: Measured) => Memory): Goal {
  const growth = of('', '', measured, (sample) => memoryOf(sample).peak / memoryOf(sample).firstHalf).median;
  return {
    goal: `memory of ${name} at most ${flatGoal} of that over the first half`,
    reached: growth <= flatGoal,
    value: `${round(growth)} times`,
  };
}
