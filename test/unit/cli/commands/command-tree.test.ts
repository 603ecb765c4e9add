import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { registerCommands } from '../../../../src/cli/commands/index.ts';
import { runProgram } from '../../../../src/cli/run-program.ts';
import { projectRoot } from '../../../paths.ts';
import { type Request, runCommand } from './command-stage.ts';

// All commands as a class. What a single command does is in a file of its own.

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ptb-tree-'));
});
afterEach(async () => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

const commands: readonly (readonly [string, Command])[] = (() => {
  const program = new Command('ptb');
  registerCommands(program);
  const below = (command: Command, path: readonly string[]): (readonly [string, Command])[] =>
    command.commands.flatMap((child) => {
      const own = [...path, child.name()];
      return [[own.join(' '), child] as const, ...below(child, own)];
    });
  return below(program, []);
})();
const optionsOf = (command: Command): string[] => command.options.map(({ long }) => long ?? '');

const samplePolicy = join(projectRoot, 'access-policy.sample.json');

/** A command that calls the broker, at its shortest. */
const calls: Readonly<Record<string, readonly string[]>> = {
  'tenants list': [],
  'tenants show': ['contoso.com'],
  'tenants tag': ['contoso.com', '--add', 'gold'],
  'tenants groups': [],
  'tenants events': [],
  token: ['--tenant', 'contoso.com'],
  request: ['contoso.com', 'GET', '/v1.0/users'],
  query: ['/users'],
  exec: ['--', 'no-such-program'],
  'jobs list': [],
  'jobs show': ['report'],
  'jobs history': ['report'],
  run: ['report'],
  'runs list': [],
  'runs show': ['report@w1'],
  'runs watch': ['report@w1'],
  'runs export': ['report@w1'],
  'runs diff': ['report@w1'],
  'runs rerun': ['report@w1'],
  'runs cancel': ['report@w1'],
  plan: ['block-user-consent'],
  'plans list': [],
  'plans show': ['job@w1'],
  'plans go-on': ['job@w1'],
  'plans end': ['job@w1'],
  'plans undo': ['job@w1'],
  apply: ['job@w1'],
  report: ['contoso.com'],
  'approvals list': [],
  'approvals show': ['an-id'],
  'approvals approve': ['an-id', '--reason', 'Agreed by phone.'],
  'approvals deny': ['an-id', '--reason', 'Agreed by phone.'],
  'approvals revoke': ['an-id', '--reason', 'Agreed by phone.'],
  audit: [],
  'audit export': ['--output', 'FOLDER/export.jsonl'],
  'audit extract': [
    '--tenant',
    '00000000-0000-4000-8000-000000000001',
    '--since',
    '2026-11-01',
    '--out',
    'FOLDER/extract.jsonl',
  ],
  'audit verify': [],
  'policy replay': [samplePolicy, '--in-force', samplePolicy],
  'policy suggest': ['--in-force', samplePolicy],
  'policy unused': ['--in-force', samplePolicy],
};

/** Options whose effect on the first request no other test shows. */
const effects: readonly (readonly [string, readonly string[], RegExp])[] = [
  ['token', ['--reason', 'Ticket 4711, spam.', '--break-glass'], /"reason":"Ticket 4711, spam.","breakGlass":true/],
  ['request', ['--break-glass'], /x-break-glass: true/],
  [
    'audit',
    ['--approval', '20261124t050000-7f3a9c21', '--break-glass'],
    /approval=20261124t050000-7f3a9c21&breakGlass=true/,
  ],
  ['exec', ['--tenant', 'tag:gold'], /\/tenants\?tenants=tag%3Agold/],
];

/** Options that no test gives on a command line, and why. */
const notGiven: Readonly<Record<string, string>> = {
  '* --as': 'signs in to a demo. e2e/demo-command.test.ts decides as an approver.',
  '* --az-login': 'needs an Azure CLI that is signed in. sign-in/operator.test.ts has the choice between the ways.',
  '* --client-id': 'asks a managed identity or the Azure CLI. remote/connection.test.ts has the sign-in.',
  'jobs try --tenants': 'builds the project and starts a cloud, as the test of --tenant does.',
  'jobs try --permissions': "needs Microsoft's published file. jobs/tried-requests.test.ts has the judging.",
  'verify --resource': 'verify/checks.test.ts passes it to the checks.',
  'verify --token': 'verify/checks.test.ts passes it to the checks.',
  'verify --function-key': 'verify/checks.test.ts passes it to the checks.',
  'mcp --url': 'reads standard input to its end. e2e/mcp.test.ts has the address in the environment.',
  'mcp --token': 'as --url.',
  'mcp --function-key': 'as --url.',
  'demo --delay-ms': 'starts a demo. demo/run-demo.test.ts has its options.',
  'demo --verbose': 'as --delay-ms.',
};
/** Commands of other workspaces, and those without an own effect. */
const tested: Readonly<Record<string, string>> = {
  local: 'packages/microsoft-cloud/test',
  host: 'packages/functions-host/test',
};

const refused = (): Response => Response.json({ code: 'caller_forbidden', detail: 'No.' }, { status: 403 });

/** Runs a command against a broker that refuses everything, and returns the first request as text. */
async function firstRequest(name: string, more: readonly string[] = []) {
  const words = (calls[name] ?? []).map((word) => word.replace('FOLDER', folder));
  let first = '';
  const answer = ({ method, path, body }: Request, headers: Headers): Response => {
    const lines = [...headers].map(([header, value]) => `${header}: ${value}`);
    first ||= [`${method} ${path}`, ...lines, JSON.stringify(body)].join('\n');
    return refused();
  };
  const result = await runCommand(registerCommands, name.split(' '), answer, [...more, '--token', 'T', ...words]);
  return { ...result, first };
}

describe('every command that calls the broker', () => {
  it('is in the table', () => {
    const found = commands.filter(([, command]) => optionsOf(command).includes('--function-key')).map(([name]) => name);
    // `mcp` reads messages from standard input, and `verify` sends requests without a token, too.
    expect([...Object.keys(calls), 'mcp', 'verify'].toSorted()).toEqual(found.toSorted());
  });

  it.each(Object.keys(calls))(
    'sends its token and the function key to --url, and exits with 1 if refused: %s',
    async (name) => {
      const { exit, out, err, first } = await firstRequest(name, ['--function-key', 'K']);
      expect(first).toMatch(/^(?:GET|POST|PUT) \/\w/);
      expect(first.split('\n')).toEqual(expect.arrayContaining(['authorization: Bearer T', 'x-functions-key: K']));
      expect([exit, out]).toEqual([1, '']);
      expect(err).toContain('caller_forbidden');
    },
  );

  it.each(Object.keys(calls))('leaves no file and no folder behind if the broker refuses: %s', async (name) => {
    const [place, temporary] = [join(folder, 'place'), join(folder, 'temporary')];
    for (const each of [place, temporary]) await mkdir(each);
    vi.stubEnv('TMPDIR', temporary);
    const writes = commands.find(([known]) => known === name)?.[1].options.some(({ long }) => long === '--output');
    const more = writes === true && name !== 'audit export' ? ['--output', join(place, 'rows')] : [];
    await firstRequest(name, more);
    expect([await readdir(place), await readdir(temporary)]).toEqual([[], []]);
    expect(await readdir(folder)).not.toContain('export.jsonl');
  });
});

describe('every option', () => {
  const sources = ['test/unit/cli', 'test/unit/operator', 'test/e2e'].flatMap((place) =>
    readdirSync(join(projectRoot, place), { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts') && !path.endsWith('command-tree.test.ts'))
      .map((path) => readFileSync(join(projectRoot, place, path), 'utf8')),
  );
  const connection = ['--url', '--token', '--function-key'];
  const isWord = (text: string, word: string): boolean => new RegExp(`['"\` ]${word}(?=['"\` =])`).test(text);
  const isGiven = (name: string, option: string): boolean =>
    (name in calls && connection.includes(option)) ||
    calls[name]?.includes(option) === true ||
    effects.some(([command, words]) => command === name && words.includes(option)) ||
    sources.some((text) => name.split(' ').every((word) => isWord(text, word)) && isWord(text, option));

  it.each(commands.filter(([name, command]) => command.options.length > 0 && !(name in tested)))(
    'of %s is given in a test, or listed with the reason why not',
    (name, command) => {
      const open = optionsOf(command).filter(
        (option) => !isGiven(name, option) && !(`${name} ${option}` in notGiven) && !(`* ${option}` in notGiven),
      );
      expect(open).toEqual([]);
    },
  );

  it('that is listed exists', () => {
    const all = commands.flatMap(([name, command]) =>
      optionsOf(command).flatMap((option) => [`${name} ${option}`, `* ${option}`]),
    );
    expect(Object.keys(notGiven).filter((listed) => !all.includes(listed))).toEqual([]);
  });

  it.each(effects)('takes effect: %s %j', async (name, words, expected) => {
    expect((await firstRequest(name, words)).first).toMatch(expected);
  });
});

/** Words as a shell splits them, for the quotes that examples use. */
const wordsOf = (line: string): string[] =>
  [...line.matchAll(/(?:[^\s'"]|'[^']*'|"[^"]*")+/g)].map(([word]) => word.replaceAll(/['"]/g, ''));

describe('every help', () => {
  const helps = commands.flatMap(([name, command]) => {
    const said: string[] = [];
    command.configureOutput({ writeOut: (text) => said.push(text), getOutHelpWidth: () => 80 });
    command.outputHelp();
    return ['local-browser', 'local-app'].includes(name) ? [] : [[name, said.join('')] as const];
  });

  it.each(helps)('ends with an example that is right: %s', async (name, help) => {
    const [, example = ''] = /\nExample:\n {2}(.*)\n$/.exec(help) ?? [];
    const words = wordsOf(example);
    expect(words.slice(0, 1 + name.split(' ').length).join(' ')).toBe(`ptb ${name}`);
    const program = new Command('ptb').enablePositionalOptions();
    registerCommands(program);
    const ran: Command[] = [];
    const replace = (command: Command): void => {
      if (command.commands.length === 0 || command.options.length > 0)
        command.action((...given) => void ran.push(given.at(-1) as Command));
      command.commands.forEach(replace);
    };
    replace(program);
    expect([await runProgram(program, ['node', ...words]), ran.length]).toEqual([0, 1]);
  });

  it.each(helps)('fits 80 columns: %s', (_, help) => {
    const wide = help
      .split('\n')
      .filter((line) => line.length > 80 && !line.startsWith('  ptb ') && !line.startsWith('Usage:'));
    expect(wide).toEqual([]);
  });

  it.each(['tenants', 'jobs', 'runs', 'approvals', 'permissions'])(
    'of %s has the options that it takes itself',
    (name) => {
      const [, group] = commands.find(([each]) => each === name) ?? [];
      const [, byDefault] =
        commands.find(([each]) => each === `${name} ${name === 'permissions' ? 'show' : 'list'}`) ?? [];
      const help = group?.helpInformation() ?? '';
      const taken = optionsOf(byDefault as Command).filter((option) => !['--token', '--function-key'].includes(option));
      expect(taken.length).toBeGreaterThan(0);
      for (const option of taken) expect(help).toContain(option);
      expect(help.match(/--help/g)).toHaveLength(1);
    },
  );

  it('of the program has all commands in groups', () => {
    const program = new Command('ptb');
    registerCommands(program);
    const help = program.helpInformation();
    expect([...help.matchAll(/^(\w.*):$/gm)].map(([, group]) => group)).toEqual([
      'Options',
      'Customers',
      'Jobs',
      'Changes',
      'Approvals and audit',
      'Sign-in',
      'Set up and look after a broker',
      'Try it on this machine',
      'Other',
    ]);
  });
});

describe('every list with pages', () => {
  const caller = { applicationId: 'an application' };
  const entry = { at: '2026-11-24T05:00:00Z', outcome: 'issued', kind: 'token', resource: 'graph', caller };
  const event = { at: '2026-11-24T05:00:00Z', tenantName: 'Contoso', kind: 'lost', explanation: 'It is gone.' };
  const asker = { name: 'Ada' };
  const approval = { id: '1', status: 'pending', askedAt: '2026-11-24T05:00:00Z', asker, title: 'GET /users' };
  const lists: readonly (readonly [string, string, object])[] = [
    ['approvals list', 'approvals', approval],
    ['audit', 'entries', entry],
    ['tenants events', 'events', event],
  ];

  /** A broker whose pages have at most two entries. The first one is empty. It has `total` entries, and says if there are more. */
  const paged = (key: string, item: object, total: number) => {
    const limits: number[] = [];
    let given = 0;
    let continuation: string | undefined;
    const answer = ({ path }: Request): Response => {
      const query = new URLSearchParams(path.split('?')[1]);
      expect(query.get('continuation') ?? undefined).toBe(continuation);
      limits.push(Number(query.get('limit')));
      if ((limits.at(-1) ?? 0) < 1) return refused();
      const count = limits.length === 1 ? 0 : Math.min(2, limits.at(-1) ?? 0, total - given);
      given += count;
      continuation = given < total ? `after ${limits.length}` : undefined;
      return Response.json({ [key]: Array.from({ length: count }, () => item), continuation });
    };
    return { answer, limits };
  };

  it('is in the table', () => {
    const limited = commands.filter(([, command]) => optionsOf(command).includes('--limit')).map(([name]) => name);
    // `runs list` and `plans list` have one page, because the broker lists 500 runs at most.
    expect([...lists.map(([name]) => name), 'runs list', 'plans list'].toSorted()).toEqual(limited.toSorted());
  });

  it.each(lists)('reads on after an empty page, to the limit and no further: %s', async (name, key, item) => {
    const { answer, limits } = paged(key, item, 9);
    const { exit, out, err } = await runCommand(registerCommands, name.split(' '), answer, [
      '--token',
      'T',
      '--json',
      '--limit',
      '3',
    ]);
    expect([exit, limits]).toEqual([0, [3, 3, 1]]);
    expect((JSON.parse(out) as Record<string, unknown[]>)[key]).toHaveLength(3);
    // A list that was cut does not look complete.
    expect(err).toContain('There may be more');
  });

  it.each(lists)('ends where no page follows: %s', async (name, key, item) => {
    const { answer, limits } = paged(key, item, 3);
    const { out, err } = await runCommand(registerCommands, name.split(' '), answer, [
      '--token',
      'T',
      '--json',
      '--limit',
      '50',
    ]);
    expect((JSON.parse(out) as Record<string, unknown[]>)[key]).toHaveLength(3);
    expect([limits, err]).toEqual([[50, 50, 48], '']);
  });

  it('of rows follows Link, also after an empty page, and ends without it', async () => {
    const run = { runId: 'report@w1', outcome: 'succeeded' };
    const pages = ['', 'a\n', '', 'b\n'];
    const answer = ({ path }: Request): Response => {
      if (!path.includes('/results')) return Response.json(run);
      const at = Number(new URLSearchParams(path.split('?')[1]).get('continuation'));
      const more = at + 1 < pages.length;
      return new Response(pages[at], more ? { headers: { link: `<?continuation=${at + 1}>; rel="next"` } } : {});
    };
    const output = join(folder, 'rows');
    const words = ['--token', 'T', 'report@w1', '--output', output];
    const { exit, requests } = await runCommand(registerCommands, ['runs', 'export'], answer, words);
    expect([exit, requests.length, await readFile(output, 'utf8')]).toEqual([0, 1 + pages.length, 'a\nb\n']);
  });
});
