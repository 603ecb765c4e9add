import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { build } from 'esbuild';
import { projectRoot, ptbScript } from '../../../../test/paths.ts';

export interface AppOptions {
  /** `extensions` of host.json. */
  readonly extensions?: Record<string, unknown>;
  readonly format?: 'esm' | 'cjs';
}

/** A folder of its own inside the project, where node_modules is found. */
export function temporaryFolder(name: string): string {
  const base = join(projectRoot, '.local', 'host-tests');
  mkdirSync(base, { recursive: true });
  return mkdtempSync(join(base, `${name}-`));
}

/** Bundles `apps/NAME.ts` the way the product's own app is bundled. @returns the app's folder. */
export async function buildApp(name: string, { extensions = {}, format = 'esm' }: AppOptions = {}): Promise<string> {
  const folder = temporaryFolder(name);
  const js =
    "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);";
  await build({
    entryPoints: [join(import.meta.dirname, 'apps', `${name}.ts`)],
    outdir: join(folder, 'dist'),
    bundle: true,
    platform: 'node',
    format,
    target: 'node22',
    minify: true,
    splitting: format === 'esm',
    external: ['@azure/functions-core'],
    ...(format === 'esm' ? { banner: { js } } : {}),
  });
  writeFileSync(
    join(folder, 'package.json'),
    JSON.stringify({ type: format === 'esm' ? 'module' : 'commonjs', main: 'dist/*.js' }),
  );
  writeFileSync(join(folder, 'host.json'), JSON.stringify({ version: '2.0', extensions }));
  return folder;
}

export const removeFolder = (folder: string): void => rmSync(folder, { recursive: true, force: true });

export interface HostProcess {
  readonly url: string;
  readonly masterKey: string;
  readonly systemKey: string;
  readonly functionKey: string;
  readonly functions: readonly {
    name: string;
    trigger: string;
    route?: string;
    schedule?: string;
    methods?: string[];
  }[];
  /** Everything on standard error so far. */
  errors(): string;
  /** Sends a signal and waits for the end. @returns the exit code, or null when the signal ended it. */
  end(signal?: NodeJS.Signals): Promise<number | null>;
}

const running = new Set<ChildProcess>();
process.once('exit', () => running.forEach((child) => child.kill('SIGKILL')));

function spawnHost(
  args: readonly string[],
  environment: Record<string, string>,
): { child: ChildProcess; errors: () => string } {
  const child = spawn(process.execPath, [ptbScript, 'host', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], ...environment },
  });
  running.add(child);
  child.once('exit', () => running.delete(child));
  let errors = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  return { child, errors: () => errors };
}

/** Starts `ptb host` and waits until it is ready. @throws Error with its standard error when it ends before. */
export async function startHost(
  appFolder: string,
  args: readonly string[] = [],
  environment: Record<string, string> = {},
): Promise<HostProcess> {
  const { child, errors } = spawnHost(['--app', appFolder, '--port', '0', '--json', ...args], environment);
  const exited = once(child, 'exit').then(([code]) => code as number | null);
  const line = await Promise.race([
    once(createInterface({ input: child.stdout as NodeJS.ReadableStream }), 'line').then(([text]) => text as string),
    exited.then((code) => Promise.reject(new Error(`the host ended with ${code}: ${errors()}`))),
  ]);
  return {
    ...(JSON.parse(line) as HostProcess),
    errors,
    end: (signal = 'SIGTERM') => {
      child.kill(signal);
      return exited;
    },
  };
}

/** Runs `ptb host` where it must not start. */
export async function failToStart(
  args: readonly string[],
): Promise<{ code: number | null; errors: string; output: string }> {
  const { child, errors } = spawnHost(args, {});
  let output = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, errors: errors(), output };
}
