import type { CloudDocument } from 'microsoft-cloud';
import { type RunningChild, startChild } from '../src/cli/demo/child.ts';
import { buildClouds } from './cloud-builds.ts';
import { readMany, usualRequests } from './cloud-requests.ts';
import { residentMiB } from './cpu-time.ts';
import { getMixed } from './load.ts';
import { type Bench, type BenchResult, type Figure, figure, type Goal, round } from './measure.ts';
import { medianOf, timed, type TimedLoad } from './processor-time.ts';

const connections = 50;
const seconds = 5;
const rounds = 5;
const starts = 15;
const many = { tenants: 5000, users: 200, read: 2000 };

const flags = (tenants: number, users?: number): readonly string[] => [
  '--json',
  '--tenants',
  String(tenants),
  ...(users === undefined ? [] : ['--users-per-tenant', String(users)]),
];

/** A running cloud, and the time from the start of its process until it was ready. */
type StartedCloud = RunningChild<CloudDocument> & { readonly startMs: number };

async function start(script: string, options: readonly string[]): Promise<StartedCloud> {
  const startedMs = performance.now();
  const child = await startChild<CloudDocument>(script, options);
  return Object.assign(child, { startMs: performance.now() - startedMs });
}

/** What people wait for when they work with the simulated cloud. */
export const cloud: Bench = {
  name: 'cloud',
  run: async () => {
    const builds = await buildClouds();
    try {
      return resultOf({
        starts: await startTimes(builds),
        loads: await loads(builds.now),
        large: await largeCloud(builds.now),
      });
    } finally {
      await builds.remove();
    }
  },
};

interface StartTimes {
  readonly before: readonly number[];
  readonly now: readonly number[];
}

async function startTimes(builds: Readonly<Record<keyof StartTimes, string>>): Promise<StartTimes> {
  const found: Record<keyof StartTimes, number[]> = { before: [], now: [] };
  // The first round warms up.
  for (let done = -1; done < starts; done += 1) {
    for (const version of ['before', 'now'] as const) {
      const running = await start(builds[version], flags(25));
      if (done >= 0) found[version].push(running.startMs);
      await running.kill();
    }
  }
  return found;
}

async function loads(script: string): Promise<readonly TimedLoad[]> {
  const running = await start(script, [...flags(25, many.users), '--plain']);
  try {
    const requests = await usualRequests(running.ready);
    const samples: TimedLoad[] = [];
    for (let done = -1; done < rounds; done += 1) {
      const sample = await timed({ app: running.pid }, seconds, () => getMixed({ requests, connections, seconds }));
      if (done >= 0) samples.push(sample);
    }
    return samples;
  } finally {
    await running.stop();
  }
}

interface LargeCloud {
  readonly startMs: readonly number[];
  readonly mebibytesBefore: readonly number[];
  readonly mebibytesAfter: number;
}

async function largeCloud(script: string): Promise<LargeCloud> {
  const startMs: number[] = [];
  const mebibytesBefore: number[] = [];
  for (let done = 0; ; done += 1) {
    const running = await start(script, [...flags(many.tenants, many.users), '--plain']);
    startMs.push(running.startMs);
    mebibytesBefore.push(residentMiB(running.pid));
    try {
      if (done < rounds - 1) continue;
      await readMany(running.ready, many.read);
      return { startMs, mebibytesBefore, mebibytesAfter: residentMiB(running.pid) };
    } finally {
      await running.stop();
    }
  }
}

interface Samples {
  readonly starts: StartTimes;
  readonly loads: readonly TimedLoad[];
  readonly large: LargeCloud;
}

function resultOf({ starts: times, loads: samples, large }: Samples): BenchResult {
  const [before, now] = startFigures(times);
  const size = `${many.tenants.toLocaleString('en')} tenants of ${many.users} users`;
  const startOfMany = figure(`start with ${size}`, 'ms', large.startMs);
  const after = figure(`memory after reading ${many.read.toLocaleString('en')} of them`, 'MiB', [large.mebibytesAfter]);
  return {
    title: 'Simulated cloud',
    setting: `Requests of reports over HTTPS with filters, pages and counts in a tenant of ${many.users} users, ${connections} connections for ${seconds} s. Memory is resident.`,
    figures: [before, now, ...loadFigures(samples), startOfMany, ...memoryFigures(size, large), after],
    unlisted: ['start with 25 tenants, before', 'throughput', 'start with 5,000', 'memory after'],
    goals: goalsOf({ samples, ratio: now.median / before.median, startOfMany, after }),
  };
}

const startFigures = ({ before, now }: StartTimes): readonly [before: Figure, now: Figure] => [
  figure('start with 25 tenants, before', 'ms', before),
  figure('start with 25 tenants', 'ms', now),
];

const loadFigures = (samples: readonly TimedLoad[]): readonly Figure[] => [
  figure(
    'throughput',
    'requests/s',
    samples.map(({ requestsPerSecond }) => requestsPerSecond),
  ),
  figure(
    'latency p99',
    'ms',
    samples.map(({ latencyMs }) => latencyMs.p99),
  ),
  figure(
    'processor time of the cloud',
    'µs/answer',
    samples.map(({ cpu }) => cpu.app),
  ),
];

const memoryFigures = (size: string, { mebibytesBefore }: LargeCloud): readonly Figure[] => [
  figure(`memory with ${size}`, 'MiB', mebibytesBefore),
];

interface Measured {
  readonly samples: readonly TimedLoad[];
  /** Time of the start now, to that before. */
  readonly ratio: number;
  readonly startOfMany: Figure;
  readonly after: Figure;
}

function goalsOf({ samples, ratio, startOfMany, after }: Measured): readonly Goal[] {
  // Processor time, because the load may take a part of the core.
  const perCore = 1e6 / medianOf(samples, ({ cpu }) => cpu.app);
  return [
    goal('at least 2,000 requests/s on one core', `${Math.round(perCore)} requests/s`, perCore >= 2000),
    // Two runs of the same version differ by as much.
    goal('start with 25 tenants at most 1.05 times that of the version before', `${round(ratio)} times`, ratio <= 1.05),
    goal(
      '5,000 tenants of 200 users start in at most 5 s',
      `${round(startOfMany.median / 1000)} s`,
      startOfMany.median <= 5000,
    ),
    goal(
      'at most 1 GB of memory after 2,000 of them were read',
      `${round(after.median)} MiB`,
      after.median <= 1e9 / 2 ** 20,
    ),
  ];
}

const goal = (text: string, value: string, reached: boolean): Goal => ({ goal: text, value, reached });
