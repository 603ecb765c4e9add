import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { extname, join } from 'node:path';
import { createInterface } from 'node:readline';

export { installCoreModule } from './app/core-shim.ts';
export { Registry } from './app/registry.ts';

/** This package's command: TypeScript in the sources, JavaScript in what is published. */
const mainScript = join(import.meta.dirname, `main${extname(import.meta.filename)}`);

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
  const child = spawn(process.execPath, [mainScript, ...args], {
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

/** Starts the host and waits until it is ready. @throws Error with its standard error when it ends before. */
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

/** Runs the host where it must not start. */
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
