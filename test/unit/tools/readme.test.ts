import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { Results } from '../../../bench/measure.ts';
import { withFigures } from '../../../bench/readme.ts';
import { projectRoot } from '../../paths.ts';

const read = (path: string): string => readFileSync(join(projectRoot, path), 'utf8');
const { results } = JSON.parse(read('bench/results.json')) as Results;

it('finds the latest figures in the README', () => {
  expect(withFigures(read('README.md'), results)).toBe(read('README.md'));
});

it('has the latest duration of a report over 5,000 tenants beside the promise, too', () => {
  const [, measured] =
    /\| One report over 5,000 tenants[^|]*\| ([^|]+) \|/.exec(withFigures(read('README.md'), results)) ?? [];
  expect(read('README.md')).toContain(`one report over 5,000 tenants takes [${measured}](docs/benchmarks.md)`);
});

it('replaces only the text between the markers', () => {
  const readme = 'before\n<!-- figures of npm run bench -->\nold\n<!-- end of figures -->\nafter\n';
  const written = withFigures(readme, results);
  expect(written).toMatch(/^before\n<!-- figures of npm run bench -->\n\n\| \| broker \| published scripts \|\n/);
  expect(written.endsWith('<!-- end of figures -->\nafter\n')).toBe(true);
  expect(written).not.toContain('old');
});

it('throws if the README lacks the markers or the results lack a figure', () => {
  expect(() => withFigures('nothing', results)).toThrow('has no <!-- figures');
  expect(() => withFigures(read('README.md'), {})).toThrow('has no figure');
});
