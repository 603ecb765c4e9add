import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { benches } from '../../../bench/benches.ts';
import { projectRoot } from '../../paths.ts';

const promises = readFileSync(join(projectRoot, 'docs/promises.md'), 'utf8')
  .split(/^(?=## )/m)
  .slice(1);
const tests = promises.flatMap((promise) =>
  [...promise.matchAll(/^- \[(.+)\]\(\.\.\/\1\)(?:: `(.+)`)?$/gm)].map(([, file = '', title = '']) => ({
    file,
    title,
  })),
);
const benchmarks = promises.flatMap((promise) =>
  [...promise.matchAll(/^- benchmark `(.+)`$/gm)].map(([, name]) => name),
);

describe('docs/promises.md', () => {
  it.each(tests)('names a test that exists: $file $title', ({ file, title }) => {
    expect(existsSync(join(projectRoot, file))).toBe(true);
    expect(readFileSync(join(projectRoot, file), 'utf8')).toContain(title);
  });

  it('names benchmarks that exist', () => {
    expect(benches.map(({ name }) => name)).toEqual(expect.arrayContaining(benchmarks));
  });

  it('lists only tests and benchmarks, at least one for each promise', () => {
    const lines = promises.map((promise) => promise.match(/^- .*$/gm)?.length ?? 0);
    expect(lines).not.toContain(0);
    expect(lines.reduce((sum, count) => sum + count, 0)).toBe(tests.length + benchmarks.length);
  });
});
