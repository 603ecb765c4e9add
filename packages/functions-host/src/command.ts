import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { FunctionSummary, RunningHost } from './options.ts';
import { portOption } from './port-option.ts';

interface HostFlags {
  readonly app: string;
  readonly port: number;
  readonly store?: string;
  readonly settings?: string;
  readonly keys?: true;
  readonly json?: true;
}

/** The port of Azure Functions Core Tools, which scripts for local apps expect. */
const coreToolsPort = 7071;

/** Gives a command the options and the action of the host. Its machinery is loaded when the command runs. */
export function configureHostCommand(command: Command): Command {
  return command
    .description('Serves a compiled Azure Functions app (Node.js, v4 model) on this machine, without Azure.')
    .requiredOption('--app <folder>', 'the folder with host.json and package.json')
    .option('--port <number>', 'the port on 127.0.0.1; 0 for any', portOption, coreToolsPort)
    .option('--store <file>', 'keep orchestrations in this SQLite file, and go on with what it holds')
    .option(
      '--settings <file>',
      'app settings; wins over local.settings.json of the app, the environment wins over both',
    )
    .option('--keys', 'ask for function keys as Azure does')
    .option('--json', 'print one JSON line on standard output when ready')
    .addHelpText(
      'after',
      () => `\nExample:\n  ${commandLine(command)} --app ../my-functions --store .local/host.sqlite`,
    )
    .action((flags: HostFlags) => runHost(flags));
}

/** How a person calls the command: with the names of the commands above it. */
const commandLine = (command: Command): string =>
  command.parent === null ? command.name() : `${commandLine(command.parent)} ${command.name()}`;

/** node:sqlite without a flag and `module.registerHooks`, both of which the host is built on. */
const oldestNode = [22, 15] as const;

async function runHost(flags: HostFlags): Promise<void> {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major < oldestNode[0] || (major === oldestNode[0] && minor < oldestNode[1])) {
    throw new Error(`The local host needs Node.js ${oldestNode.join('.')} or later; this is ${process.versions.node}.`);
  }
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
  // An app's stray failure ends its worker in Azure, and a new one starts; here it must not take the host along.
  const survive = (thrown: unknown): void =>
    log(
      'critical',
      'system',
      `Uncaught: ${thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)}`,
    );
  process.on('uncaughtException', survive);
  process.on('unhandledRejection', survive);
  const signalled = stopSignal();
  announce(host, flags.json === true);
  await signalled;
  await host.stop();
  process.off('uncaughtException', survive);
  process.off('unhandledRejection', survive);
  // What an app left open (sockets, intervals) must not keep the process; its terminate hooks have run.
  process.exit(0);
}

function definedIn(environment: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(
    Object.entries(environment).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

function announce(host: RunningHost, json: boolean): void {
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
