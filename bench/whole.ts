/** The running product for a benchmark: Azurite, the simulated cloud, the embedded host with the built app. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import { app } from '../tools/build.ts';
import { type RunningChild, startChild } from '../src/local/child.ts';
import { type Demo, startDemo } from '../src/local/demo/start-demo.ts';

const projectRoot = resolve(import.meta.dirname, '..');
/** Where the build that is measured lies; `npm run bench` makes it first. */
export const buildRoot = resolve(projectRoot, process.env['PTB_BUILD_ROOT'] ?? '.');
export const ptbScript = join(buildRoot, 'build/cli/ptb.js');

export interface WholeOptions {
  readonly tenants: number;
  /** Time that each simulated Entra and Graph request takes at least, milliseconds. */
  readonly delayMs?: number;
  readonly hostSettings?: Readonly<Record<string, string>>;
  /** The audit log's writes are acknowledged after so many milliseconds and kept nowhere (bench/apps/quick-tables.ts). */
  readonly quickAuditMs?: number;
}

export interface Whole extends Demo {
  /** Where the quick tables count, if there are any. */
  readonly countsUrl: string | undefined;
}

/** Starts it with tenants that all work. A caller may ask as fast as it can. */
export async function startWhole({ tenants, delayMs, hostSettings, quickAuditMs }: WholeOptions): Promise<Whole> {
  let tables: RunningChild<{ url: string }> | undefined;
  const settings = async (connectionString: string): Promise<Record<string, string>> => {
    const own = { CALLER_REQUESTS_PER_MINUTE: '1000000', ...hostSettings };
    if (quickAuditMs === undefined) return own;
    const azuriteTables = new URL(/TableEndpoint=([^;]+)/.exec(connectionString)?.[1] ?? '');
    tables = await startChild(join(import.meta.dirname, 'apps/quick-tables.ts'), [
      azuriteTables.origin,
      `${quickAuditMs}`,
    ]);
    const quick = `TableEndpoint=${tables.ready.url}${azuriteTables.pathname}`;
    return { ...own, AzureWebJobsStorage: connectionString.replace(/TableEndpoint=[^;]+/, quick) };
  };
  const demo = await startDemo({
    tenants,
    delayMs,
    faults: undefined,
    plain: true,
    port: 0,
    ptbScript,
    appFolder: buildRoot,
    say: () => undefined,
    hostSettings: settings,
  });
  return {
    ...demo,
    countsUrl: tables && `${tables.ready.url}/counts`,
    stop: async () => {
      await demo.stop();
      await tables?.stop();
    },
  };
}

/** Serves the empty function on the same embedded host. */
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
    url: `${host.ready.url}/api/empty`,
    pid: host.pid,
    stop: async () => {
      await host.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
