import { build } from 'esbuild';
import { expect, it } from 'vitest';
import { withJobPositions } from '../../../src/lib/core/invocation-log.ts';
import { jobsMapOf } from '../../../src/cli/project/jobs-map.ts';

const job = `import { name } from '../lib/name.ts';
export function run(): string {
  if (name.length > 3) throw new TypeError(name);
  return name;
}`;

/** The files that the bundle consists of. */
const sources: Readonly<Record<string, string>> = {
  '/app/src/index.ts': `import { run } from './jobs/probe.ts'; import { other } from './lib/name.ts'; run(); other();`,
  '/app/src/jobs/probe.ts': job,
  '/app/src/lib/name.ts': `export const name = 'Contoso';\nexport function other(): void { throw new Error('x'); }`,
};

async function bundle(): Promise<{ code: string; map: Parameters<typeof jobsMapOf>[0] }> {
  const { outputFiles } = await build({
    entryPoints: ['/app/src/index.ts'],
    bundle: true,
    minify: true,
    format: 'esm',
    sourcemap: 'external',
    write: false,
    outfile: '/app/dist/jobs.js',
    plugins: [
      {
        name: 'in-memory',
        setup: (plugin) => {
          plugin.onResolve({ filter: /.*/ }, ({ path, importer }) => ({
            path: importer === '' ? path : new URL(path, `file://${importer}`).pathname,
            namespace: 'file',
          }));
          plugin.onLoad({ filter: /.*/ }, ({ path }) => ({ contents: sources[path] ?? '', loader: 'ts' }));
        },
      },
    ],
  });
  const text = (end: string): string => outputFiles.find(({ path }) => path.endsWith(end))?.text ?? '';
  return { code: text('jobs.js'), map: JSON.parse(text('.map')) as Parameters<typeof jobsMapOf>[0] };
}

/** Where a text is in the bundle, as a stack shows it. */
function positionOf(code: string, text: string): string {
  const before = code.slice(0, code.indexOf(text)).split('\n');
  return `file:///home/site/dist/jobs.js:${before.length}:${(before.at(-1)?.length ?? 0) + 1}`;
}

it('maps a position in a job to its source, and leaves other positions', async () => {
  const { code, map } = await bundle();
  const jobsMap = JSON.stringify(jobsMapOf(map));
  expect(jobsMap).not.toContain('lib/name.ts');
  const inJob = positionOf(code, 'new TypeError');
  const elsewhere = positionOf(code, 'new Error');
  const stack = `TypeError: Contoso\n    at run (${inJob})\n    at other (${elsewhere})\n    at node:internal/x:1:2`;
  const mapOf = (name: string): string | undefined => (name === 'jobs' ? jobsMap : undefined);
  expect(withJobPositions(stack, mapOf)).toBe(
    `TypeError: Contoso\n    at run (jobs/probe.ts:3:30)\n    at other (${elsewhere})\n    at node:internal/x:1:2`,
  );
  expect(withJobPositions(stack, () => undefined)).toBe(stack);
  // The jobs of a release, in a project with jobs of its own.
  const builtIn = stack.replace('/jobs.js', '/built-in-jobs.js');
  expect(withJobPositions(builtIn, mapOf)).toBe(builtIn);
  expect(withJobPositions(builtIn, (name) => (name === 'built-in-jobs' ? jobsMap : undefined))).toContain(
    'run (jobs/probe.ts:3:30)',
  );
  expect(withJobPositions('at run (dist/more-jobs.js:1:1)', () => jobsMap)).toBe('at run (dist/more-jobs.js:1:1)');
});
