import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, sep } from 'node:path';
import { missingPackage } from '../project/own-project.ts';
import { dieWithParent, endChild } from './child.ts';

export interface AzuriteOptions {
  /** `disk` writes files that a scan for secrets can read (flushed every 5 s and by `stop`). `memory` is faster. */
  readonly persistence?: 'memory' | 'disk';
  /** Folder for `disk`. One of an earlier start restores its content. Never deleted. Default: a new one, which `stop` deletes. */
  readonly folder?: string;
  /** Ports of an earlier start, to listen at the same addresses again. Default: free ports. */
  readonly ports?: AzuritePorts;
  /** Base64 key of the account. The key of an earlier start keeps its connection string valid. Default: a random one. */
  readonly accountKey?: string;
}

interface AzuritePorts {
  readonly blob: number;
  readonly queue: number;
  readonly table: number;
}

export interface Azurite {
  readonly connectionString: string;
  readonly accountName: string;
  readonly accountKey: string;
  readonly blobUrl: string;
  readonly queueUrl: string;
  readonly tableUrl: string;
  readonly ports: AzuritePorts;
  readonly folder: string;
  readonly pid: number;
  /** Ends the process, which flushes `disk`, and deletes the folder if it was created here. May be called twice. */
  stop(options?: { keepFolder?: boolean }): Promise<void>;
  /** Kills the process: writes that Azurite acknowledged in the last 5 s may be lost. Keeps the folder. */
  kill(): Promise<void>;
}

const accountName = 'devstoreaccount1';
const startTimeoutMs = 120_000;
/** Longer than clients keep idle connections, so that no client reuses a connection that is about to close. */
const keepAliveSeconds = 120;

/** Starts Azurite (blob, queue, table) on the loopback interface, in its own process. Takes about half a second. */
export async function startAzurite(options: AzuriteOptions = {}): Promise<Azurite> {
  const folder = options.folder ?? (await mkdtemp(join(tmpdir(), 'ptb-azurite-')));
  const accountKey = options.accountKey ?? randomBytes(64).toString('base64');
  const removeOwnFolder = async (): Promise<void> => {
    if (options.folder === undefined) await rm(folder, { recursive: true, force: true });
  };
  const child = launch(folder, accountKey, options);
  try {
    const ports = await readPorts(child);
    const url = (port: number): string => `http://127.0.0.1:${port}/${accountName}`;
    const urls = { blobUrl: url(ports.blob), queueUrl: url(ports.queue), tableUrl: url(ports.table) };
    return {
      ...urls,
      connectionString: [
        'DefaultEndpointsProtocol=http',
        `AccountName=${accountName}`,
        `AccountKey=${accountKey}`,
        `BlobEndpoint=${urls.blobUrl}`,
        `QueueEndpoint=${urls.queueUrl}`,
        `TableEndpoint=${urls.tableUrl}`,
        '',
      ].join(';'),
      accountName,
      accountKey,
      ports,
      folder,
      pid: child.pid ?? 0,
      stop: async ({ keepFolder = false } = {}) => {
        await endChild(child, 'SIGTERM');
        if (!keepFolder) await removeOwnFolder();
      },
      kill: () => endChild(child, 'SIGKILL'),
    };
  } catch (error) {
    await endChild(child, 'SIGKILL');
    await removeOwnFolder();
    throw error;
  }
}

/** @throws UsageError if Azurite, which is too large to come with every installation, is missing. */
function azuriteManifest(): string {
  try {
    return createRequire(import.meta.url).resolve('azurite/package.json');
  } catch {
    // Only beside the package is it found.
    const isLocal = import.meta.dirname.startsWith(`${process.cwd()}${sep}`);
    throw isLocal ? missingPackage('azurite') : missingPackage('azurite', '--global');
  }
}

function launch(folder: string, accountKey: string, options: AzuriteOptions): ChildProcess {
  const manifest = azuriteManifest();
  const { blob, queue, table } = options.ports ?? { blob: 0, queue: 0, table: 0 };
  const storage = options.persistence === 'disk' ? ['--location', folder] : ['--inMemoryPersistence'];
  const ports = ['--blobPort', `${blob}`, '--queuePort', `${queue}`, '--tablePort', `${table}`];
  const keepAlive = ['blob', 'queue', 'table'].flatMap((name) => [`--${name}KeepAliveTimeout`, `${keepAliveSeconds}`]);
  const script = join(manifest, '../dist/src/azurite.js');
  return spawn(
    process.execPath,
    [
      '--import',
      dieWithParent,
      ...(options.persistence === 'disk' ? [] : ['--import', keepsGarbage(script)]),
      script,
      '--silent',
      '--disableTelemetry',
      '--skipApiVersionCheck',
      ...storage,
      ...ports,
      ...keepAlive,
    ],
    {
      cwd: folder,
      env: { ...process.env, NODE_OPTIONS: '', AZURITE_ACCOUNTS: `${accountName}:${accountKey}` },
      stdio: ['pipe', 'pipe', 'pipe'],
    },
  );
}

/**
 * In memory, Azurite collects garbage every ten minutes: it removes one piece after another, and builds an index anew for each. With
 * thousands of customers it then answers nothing for minutes. This option puts the first collection off by 24 days.
 */
export function keepsGarbage(script: string): string {
  const constants = JSON.stringify(join(script, '../blob/utils/constants.js'));
  const code = `import{createRequire}from"node:module";createRequire(${constants})(${constants}).DEFAULT_GC_INTERVAL_MS=${2 ** 31 - 1}`;
  return `data:text/javascript,${encodeURIComponent(code)}`;
}

/** Reads the ports from the standard output of Azurite. */
async function readPorts(child: ChildProcess): Promise<AzuritePorts> {
  const found = new Map<string, number>();
  let output = '';
  const { promise, resolve, reject } = Promise.withResolvers<AzuritePorts>();
  const fail = (reason: string): void => reject(new Error(`Azurite ${reason}. Its output:\n${output}`));
  const read = (chunk: Buffer): void => {
    output += chunk.toString();
    for (const [, service, port] of output.matchAll(/Azurite (\w+) service is successfully listening at \S+:(\d+)/g)) {
      found.set(`${service}`.toLowerCase(), Number(port));
    }
    const [blob, queue, table] = ['blob', 'queue', 'table'].map((service) => found.get(service));
    if (blob !== undefined && queue !== undefined && table !== undefined) resolve({ blob, queue, table });
  };
  child.stdout?.on('data', read);
  child.stderr?.on('data', read);
  child.once('exit', (code) => fail(`ended with ${code} instead of listening`));
  child.once('error', (error) => fail(`did not start: ${error.message}`));
  const timer = setTimeout(() => fail(`did not listen within ${startTimeoutMs} ms`), startTimeoutMs);
  return promise.finally(() => clearTimeout(timer));
}
