import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { RunningChild } from '../../src/cli/demo/child.ts';
import { commandOf, type CoreTools } from './core-tools.ts';

/** A running `func start`. */
export interface FuncHost extends RunningChild<{ url: string }> {
  /** Everything that it has printed. */
  readonly lines: readonly string[];
}

const startTimeoutMs = 300_000;

/** Starts `func start` in the folder of an app, and waits until the app answers. @throws Error with what it printed. */
export async function startFunc(
  { program }: CoreTools,
  appFolder: string,
  environment: Readonly<Record<string, string>>,
): Promise<FuncHost> {
  const port = await freePort();
  const { file, args, shell } = commandOf(program, ['start', '--port', String(port)]);
  const child = spawn(file, args, {
    shell,
    cwd: appFolder,
    env: { ...process.env, FUNCTIONS_CORE_TOOLS_TELEMETRY_OPTOUT: '1', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
    // The host starts a worker of its own: both are in one group.
    detached: true,
  });
  const lines: string[] = [];
  for (const input of [child.stdout, child.stderr])
    createInterface({ input }).on('line', (line) => {
      lines.push(line);
    });
  const exited = once(child, 'exit').then(([code]) => code as number | null);
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    await killGroup(child.pid, signal);
    const isEnded = await Promise.race([exited.then(() => true), sleep(15_000, false)]);
    if (!isEnded) await killGroup(child.pid, 'SIGKILL');
    await exited;
  };
  const url = `http://127.0.0.1:${port}`;
  try {
    await answering(url, exited);
  } catch (cause) {
    await end('SIGKILL');
    throw new Error(`${program} start did not serve the app:\n${lines.slice(-40).join('\n')}`, { cause });
  }
  const kill = (): Promise<void> => end('SIGKILL');
  return { ready: { url }, pid: child.pid ?? 0, exited, stop: () => end('SIGTERM'), kill, lines };
}

/** Signals the host and its worker. Windows has no signals: `taskkill` ends both at once. */
async function killGroup(pid: number, signal: NodeJS.Signals): Promise<void> {
  if (process.platform !== 'win32') process.kill(-pid, signal);
  else await promisify(execFile)('taskkill', ['/pid', String(pid), '/t', '/f']);
}

async function answering(url: string, exited: Promise<number | null>): Promise<void> {
  const deadlineMs = Date.now() + startTimeoutMs;
  const end: { code?: number | null } = {};
  void exited.then((code) => (end.code = code));
  while (Date.now() < deadlineMs && end.code === undefined) {
    const response = await fetch(`${url}/api/health`, { signal: AbortSignal.timeout(10_000) }).catch(() => undefined);
    // While the host starts, it answers itself.
    if (response?.headers.get('x-correlation-id')) return;
    await sleep(500);
  }
  throw new Error(end.code === undefined ? 'There was no answer in time.' : `It ended with exit code ${end.code}.`);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('There is no free port.');
  return address.port;
}
