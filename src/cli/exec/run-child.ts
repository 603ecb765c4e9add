import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import type { Clock } from '../../lib/runtime/clock.ts';

/** A program to run once. */
export interface ChildOrder {
  readonly program: string;
  readonly args: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
  /** Maximum duration, milliseconds. Undefined: as long as it takes. */
  readonly timeoutMs?: number | undefined;
  /** Ends the program. */
  readonly signal: AbortSignal;
  /** Takes what the program writes. If it fails, the program is ended. */
  readonly consume: (stream: Readable, name: 'stdout' | 'stderr') => Promise<void>;
}

/** How a program ended. */
export interface ChildEnd {
  readonly outcome: 'succeeded' | 'failed' | 'timed_out' | 'interrupted';
  /** Undefined if a signal ended it. */
  readonly exitCode?: number;
  readonly endedBy?: NodeJS.Signals;
}

/** The program cannot be started, for no tenant. */
export class NotStartedError extends Error {
  override readonly name = 'NotStartedError';
}

/** Time between the request to end and the end, milliseconds. */
const graceMs = 5_000;
/** What the program has started may keep its output open. It is not waited for longer than this, milliseconds. */
const outputGraceMs = 2_000;

const running = new Set<ChildProcess>();

/** Ends all programs under way, at once. */
export function killRunning(): void {
  for (const child of running) kill(child, 'SIGKILL');
}

/**
 * Runs a program without a shell and without input.
 * @throws NotStartedError if it cannot be started; the error of `consume`.
 */
export async function runChild(order: ChildOrder, clock: Clock): Promise<ChildEnd> {
  order.signal.throwIfAborted();
  const child = spawn(order.program, [...order.args], {
    env: order.environment,
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of its own, so that what the program starts can be ended with it.
    detached: process.platform !== 'win32',
    windowsHide: true,
  });
  running.add(child);
  const exit = exitOf(child, order.program);
  const over = new AbortController();
  let reason: 'timed_out' | 'interrupted' | undefined;
  const endChild = (why: 'timed_out' | 'interrupted'): void => {
    reason ??= why;
    void end(child, clock, over.signal);
  };
  const interrupt = (): void => endChild('interrupted');
  order.signal.addEventListener('abort', interrupt, { once: true });
  if (order.timeoutMs !== undefined)
    void clock.sleep(order.timeoutMs, over.signal).then(
      () => endChild('timed_out'),
      () => undefined,
    );
  const output = Promise.all([order.consume(child.stdout, 'stdout'), order.consume(child.stderr, 'stderr')]);
  // If the output cannot be written, the program must not go on.
  output.catch(interrupt);
  try {
    const ended = await exit;
    await Promise.race([output, clock.sleep(outputGraceMs, over.signal).catch(() => undefined)]);
    return { outcome: reason ?? (ended.exitCode === 0 ? 'succeeded' : 'failed'), ...ended };
  } finally {
    over.abort();
    running.delete(child);
    order.signal.removeEventListener('abort', interrupt);
    kill(child, 'SIGKILL');
    child.stdout.destroy();
    child.stderr.destroy();
    output.catch(() => undefined);
  }
}

function exitOf(child: ChildProcess, program: string): Promise<Pick<ChildEnd, 'exitCode' | 'endedBy'>> {
  return new Promise((resolve, reject) => {
    child.once('exit', (exitCode, endedBy) =>
      resolve({ ...(exitCode === null ? {} : { exitCode }), ...(endedBy === null ? {} : { endedBy }) }),
    );
    child.once('error', (error: NodeJS.ErrnoException) => {
      const reason = error.code === 'ENOENT' ? 'was not found' : `cannot be started (${error.code ?? error.message})`;
      reject(new NotStartedError(`The program ${program} ${reason}.`));
    });
  });
}

/** Asks the program to end, and ends it if it does not. */
async function end(child: ChildProcess, clock: Clock, over: AbortSignal): Promise<void> {
  kill(child, 'SIGTERM');
  await clock.sleep(graceMs, over).then(
    () => kill(child, 'SIGKILL'),
    () => undefined,
  );
}

/** Ends the program and what it has started. Windows has no groups: there only the program. */
function kill(child: ChildProcess, signal: 'SIGTERM' | 'SIGKILL'): void {
  if (child.pid === undefined) return;
  try {
    if (process.platform === 'win32') child.kill(signal);
    else process.kill(-child.pid, signal);
  } catch {
    // It has ended already.
  }
}
