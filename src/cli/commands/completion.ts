import { setTimeout as delay } from 'node:timers/promises';
import type { RootCommand } from '@bomb.sh/tab';
import type { Command } from 'commander';
import type { BrokerClient } from '../remote/broker-client.ts';
import type { Suggestion } from '../remote/suggestions.ts';
import { commandOf } from '../run-program.ts';

const shells = 'bash, zsh, fish or powershell';

/** A person waits for suggestions, and completion without those of the broker is better than a late one. */
const deadlineMs = 1_500;

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
    program
      .command('completion')
      .argument('<shell>', shells)
      .description('Print the completion script of a shell.')
      .addHelpText('after', '\nExample:\n  source <(ptb completion bash)');
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
  await addSuggestions(program, root, words, stem);
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
const typesParameter = (words: readonly string[]): boolean =>
  (words[0] === 'run' || words[0] === 'plan') && words.at(-2) === '--parameter';

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
 * Adds the tenants, jobs, runs or plans of the broker where the typed words ask for one. The broker is the one of the environment.
 * Whatever goes wrong, there are no suggestions and no error: it would appear in the middle of a command line.
 */
async function addSuggestions(
  program: Command,
  root: RootCommand,
  words: readonly string[],
  stem: string,
): Promise<void> {
  const { path, command: typed } = commandOf(program, words);
  const asked = askedFor(typed, words.slice(path.length));
  if (asked === undefined) return;
  const suggestions = await inTime(async () => ask(asked));
  const offer = (complete: (value: string, description: string) => void): void => {
    for (const { value, description } of suggestions)
      if (value.startsWith(stem)) complete(value.slice(stem.length), description);
  };
  const command = root.commands.get(path.join(' '));
  for (const option of command?.options.values() ?? []) if (option.isBoolean !== true) option.handler = offer;
  for (const argument of command?.arguments.values() ?? []) argument.handler = offer;
}

type Asked = 'tenants' | 'tenants and marks' | 'jobs' | 'runs' | 'plans';

/** What a value is, as the help calls it. The partner tenant is an `id`, and several tenants may be groups and tags. */
const valueNames: Readonly<Record<string, Asked>> = {
  'tenant...': 'tenants and marks',
  'wave...': 'tenants and marks',
  tenant: 'tenants',
  'id-or-domain': 'tenants',
  'id-or-domain...': 'tenants',
  'customer...': 'tenants',
  job: 'jobs',
  'run-id': 'runs',
  'plan-id': 'plans',
};

/** What the broker is asked for. The last word is the one that is being typed. */
function askedFor({ options, registeredArguments }: Command, words: readonly string[]): Asked | undefined {
  const valueOf = (word = ''): string | undefined => {
    const option = options.find(({ long, short }) => word === long || word === short);
    return option === undefined ? undefined : /<([^<>]*)>/.exec(option.flags)?.[1];
  };
  const typed = words.at(-1) ?? '';
  const sign = typed.startsWith('--') ? typed.indexOf('=') : -1;
  const value = valueOf(sign < 0 ? words.at(-2) : typed.slice(0, sign));
  if (value !== undefined) return valueNames[value];
  if (typed.startsWith('-')) return undefined;
  const before = words.slice(0, -1);
  const given = before.filter((word, at) => !word.startsWith('-') && valueOf(before[at - 1]) === undefined);
  return valueNames[registeredArguments[given.length]?.name() ?? ''];
}

async function ask(asked: Asked): Promise<readonly Suggestion[]> {
  const { jobSuggestions, planSuggestions, runSuggestions, tenantSuggestions } = await import(
    '../remote/suggestions.ts'
  );
  const client = await connectToEnvironment();
  if (asked === 'tenants' || asked === 'tenants and marks') return tenantSuggestions(client, asked !== 'tenants');
  if (asked === 'jobs') return jobSuggestions(client);
  return asked === 'plans' ? planSuggestions(client, Date.now()) : runSuggestions(client, Date.now());
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
