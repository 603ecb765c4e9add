import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command, CommanderError } from 'commander';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { registerCommands } from '../../../src/cli/commands/index.ts';
import { blocksOf, pages, pageText } from '../../support/doc-examples.ts';
import { installPtb } from '../../support/installed-ptb.ts';
import { skippedBecause } from '../../support/skipped.ts';
import { findPowerShell, runScript } from '../../e2e/powershell/powershell.ts';

// What a reader pastes into a shell: the shell must understand it, and ptb what the shell makes of it.

const powerShell = findPowerShell();
const noPowerShell = skippedBecause(typeof powerShell === 'string' ? powerShell : undefined);

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ptb-shell-'));
  await mkdir(join(folder, '.azure'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Example {
  readonly page: string;
  /** Counts the blocks of the page in this language, from 1. */
  readonly number: number;
  readonly code: string;
}
const examples = (language: string): Example[] =>
  pages.flatMap((page) => blocksOf(pageText(page), language).map((code, index) => ({ page, number: index + 1, code })));

/** What the parser of the command line says about arguments. @returns undefined if it accepts them. */
function refusal(args: readonly string[]): CommanderError | undefined {
  // As in main.ts.
  const program = new Command('ptb').version('0');
  registerCommands(program);
  const prepare = (command: Command): void => {
    command.exitOverride().configureOutput({ writeOut: () => undefined, writeErr: () => undefined });
    // Commander does not tell which commands have an action.
    if (Reflect.get(command, '_actionHandler') !== null) command.action(() => undefined);
    for (const child of command.commands) prepare(child);
  };
  // `main.ts` registers it apart, because it completes every other command.
  program
    .command('completion')
    .argument('<shell>')
    .action(() => undefined);
  prepare(program);
  try {
    program.parse([...args], { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? undefined : error;
    throw error;
  }
  return undefined;
}
const refusals = (calls: readonly (readonly string[])[]): readonly string[] =>
  calls.flatMap((args) => {
    const found = refusal(args);
    // Words in capitals stand for the reader's own.
    const isPlaceholder = /argument '[A-Z_]+' is invalid/.test(found?.message ?? '');
    return found === undefined || isPlaceholder ? [] : [`ptb ${args.join(' ')}: ${found.message}`];
  });

describe('a command of the documentation', () => {
  it('is refused for an unknown command, option or value, and for a missing one', () => {
    const wrong = [
      ['tenant'],
      ['run', 'a', '--wate'],
      ['jobs', 'try', 'a', '--tenants', 'x'],
      ['runs', 'diff', 'a', 'b'],
    ];
    expect(wrong.map((args) => refusal(args)?.code)).toEqual([
      'commander.unknownCommand',
      'commander.unknownOption',
      'commander.invalidArgument',
      'commander.excessArguments',
    ]);
    expect(refusal(['run'])?.code).toBe('commander.missingArgument');
    expect(refusal(['run', 'a', '--wait', '--tenant', 'b', 'c'])).toBeUndefined();
  });

  // A command in a sentence need not be complete.
  const unfinished = /missing required argument|argument missing|required option/;
  it.each(pages)('is one that ptb has, with its options, in the sentences of %s', (page) => {
    const sentences = pageText(page).replaceAll(/^ *```[^]*?^ *```/gm, '');
    const calls = [...sentences.matchAll(/`ptb ([^`\n…]+)`/g)].map(([, words = '']) =>
      (words.match(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g) ?? []).map((word) => word.replaceAll(/['"]/g, '')),
    );
    expect(refusals(calls).filter((problem) => !unfinished.test(problem))).toEqual([]);
  });
});

describe('a shell', () => {
  const blocks = examples('sh');

  it.each(blocks)('understands block $number of $page', ({ code }) => {
    expect(spawnSync('bash', ['-n'], { input: code, encoding: 'utf8' }).stderr).toBe('');
  });

  it.each(blocks)('does not trip over a comment of block $number of $page', ({ code }) => {
    // zsh reads the comments of a line that is pasted as words, unless the reader has set interactive_comments.
    const comments = code.replace(/^#!.*\n(#.*\n)*/, '').match(/(?<=^| )#(?= ).*$/gm) ?? [];
    expect(comments.filter((comment) => /['"`$&|<>]/.test(comment))).toEqual([]);
  });

  // Loops would wait for answers that no command gives here.
  it.each(blocks.filter(({ code }) => !/^ *(?:while|for) /m.test(code)))(
    'passes arguments that ptb accepts and loses none of their text in block $number of $page',
    async ({ code }) => {
      const assigned = new Set([...code.matchAll(/\b([A-Za-z_]\w*)=/g)].map(([, name]) => name));
      // Variables that the reader has set.
      const names = [...code.matchAll(/\$\{?([A-Z][A-Z0-9_]*)/g)].map(([, name = '']) => name);
      const set = Object.fromEntries(names.filter((name) => !assigned.has(name)).map((name) => [name, name]));
      const calls = join(folder, 'calls');
      await writeFile(calls, '');
      const script = [
        // There are no programs in the path: every command does nothing, except for ptb, which is recorded.
        'PATH=/nowhere',
        'command_not_found_handle() { :; }',
        `ptb() { printf '%s\\0' "$@" $'\\n' >>"$CALLS"; }`,
        'set -u',
        code,
      ].join('\n');
      const env = { ...set, PATH: process.env['PATH'], CALLS: calls };
      const { stderr } = spawnSync('bash', ['--noprofile', '--norc', '-c', script], {
        cwd: folder,
        env,
        encoding: 'utf8',
      });
      // A `$filter` in double quotes.
      expect(stderr).not.toContain('unbound variable');
      const recorded = (await readFile(calls, 'utf8')).split('\n\0').slice(0, -1);
      expect(recorded.length).toBeGreaterThanOrEqual(code.match(/^ptb /gm)?.length ?? 0);
      expect(refusals(recorded.map((call) => call.split('\0').slice(0, -1)))).toEqual([]);
    },
  );
});

describe('PowerShell', noPowerShell, () => {
  it('understands every block, and passes arguments that ptb accepts', async () => {
    if (typeof powerShell === 'string') return;
    // Those of set-up that have no form of their own for PowerShell are for both shells.
    const forBoth = [...pageText('docs/deploy.md').matchAll(/^ *```sh\n([^`]*)```$(?!\n\n *```powershell)/gm)];
    expect(forBoth.length).toBeGreaterThan(8);
    const blocks = [
      ...examples('powershell'),
      ...forBoth.map(([, code = '']) => ({ page: 'docs/deploy.md', code: code.replaceAll(/^ {3}/gm, '') })),
    ];
    // PowerShell reads these, and does something else.
    expect(blocks.filter(({ code }) => /^(?:export|set|\.) |(?:^|[ "])\$[A-Z_]{4,}|\\$/m.test(code))).toEqual([]);
    expect(blocks.length).toBeGreaterThan(10);
    const [script, input] = [join(folder, 'parse.ps1'), join(folder, 'blocks.json')];
    await writeFile(input, JSON.stringify(blocks.map(({ code }) => code)));
    await writeFile(
      script,
      `param($path)
$found = foreach ($code in (Get-Content -Raw $path | ConvertFrom-Json)) {
    $errors = $null
    $ast = [System.Management.Automation.Language.Parser]::ParseInput($code, [ref] $null, [ref] $errors)
    $commands = $ast.FindAll({ $args[0] -is [System.Management.Automation.Language.CommandAst] -and $args[0].GetCommandName() -eq 'ptb' }, $true)
    @{
        errors = @($errors | ForEach-Object { "$_" })
        calls = @($commands | ForEach-Object { , @($_.CommandElements | Select-Object -Skip 1 | ForEach-Object { $_.Value ?? $_.Extent.Text }) })
    }
}
ConvertTo-Json -Depth 5 -Compress -InputObject @($found)
`,
    );
    const { code, output } = await runScript(powerShell, script, [input], {});
    expect([code, output]).toEqual([0, expect.stringMatching(/^\[/)]);
    const parsed = JSON.parse(output) as { errors: string[]; calls: string[][] }[];
    const wrong = parsed.flatMap(({ errors, calls }, index) =>
      [...errors, ...refusals(calls)].map((problem) => `${blocks[index]?.page}: ${problem}`),
    );
    expect([parsed.length, wrong]).toEqual([blocks.length, []]);
  });
});

describe('the line that puts ptb on the PATH', () => {
  const lines = {
    sh: blocksOf(pageText('docs/cli.md'), 'sh')[0] ?? '',
    pwsh: blocksOf(pageText('docs/cli.md'), 'powershell')[0] ?? '',
  };
  let clone: string;
  let elsewhere: string;
  beforeAll(async () => {
    clone = join(folder, 'a clone');
    elsewhere = join(folder, 'elsewhere');
    for (const each of [clone, elsewhere]) await mkdir(each);
    await installPtb(clone);
  });

  const version = (JSON.parse(pageText('package.json')) as { version: string }).version;

  for (const shell of ['sh', 'bash', 'zsh']) {
    const missing = spawnSync(shell, ['-c', ':']).error === undefined ? undefined : `${shell} is not in the path`;
    it(`works in ${shell}, also for other folders`, skippedBecause(missing), () => {
      const script = `cd 'a clone'\n${lines.sh}\ncd ../elsewhere\nptb --version`;
      expect(spawnSync(shell, ['-c', script], { cwd: folder, encoding: 'utf8' })).toMatchObject({
        stdout: `${version}\n`,
        stderr: '',
      });
    });
  }

  it('works in PowerShell, also for other folders', noPowerShell, async () => {
    if (typeof powerShell === 'string') return;
    const script = join(folder, 'path.ps1');
    await writeFile(script, `Set-Location '${clone}'\n${lines.pwsh}\nSet-Location '${elsewhere}'\nptb --version\n`);
    const { output } = await runScript(powerShell, script, [], { PATH: process.env['PATH'] ?? '' });
    expect(output.trim()).toBe(version);
  });

  it('is the one of the README, and of npm start', () => {
    expect(pageText('README.md')).toContain(`\`\`\`sh\n${lines.sh}`);
    expect(pageText('src/cli/commands/demo.ts')).toContain(`'${lines.sh.trim()}'`);
  });
});
