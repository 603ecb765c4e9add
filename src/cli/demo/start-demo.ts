import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execFile } from 'node:child_process';
import { type Azurite, startAzurite } from './azurite.ts';
import { type RunningChild, startChild } from './child.ts';
import { addFault, consentEverywhere, readLedger } from 'microsoft-cloud/client';
import { type CloudDocument, environmentOf } from 'microsoft-cloud';
import { faultSet } from 'microsoft-cloud';
import { localPolicy } from './local-policy.ts';
import { type BrokerApi, createBrokerApi } from './api.ts';
import { createCheckpointKey, createIndexKey } from './checkpoint-key.ts';
import { callerTokens } from './caller-token.ts';
import type { writePast } from './past/write-past.ts';
import { trustAuthority } from './running-demo.ts';

export interface DemoOptions {
  readonly tenants: number;
  readonly faults: string | undefined;
  readonly delayMs: number | undefined;
  /** All tenants work. */
  readonly plain?: boolean;
  /** 0: the system chooses a free port. */
  readonly port: number;
  /** The `ptb` script that child processes run. */
  readonly ptbScript: string;
  /** The folder with host.json and the compiled app. */
  readonly appFolder: string;
  /** Receives one line about each step. */
  readonly say: (line: string) => void;
  /** Receives each line of the function app's log. */
  readonly onHostLine?: (line: string) => void;
  /** Folder for the files of Azurite. Absent: Azurite keeps them in memory. */
  readonly azuriteFolder?: string;
  readonly hostStorePath?: string;
  /**
   * Receives, at the end, the requests that the simulated cloud does not implement. Absent: `stop` throws. Either the
   * program sends a wrong request, or the simulation is incomplete.
   */
  readonly onUnmatched?: (requests: readonly string[]) => void;
  /** Starts the function app with these settings. Default: the embedded host. */
  readonly startApp?: (environment: Readonly<Record<string, string>>) => Promise<Host>;
  /** Gives the app a past of 90 days. It must be new: a folder of an earlier start has its past. */
  readonly past?: boolean;
  /** Gives the broker its credential. Default: {@link obtainCredential}. */
  readonly obtainCredential?: typeof obtainCredential;
  /** Further app settings. Called when the storage has started. */
  readonly hostSettings?: (connectionString: string) => Promise<Readonly<Record<string, string>>>;
}

/** A running demo. */
export interface Demo {
  readonly url: string;
  readonly cloud: CloudDocument;
  readonly connectionString: string;
  readonly api: BrokerApi;
  readonly callerToken: () => Promise<string>;
  readonly environment: Readonly<Record<string, string>>;
  /** Opens the admin API of the embedded host. */
  readonly masterKey: string | undefined;
  /** The process of the function app. */
  readonly hostPid: number;
  /** The process of Azurite. */
  readonly storagePid: number;
  /** The process of the simulated cloud. */
  readonly cloudPid: number;
  /** Rejects when one of the processes ends by itself. */
  readonly broken: Promise<never>;
  stop(): Promise<void>;
}

type Stop = () => Promise<void>;
type Host = RunningChild<{ url: string; masterKey?: string }>;

/**
 * Starts Azurite, the simulated cloud and the embedded host with the compiled app. Obtains the credential of the broker
 * with the commands that an operator runs: `ptb setup`, `ptb consent`.
 * @throws RangeError for an unknown fault set, Error with the reason otherwise. Everything that was started is stopped.
 */
export async function startDemo(options: DemoOptions): Promise<Demo> {
  const faults = (options.faults ?? '').split(',').filter((name) => name !== '');
  // Reject an unknown name before anything is started.
  for (const name of faults) faultSet(name);
  const started: Stop[] = [];
  try {
    return await startServices(options, faults, started);
  } catch (error) {
    await stopAll(started);
    throw error;
  }
}

/** Stops in reverse order of the start. */
async function stopAll(started: Stop[]): Promise<void> {
  for (const stop of started.splice(0).toReversed()) await stop();
}

/** @param started receives a function for everything that must be stopped. */
async function startServices(options: DemoOptions, faults: readonly string[], started: Stop[]): Promise<Demo> {
  const { ptbScript, say } = options;
  say('Starting Azurite and the simulated Microsoft cloud');
  const folder = await mkdtemp(join(tmpdir(), 'ptb-demo-'));
  started.push(() => rm(folder, { recursive: true, force: true }));
  const { azurite, cloud } = await startUpstream(options, started);
  trustAuthority(cloud.ready.caCertificatePath);
  const policyPath = join(folder, 'access-policy.json');
  const policy = localPolicy(cloud.ready);
  await writeFile(policyPath, policy);
  const environment = {
    ...environmentOf(cloud.ready),
    AzureWebJobsStorage: azurite.connectionString,
    ACCESS_POLICY: policyPath,
    PARTNER_NAME: 'Lighthouse Partners',
    FUNCTIONS_WORKER_RUNTIME: 'node',
  };

  say('Setting up the application and the first refresh token (ptb setup, ptb consent)');
  await Promise.all([
    (options.obtainCredential ?? obtainCredential)(ptbScript, environment, cloud.ready),
    options.past === true ? writePastOf(cloud.ready, environment, policy) : createCheckpointKey(cloud.ready),
    createIndexKey(cloud.ready),
  ]);
  const callerToken = callerTokens(cloud.ready);
  // Requested before the faults are active: they concern the broker, not its caller.
  await callerToken();
  // The demo shows how the broker handles faults, so they must not affect the setup.
  for (const name of faults) await addFault(cloud.ready.control, name);

  say('Starting the function app');
  const startApp = options.startApp ?? ((settings) => startHost(options, settings));
  const host = await startApp({ ...environment, ...(await options.hostSettings?.(azurite.connectionString)) });
  started.push(() => host.stop());
  const broken = Promise.race([
    rejectAtExit('the function app', host.exited),
    rejectAtExit('the simulated cloud', cloud.exited),
  ]);
  // A caller that does not await it must not cause an unhandled rejection.
  broken.catch(() => undefined);
  return {
    url: host.ready.url,
    cloud: cloud.ready,
    connectionString: azurite.connectionString,
    api: createBrokerApi(`${host.ready.url}/api`, callerToken),
    callerToken,
    environment,
    masterKey: host.ready.masterKey,
    hostPid: host.pid,
    storagePid: azurite.pid,
    cloudPid: cloud.pid,
    broken,
    stop: () => stopDemo(options, cloud.ready.control, started),
  };
}

