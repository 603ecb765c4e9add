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
  'exec',
  'query',
  'audit',
  'verify',
  'doctor',
  'runs show',
  'runs export',
  'tenants list',
  'tenants consent',
  'policy test',
  'jobs history',
]);
/** Commands whose first argument is a customer tenant. */
const tenantArgumentCommands: ReadonlySet<string> = new Set(['request']);
/** Commands whose options --tenant and --except also take groups and tags. */
const markCommands: ReadonlySet<string> = new Set(['run', 'runs export', 'query', 'tenants list', 'jobs history']);
const tenantOptions: ReadonlySet<string> = new Set(['--tenant', '--tenants', '--except', '--customer']);

/** Commands whose argument is a job. */
const jobCommands: ReadonlySet<string> = new Set(['run', 'jobs show', 'jobs history']);

/** Commands whose argument is a run. */
const runCommands: ReadonlySet<string> = new Set(
  ['show', 'watch', 'export', 'diff', 'rerun', 'cancel'].map((name) => `runs ${name}`),
);

/**
 * `ptb completion SHELL` prints the completion script of a shell. The script calls the hidden command `complete`. Both
 * read the complete command tree, so they are registered last, and only if one of them was called.
 * @returns the words to parse instead of `argv`. Undefined if everything is said.
 */
export async function registerCompletion(
  program: Command,
  argv: readonly string[],
): Promise<readonly string[] | undefined> {
  const called = argv[2];
  if (called !== 'completion' && called !== 'complete') {
    program.command('completion').argument('<shell>', shells).description('Print the completion script of a shell.');
    return argv;
  }
  const { default: tab } = await import('@bomb.sh/tab/commander');
  const root = tab(program, { completionCommandName: 'completion' });
  if (called === 'completion') {
    // Bash would replace only the part of NAME=VALUE, group:NAME or tag:NAME behind the sign.
    if (argv[3] === 'bash') process.stdout.write('COMP_WORDBREAKS=${COMP_WORDBREAKS//[:=]}\n');
    return argv;
  }
  const { words, stem } = joinedAtSigns(argv.slice(4));
  if (typesParameter(words)) {
    printParameters(await suggestedParameters(words));
    return undefined;
  }
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

/** Whether the word that is being typed is the value of `--parameter`. */
const typesParameter = (words: readonly string[]): boolean => words[0] === 'run' && words.at(-2) === '--parameter';

const suggestedParameters = async (words: readonly string[]): Promise<readonly Suggestion[]> =>
  inTime(async () => {
    const { parameterSuggestions } = await import('../remote/suggestions.ts');
    return parameterSuggestions(await connectToEnvironment(), words.slice(1, -2), words.at(-1) ?? '');
  });

/**
 * Prints suggestions as the scripts of the shells read them. The library does this for everything else, but takes
 * NAME=VALUE for an option with a value.
 */
function printParameters(suggestions: readonly Suggestion[]): void {
  const [noSpace, noFiles] = [2, 4];
  const lines = suggestions.map(({ value, description }) => `${value}\t${description}\n`);
  // A value follows the name.
  const directive = suggestions.some(({ value }) => value.endsWith('=')) ? noSpace + noFiles : noFiles;
  process.stdout.write(`${lines.join('')}:${directive}\n`);
}

/** Whatever goes wrong, or takes too long, there are no suggestions. */
const inTime = async (ask: () => Promise<readonly Suggestion[]>): Promise<readonly Suggestion[]> =>
  Promise.race([ask().catch(() => []), delay(deadlineMs, [], { ref: false })]);

/**
 * Adds the tenants, jobs or runs of the broker where the typed words ask for one. The broker is the one of the environment.
 * Whatever goes wrong, there are no suggestions and no error: it would appear in the middle of a command line.
 */
async function addSuggestions(root: RootCommand, words: readonly string[], stem: string): Promise<void> {
  const asked = askedFor(words);
  if (asked === undefined) return;
  const suggestions = await inTime(async () => ask(asked));
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
  [words.slice(0, 2).join(' '), words[0] ?? ''].find((name) =>
    [tenantCommands, tenantArgumentCommands, jobCommands, runCommands].some((names) => names.has(name)),
  ) ?? '';

type Asked = 'tenants' | 'tenants and marks' | 'jobs' | 'runs';

/** What the broker is asked for. The last word is the one that is being typed. */
function askedFor(words: readonly string[]): Asked | undefined {
  const command = commandOf(words);
  const typed = words.at(-1) ?? '';
  const before = words.at(-2) ?? '';
  const option = typed.startsWith('--') && typed.includes('=') ? typed.slice(0, typed.indexOf('=')) : before;
  if (tenantOptions.has(option)) return tenantsFor(command);
  if (tenantArgumentCommands.has(command)) return words.length === 2 && !typed.startsWith('-') ? 'tenants' : undefined;
  if (jobCommands.has(command)) {
    const isFirst = words.length === command.split(' ').length + 1;
    return isFirst && !typed.startsWith('-') ? 'jobs' : undefined;
  }
  if (!runCommands.has(command)) return undefined;
  return option === '--with' || (!typed.startsWith('-') && !before.startsWith('--')) ? 'runs' : undefined;
}

const tenantsFor = (command: string): Asked | undefined =>
  markCommands.has(command) ? 'tenants and marks' : tenantCommands.has(command) ? 'tenants' : undefined;

async function ask(asked: Asked): Promise<readonly Suggestion[]> {
  const { jobSuggestions, runSuggestions, tenantSuggestions } = await import('../remote/suggestions.ts');
  const client = await connectToEnvironment();
  if (asked === 'tenants' || asked === 'tenants and marks') return tenantSuggestions(client, asked !== 'tenants');
  return asked === 'jobs' ? jobSuggestions(client) : runSuggestions(client, Date.now());
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
