import type { Command } from 'commander';
import type { CloudOptions, RunningCloud } from './index.ts';
import { wholeNumberOption } from './number-options.ts';

interface LocalFlags {
  readonly tenants: number;
  readonly faults: readonly string[];
  readonly seed: number;
  readonly delayMs: number;
  readonly port: number;
  readonly plain?: true;
  readonly json?: true;
}

const names = (text: string): readonly string[] =>
  text
    .split(',')
    .map((name) => name.trim())
    .filter(Boolean);

/** Gives a command the options and the action of the simulated cloud. Its machinery is loaded when the command runs. */
export function configureCloudCommand(command: Command): Command {
  return command
    .description('Runs a simulated Microsoft cloud on this machine, for trying programs offline.')
    .option('--tenants <count>', 'how many customer tenants', wholeNumberOption(0, 100_000), 25)
    .option(
      '--faults <names>',
      'fault sets, separated by commas; the page at the control address lists them',
      names,
      [],
    )
    .option('--seed <number>', 'the same seed gives the same tenants', wholeNumberOption(0, 2_147_483_647), 1)
    .option(
      '--delay-ms <ms>',
      'time that each Entra and Graph request takes at least',
      wholeNumberOption(0, 600_000),
      0,
    )
    .option(
      '--port <number>',
      'port of the control address; the services take the eight after it (0: any free ones)',
      wholeNumberOption(0, 65_527),
      0,
    )
    .option('--plain', 'every tenant works, none is odd')
    .option('--json', 'print one JSON document with all addresses and credentials once it is ready')
    .action(async (flags: LocalFlags, command: Command) => {
      const cloud = await start(flags, command);
      const stopped = untilStopped();
      process.stdout.write(flags.json ? `${JSON.stringify(cloud.document)}\n` : await describe(cloud));
      await stopped;
      await cloud.stop();
    });
}

async function start(
  { tenants, faults, seed, delayMs, port, plain }: LocalFlags,
  command: Command,
): Promise<RunningCloud> {
  const { startCloud } = await import('./index.ts');
  const options: CloudOptions = { tenants, faults, seed, delayMs, port, plain: plain === true };
  try {
    return await startCloud(options);
  } catch (error) {
    if (error instanceof RangeError) command.error(error.message, { exitCode: 2 });
    if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') {
      throw new Error(
        `A port from ${port} to ${port + 8} is in use. Choose another with --port, or none for free ones.`,
        {
          cause: error,
        },
      );
    }
    throw error;
  }
}

/** Resolves at the first SIGINT or SIGTERM. */
function untilStopped(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  });
}

async function describe({ document }: RunningCloud): Promise<string> {
  const { environmentOf } = await import('./index.ts');
  const variables = Object.entries(environmentOf(document)).map(([name, value]) => `${name}=${quote(value)}`);
  const broken = document.tenants.filter(({ state }) => state !== 'ok').length;
  return [
    `The local cloud is up: ${document.tenants.length} customer tenants, ${broken} of them broken on purpose.`,
    `Tenants, accounts and faults: ${document.control}/`,
    '',
    'Set these in the environment of the program that shall use it:',
    ...variables,
    '',
    'Stop it with Ctrl-C.',
    '',
  ].join('\n');
}

const quote = (value: string): string =>
  /^[\w:/.@-]*$/.test(value) ? value : `'${value.replaceAll("'", String.raw`'\''`)}'`;
