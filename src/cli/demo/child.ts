import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { stripVTControlCharacters } from 'node:util';

/** A long-running `ptb` command in its own process that has reported that it is ready. */
export interface RunningChild<T> {
  /** The JSON document that it printed when it was ready. */
  readonly ready: T;
  readonly pid: number;
  readonly exited: Promise<number | null>;
  /** Sends SIGTERM, and SIGKILL after ten seconds. */
  stop(): Promise<void>;
  /** Sends SIGKILL. */
  kill(): Promise<void>;
}

interface ChildOptions {
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Receives each line of its standard error. */
  readonly onLine?: (line: string) => void;
  readonly startTimeoutMs?: number;
}

/** The child ended before it was ready. The message has the last lines of its standard error. */
class ChildFailed extends Error {
  override readonly name = 'ChildFailed';
  readonly exitCode: number | null;
  constructor(message: string, exitCode: number | null) {
    super(message);
    this.exitCode = exitCode;
  }
}

/**
 * Starts `node <script> <arguments…>` and waits for the JSON line that reports that it is ready.
 * @throws ChildFailed with its standard error when it ends before that, Error on timeout.
 */
export async function startChild<T>(
  script: string,
  args: readonly string[],
  options: ChildOptions = {},
): Promise<RunningChild<T>> {
  const child = spawn(process.execPath, ['--import', dieWithParent, script, ...args], {
    env: { ...process.env, ...options.environment },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const exited = once(child, 'exit').then(([code]) => code as number | null);
  const lastLines: string[] = [];
  createInterface({ input: child.stderr }).on('line', (line) => {
    lastLines.push(line);
    if (lastLines.length > 50) lastLines.shift();
    options.onLine?.(line);
  });
  const { promise: ready, resolve, reject } = Promise.withResolvers<T>();
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (!line.startsWith('{')) return;
    try {
      resolve(JSON.parse(line) as T);
    } catch (error) {
      reject(error);
    }
  });
  // `close`, not `exit`: the last lines name the reason, and by then all of standard error has been read.
  child.once('close', (code) => {
    // The parent is a `ptb` too: it adds its own prefix, in its own colour.
    const message = stripVTControlCharacters(lastLines.join('\n')).replaceAll(/^ptb: /gm, '');
    reject(new ChildFailed(message || `${args[0]} ended with exit code ${code}`, code));
  });
  const timer = setTimeout(
    () => reject(new Error(`${args[0]} was not ready in time:\n${lastLines.join('\n')}`)),
    options.startTimeoutMs ?? 120_000,
  );
  try {
    return {
      ready: await ready,
      pid: child.pid ?? 0,
      exited,
      stop: () => endChild(child, 'SIGTERM'),
      kill: () => endChild(child, 'SIGKILL'),
    };
  } catch (error) {
    await endChild(child, 'SIGKILL');
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** Sends the signal and waits until the child has ended. Sends SIGKILL after ten seconds. */
export async function endChild(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const exited = once(child, 'exit');
  child.kill(signal);
  const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
  await exited;
  clearTimeout(timer);
}

/**
 * A module for `--import` that ends a process when its standard input ends. A parent that is killed cannot end its
 * children, but its pipes close. `unref` lets the child end before that.
 */
export const dieWithParent = 'data:text/javascript,process.stdin.on("end",()=>process.exit()).resume().unref()';
