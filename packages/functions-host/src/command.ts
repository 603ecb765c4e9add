import { resolve } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { FunctionSummary } from './app/function-summary.ts';
import type { RunningHost } from './options.ts';
import { parsePort } from './port-option.ts';
import { stackOf } from './runtime/errors.ts';
import { type HostLog, hostLogLevels } from './runtime/host-log.ts';
import { HostStartError } from './runtime/host-start-error.ts';
import { isLogged, type LogThreshold } from './runtime/log-filter.ts';
import { stopRequest } from './stop-request.ts';

interface HostFlags {
  readonly app: string;
  readonly port?: number;
  readonly store?: string;
  readonly settings?: string;
  readonly keys?: true;
  readonly logLevel?: LogThreshold;
  readonly visibilityTimeout?: number;
  readonly json?: true;
  readonly shared?: true;
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
    .option(
      '--port <number>',
      `port on 127.0.0.1; 0 for any free port (default: Host.LocalHttpPort of local.settings.json, or ${defaultPort})`,
      parsePort,
    )
    .option('--store <file>', 'SQLite file that keeps orchestrations and other state across restarts')
    .option('--shared', 'let other hosts use the file of --store at the same time: they share the orchestrations')
    .option(
      '--settings <file>',
      'app settings; override local.settings.json of the app, environment variables override both',
    )
    .option('--keys', 'require function keys, as Azure does')
    .addOption(
      new Option('--log-level <level>', 'lowest level to print; default: logging.logLevel of host.json').choices([
        ...hostLogLevels,
        'none',
      ]),
    )
    .option(
      '--visibility-timeout <seconds>',
      'how long the work of a killed host stays hidden; default: the visibility timeouts of host.json',
      parseSeconds,
    )
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

const parseSeconds = (text: string): number => {
  if (!/^\d{1,6}(?:\.\d+)?$/.test(text)) throw new InvalidArgumentError('It must be a number of seconds.');
  return Number(text);
};

async function runHost(flags: HostFlags): Promise<void> {
  requireNodeVersion();
  if (flags.shared === true && flags.store === undefined)
    throw new InvalidArgumentError('--shared needs the file of --store.');
  const write = process.stderr.write.bind(process.stderr);
  const log = (await import('./index.ts')).lineLog((line) => void write(line));
  const ready = process.stdout.write.bind(process.stdout);
  const host = await startFromFlags(flags, log);
  const stopLogging = logUncaughtErrors(log);
  const stop = stopRequest(process);
  write(readyText(host, flags.json !== true));
  if (flags.json === true) ready(readyLine(host));
  await stop;
  await host.stop();
  stopLogging();
  // Sockets and intervals that the app left open must not keep the process alive. Its terminate hooks have run.
  process.exit(0);
}

async function startFromFlags(flags: HostFlags, log: HostLog): Promise<RunningHost> {
  const { readHostSection, readSettingsFile, startHost } = await import('./index.ts');
  const appFolder = resolve(flags.app);
  const localSettings = resolve(appFolder, 'local.settings.json');
  const fromFiles = {
    ...readSettingsFile(localSettings),
    ...(flags.settings === undefined ? {} : readSettingsFile(resolve(flags.settings), { required: true })),
  };
  const section = readHostSection(localSettings);
  const { logLevel, visibilityTimeout } = flags;
  try {
    return await startHost({
      appFolder,
      port: flags.port ?? section.port ?? defaultPort,
      storePath: flags.store === undefined ? undefined : resolve(flags.store),
      shared: flags.shared,
      settings: { ...fromFiles, ...definedIn(process.env) },
      requireKeys: flags.keys === true,
      log,
      logLevel,
      captureOutput: true,
      cors: section.cors,
      visibilityTimeoutMs: visibilityTimeout === undefined ? undefined : visibilityTimeout * 1000,
    });
  } catch (error) {
    const debug = logLevel !== undefined && isLogged({ default: logLevel }, 'debug', '');
    if (debug && error instanceof HostStartError && error.cause !== undefined)
      process.stderr.write(`${stackOf(error.cause)}\n`);
    throw error;
  }
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

function readyText(host: RunningHost, withKeys: boolean): string {
  const { url, functions, masterKey, functionKey, systemKey } = host;
  const lines = functions.map((item) => `  ${describe(item, url)}\n`).join('');
  const keys = `Keys (x-functions-key or ?code=):\n  function ${functionKey}\n  system   ${systemKey}\n  master   ${masterKey}\n`;
  return `${functions.length} function(s) at ${url}:\n${lines}${withKeys ? keys : ''}`;
}

function readyLine({ url, port, functions, masterKey, systemKey, functionKey }: RunningHost): string {
  return `${JSON.stringify({ url, port, functions, masterKey, systemKey, functionKey })}\n`;
}

function describe({ name, trigger, route, methods, schedule }: FunctionSummary, url: string): string {
  if (route !== undefined) return `${name}: [${(methods ?? []).join(',')}] ${url}${route}`;
  return schedule === undefined ? `${name}: ${trigger}` : `${name}: ${trigger} ${schedule}`;
}
