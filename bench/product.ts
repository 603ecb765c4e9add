/** Starts the product for a benchmark: Azurite, the simulated cloud, and the embedded host with the built app. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';
import { app } from '../tools/build.ts';
import { projectRoot, ptbScript } from '../test/paths.ts';
import { quiet } from '../test/support/watched-demo.ts';
import { startChild } from '../src/cli/demo/child.ts';
import { type Demo, type DemoOptions, startDemo } from '../src/cli/demo/start-demo.ts';
import { type StorageProxy, startStorageProxy } from './storage-proxy.ts';

export interface ProductOptions extends Partial<Pick<DemoOptions, 'appFolder' | 'obtainCredential'>> {
  readonly tenants: number;
  /** Minimum time of each request to the simulated Entra and Graph, milliseconds. */
  readonly delayMs?: number;
  readonly hostSettings?: Readonly<Record<string, string>>;
  /** Counts storage requests; with `acknowledgeMs`, acknowledges the audit log's writes after that time. */
  readonly storage?: { readonly acknowledgeMs?: number };
  /** SQLite file for orchestrations. */
  readonly hostStorePath?: string;
}

export interface Product extends Demo {
  readonly storage: StorageProxy | undefined;
}

/** Starts the product with tenants that all work and without a rate limit for callers. */
export async function startProduct(options: ProductOptions): Promise<Product> {
  const { tenants, delayMs, hostStorePath, appFolder = quiet.appFolder, obtainCredential } = options;
  let storage: StorageProxy | undefined;
  const demo = await startDemo({
    ...quiet,
    appFolder,
    tenants,
    delayMs,
    plain: true,
    ...(hostStorePath === undefined ? {} : { hostStorePath }),
    ...(obtainCredential && { obtainCredential }),
    hostSettings: async (connectionString) => {
      storage = options.storage && (await startStorageProxy(connectionString, options.storage.acknowledgeMs));
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

/** An app of this folder on the embedded host. */
export interface BenchApp {
  readonly url: string;
  readonly pid: number;
  stop(): Promise<void>;
}

/** Starts the embedded host with functions that do nothing: `/empty` and `/same-answer`. */
export const startEmptyApp = (): Promise<BenchApp> => startApp('empty');

/** Starts the embedded host with a reverse proxy, `/proxy/…`. @param environment UPSTREAM_URL and UPSTREAM_TOKEN. */
export const startProxyApp = (environment: Readonly<Record<string, string>>): Promise<BenchApp> =>
  startApp('reverse-proxy', environment);

async function startApp(name: string, environment: Readonly<Record<string, string>> = {}): Promise<BenchApp> {
  const base = join(projectRoot, '.local');
  await mkdir(base, { recursive: true });
  const folder = await mkdtemp(join(base, `${name}-app-`));
  await build({
    ...app,
    absWorkingDir: projectRoot,
    entryPoints: { index: `bench/apps/${name}.ts` },
    outdir: join(folder, 'dist'),
    sourcemap: false,
  });
  await writeFile(join(folder, 'package.json'), JSON.stringify({ type: 'module', main: 'dist/index.js' }));
  await writeFile(
    join(folder, 'host.json'),
    // The log levels of the product, so that neither logs requests.
    JSON.stringify({
      version: '2.0',
      logging: { logLevel: { default: 'Warning' } },
      extensions: { http: { routePrefix: 'api' } },
    }),
  );
  const host = await startChild<{ url: string }>(ptbScript, ['host', '--json', '--app', folder, '--port', '0'], {
    environment,
  });
  return {
    url: `${host.ready.url}/api`,
    pid: host.pid,
    stop: async () => {
      await host.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
