import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Azurite, startAzurite } from '../../src/cli/demo/azurite.ts';
import { type RunningChild, startChild } from '../../src/cli/demo/child.ts';
import { type CloudDocument, environmentOf } from 'microsoft-cloud';
import { trustAuthority } from '../../src/cli/demo/running-demo.ts';
import { ptbScript } from '../paths.ts';
import { storeCredential } from '../support/stored-credential.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { tunedApp } from '../support/tuned-app.ts';
import { campaignPolicy } from './policy.ts';

interface HostReady {
  readonly url: string;
  readonly port: number;
  readonly masterKey: string;
}

/** The whole product with each part in its own process, so that each can be disturbed. */
export interface World {
  readonly cloud: CloudDocument;
  readonly url: string;
  readonly folder: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Log lines of the function app, over all its processes. */
  readonly hostLines: string[];
  /** Start times of the app, in milliseconds. */
  readonly hostStartsMs: number[];
  /** The proxies between the app and its storage. */
  readonly storageWires: readonly TcpProxy[];
  /** Kills the app and restarts it on the same store. */
  killHost(): Promise<void>;
  /** Stops the storage and restarts it with its data. */
  restartStorage(): Promise<void>;
  /** Runs a function without an HTTP trigger, as its timer would. */
  runFunction(name: string): Promise<void>;
  stop(): Promise<void>;
}

export async function startWorld(options: { readonly tenants: number; readonly seed: number }): Promise<World> {
  const folder = await mkdtemp(join(tmpdir(), 'ptb-chaos-'));
  const started: (() => Promise<void>)[] = [() => rm(folder, { recursive: true, force: true })];
  const stop = async (): Promise<void> => {
    for (const end of started.splice(0).toReversed()) await end();
  };
  try {
    return await startParts(options, folder, started, stop);
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startParts(
  { tenants, seed }: { readonly tenants: number; readonly seed: number },
  folder: string,
  started: (() => Promise<void>)[],
  stop: () => Promise<void>,
): Promise<World> {
  const storageFolder = join(folder, 'storage');
  await mkdir(storageFolder);
  let azurite = await startAzurite({ persistence: 'disk', folder: storageFolder });
  started.push(() => azurite.stop());
  const cloud = await startChild<CloudDocument>(ptbScript, [
    'local',
    '--json',
    `--tenants=${tenants}`,
    `--seed=${seed}`,
  ]);
  started.push(() => cloud.stop());
  trustAuthority(cloud.ready.caCertificatePath);

  const wires = [await startTcpProxy(azurite.ports.table), await startTcpProxy(azurite.ports.blob)];
  started.push(async () => void (await Promise.all(wires.map((wire) => wire.cut()))));
  const policyPath = join(folder, 'access-policy.json');
  await writeFile(policyPath, campaignPolicy(cloud.ready));
  const environment = {
    ...environmentOf(cloud.ready),
    AzureWebJobsStorage: throughWires(azurite, wires),
    ACCESS_POLICY: policyPath,
    FUNCTIONS_WORKER_RUNTIME: 'node',
    ENTRA_CONCURRENCY: '8',
    CALLER_REQUESTS_PER_MINUTE: '20000',
  };
  await storeCredential(cloud.ready);

  const appFolder = await tunedApp({ credentialRereadSeconds: 30, retryDelaySeconds: 1 });
  const hostLines: string[] = [];
  const hostStartsMs: number[] = [];
  const startHost = async (port: number): Promise<RunningChild<HostReady>> => {
    hostStartsMs.push(Date.now());
    const store = join(folder, 'host.sqlite');
    return startChild<HostReady>(
      ptbScript,
      ['host', '--json', '--app', appFolder, `--port=${port}`, '--store', store, '--visibility-timeout', '0'],
      {
        environment,
        onLine: (line) => hostLines.push(line),
      },
    );
  };
  let host = await startHost(0);
  started.push(() => host.stop());
  const { url, port } = host.ready;
  return {
    cloud: cloud.ready,
    url,
    folder,
    environment,
    hostLines,
    hostStartsMs,
    storageWires: wires,
    killHost: async () => {
      await host.kill();
      host = await startHost(port);
    },
    restartStorage: async () => {
      const { ports, accountKey } = azurite;
      await azurite.stop({ keepFolder: true });
      azurite = await startAzurite({ persistence: 'disk', folder: storageFolder, ports, accountKey });
    },
    runFunction: async (name) => {
      const response = await fetch(`${url}/admin/functions/${name}`, {
        method: 'POST',
        headers: { 'x-functions-key': host.ready.masterKey, 'content-type': 'application/json' },
        body: '{}',
      });
      if (!response.ok) throw new Error(`the host does not run ${name}: ${response.status}`);
    },
    stop,
  };
}

/** The connection string for tables and blobs through the proxies. The app uses no queues. */
function throughWires({ connectionString, ports }: Azurite, [table, blob]: readonly TcpProxy[]): string {
  return connectionString.replace(`:${ports.table}/`, `:${table?.port}/`).replace(`:${ports.blob}/`, `:${blob?.port}/`);
}
