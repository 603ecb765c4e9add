import { Command } from 'commander';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { registerCommands } from '../../../../src/cli/commands/index.ts';
import { registerCompletion } from '../../../../src/cli/commands/completion.ts';
import { registerJobs } from '../../../../src/cli/commands/jobs.ts';
import { registerRequest } from '../../../../src/cli/commands/request.ts';
import { registerRun } from '../../../../src/cli/commands/run.ts';
import { registerRuns } from '../../../../src/cli/commands/runs.ts';
import { registerTenants } from '../../../../src/cli/commands/tenants.ts';
import { registerToken } from '../../../../src/cli/commands/token.ts';

const answers: Readonly<Record<string, unknown>> = {
  '/api/tenants': {
    tenants: [
      { tenantId: 'id-1', defaultDomain: 'contoso.com', name: 'Contoso', tags: ['managed'], groups: ['gold'] },
      { tenantId: 'id-2', name: 'Fabrikam' },
    ],
    groups: ['gold'],
  },
  '/api/jobs': {
    jobs: [
      { name: 'report', title: 'A report', parameters: { type: 'object', properties: {} } },
      {
        name: 'check',
        title: 'A check',
        parameters: {
          type: 'object',
          properties: { level: { type: 'string', enum: ['low', 'high'], title: 'Level' } },
        },
      },
    ],
  },
  '/api/runs': {
    runs: [
      { runId: 'report@w1', outcome: 'succeeded', startedAt: '2026-11-24T05:00:00Z' },
      { runId: 'check@w2', outcome: 'failed', startedAt: '2026-11-24T05:00:00Z' },
    ],
  },
};

