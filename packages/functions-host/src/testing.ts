/**
 * Public entry `functions-host/testing`: starts the host as a child process for end-to-end tests, and collects the
 * registrations of an app without running it.
 *
 * Registrations of an app: `const registry = new Registry(log); installCoreModule(registry);`, then import the app.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { extname, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { FunctionSummary } from './app/function-summary.ts';

export { installCoreModule } from './app/core-shim.ts';
export { Registry } from './app/registry.ts';
export { resultJson } from './app/rpc.ts';
export { lineLog } from './runtime/host-log.ts';
export { startWorker } from './worker.ts';

/** The package's command: TypeScript when this module runs from the sources, JavaScript in the published package. */
const mainScript = join(import.meta.dirname, `main${extname(import.meta.filename)}`);

/** What the command prints with `--json` when it is ready. */
interface ReadyLine {
  /** `http://127.0.0.1:PORT`, without a trailing slash. */
  readonly url: string;
  /** Accepted everywhere, including the admin API. */
  readonly masterKey: string;
  /** Accepted at `/runtime/webhooks/durabletask`. */
  readonly systemKey: string;
  /** Accepted by HTTP functions with authLevel `function`. */
  readonly functionKey: string;
  readonly functions: readonly FunctionSummary[];
}

/** A host that runs in a child process. */
export interface HostProcess extends ReadyLine {
  /** Everything that the host has written to standard error so far. */
  errors(): string;
  /**
   * Sends a signal, SIGTERM by default, and waits for the process to end.
   * @returns the exit code, or null when the signal ended the process.
   */
  end(signal?: NodeJS.Signals): Promise<number | null>;
}

/** The outcome of a start that was expected to fail. */
export interface FailedStart {
  readonly code: number | null;
  /** Standard error. */
  readonly errors: string;
  /** Standard output. */
  readonly output: string;
}

/** `NODE_COMPILE_CACHE` has Node.js keep compiled code, which makes the next start faster. */
const inherited = (): NodeJS.ProcessEnv => ({
  PATH: process.env['PATH'],
  ...(process.env['NODE_COMPILE_CACHE'] === undefined ? {} : { NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'] }),
});

const running = new Set<ChildProcess>();
process.once('exit', () => running.forEach((child) => child.kill('SIGKILL')));

function spawnHost(
  args: readonly string[],
  environment: Record<string, string>,
): { child: ChildProcess; errors: () => string } {
  const child = spawn(process.execPath, [mainScript, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...inherited(), ...environment },
  });
  running.add(child);
  child.once('exit', () => running.delete(child));
  let errors = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  return { child, errors: () => errors };
}

/**
 * Starts the host in a child process and waits until it is ready. The process is killed when this process exits.
 * @param args further options of the command, for example `['--keys']`. Without `--port`, the system picks a free port.
 * @param environment the child's environment variables. Only PATH and NODE_COMPILE_CACHE are inherited.
 * @throws Error with the host's standard error when the host ends before it is ready.
 */
export async function startHost(
  appFolder: string,
  args: readonly string[] = [],
  environment: Record<string, string> = {},
): Promise<HostProcess> {
  const { child, errors } = spawnHost(['--app', appFolder, '--json', '--port', '0', ...args], environment);
  // `exit` may come before the last of standard error.
  const exited = once(child, 'close').then(([code]) => code as number | null);
  const line = await Promise.race([
    once(createInterface({ input: child.stdout as NodeJS.ReadableStream }), 'line').then(([text]) => text as string),
    exited.then((code) => Promise.reject(new Error(`the host exited with ${code}: ${errors()}`))),
  ]);
  return {
    ...(JSON.parse(line) as ReadyLine),
    errors,
    end: (signal = 'SIGTERM') => {
      child.kill(signal);
      return exited;
    },
  };
}

/** Runs the command with options with which the host must not start, and waits for it to exit. */
export async function failToStart(args: readonly string[]): Promise<FailedStart> {
  const { child, errors } = spawnHost(args, {});
  let output = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, errors: errors(), output };
}
