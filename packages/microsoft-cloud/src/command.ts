import { type Command, InvalidArgumentError } from 'commander';
import type { CloudOptions, RunningCloud } from './index.ts';

interface CloudFlags {
  readonly tenants: number;
  readonly usersPerTenant?: number;
  readonly faults: readonly string[];
  readonly seed: number;
  readonly delayMs: number;
  readonly port: number;
  readonly host: string;
  readonly plain?: true;
  readonly permissions?: string;
  readonly json?: true;
}

/**
 * Adds the options and the action of the simulated cloud to a command. The cloud's modules are loaded when the command
 * runs, so that another program can register this command without loading them.
 */
export function configureCloudCommand(command: Command): Command {
  return command
    .description('Run a simulated Microsoft cloud on this machine, for development and tests without a network.')
    .option('--tenants <count>', 'number of customer tenants, 0 to 100000', wholeNumber(0, 100_000), 25)
    .option('--users-per-tenant <count>', 'number of users of each customer tenant, 1 to 10000', wholeNumber(1, 10_000))
    .option('--faults <names>', 'fault sets, separated by commas; the control page lists them', nameList, [])
    .option('--seed <number>', 'the same seed gives the same tenants', wholeNumber(0, 2_147_483_647), 1)
    .option('--delay-ms <ms>', 'minimum time of each Entra and Graph request', wholeNumber(0, 600_000), 0)
    .option(
      '--port <number>',
      'port of the control endpoint; the services use the next nine (0: free ports)',
      wholeNumber(0, 65_527),
      0,
    )
    .option(
      '--host <address>',
      'address to listen on; 0.0.0.0 in a container. Whoever reaches the ports controls the cloud',
      '127.0.0.1',
    )
    .option('--plain', 'all tenants work and behave alike')
    .option(
      '--permissions <file>',
      "Microsoft's published permission file, for requests beyond those of the built-in table",
    )
    .option('--json', 'print one JSON document with all addresses and credentials when the cloud is ready')
    .addHelpText('after', exitCodes)
    .action(run);
}

const exitCodes = `
Exit codes: 0 after Ctrl-C or SIGTERM, 1 if the cloud cannot start or its output
cannot be written, 2 for wrong options.`;

async function run(flags: CloudFlags, command: Command): Promise<void> {
  const cloud = await start(flags, command);
  try {
    const stopped = untilStopped();
    await print(flags.json ? `${JSON.stringify(cloud.document)}\n` : await startupText(cloud));
    await stopped;
  } finally {
    await cloud.stop();
  }
}

/** @throws Error with the reason, such as a full disk. */
const print = (text: string): Promise<void> =>
  new Promise((resolve, reject) => {
    process.stdout.write(text, (error) => {
      if (error == null) resolve();
      else reject(new Error(`The output cannot be written: ${error.message}`, { cause: error }));
    });
  });

function wholeNumber(smallest: number, largest: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= smallest && value <= largest) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${smallest} to ${largest}.`);
  };
}

const nameList = (text: string): readonly string[] =>
  text
    .split(',')
    .map((name) => name.trim())
    .filter(Boolean);

async function start(
  { tenants, usersPerTenant, faults, seed, delayMs, port, host, plain, permissions }: CloudFlags,
  command: Command,
): Promise<RunningCloud> {
  const { startCloud } = await import('./index.ts');
  const options: CloudOptions = { tenants, faults, seed, delayMs, port, host, plain: plain === true };
  const more = {
    ...(permissions === undefined ? {} : { permissions }),
    ...(usersPerTenant === undefined ? {} : { usersPerTenant }),
  };
  try {
    return await startCloud({ ...options, ...more, onUntrusted: sayUntrusted() });
  } catch (error) {
    if (error instanceof RangeError) command.error(error.message, { exitCode: 2 });
    throw listenError(error, { port, host });
  }
}

/** The reason why the ports cannot be opened, with the next step. */
function listenError(error: unknown, { port, host }: { readonly port: number; readonly host: string }): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  const message = new Map<unknown, string>([
    [
      'EADDRINUSE',
      `A port from ${port} to ${port + 8} is in use. Choose another with --port, or omit --port to use free ports.`,
    ],
    ['EACCES', `The ports from ${port} on need more rights. Choose a --port above 1023.`],
    ['EADDRNOTAVAIL', `This machine has no address ${host}. Choose another --host, or omit it.`],
    ['ENOTFOUND', `This machine has no address ${host}. Choose another --host, or omit it.`],
  ]).get(code);
  return message === undefined ? error : new Error(message, { cause: error });
}

/** Says once how a client comes to trust the certificate. */
function sayUntrusted(): () => void {
  let isSaid = false;
  return () => {
    if (isSaid) return;
    isSaid = true;
    process.stderr.write(
      'microsoft-cloud: A client connected and sent no request: it probably does not trust the certificate. Start it with NODE_EXTRA_CA_CERTS as printed above, or let it trust /ca.pem of the control endpoint.\n',
    );
  };
}

/** Resolves at the first SIGINT or SIGTERM. */
function untilStopped(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  });
}

async function startupText({ document }: RunningCloud): Promise<string> {
  const { environmentOf } = await import('./index.ts');
  const variables = Object.entries(environmentOf(document)).map((variable) => assignment(variable, process.platform));
  const broken = document.tenants.filter(({ state }) => state !== 'ok').length;
  return [
    `The simulated Microsoft cloud is running: ${document.tenants.length} customer tenant${document.tenants.length === 1 ? '' : 's'}, ${broken} of them broken on purpose.`,
    `Tenants, accounts and faults: ${document.control}/`,
    '',
    'Set these environment variables for the program that uses it:',
    ...variables,
    '',
    'Stop it with Ctrl-C.',
    '',
  ].join('\n');
}

/** Sets an environment variable in the shell of a platform: PowerShell on Windows, POSIX elsewhere. */
export function assignment([name, value]: readonly [string, string], platform: NodeJS.Platform): string {
  if (platform === 'win32') return `$env:${name}='${value.replaceAll("'", "''")}'`;
  const isPlain = /^[\w:/.@-]*$/.test(value);
  return `${name}=${isPlain ? value : `'${value.replaceAll("'", String.raw`'\''`)}'`}`;
}
