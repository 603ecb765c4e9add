import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { dataTables, mutatedFolders, needsIsolation, testsOf } from '../../mutation/folders.ts';
import { isProse, strykerPlugins } from '../../mutation/prose.ts';
import { isSampled, strykerPlugins as samplePlugins } from '../../mutation/sample.ts';
import { raised, scoreOf, shortfalls, untested } from '../../mutation/scores.ts';
import { projectRoot } from '../../paths.ts';

const file = (...statuses: string[]) => ({ mutants: statuses.map((status) => ({ status })) });
const score = (folder: string, percent: number) => ({ folder, mutants: 10, detected: 1, late: 0, percent });

describe('scoreOf', () => {
  it('counts killed and timed out mutants as detected, and leaves out those that were not tested', () => {
    const files = {
      'a.ts': file('Killed', 'Timeout', 'Survived'),
      'b.ts': file('NoCoverage', 'Ignored', 'RuntimeError', 'CompileError'),
    };
    expect(scoreOf('src/a', { files })).toEqual({ folder: 'src/a', mutants: 4, detected: 2, late: 1, percent: 50 });
  });

  it('says how many a time limit ended', () => {
    const killed = (statusReason: string) => ({ status: 'Killed', statusReason });
    const mutants = [killed('Test timed out in 8000ms.'), killed('expected 1 to be 2'), { status: 'Timeout' }];
    expect(scoreOf('src/a', { files: { 'a.ts': { mutants } } })).toMatchObject({ detected: 3, late: 2 });
  });

  it('counts a run that failed outside of its tests as detected, and none of a runner that crashed', () => {
    const failed = (statusReason: string) => ({ status: 'RuntimeError', statusReason });
    const mutants = [
      failed('An error occurred outside of a test run: a.test.ts: grant is undefined'),
      failed('Test runner crashed. Tried twice to restart it without any luck.'),
      { status: 'Survived' },
    ];
    expect(scoreOf('src/a', { files: { 'a.ts': { mutants } } })).toMatchObject({ mutants: 2, detected: 1 });
  });

  it('rounds down, so that 99.96 % is not 100 %', () => {
    const files = { 'a.ts': file(...Array.from({ length: 2499 }, () => 'Killed'), 'Survived') };
    expect(scoreOf('src/a', { files }).percent).toBe(99.9);
  });

  it('gives a folder without mutants 100 %', () => {
    expect(scoreOf('src/a', { files: {} }).percent).toBe(100);
  });
});

describe('untested', () => {
  const outside = 'An error occurred outside of a test run: ';
  it('counts mutants for which not every test ran, or none because the expression with their names is too large', () => {
    const mutants = [
      { status: 'Survived', coveredBy: ['1', '2'], testsCompleted: 1 },
      { status: 'Survived', coveredBy: ['1', '2'], testsCompleted: 2 },
      { status: 'Killed', coveredBy: ['1', '2'], testsCompleted: 1 },
      { status: 'NoCoverage' },
      {
        status: 'RuntimeError',
        statusReason: `${outside}SyntaxError: Invalid regular expression: /a|b/: Regular expression too large`,
      },
      {
        status: 'RuntimeError',
        statusReason: `${outside}SyntaxError: Invalid regular expression: /(/: Unterminated group`,
      },
    ];
    expect(untested({ files: { 'a.ts': { mutants } } })).toBe(2);
  });
});

describe('the thresholds', () => {
  it('fail a folder that is below, not one that is equal, above or without a threshold', () => {
    const scores = [score('a', 84.9), score('b', 85), score('c', 86), score('d', 0)];
    expect(shortfalls(scores, { a: 85, b: 85, c: 85 })).toEqual([
      'a: the tests detect 84.9 % of the mutants, but its threshold is 85 %.',
    ]);
  });

  it('rise to a higher score, and never fall', () => {
    expect(raised([score('b', 90), score('a', 70), score('new', 60)], { a: 80, b: 85, other: 50 })).toEqual({
      a: 80,
      b: 90,
      new: 60,
      other: 50,
    });
  });

  it('in the file belong to mutated folders', () => {
    const thresholds = JSON.parse(readFileSync(join(projectRoot, 'test/mutation/thresholds.json'), 'utf8')) as object;
    expect(Object.keys(thresholds).length).toBeGreaterThan(0);
    expect(mutatedFolders()).toEqual(expect.arrayContaining(Object.keys(thresholds)));
  });
});

describe('the mutated folders', () => {
  it('are all of src/lib, the functions, the command line, the client and the workspaces, and each has tests', () => {
    const folders = mutatedFolders();
    expect(folders).toEqual(
      expect.arrayContaining([
        'src/lib/tokens',
        'src/operator',
        'src/functions',
        'src/cli',
        'clients/typescript/src',
        'packages/functions-host/src',
      ]),
    );
    expect(folders.filter((folder) => testsOf(folder).length === 0)).toEqual([]);
  });

  it('leave out only data tables that exist', () => {
    expect(dataTables.filter((table) => !existsSync(join(projectRoot, table)))).toEqual([]);
  });
});

