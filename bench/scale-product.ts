/** One run over many tenants on one or several hosts of one hub, and what it cost. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { readLedger, resetLedger } from 'microsoft-cloud/client';
import { startChild } from '../src/cli/demo/child.ts';
import { type Demo, startDemo } from '../src/cli/demo/start-demo.ts';
import type { RunAnswer } from '../src/lib/api/answers/runs.ts';
import { startEngine } from '../test/durable-engine/start-engine.ts';
import { appFolder, ptbScript } from '../test/paths.ts';
import { quiet } from '../test/support/watched-demo.ts';
import { cpuSeconds, residentMiB } from './cpu-time.ts';
import { startStorageProxy, type StorageProxy, type Traffic } from './storage-proxy.ts';

export type EngineName = 'embedded' | 'extension';

export interface Size {
  readonly engine: EngineName;
  readonly hosts: number;
  readonly tenants: number;
}

export interface Cost extends Size {
  readonly seconds: number;
  /** Of all processes of all hosts. */
  readonly cpuSeconds: number;
  /** Of Azurite. */
  readonly storageCpuSeconds: number;
  /** The largest sum over all hosts. */
  readonly peakMiB: number;
  readonly traffic: Readonly<Record<string, Traffic>>;
  readonly entraRequests: number;
  readonly tooMany: number;
}

interface Host {
  readonly ready: { readonly url: string };
  readonly exited: Promise<number | null>;
  readonly pids: readonly number[];
  readonly pid: number;
  stop(): Promise<void>;
}

/** The hub is in storage if the engine is the extension, and in this file if the host is the embedded one. */
async function startHost(engine: EngineName, hub: string, settings: Readonly<Record<string, string>>): Promise<Host> {
  if (engine === 'extension') {
    const started = await startEngine({ appFolder, environment: settings });
    return { ...started, pids: [started.pid, started.ready.workerPid] };
  }
  const args = ['host', '--json', '--app', appFolder, '--port', '0', '--store', hub, '--shared'];
  const started = await startChild<{ url: string }>(ptbScript, args, { environment: settings });
  return { ...started, pids: [started.pid] };
}

/** How often the bench asks whether a run has ended. Each answer reads the run from storage. */
const pollMs = 2_000;

/**
 * Tenants of a first run, until the compilers of Node.js and .NET have seen the code that runs for each tenant. The
 * measured run leaves them out, because their tokens are cached.
 */
const warmUpTenants = 1_000;

/** Starts everything, runs `job` for 1,000 tenants, then once for all others, and stops everything. */
export async function runOnce({ engine, hosts, tenants }: Size, job: string): Promise<Cost> {
  const folder = await mkdtemp(join(tmpdir(), 'ptb-scale-'));
  const started: Host[] = [];
  let storage: StorageProxy | undefined;
  let settings: Readonly<Record<string, string>> = {};
  const start = async (): Promise<Host> => {
    const host = await startHost(engine, join(folder, 'hub.sqlite'), settings);
    started.push(host);
    return host;
  };
  let demo: Demo | undefined;
  try {
    demo = await startDemo({
      ...quiet,
      tenants: tenants + warmUpTenants,
      plain: true,
      hostSettings: async (connectionString) => {
        storage = await startStorageProxy(connectionString);
        return {
          CALLER_REQUESTS_PER_MINUTE: '1000000',
          AzureWebJobsStorage: storage.connectionString,
          // It stores an event about each new customer, in some runs and not in others.
          'AzureWebJobs.watch-tenants.Disabled': 'true',
        };
      },
      startApp: async (given) => {
        settings = given;
        return { ...(await start()), kill: () => Promise.resolve() };
      },
    });
    while (started.length < hosts) await start();
    // The hosts have shared the partitions.
    await delay(hosts > 1 ? 15_000 : 2_000);
    return { engine, hosts, tenants, ...(await measured(demo, storage, started, job)) };
  } finally {
    await Promise.all(started.slice(1).map((host) => host.stop()));
    await demo?.stop();
    await storage?.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function measured(
  demo: Demo,
  storage: StorageProxy | undefined,
  hosts: readonly Host[],
  job: string,
): Promise<Omit<Cost, keyof Size>> {
  const pids = hosts.flatMap((host) => host.pids);
  const sum = (value: (pid: number) => number): number => pids.reduce((total, pid) => total + value(pid), 0);
  const warm = (await demo.api.tenants()).slice(0, warmUpTenants).map(({ tenantId }) => tenantId);
  await ended(demo, await demo.api.startRun(job, { tenants: warm }), () => undefined);
  await resetLedger(demo.cloud.control);
  const before = {
    cpu: sum(cpuSeconds),
    storageCpu: cpuSeconds(demo.storagePid),
    traffic: (await storage?.traffic()) ?? {},
  };
  let peakMiB = 0;
  const run = await ended(demo, await demo.api.startRun(job, { except: warm }), () => {
    peakMiB = Math.max(peakMiB, sum(residentMiB));
  });
  const { totals } = await readLedger(demo.cloud.control);
  return {
    seconds: run.durationMs / 1000,
    cpuSeconds: sum(cpuSeconds) - before.cpu,
    storageCpuSeconds: cpuSeconds(demo.storagePid) - before.storageCpu,
    peakMiB,
    traffic: difference((await storage?.traffic()) ?? {}, before.traffic),
    entraRequests: totals.entraTokenRequests,
    tooMany: totals.throttled,
  };
}

/** @throws Error if a tenant of the run has not succeeded. */
async function ended(demo: Demo, runId: string, meanwhile: () => void): Promise<RunAnswer> {
  for (;;) {
    await Promise.race([delay(pollMs), demo.broken]);
    meanwhile();
    const run = await demo.api.run(runId);
    if (run.status === 'pending' || run.status === 'running') continue;
    const { total, succeeded } = run.tenants;
    if (run.status === 'completed' && succeeded === total) return run;
    throw new Error(`the run is ${run.status}: ${succeeded} of ${total} tenants succeeded`);
  }
}

const difference = (
  after: Readonly<Record<string, Traffic>>,
  before: Readonly<Record<string, Traffic>>,
): Record<string, Traffic> =>
  Object.fromEntries(
    Object.entries(after).map(([kind, { requests, bytes }]) => [
      kind,
      { requests: requests - (before[kind]?.requests ?? 0), bytes: bytes - (before[kind]?.bytes ?? 0) },
    ]),
  );
