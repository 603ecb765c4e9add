import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** A long-running `ptb` command in a process of its own, ready for use. */
export interface RunningChild<T> {
  /** The one JSON document that it printed when it was ready. */
  readonly ready: T;
  readonly pid: number;
  readonly exited: Promise<number | null>;
  /** Asks it to end, and ends it for good after ten seconds. */
  stop(): Promise<void>;
  /** Ends it as a power cut would. */
  kill(): Promise<void>;
}

export interface ChildOptions {
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Each line of its standard error. */
  readonly onLine?: (line: string) => void;
  readonly startTimeoutMs?: number;
}

/** A child that ended instead of getting ready: its last words, and its exit code. */
class ChildFailed extends Error {
  override readonly name = 'ChildFailed';
  readonly exitCode: number | null;
  constructor(message: string, exitCode: number | null) {
    super(message);
    this.exitCode = exitCode;
  }
}

/**
 * Starts `node <script> <arguments…>` and waits for the JSON line by which it says that it is ready.
 * @throws ChildFailed with what it said on standard error when it ends instead, Error when it takes too long.
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
  const said: string[] = [];
  createInterface({ input: child.stderr }).on('line', (line) => {
    said.push(line);
    if (said.length > 50) said.shift();
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
  // What it said last is the reason: it comes after the exit, when its standard error has been read to the end.
  child.once('close', (code) => {
    // Whoever says it on is a `ptb` too.
    const words = said.join('\n').replaceAll(/^ptb: /gm, '');
    reject(new ChildFailed(words || `${args[0]} ended with exit code ${code}`, code));
  });
  const timer = setTimeout(
    () => reject(new Error(`${args[0]} was not ready in time:\n${said.join('\n')}`)),
    options.startTimeoutMs ?? 30_000,
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

/** Ends a child and waits until it is gone; one that does not listen is killed after ten seconds. */
export async function endChild(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const gone = once(child, 'exit');
  child.kill(signal);
  const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
  await gone;
  clearTimeout(timer);
}

/**
 * A module for `--import` that ends a process when its parent is gone, for a parent that is killed cannot end its
 * children: their standard input ends with it. `unref` lets the child end by itself before that.
 */
export const dieWithParent = 'data:text/javascript,process.stdin.on("end",()=>process.exit()).resume().unref()';
