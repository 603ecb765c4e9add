/**
 * Who may import whom, as ARCHITECTURE.md draws it. Fails with one line per import that crosses a border.
 * A room is a folder of src/lib, or one of functions, jobs, cli, local; the leaves are the files directly in src/lib.
 */
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { builtinModules } from 'node:module';

interface Import {
  readonly from: string;
  readonly to: string;
  readonly typeOnly: boolean;
}

const importPattern = /^\s*(?:import|export)\s+(type\s+)?(?:([\s\S]*?)\s+from\s+)?['"]([^'"]+)['"]/gm;
const dynamicPattern = /import\(\s*['"]([^'"]+)['"]\s*\)/g;

export function importsOf(file: string, text: string): Import[] {
  const resolve = (to: string): string => (to.startsWith('.') ? normalize(join(dirname(file), to)) : to);
  const fixed = [...text.matchAll(importPattern)].map(([, type, names, to]) => ({
    from: file,
    to: resolve(to ?? ''),
    // `import { type A, type B }` brings no value either.
    typeOnly:
      type !== undefined ||
      (/^\{[\s\S]*\}$/.test(names ?? '') &&
        (names ?? '')
          .slice(1, -1)
          .split(',')
          .every((name) => /^\s*(type\s|$)/.test(name))),
  }));
  const lazy = [...text.matchAll(dynamicPattern)].map(([, to]) => ({
    from: file,
    to: resolve(to ?? ''),
    typeOnly: false,
  }));
  return [...fixed, ...lazy];
}

const area = (path: string): string =>
  /^src\/(lib\/[^/]+(?=\/)|lib|functions|jobs|cli|local|composition|services|index)/.exec(path)?.[1] ?? path;

interface Rule {
  readonly says: string;
  readonly broken: (found: Import) => boolean;
}

const inLib = (path: string): boolean => path.startsWith('src/lib/');
const isLeaf = (path: string): boolean => area(path) === 'lib';
const durableAllowed = (path: string): boolean =>
  path.startsWith('src/functions/') || path === 'src/lib/runs/fan-out.ts';

export const rules: readonly Rule[] = [
  {
    says: 'lib imports nothing of functions, composition, jobs, cli or local',
    broken: ({ from, to }) => inLib(from) && /^src\/(functions|composition|services|jobs|cli|local|index)/.test(to),
  },
  { says: 'leaves import leaves only', broken: ({ from, to }) => isLeaf(from) && to.startsWith('src/') && !isLeaf(to) },
  {
    says: 'nobody imports functions but the entry point and functions',
    broken: ({ from, to }) => to.startsWith('src/functions/') && !/^src\/(functions|index)/.test(from),
  },
  {
    says: 'nobody imports cli but cli',
    broken: ({ from, to }) => to.startsWith('src/cli/') && !from.startsWith('src/cli/'),
  },
  {
    says: 'local is imported by cli and local only',
    broken: ({ from, to }) => to.startsWith('src/local/') && !/^src\/(cli|local)\//.test(from),
  },
  {
    says: 'jobs import from lib/runs, lib/graph and leaves only',
    broken: ({ from, to }) =>
      from.startsWith('src/jobs/') &&
      to.startsWith('src/') &&
      !/^src\/(jobs|lib\/runs|lib\/graph)\//.test(to) &&
      !isLeaf(to),
  },
  {
    says: '@azure/functions by value in functions only',
    broken: ({ from, to, typeOnly }) => to === '@azure/functions' && !typeOnly && !from.startsWith('src/functions/'),
  },
  {
    says: 'durable-functions by value in functions and lib/runs/fan-out.ts only',
    broken: ({ from, to, typeOnly }) => to === 'durable-functions' && !typeOnly && !durableAllowed(from),
  },
  {
    says: 'the orchestrators import no side effects',
    broken: ({ from, to }) =>
      from === 'src/lib/runs/fan-out.ts' && (to.startsWith('node:') || builtinModules.includes(to)),
  },
];

/** `process.env` belongs to the composition root, to the command line and to what never ships. */
const environmentAllowed = /^src\/(composition\.ts|cli\/|local\/)/;

export function check(files: ReadonlyMap<string, string>): string[] {
  const problems: string[] = [];
  for (const [file, text] of files) {
    for (const found of importsOf(file, text)) {
      for (const { says, broken } of rules) if (broken(found)) problems.push(`${file}: imports ${found.to} (${says})`);
    }
    if (/\bprocess\.env\b/.test(text) && !environmentAllowed.test(file))
      problems.push(`${file}: reads process.env (the composition root does that)`);
  }
  return problems;
}

if (import.meta.main) {
  const root = join(import.meta.dirname, '..');
  const files = new Map(
    globSync('src/**/*.ts', { cwd: root }).map((file) => [file, readFileSync(join(root, file), 'utf8')]),
  );
  const problems = check(files);
  for (const problem of problems) console.error(problem);
  console.error(
    `${relative(process.cwd(), root) || '.'}: ${files.size} files, ${problems.length} imports across a border`,
  );
  process.exitCode = problems.length === 0 ? 0 : 1;
}
