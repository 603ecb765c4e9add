import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { endChild, type RunningChild } from '../../src/cli/demo/child.ts';
import { findDurableEngine } from '../../tools/get-durable-engine.ts';

const program = await findDurableEngine();

/** Why the engine cannot run on this machine. */
export const engineMissing =
  program === undefined
    ? '.local/tools/durable-engine is not built. Install the .NET SDK 10 and run .ci/install-tools'
    : undefined;

export interface EngineOptions {
  readonly appFolder: string;
  /** App settings. */
  readonly environment: Readonly<Record<string, string>>;
  /** Seconds until another process takes over the work of one that was killed. Default: those of host.json. */
  readonly recoverySeconds?: number;
  /** How often processes look whether they should take queues from each other, seconds. Default: 10. */
  readonly balanceSeconds?: number;
  /** Receives each line that the engine and the app log. */
  readonly onLine?: (line: string) => void;
}

export interface EngineReady {
  /** Where the HTTP functions are served. */
  readonly url: string;
  /** The process that runs the app. */
  readonly workerPid: number;
}

const seconds = (name: string, value: number | undefined): Readonly<Record<string, string>> =>
  value === undefined ? {} : { [`DURABLE_ENGINE_${name}_SECONDS`]: `${value}` };

/** The extension takes these for signs of Azure, and writes more. */
const signsOfAzure = { CONTAINER_NAME: undefined, WEBSITE_INSTANCE_ID: undefined, WEBSITE_SKU: undefined };

/**
 * Starts an app on Microsoft's Durable Task extension: a .NET process, and a Node.js process of its own for the app.
 * @throws Error with the last lines of the log if it ends before it is ready.
 */
export async function startEngine(options: EngineOptions): Promise<RunningChild<EngineReady>> {
  const { appFolder, environment, onLine } = options;
  const worker = ['--conditions=workspace-source', join(import.meta.dirname, 'worker.ts'), appFolder];
  const child = spawn('dotnet', [program ?? '', appFolder, process.execPath, ...worker], {
    env: {
      ...process.env,
      ...signsOfAzure,
      // The engine lives for a minute, so measuring code to optimize it and protecting it while it is written cost more than
      // they save.
      DOTNET_TieredPGO: '0',
      DOTNET_EnableWriteXorExecute: '0',
      // The extension's own web server logs each request.
      Logging__LogLevel__Default: 'Warning',
      ...environment,
      ...seconds('RECOVERY', options.recoverySeconds),
      ...seconds('BALANCE', options.balanceSeconds),
    },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const exited = once(child, 'exit').then(([code]) => code as number | null);
  const lastLines: string[] = [];
  const { promise: ready, resolve, reject } = Promise.withResolvers<EngineReady>();
  for (const input of [child.stdout, child.stderr])
    createInterface({ input }).on('line', (line) => {
      // The extension's own web server also writes to standard output.
      if (input === child.stdout && line.startsWith('{"url"')) resolve(JSON.parse(line) as EngineReady);
      lastLines.push(line);
      if (lastLines.length > 50) lastLines.shift();
      onLine?.(line);
    });
  child.once('close', (code) => reject(new Error(`the engine ended with ${code}:\n${lastLines.join('\n')}`)));
  const [stop, kill] = [() => endChild(child, 'SIGTERM'), () => endChild(child, 'SIGKILL')];
  try {
    return { ready: await ready, pid: child.pid ?? 0, exited, stop, kill };
  } catch (error) {
    await kill();
    throw error;
  }
}