it('give each test that starts the Functions host a process of its own', () => {
  expect(mutatedFolders().filter(needsIsolation)).toEqual(['src/functions', 'packages/functions-host/src']);
});

describe('testsOf', () => {
  it('finds the tests that mirror a folder and those that import it', () => {
    const tests = testsOf('src/lib/audit');
    expect(tests).toContain('test/unit/lib/audit/log/rising-time.test.ts');
    expect(tests).toContain('test/functions/audit-retention.test.ts');
    expect(testsOf('clients/typescript/src')).toContain('test/unit/clients/typescript/broker-request-error.test.ts');
  });

  it('leaves out tests that load an app, except where each test has a process of its own', () => {
    expect(testsOf('src/lib/core').filter((test) => test.startsWith('test/functions/reads'))).toEqual([]);
    expect(testsOf('src/functions')).toContain('test/functions/reads.test.ts');
  });

  it('finds the tests of the simulated cloud that run in their own process', () => {
    const tests = testsOf('packages/microsoft-cloud/src').filter((test) => test.includes('/e2e/'));
    expect(tests).toContain('packages/microsoft-cloud/test/e2e/sign-in-rules.test.ts');
    expect(tests.filter((test) => /command|msal-browser|node-test|recording|identity/.test(test))).toEqual([]);
  });

  it('leaves out tests that replace modules, also if a helper does it for them', () => {
    expect(testsOf('src/operator')).not.toContain('test/unit/cli/commands/setup.test.ts');
    expect(testsOf('src/cli')).toContain('test/unit/cli/commands/consent.test.ts');
  });

  it('leaves out slow tests, and tests that start a process', () => {
    const tests = [...testsOf('src/lib/access'), ...testsOf('src/lib/audit'), ...testsOf('src/lib/tokens')];
    expect(tests.filter((test) => /property|busy|contract\/audit-log/.test(test))).toEqual([]);
    expect(testsOf('src/lib/core')).not.toContain('test/unit/cli/exec/run-child.test.ts');
  });
});

describe('the prose plugin', () => {
  const shouldIgnore = strykerPlugins[0]?.value.shouldIgnore ?? (() => undefined);
  const template = (raws: string[], ...types: string[]) => ({
    node: {
      type: 'TemplateLiteral',
      quasis: raws.map((raw) => ({ value: { raw } })),
      expressions: types.map((type) => ({ type })),
    },
  });

  it.each(['The broker does not know the tenant.', 'consent has to be given again'])('leaves out %j', (text) => {
    expect(isProse(text)).toBe(true);
    expect(shouldIgnore({ node: { type: 'StringLiteral', value: text } })).toBe('A sentence for people.');
  });

  it.each([
    'tenant_unknown',
    'content-type',
    'no-store',
    'application/problem+json',
    "PartitionKey eq 'the run' and RowKey ge 'a'",
    'openid profile offline_access',
    '/api/runs/{id}',
    'Bearer realm',
  ])('keeps %j', (text) => {
    expect(shouldIgnore({ node: { type: 'StringLiteral', value: text } })).toBeUndefined();
  });

  it('leaves out a template with plain values, and keeps one with a choice', () => {
    expect(shouldIgnore(template(['The run with id ', ' has not ended.'], 'Identifier'))).toBeDefined();
    expect(shouldIgnore(template(['The run has ', ' rows in all of it.'], 'ConditionalExpression'))).toBeUndefined();
    expect(shouldIgnore(template(['tenants/', '/domains'], 'Identifier'))).toBeUndefined();
  });
});

describe('the sample plugin', () => {
  const shouldIgnore = samplePlugins[0]?.value.shouldIgnore ?? (() => undefined);
  const declaration = (parent: string, start: number, type = 'VariableDeclaration') => ({
    node: { type, start, end: start + 10 },
    parent: { type: parent },
  });
  const starts = Array.from({ length: 1000 }, (_, index) => index * 37);

  it('keeps about the share that is asked for, and the same one each time', () => {
    const sampled = starts.filter((start) => isSampled(start, start + 10, 20));
    expect(sampled.length).toBeGreaterThan(150);
    expect(sampled.length).toBeLessThan(250);
    expect(starts.filter((start) => isSampled(start, start + 10, 20))).toEqual(sampled);
  });

  it('chooses among the statements of a module and the members of a class, not inside them', () => {
    vi.stubEnv('MUTATION_SAMPLE', '20');
    const left = (parent: string, type?: string): number =>
      starts.filter((start) => shouldIgnore(declaration(parent, start, type)) === undefined).length;
    expect(left('Program')).toBeLessThan(250);
    expect(left('Program')).toBe(left('ClassBody'));
    expect(left('Program')).toBe(left('ExportNamedDeclaration'));
    expect(left('BlockStatement')).toBe(1000);
    // What they contain is chosen one by one.
    expect(left('Program', 'ExportNamedDeclaration')).toBe(1000);
    expect(left('ExportNamedDeclaration', 'ClassDeclaration')).toBe(1000);
  });

  it('leaves nothing out without a share', () => {
    vi.stubEnv('MUTATION_SAMPLE', undefined);
    expect(starts.filter((start) => shouldIgnore(declaration('Program', start)) !== undefined)).toEqual([]);
  });
});