/** Its code is loaded only if it is needed. */
const writePastOf = async (...given: Parameters<typeof writePast>): Promise<void> =>
  (await import('./past/write-past.ts')).writePast(...given);

/** Starts Azurite and the simulated cloud at the same time. */
async function startUpstream(
  options: DemoOptions,
  started: Stop[],
): Promise<{ azurite: Azurite; cloud: RunningChild<CloudDocument> }> {
  const { azuriteFolder: folder } = options;
  // Both are awaited: if one fails, the other must be stopped when it has started.
  const [azurite, cloud] = await Promise.allSettled([
    startAzurite(folder === undefined ? {} : { persistence: 'disk', folder }),
    startChild<CloudDocument>(options.ptbScript, cloudArguments(options)),
  ]);
  for (const start of [azurite, cloud]) if (start.status === 'fulfilled') started.push(() => start.value.stop());
  if (cloud.status === 'rejected') throw cloud.reason;
  if (azurite.status === 'rejected') throw azurite.reason;
  return { azurite: azurite.value, cloud: cloud.value };
}

const startHost = (options: DemoOptions, environment: Readonly<Record<string, string>>): Promise<Host> =>
  startChild<Host['ready']>(options.ptbScript, hostArguments(options), {
    environment,
    ...(options.onHostLine ? { onLine: options.onHostLine } : {}),
  });

async function stopDemo({ onUnmatched }: DemoOptions, control: string, started: Stop[]): Promise<void> {
  if (started.length === 0) return;
  const unmatched = await unmatchedRequests(control);
  await stopAll(started);
  if (unmatched.length > 0) (onUnmatched ?? refuseUnmatched)(unmatched);
}

async function unmatchedRequests(control: string): Promise<string[]> {
  // If the simulated cloud has ended, `broken` reports it.
  const { requests } = await readLedger(control).catch(() => ({ requests: [] }));
  return requests
    .filter(({ unmatched }) => unmatched)
    .map(({ service, method, path }) => `${service} ${method} ${path}`);
}

function refuseUnmatched(requests: readonly string[]): never {
  throw new Error(`The simulated cloud does not implement these requests: ${requests.join(', ')}`);
}

function cloudArguments(options: DemoOptions): string[] {
  return [
    'local',
    '--json',
    '--tenants',
    String(options.tenants),
    ...(options.delayMs === undefined ? [] : ['--delay-ms', String(options.delayMs)]),
    ...(options.plain === true ? ['--plain'] : []),
  ];
}

function hostArguments(options: DemoOptions): string[] {
  return [
    'host',
    '--json',
    '--app',
    options.appFolder,
    '--port',
    String(options.port),
    ...(options.hostStorePath === undefined ? [] : ['--store', options.hostStorePath]),
  ];
}

function accountOf(cloud: CloudDocument, name: 'admin' | 'broker'): string {
  const found = cloud.accounts.find(({ username }) => username.startsWith(`${name}@`));
  if (found === undefined) throw new Error(`the simulated cloud has no account ${name}@`);
  return found.username;
}

/** A command for PTB_BROWSER that signs in an account of the simulated cloud. */
export const localBrowser = (ptbScript: string, cloud: CloudDocument, name: 'admin' | 'broker'): string =>
  `"${process.execPath}" "${ptbScript}" local-browser --control ${cloud.control} --account ${accountOf(cloud, name)}`;

/** Runs `ptb setup` and `ptb consent` with {@link localBrowser}. The customers consent to the application in between. */
export async function obtainCredential(
  ptbScript: string,
  environment: Readonly<Record<string, string>>,
  cloud: CloudDocument,
): Promise<void> {
  const run = (args: readonly string[], name: 'admin' | 'broker'): Promise<void> =>
    new Promise((resolve, reject) => {
      const env = { ...process.env, ...environment, PTB_BROWSER: localBrowser(ptbScript, cloud, name) };
      execFile(process.execPath, [ptbScript, ...args], { env, timeout: 60_000 }, (error, _stdout, stderr) => {
        if (error === null) resolve();
        else reject(new Error(`ptb ${args.join(' ')} failed: ${stderr.trim() || error.message}`));
      });
    });
  await run(['setup', '--yes', '--json', '--permissions', 'changes'], 'admin');
  await consentEverywhere(cloud.control);
  await run(['consent', '--account', accountOf(cloud, 'broker'), '--json'], 'broker');
}

async function rejectAtExit(name: string, exited: Promise<number | null>): Promise<never> {
  const code = await exited;
  throw new Error(`${name} ended unexpectedly (exit code ${code})`);
}
