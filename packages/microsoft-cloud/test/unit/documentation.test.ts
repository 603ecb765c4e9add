import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { faultKinds } from '../../src/faults/rule.ts';
import { tenantStates, tenantTraits } from '../../src/population/tenant.ts';

const packageRoot = join(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(join(packageRoot, path), 'utf8');
const pages = ['README.md', ...globSync('docs/*.md', { cwd: packageRoot })].map(read).join('\n');
const behaviours = [...read('docs/behaviour.md').matchAll(/^- (?<file>\S+\.test\.ts): (?<title>.+)$/gm)].map(
  ({ groups: { title = '', file = '' } = {} }) => ({ file, title }),
);
/** The files of tests in docs/fidelity.md, each with the answers below it. */
const answers = [...read('docs/fidelity.md').matchAll(/^`(?<file>\S+\.test\.ts)`:\n\n(?<lines>(?:- .+\n)+)/gm)].map(
  ({ groups: { file = '', lines = '' } = {} }) => ({ file, lines: lines.trimEnd().split('\n') }),
);
const sources = /\((?:live|documented|issue|from memory|chosen)\)$/;
const examples = [...read('README.md').matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code]) => code);

/** The examples import the sources, so that the tests need no build. A user imports the package. */
const withPackageName = (code: string): string =>
  code
    .replace("'../../src/index.ts'", "'microsoft-cloud'")
    .replace("'../../src/testing.ts'", "'microsoft-cloud/testing'");

describe('the documentation', () => {
  it('lists more than 20 behaviours with their tests', () => {
    expect(behaviours.length).toBeGreaterThan(20);
  });

  it.each(behaviours)('$file has the test "$title"', ({ file, title }) => {
    expect(read(join('test/e2e', file))).toContain(`'${title}'`);
  });

  it('lists more than 80 answers, each with its source', () => {
    const lines = answers.flatMap((answer) => answer.lines);
    expect(lines.length).toBeGreaterThan(80);
    expect(lines.filter((line) => !sources.test(line))).toEqual([]);
  });

  it.each(answers)('$file is a test', ({ file }) => {
    expect(existsSync(join(packageRoot, 'test', file))).toBe(true);
  });

  it('shows the examples that the tests run', () => {
    const files = ['vitest.test.ts', 'node-test.ts'].map((file) => join(packageRoot, 'test/examples', file));
    expect(examples).toEqual(files.map((file) => withPackageName(readFileSync(file, 'utf8'))));
  });

  it('explains every tenant state, trait and fault kind', () => {
    for (const name of [...tenantStates, ...tenantTraits, ...faultKinds]) expect(pages).toContain(`\`${name}\``);
  });
});
