import { setTimeout as delay } from 'node:timers/promises';
import type { RootCommand } from '@bomb.sh/tab';
import type { Command } from 'commander';
import type { BrokerClient } from '../remote/broker-client.ts';
import type { Suggestion } from '../remote/suggestions.ts';

const shells = 'bash, zsh, fish or powershell';

/** A person waits for suggestions, and completion without those of the broker is better than a late one. */
const deadlineMs = 1_500;

/** Commands whose option --tenant or --customer names a customer tenant. Elsewhere it is the partner tenant. */
const tenantCommands: ReadonlySet<string> = new Set([
  'token',
  'run',
  'audit',
  'verify',
  'doctor',
  'runs show',
  'tenants consent',
  'policy test',
]);
/** Commands whose first argument is a customer tenant. */
const tenantArgumentCommands: ReadonlySet<string> = new Set(['request']);
const tenantOptions: ReadonlySet<string> = new Set(['--tenant', '--customer']);

/** Commands whose argument is a run. */
const runCommands: ReadonlySet<string> = new Set(
  ['show', 'watch', 'export', 'diff', 'rerun', 'cancel'].map((name) => `runs ${name}`),
);

/**
 * `ptb completion SHELL` prints the completion script of a shell. The script calls the hidden command `complete`. Both
 * read the complete command tree, so they are registered last, and only if one of them was called.
 * @returns the words to parse instead of `argv`.
 */
export async function registerCompletion(program: Command, argv: readonly string[]): Promise<readonly string[]> {
  const called = argv[2];
  if (called !== 'completion' && called !== 'complete') {
    program.command('completion').argument('<shell>', shells).description('Print the completion script of a shell.');
    return argv;
  }
  const { default: tab } = await import('@bomb.sh/tab/commander');
  const root = tab(program, { completionCommandName: 'completion' });
  if (called === 'completion') return argv;
  const { words, stem } = joinedAtSigns(argv.slice(4));
  await addSuggestions(root, words, stem);
  return [...argv.slice(0, 4), ...words];
}

/**
 * Bash splits words at `@`, which run ids contain, and replaces only the part behind it.
 * @returns the words without the part of the last one up to `@`, and that part.
 */
function joinedAtSigns(words: readonly string[]): { words: readonly string[]; stem: string } {
  const [job, at, typed] = words.slice(-3);
  if (at !== '@' || job === undefined || typed === undefined) return { words, stem: '' };
  return { words: [...words.slice(0, -3), typed], stem: `${job}@` };
}

/**
 * Adds the tenants or runs of the broker where the typed words ask for one. The broker is the one of the environment.
 * Whatever goes wrong, there are no suggestions and no error: it would appear in the middle of a command line.
 */
async function addSuggestions(root: RootCommand, words: readonly string[], stem: string): Promise<void> {
  const asked = askedFor(words);
  if (asked === undefined) return;
  const suggestions = await Promise.race([ask(asked).catch(() => []), delay(deadlineMs, [], { ref: false })]);
  const offer = (complete: (value: string, description: string) => void): void => {
    for (const { value, description } of suggestions)
      if (value.startsWith(stem)) complete(value.slice(stem.length), description);
  };
  const command = root.commands.get(commandOf(words));
  for (const option of command?.options.values() ?? []) if (option.isBoolean !== true) option.handler = offer;
  for (const argument of command?.arguments.values() ?? []) argument.handler = offer;
}

/** The command of the words, with its group: `runs show`. */
const commandOf = (words: readonly string[]): string =>
  [words.slice(0, 2).join(' '), words[0] ?? ''].find(
    (name) => tenantCommands.has(name) || tenantArgumentCommands.has(name) || runCommands.has(name),
  ) ?? '';

/** What the broker is asked for. The last word is the one that is being typed. */
function askedFor(words: readonly string[]): 'tenants' | 'runs' | undefined {
  const command = commandOf(words);
  const typed = words.at(-1) ?? '';
  const before = words.at(-2) ?? '';
  const option = typed.startsWith('--') && typed.includes('=') ? typed.slice(0, typed.indexOf('=')) : before;
  if (tenantOptions.has(option)) return tenantCommands.has(command) ? 'tenants' : undefined;
  if (tenantArgumentCommands.has(command)) return words.length === 2 && !typed.startsWith('-') ? 'tenants' : undefined;
  if (!runCommands.has(command)) return undefined;
  return option === '--with' || (!typed.startsWith('-') && !before.startsWith('--')) ? 'runs' : undefined;
}

async function ask(asked: 'tenants' | 'runs'): Promise<Suggestion[]> {
  const { runSuggestions, tenantSuggestions } = await import('../remote/suggestions.ts');
  const client = await connectToEnvironment();
  return asked === 'tenants' ? tenantSuggestions(client) : runSuggestions(client, Date.now());
}

/** Connects to the broker that the environment names, as a command without options does. */
async function connectToEnvironment(): Promise<BrokerClient> {
  const [{ Command: Parser }, { addConnectionOptions, connect }] = await Promise.all([
    import('commander'),
    import('../remote/connection.ts'),
  ]);
  // A wrong variable is an error, and commander would print it and exit.
  const parser = addConnectionOptions(new Parser().exitOverride().configureOutput({ writeErr: () => undefined }));
  return connect(parser.parse([], { from: 'user' }).opts(), { isQuiet: true });
}
