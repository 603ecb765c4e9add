import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { faultKinds } from '../../src/faults/rule.ts';
import { tenantStates, tenantTraits } from '../../src/population/tenant.ts';

const packageRoot = join(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(join(packageRoot, path), 'utf8');
const pages = ['README.md', ...globSync('docs/*.md', { cwd: packageRoot })].map(read).join('\n');
/** Rows of docs/fidelity.md, which end with title and file, and lines of docs/behaviour.md. */
const rows = [
  ...pages.matchAll(/^\| .+ \| (?<title>.+) \| (?<file>\S+\.test\.ts) \|$/gm),
  ...pages.matchAll(/^- (?<file>\S+\.test\.ts): (?<title>.+)$/gm),
].map(({ groups: { title = '', file = '' } = {} }) => ({ file, title }));
const examples = [...read('README.md').matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code]) => code);

/** The examples import the sources, so that the tests need no build. A user imports the package. */
const withPackageName = (code: string): string =>
  code
    .replace("'../../src/index.ts'", "'microsoft-cloud'")
    .replace("'../../src/testing.ts'", "'microsoft-cloud/testing'");

describe('the documentation', () => {
  it('lists more than 40 behaviours with their tests', () => {
    expect(rows.length).toBeGreaterThan(40);
  });

  it.each(rows)('$file has the test "$title"', ({ file, title }) => {
    const places = ['e2e', 'unit', 'unit/graph'].map((folder) => join(packageRoot, 'test', folder, file));
    const source = readFileSync(places.find((path) => existsSync(path)) ?? file, 'utf8');
    expect(source).toContain(`'${title}'`);
  });

  it('shows the examples that the tests run', () => {
    const files = ['vitest.test.ts', 'node-test.ts'].map((file) => join(packageRoot, 'test/examples', file));
    expect(examples).toEqual(files.map((file) => withPackageName(readFileSync(file, 'utf8'))));
  });

  it('explains every tenant state, trait and fault kind', () => {
    for (const name of [...tenantStates, ...tenantTraits, ...faultKinds]) expect(pages).toContain(`\`${name}\``);
  });
});
