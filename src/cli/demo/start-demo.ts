import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import tls from 'node:tls';
import { startAzurite } from './azurite.ts';
import { startChild } from './child.ts';
import { addFault, readLedger } from 'microsoft-cloud/client';
import { type CloudDocument, environmentOf } from 'microsoft-cloud';
import { faultSet } from 'microsoft-cloud';
import { localPolicy } from './local-policy.ts';
import { type BrokerApi, createBrokerApi } from './api.ts';
import { callerTokens } from './caller-token.ts';

export interface DemoOptions {
  readonly tenants: number;
  readonly faults: string | undefined;
  readonly delayMs: number | undefined;
  /** Every tenant works, none is odd. */
  readonly plain?: boolean;
  /** 0: the system picks. */
  readonly port: number;
  /** The `ptb` script that child processes run. */
  readonly ptbScript: string;
  /** The folder with host.json and the compiled app. */
  readonly appFolder: string;
  /** What is under way, a line each. */
  readonly say: (line: string) => void;
  /** A line of the function app's log. */
  readonly onHostLine?: (line: string) => void;
  /** Where Azurite keeps its files; absent: in memory. */
  readonly azuriteFolder?: string;
  readonly hostStorePath?: string;
  /**
   * Told at the end of requests that the simulated cloud does not know; absent: `stop` throws. Either the program asks
   * for what Microsoft does not have, or the simulation lacks something.
   */
  readonly onUnmatched?: (requests: readonly string[]) => void;
  /** App settings beside those that the demo makes; asked for when the storage is up. */
  readonly hostSettings?: (connectionString: string) => Promise<Readonly<Record<string, string>>>;
}

/** Everything that runs when the demo runs. */
export interface Demo {
  readonly url: string;
  readonly cloud: CloudDocument;
  readonly connectionString: string;
  readonly api: BrokerApi;
  readonly callerToken: () => Promise<string>;
  readonly environment: Readonly<Record<string, string>>;
  /** The process of the function app. */
  readonly hostPid: number;
  /** Rejects when one of the processes ends by itself. */
  readonly broken: Promise<never>;
  stop(): Promise<void>;
}

/**
 * Starts Azurite, the simulated cloud and the embedded host with the compiled app, and gives the broker its credential
 * by the same commands that an operator runs: `ptb setup`, `ptb consent`.
 * @throws RangeError for an unknown set of faults, Error with the reason otherwise; whatever was started by then is stopped.
 */
export async function startDemo(options: DemoOptions): Promise<Demo> {
  const { ptbScript, say } = options;
  const faults = (options.faults ?? '').split(',').filter((name) => name !== '');
  // An unknown name is noticed before anything is started.
  for (const name of faults) faultSet(name);
  const started: (() => Promise<void>)[] = [];
  const end = async (): Promise<void> => {
    for (const stop of started.splice(0).toReversed()) await stop();
  };
  try {
    say('Starting Azurite and the simulated Microsoft cloud');
    const folder = await mkdtemp(join(tmpdir(), 'ptb-demo-'));
    started.push(() => rm(folder, { recursive: true, force: true }));
    // Settled, not raced: what starts after the other has failed must be stopped too.
    const [azuriteStart, cloudStart] = await Promise.allSettled([
      startAzurite(
        options.azuriteFolder === undefined ? {} : { persistence: 'disk', folder: options.azuriteFolder },
      ).then((running) => {
        started.push(() => running.stop());
        return running;
      }),
      startChild<CloudDocument>(ptbScript, cloudArguments(options)).then((running) => {
        started.push(() => running.stop());
        return running;
      }),
    ]);
    if (cloudStart.status === 'rejected') throw cloudStart.reason;
    if (azuriteStart.status === 'rejected') throw azuriteStart.reason;
    const [azurite, cloud] = [azuriteStart.value, cloudStart.value];
    trustAuthority(cloud.ready.caCertificatePath);
    const policyPath = join(folder, 'access-policy.json');
    await writeFile(policyPath, localPolicy(cloud.ready));
    const environment = {
      ...environmentOf(cloud.ready),
      AzureWebJobsStorage: azurite.connectionString,
      ACCESS_POLICY: policyPath,
      FUNCTIONS_WORKER_RUNTIME: 'node',
    };

    say('Setting up the application and the first refresh token (ptb setup, ptb consent)');
    await obtainCredential(ptbScript, environment, cloud.ready);

    const callerToken = callerTokens(cloud.ready);
    // Had before the faults strike: they are the broker's to live with, not its caller's.
    await callerToken();
    // Only now: what the demo shows is how the broker lives with faults, not how they spoil the set-up.
    for (const name of faults) await addFault(cloud.ready.control, name);

    say('Starting the function app');
    const host = await startChild<{ url: string }>(ptbScript, hostArguments(options), {
      environment: { ...environment, ...(await options.hostSettings?.(azurite.connectionString)) },
      ...(options.onHostLine ? { onLine: options.onHostLine } : {}),
    });
    started.push(() => host.stop());
    const broken = Promise.race([ended('the function app', host.exited), ended('the simulated cloud', cloud.exited)]);
    // Whoever waits for something else sees it there.
    broken.catch(() => undefined);
    const url = host.ready.url;
    return {
      url,
      cloud: cloud.ready,
      connectionString: azurite.connectionString,
      api: createBrokerApi(`${url}/api`, callerToken),
      callerToken,
      environment,
      hostPid: host.pid,
      broken,
      stop: async () => {
        if (started.length === 0) return;
        const unmatched = await unmatchedRequests(cloud.ready.control);
        await end();
        if (unmatched.length > 0) (options.onUnmatched ?? refuseUnmatched)(unmatched);
      },
    };
  } catch (error) {
    await end();
    throw error;
  }
}

async function unmatchedRequests(control: string): Promise<string[]> {
  // A cloud that has ended by itself is another test's finding.
  const { requests } = await readLedger(control).catch(() => ({ requests: [] }));
  return requests
    .filter(({ unmatched }) => unmatched)
    .map(({ service, method, path }) => `${service} ${method} ${path}`);
}

function refuseUnmatched(requests: readonly string[]): never {
  throw new Error(`The simulated cloud was asked for what it does not know: ${requests.join(', ')}`);
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

/** For PTB_BROWSER: signs an account of the simulated cloud in by itself. */
export const localBrowser = (ptbScript: string, cloud: CloudDocument, name: 'admin' | 'broker'): string =>
  `"${process.execPath}" "${ptbScript}" local-browser --control ${cloud.control} --account ${accountOf(cloud, name)}`;

/** The operator's two commands, with a browser that signs in by itself. */
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
  await run(['setup', '--yes', '--json'], 'admin');
  await run(['consent', '--account', accountOf(cloud, 'broker'), '--json'], 'broker');
}

/** This process talks to the simulated Entra itself, for its caller's token. */
export function trustAuthority(caCertificatePath: string): void {
  tls.setDefaultCACertificates([...tls.getCACertificates('default'), readFileSync(caCertificatePath, 'utf8')]);
}

async function ended(what: string, exited: Promise<number | null>): Promise<never> {
  const code = await exited;
  throw new Error(`${what} ended by itself (exit code ${code})`);
}
