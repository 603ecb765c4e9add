import { type ChildProcess, type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import type { Clock } from '../../lib/core/clock.ts';
import { NotStartedError } from './not-started.ts';
import { type OutputStream, outputStream } from './child-output-stream.ts';

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
  readonly consume: (chunks: AsyncIterable<Uint8Array>, name: 'stdout' | 'stderr') => Promise<void>;
}

/** How a program ended. */
export interface ChildEnd {
  readonly outcome: 'succeeded' | 'failed' | 'timed_out' | 'interrupted';
  /** Undefined if a signal ended it. */
  readonly exitCode?: number;
  readonly endedBy?: NodeJS.Signals;
}

/** Time between the request to end and the end, milliseconds. */
const graceMs = 5_000;
/** What the program has started may keep its output open. It is waited for this long, and for a slow reader, milliseconds. */
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
  if (order.signal.aborted) return { outcome: 'interrupted' };
  const child = start(order);
  running.add(child);
  const exit = exitOf(child, order.program);
  // Without a process there are no streams, and `exit` fails.
  const streams = child.pid === undefined ? [] : ([child.stdout, child.stderr] as const);
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
  const outputs = streams.map(outputStream);
  const output = Promise.all(
    outputs.map(({ chunks }, index) => order.consume(chunks, index === 0 ? 'stdout' : 'stderr')),
  );
  // If the output cannot be written, the program must not go on.
  output.catch(interrupt);
  try {
    const ended = await exit;
    await finished(output, outputs, clock);
    return { outcome: reason ?? (ended.exitCode === 0 ? 'succeeded' : 'failed'), ...ended };
  } finally {
    over.abort();
    running.delete(child);
    order.signal.removeEventListener('abort', interrupt);
    kill(child, 'SIGKILL');
    for (const stream of streams) stream.destroy();
  }
}

function start({ program, args, environment }: ChildOrder): ChildProcessByStdio<null, Readable, Readable> {
  try {
    return spawn(program, [...args], {
      env: environment,
      stdio: ['ignore', 'pipe', 'pipe'],
      // A group of its own, so that what the program starts can be ended with it.
      detached: process.platform !== 'win32',
      windowsHide: true,
    });
  } catch (error) {
    throw notStarted(program, error as NodeJS.ErrnoException);
  }
}

function notStarted(program: string, { code, message }: NodeJS.ErrnoException): NotStartedError {
  const reason = code === 'ENOENT' ? 'was not found' : `cannot be started (${code ?? message})`;
  return new NotStartedError(`The program ${program} ${reason}.`);
}

function exitOf(child: ChildProcess, program: string): Promise<Pick<ChildEnd, 'exitCode' | 'endedBy'>> {
  return new Promise((resolve, reject) => {
    child.once('exit', (exitCode, endedBy) =>
      resolve({ ...(exitCode === null ? {} : { exitCode }), ...(endedBy === null ? {} : { endedBy }) }),
    );
    child.once('error', (error: NodeJS.ErrnoException) => reject(notStarted(program, error)));
  });
}

/** Waits until all that the program wrote is consumed. @throws the error of `consume`. */
async function finished(output: Promise<unknown>, outputs: readonly OutputStream[], clock: Clock): Promise<void> {
  const read = new AbortController();
  const stopWaiting = (): void => read.abort();
  output.then(stopWaiting, stopWaiting);
  while (!read.signal.aborted) {
    await clock.sleep(outputGraceMs, read.signal).catch(() => undefined);
    if (read.signal.aborted) break;
    await Promise.all(outputs.map((one) => one.endIfRead()));
  }
  await output;
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
