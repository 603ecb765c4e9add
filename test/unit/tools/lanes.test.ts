import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { projectRoot } from '../../paths.ts';
import fuzz from '../../fuzz/vitest.config.ts';
import config from '../../../vitest.config.ts';

const included = (config.test?.projects ?? []).flatMap(
  (project) => (project as { test: { include: readonly string[] } }).test.include,
);

it('runs every test file in one project', () => {
  const patterns = ['test/**/*.test.{ts,tsx}', 'packages/*/test/**/*.test.{ts,tsx}'];
  const files = globSync(patterns, { cwd: projectRoot });
  expect(files.length).toBeGreaterThan(700);
  expect(included.toSorted()).toEqual(files.toSorted());
});

it('runs with npm run fuzz every file that tries more cases there', () => {
  const files = globSync(['test/**/*.test.ts', 'packages/*/test/**/*.test.ts'], { cwd: projectRoot });
  const more = files.filter((file) =>
    /\/extent\.ts';|process\.env\['FUZZ_/.test(readFileSync(join(projectRoot, file), 'utf8')),
  );
  expect(more.length).toBeGreaterThan(8);
  expect(globSync([...(fuzz.test?.include ?? [])], { cwd: projectRoot })).toEqual(expect.arrayContaining(more));
});