let printed: string;
let asked: string[];
let failure: Error | undefined;
beforeEach(() => {
  printed = '';
  asked = [];
  failure = undefined;
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed += String(text);
    return true;
  });
  vi.spyOn(console, 'log').mockImplementation((text) => {
    printed += `${String(text)}\n`;
  });
  vi.stubEnv('BROKER_URL', 'https://broker.example');
  vi.stubEnv('PTB_TOKEN', 'token');
  vi.stubGlobal('fetch', async (url: string) => {
    const { pathname } = new URL(url);
    asked.push(pathname);
    if (failure !== undefined) throw failure;
    return Response.json(answers[pathname] ?? {});
  });
});
afterEach(() => {
  vi.unstubAllEnvs();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

/** Registers the commands and the completion, and parses the words that it returns. */
async function ptb(...words: readonly string[]) {
  const program = new Command('ptb').exitOverride();
  program.enablePositionalOptions();
  for (const register of [registerJobs, registerRun, registerRuns, registerTenants, registerToken, registerRequest])
    register(program);
  const argv = await registerCompletion(program, ['node', 'ptb', ...words]);
  if (argv !== undefined && words[0] === 'complete') await program.parseAsync([...argv]);
  return { program, argv };
}

async function offeredOf(program: Command, words: readonly string[]): Promise<readonly string[]> {
  const argv = await registerCompletion(program, ['node', 'ptb', 'complete', '--', ...words]);
  if (argv !== undefined) await program.parseAsync([...argv]);
  return offeredValues();
}

/** The values that a shell is offered behind these words. The last one is being typed. */
async function offered(...words: readonly string[]): Promise<readonly string[]> {
  await ptb('complete', '--', ...words);
  return offeredValues();
}

function offeredValues(): readonly string[] {
  return printed
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith(':'))
    .map((line) => line.split('\t')[0] ?? '');
}

type Offer = 'tenants and marks' | 'tenants' | 'jobs' | 'runs';
const expected: Readonly<Record<Offer, readonly string[]>> = {
  'tenants and marks': ['contoso.com', 'id-2', 'group:gold', 'tag:managed'],
  tenants: ['contoso.com', 'id-2'],
  jobs: ['report', 'check'],
  runs: ['report@w1', 'check@w2'],
};

function allCommands(): Command {
  const program = new Command('ptb').exitOverride();
  registerCommands(program);
  return program;
}

/** What the help calls a value: `<tenant...>` is several, which may be groups and tags. */
const offerOf = (text: string): Offer | undefined =>
  /<tenant\.\.\.>/.test(text)
    ? 'tenants and marks'
    : /<(?:tenant|id-or-domain)(?:\.\.\.)?>/.test(text)
      ? 'tenants'
      : /<job>/.test(text)
        ? 'jobs'
        : /<run-id>/.test(text)
          ? 'runs'
          : undefined;

/** Every option and first argument of every command that takes a customer, job or run: its name, what, the typed words. */
const values: readonly (readonly [string, Offer, readonly string[]])[] = leaves(allCommands()).flatMap(
  ([path, command]) => {
    const shown = command.options.filter(({ hidden }) => !hidden);
    const options = shown.map(({ flags, long }) => [long ?? '', flags] as const);
    const [first] = command.registeredArguments;
    const named = first === undefined ? options : [...options, [`<${first.name()}>`, `<${first.name()}>`] as const];
    return named.flatMap(([name, text]) => {
      const offer = offerOf(text);
      const typed = name.startsWith('-') ? [...path, name, ''] : [...path, ''];
      return offer === undefined ? [] : [[`${path.join(' ')} ${name}`, offer, typed] as const];
    });
  },
);

function leaves(command: Command, path: readonly string[] = []): (readonly [readonly string[], Command])[] {
  return command.commands.flatMap((child) => {
    const own = [...path, child.name()];
    return [[own, child] as const, ...leaves(child, own)];
  });
}

describe('ptb complete', () => {
  it.each<[string[], string[]]>([
    [
      ['token', '--tenant', ''],
      ['contoso.com', 'id-2'],
    ],
    [
      ['request', ''],
      ['contoso.com', 'id-2'],
    ],
    [
      ['run', 'report', '--tenant', ''],
      ['contoso.com', 'id-2', 'group:gold', 'tag:managed'],
    ],
    [
      ['run', 'report', '--except', ''],
      ['contoso.com', 'id-2', 'group:gold', 'tag:managed'],
    ],
    [
      ['tenants', 'list', '--except', ''],
      ['contoso.com', 'id-2', 'group:gold', 'tag:managed'],
    ],
    [
      ['run', ''],
      ['report', 'check'],
    ],
    [
      ['jobs', 'show', ''],
      ['report', 'check'],
    ],
    [
      ['jobs', 'history', ''],
      ['report', 'check'],
    ],
    [
      ['jobs', 'history', 'report', '--tenant', ''],
      ['contoso.com', 'id-2', 'group:gold', 'tag:managed'],
    ],
    [
      ['runs', 'show', ''],
      ['report@w1', 'check@w2'],
    ],
    [
      ['runs', 'diff', 'report@w1', '--with', ''],
      ['report@w1', 'check@w2'],
    ],
    [['runs', 'cancel', 're'], ['report@w1']],
    [['runs', 'show', 'report', '@', ''], ['w1']],
    [['runs', 'show', 'check', '@', 'w'], ['w2']],
  ])('%j offers %j', async (words, values) => {
    expect(await offered(...words)).toEqual(values);
  });

  // A command that is added is offered the same, because its help says what it takes.
  it.each(values)('%s offers %s', async (_name, what, words) => {
    expect(await offeredOf(allCommands(), words)).toEqual(expected[what]);
  });

  it('offers customers, jobs and runs in the commands that take them', () => {
    expect(values.map(([name]) => name)).toEqual(
      expect.arrayContaining([
        'exec --tenant',
        'tenants events --except',
        'tenants tag <tenant>',
        'verify --tenant',
        'doctor --customer',
        'runs rerun <run-id>',
        'run <job>',
      ]),
    );
    expect(values.map(([name]) => name)).not.toEqual(expect.arrayContaining(['setup --tenant', 'consent --tenant']));
  });

  it.each<[string[], string[]]>([
    [['run', 'check', '--parameter', ''], ['level=']],
    [['run', 'check', '--parameter', 'le'], ['level=']],
    [
      ['run', 'check', '--parameter', 'level='],
      ['level=low', 'level=high'],
    ],
    [['run', 'check', '--parameter', 'level=h'], ['level=high']],
    [['run', 'report', '--parameter', ''], []],
  ])('%j offers the parameters %j', async (words, values) => {
    expect(await offered(...words)).toEqual(values);
    // No space behind a name whose value follows, and never names of files.
    const isName = values.some((value) => value.endsWith('='));
    expect(printed.split('\n').at(-2)).toBe(isName ? ':6' : ':4');
  });

  it.each([
    [['run', 'report', '--resource', '']],
    [['run', '--']],
    [['jobs', 'show', 'report', '']],
    [['request', 'contoso.com', '']],
    [['runs', 'list', '']],
    [['runs', 'show', '--']],
    [['jobs', '']],
  ])('%j asks the broker nothing', async (words) => {
    await offered(...words);
    expect(asked).toEqual([]);
  });

  it('offers nothing, and says nothing, if the broker does not answer', async () => {
    failure = new TypeError('fetch failed');
    expect(await offered('token', '--tenant', '')).toEqual([]);
    expect(asked).toEqual(['/api/tenants']);
    expect(await offered('run', 'check', '--parameter', '')).toEqual([]);
  });

  it('offers nothing without the address of a broker', async () => {
    vi.stubEnv('BROKER_URL', 'no address');
    expect(await offered('token', '--tenant', '')).toEqual([]);
    expect(asked).toEqual([]);
  });

  it('offers commands and options without the broker', async () => {
    expect(await offered('ru')).toEqual(['run', 'runs']);
    expect(await offered('runs', 'sh')).toContain('show');
    expect(asked).toEqual([]);
  });
});

describe('ptb completion', () => {
  it('makes bash replace whole words', async () => {
    expect((await ptb('completion', 'bash')).argv).toEqual(['node', 'ptb', 'completion', 'bash']);
    expect(printed).toBe('COMP_WORDBREAKS=${COMP_WORDBREAKS//[:=]}\n');
    printed = '';
    await ptb('completion', 'zsh');
    expect(printed).toBe('');
  });

  it('is only listed for other commands', async () => {
    const { program, argv } = await ptb('runs', 'list');
    expect(argv).toEqual(['node', 'ptb', 'runs', 'list']);
    const completion = program.commands.find((command) => command.name() === 'completion');
    expect(completion?.registeredArguments.map((argument) => argument.name())).toEqual(['shell']);
    expect(program.commands.some((command) => command.name() === 'complete')).toBe(false);
  });
});
