import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { FunctionSummary } from './app/function-summary.ts';
import type { RunningHost } from './options.ts';
import { parsePort } from './port-option.ts';
import { stackOf } from './runtime/errors.ts';
import type { HostLog } from './runtime/host-log.ts';

interface HostFlags {
  readonly app: string;
  readonly port: number;
  readonly store?: string;
  readonly settings?: string;
  readonly keys?: true;
  readonly json?: true;
}

/** The default port of Azure Functions Core Tools, which scripts for local apps expect. */
const defaultPort = 7071;

/**
 * Adds the description, the options and the action of the host to a command, so that another command line can offer
 * it as a subcommand. The host's own modules are loaded when the command runs.
 */
export function configureHostCommand(command: Command): Command {
  return command
    .description('Serves a compiled Azure Functions app (Node.js, v4 model) on this machine, without Azure.')
    .requiredOption('--app <folder>', 'folder with host.json and package.json')
    .option('--port <number>', 'port on 127.0.0.1; 0 for any free port', parsePort, defaultPort)
    .option('--store <file>', 'SQLite file that keeps orchestrations and other state across restarts')
    .option(
      '--settings <file>',
      'app settings; override local.settings.json of the app, environment variables override both',
    )
    .option('--keys', 'require function keys, as Azure does')
    .option('--json', 'print one JSON line on standard output when ready')
    .addHelpText(
      'after',
      () => `\nExample:\n  ${commandLine(command)} --app ../my-functions --store .local/host.sqlite`,
    )
    .action((flags: HostFlags) => runHost(flags));
}

/** The command with the names of its parent commands. */
const commandLine = (command: Command): string =>
  command.parent === null ? command.name() : `${commandLine(command.parent)} ${command.name()}`;

/** The first version with both `node:sqlite` without a flag and `module.registerHooks`. */
const minimumNode = [22, 19] as const;

async function runHost(flags: HostFlags): Promise<void> {
  requireNodeVersion();
  const { lineLog, readSettingsFile, startHost } = await import('./index.ts');
  const appFolder = resolve(flags.app);
  const fromFiles = {
    ...readSettingsFile(resolve(appFolder, 'local.settings.json')),
    ...(flags.settings === undefined ? {} : readSettingsFile(resolve(flags.settings), { required: true })),
  };
  const log = lineLog((line) => process.stderr.write(line));
  const host = await startHost({
    appFolder,
    port: flags.port,
    storePath: flags.store === undefined ? undefined : resolve(flags.store),
    settings: { ...fromFiles, ...definedIn(process.env) },
    requireKeys: flags.keys === true,
    log,
  });
  const stopLogging = logUncaughtErrors(log);
  const signalled = stopSignal();
  printReady(host, flags.json === true);
  await signalled;
  await host.stop();
  stopLogging();
  // Sockets and intervals that the app left open must not keep the process alive. Its terminate hooks have run.
  process.exit(0);
}

/** @throws Error when this Node.js is too old. */
function requireNodeVersion(): void {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > minimumNode[0] || (major === minimumNode[0] && minor >= minimumNode[1])) return;
  throw new Error(`The local host needs Node.js ${minimumNode.join('.')} or later; this is ${process.versions.node}.`);
}

/**
 * Logs errors that the app throws outside its handlers. In Azure such an error ends the worker and a new one starts;
 * here it must not end the host. @returns a function that removes the listeners.
 */
function logUncaughtErrors(log: HostLog): () => void {
  const listener = (thrown: unknown): void => log('critical', 'system', `Uncaught: ${stackOf(thrown)}`);
  const events = ['uncaughtException', 'unhandledRejection'] as const;
  for (const event of events) process.on(event, listener);
  return () => {
    for (const event of events) process.off(event, listener);
  };
}

function definedIn(environment: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(
    Object.entries(environment).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

function printReady(host: RunningHost, json: boolean): void {
  const { url, port, functions, masterKey, systemKey, functionKey } = host;
  const lines = functions.map((item) => `  ${describe(item, url)}`).join('\n');
  process.stderr.write(`${functions.length} function(s) at ${url}:\n${lines}\n`);
  if (json) process.stdout.write(`${JSON.stringify({ url, port, functions, masterKey, systemKey, functionKey })}\n`);
}

function describe({ name, trigger, route, methods, schedule }: FunctionSummary, url: string): string {
  if (route !== undefined) return `${name}: [${(methods ?? []).join(',')}] ${url}${route}`;
  return schedule === undefined ? `${name}: ${trigger}` : `${name}: ${trigger} ${schedule}`;
}

function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    process.once('SIGINT', () => resolve());
    process.once('SIGTERM', () => resolve());
  });
}
