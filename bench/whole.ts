/** The running product for a benchmark: Azurite, the simulated cloud, the embedded host with the built app. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import { app } from '../tools/build.ts';
import { startChild } from '../src/cli/demo/child.ts';
import { type Demo, startDemo } from '../src/cli/demo/start-demo.ts';
import { type StorageBetween, startStorageBetween } from './storage-between.ts';

const projectRoot = resolve(import.meta.dirname, '..');
/** Where the build that is measured lies; `npm run bench` makes it first. */
export const buildRoot = resolve(projectRoot, process.env['PTB_BUILD_ROOT'] ?? '.');
export const ptbScript = join(buildRoot, 'build/cli/ptb.js');

export interface WholeOptions {
  readonly tenants: number;
  /** Time that each simulated Entra and Graph request takes at least, milliseconds. */
  readonly delayMs?: number;
  readonly hostSettings?: Readonly<Record<string, string>>;
  /** Count what goes to the storage; with `quickMs`, answer the audit log's writes after so many milliseconds. */
  readonly storage?: { readonly quickMs?: number };
  /** Keep orchestrations in this SQLite file. */
  readonly hostStorePath?: string;
}

export interface Whole extends Demo {
  readonly storage: StorageBetween | undefined;
}

/** Starts it with tenants that all work. A caller may ask as fast as it can. */
export async function startWhole(options: WholeOptions): Promise<Whole> {
  const { tenants, delayMs, hostStorePath } = options;
  let storage: StorageBetween | undefined;
  const demo = await startDemo({
    tenants,
    delayMs,
    faults: undefined,
    plain: true,
    port: 0,
    ptbScript,
    appFolder: buildRoot,
    say: () => undefined,
    ...(hostStorePath === undefined ? {} : { hostStorePath }),
    hostSettings: async (connectionString) => {
      storage = options.storage && (await startStorageBetween(connectionString, options.storage.quickMs));
      const place = storage === undefined ? {} : { AzureWebJobsStorage: storage.connectionString };
      return { CALLER_REQUESTS_PER_MINUTE: '1000000', ...place, ...options.hostSettings };
    },
  });
  return {
    ...demo,
    storage,
    stop: async () => {
      await demo.stop();
      await storage?.stop();
    },
  };
}

/** Serves functions that do nothing on the same embedded host: `/empty` and `/same-answer`. */
export async function startEmptyApp(): Promise<{ readonly url: string; readonly pid: number; stop(): Promise<void> }> {
  const base = join(projectRoot, '.local');
  await mkdir(base, { recursive: true });
  const folder = await mkdtemp(join(base, 'empty-app-'));
  await build({
    ...app,
    absWorkingDir: projectRoot,
    entryPoints: { index: 'bench/apps/empty.ts' },
    outdir: join(folder, 'dist'),
    sourcemap: false,
  });
  await writeFile(join(folder, 'package.json'), JSON.stringify({ type: 'module', main: 'dist/index.js' }));
  await writeFile(
    join(folder, 'host.json'),
    JSON.stringify({ version: '2.0', extensions: { http: { routePrefix: 'api' } } }),
  );
  const host = await startChild<{ url: string }>(ptbScript, ['host', '--json', '--app', folder, '--port', '0']);
  return {
    url: `${host.ready.url}/api`,
    pid: host.pid,
    stop: async () => {
      await host.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
