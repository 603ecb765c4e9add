import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Azurite, startAzurite } from '../../src/cli/demo/azurite.ts';
import { type RunningChild, startChild } from '../../src/cli/demo/child.ts';
import { type CloudDocument, environmentOf } from 'microsoft-cloud';
import { obtainCredential, trustAuthority } from '../../src/cli/demo/start-demo.ts';
import { appFolder, ptbScript } from '../paths.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { campaignPolicy } from './policy.ts';

interface HostReady {
  readonly url: string;
  readonly port: number;
  readonly masterKey: string;
}

/** The whole product with every part in a process of its own, each of which can be hurt. */
export interface World {
  readonly cloud: CloudDocument;
  readonly url: string;
  readonly folder: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Lines of the function app's log, over all its lives. */
  readonly hostLines: string[];
  /** When the app was started, milliseconds. */
  readonly hostStartsMs: number[];
  /** The wires between the app and its storage. */
  readonly storageWires: readonly TcpProxy[];
  /** Ends the app as a power cut would, and starts it again on the same store. */
  killHost(): Promise<void>;
  /** Stops the storage in good order, and starts it again with what it holds. */
  restartStorage(): Promise<void>;
  /** Runs a function that has no HTTP trigger, as its timer would. */
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
    CREDENTIAL_REREAD_SECONDS: '30',
    RUN_RETRY_SECONDS: '1',
  };
  await obtainCredential(ptbScript, environment, cloud.ready);

  const hostLines: string[] = [];
  const hostStartsMs: number[] = [];
  const startHost = async (port: number): Promise<RunningChild<HostReady>> => {
    hostStartsMs.push(Date.now());
    const store = join(folder, 'host.sqlite');
    return startChild<HostReady>(
      ptbScript,
      ['host', '--json', '--app', appFolder, `--port=${port}`, '--store', store],
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

/** Table and blob through the wires that can be cut; nobody uses queues. */
function throughWires({ connectionString, ports }: Azurite, [table, blob]: readonly TcpProxy[]): string {
  return connectionString.replace(`:${ports.table}/`, `:${table?.port}/`).replace(`:${ports.blob}/`, `:${blob?.port}/`);
}
