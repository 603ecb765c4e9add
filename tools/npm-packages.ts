/**
 * Packs what a release publishes to npm into `out/npm`: `partner-token-broker` (the command line, the built app, and what jobs
 * and their tests import), the workspaces, and the TypeScript client. `npm run build` and `npm run package` come first.
 */
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join, posix, resolve } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { build } from 'esbuild';
import project from '../package.json' with { type: 'json' };
import { listFiles } from '../src/lib/health/release.ts';
import { bundleOptions } from '../src/cli/project/bundle-options.ts';

const root = join(import.meta.dirname, '..');
const run = promisify(execFile);

/** What the package exports, and its source. */
const exported = {
  job: 'src/job-kit.ts',
  jobs: 'src/jobs/index.ts',
  testing: 'test/support/testing.ts',
};

const besideCode = [
  'LICENSE',
  'README.md',
  'CHANGELOG.md',
  'access-policy.sample.json',
  'access-policy.schema.json',
  'infra',
];

function manifest(): object {
  const { name, version, description, license, repository, type, engines } = project;
  const entries = Object.entries(exported).map(([entry, source]) => [
    `./${entry}`,
    { types: `./types/${source.replace(/\.ts$/, '.d.ts')}`, default: `./kit/${entry}.js` },
  ]);
  const optional = ['azurite', 'esbuild', 'vitest'] as const;
  return {
    name,
    version,
    description,
    license,
    repository,
    type,
    engines,
    bin: { ptb: 'build/cli/ptb.js' },
    exports: { ...Object.fromEntries(entries), './package.json': './package.json' },
    // Everything else is in the bundles. Jobs use zod, and its types are part of theirs. A project pins its own versions, so narrow
    // ranges would stop its upgrade.
    peerDependencies: {
      ...Object.fromEntries(optional.map((each) => [each, '*'])),
      zod: `^${project.dependencies.zod.split('.', 1)[0]}`,
    },
    peerDependenciesMeta: Object.fromEntries(optional.map((each) => [each, { optional: true }])),
  };
}

/** What jobs and their tests import: not minified, because people read its stacks. */
const buildKit = (folder: string) =>
  build({
    ...bundleOptions,
    absWorkingDir: root,
    entryPoints: exported,
    outdir: join(folder, 'kit'),
    chunkNames: 'chunks/[name]-[hash]',
    conditions: ['workspace-source', 'module'],
    external: ['vitest', 'zod'],
    sourcemap: false,
  });

const specifier = /(from |import\()(['"])([^'"]+)\2/g;

/** Writes the declarations that the exports lead to, and no others. */
async function writeTypes(folder: string): Promise<void> {
  const work = await mkdtemp(join(root, '.local/types-'));
  try {
    const compilerOptions = {
      noEmit: false,
      declaration: true,
      emitDeclarationOnly: true,
      outDir: 'types',
      rootDir: '../..',
    };
    const files = [...Object.values(exported), 'src/lib/core/undici-parts.d.ts'].map((file) => `../../${file}`);
    await writeFile(
      join(work, 'tsconfig.json'),
      JSON.stringify({ extends: '../../tsconfig.json', compilerOptions, include: [], files }),
    );
    const compiler = join(root, 'node_modules/typescript/bin/tsc');
    await run(process.execPath, [compiler, '-p', work]);
    // Of another package, so the compiler leaves it out.
    const permissions = join(root, 'packages/graph-permissions/tsconfig.build.json');
    const place = join(work, 'types/graph-permissions');
    await run(process.execPath, [compiler, '-p', permissions, '--emitDeclarationOnly', '--outDir', place]);
    const todo = Object.values(exported).map((file) => file.replace(/\.ts$/, '.d.ts'));
    const written = new Set<string>();
    for (let file = todo.pop(); file !== undefined; file = todo.pop()) {
      if (written.has(file)) continue;
      written.add(file);
      const from = posix.dirname(file);
      const text = await readFile(join(work, 'types', file), 'utf8');
      const linked = text.replaceAll(specifier, (_, before: string, quote: string, name: string) => {
        const target = name.startsWith('graph-permissions/')
          ? name
          : name.startsWith('.')
            ? posix.join(from, name.replace(/\.ts$/, ''))
            : undefined;
        if (target === undefined) return `${before}${quote}${name}${quote}`;
        todo.push(`${target}.d.ts`);
        const path = posix.relative(from, target);
        return `${before}${quote}${path.startsWith('.') ? path : `./${path}`}.js${quote}`;
      });
      await mkdir(join(folder, 'types', from), { recursive: true });
      await writeFile(join(folder, 'types', file), linked);
    }
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** The hooks of azd, as JavaScript. The template is beside them. */
const writeHooks = async (folder: string): Promise<void> => {
  const names = ['preprovision', 'postprovision'];
  await build({
    absWorkingDir: root,
    entryPoints: names.map((name) => `tools/${name}.ts`),
    outdir: join(folder, 'azd'),
    format: 'esm',
    platform: 'node',
    target: 'node22',
  });
  for (const name of names) {
    const file = join(folder, 'azd', `${name}.js`);
    await writeFile(file, (await readFile(file, 'utf8')).replaceAll('./preprovision.ts', './preprovision.js'));
  }
};

/** Copies the command line without the source maps, which are larger than the programs. */
async function copyBuild(folder: string): Promise<void> {
  for (const file of await listFiles(join(root, 'build'))) {
    if (file.endsWith('.map') || file === 'metafile.json') continue;
    await mkdir(join(folder, 'build', dirname(file)), { recursive: true });
    await cp(join(root, 'build', file), join(folder, 'build', file));
  }
}

/**
 * @param app the packaged app: what is installed and what is deployed are the same bytes.
 * @param out where the archives go; it is emptied.
 * @returns their names.
 */
export async function packNpmPackages(app: string, out: string): Promise<readonly string[]> {
  await rm(out, { recursive: true, force: true });
  await mkdir(join(root, '.local'), { recursive: true });
  await mkdir(out, { recursive: true });
  const folder = await mkdtemp(join(root, '.local/npm-'));
  try {
    await writeFile(join(folder, 'package.json'), `${JSON.stringify(manifest(), undefined, 2)}\n`);
    await Promise.all([copyBuild(folder), buildKit(folder), writeTypes(folder), writeHooks(folder)]);
    await cp(app, join(folder, 'app'), { recursive: true, filter: (file) => !file.endsWith('access-policy.json') });
    for (const file of besideCode) await cp(join(root, file), join(folder, file), { recursive: true });
    const sources = [
      folder,
      ...['microsoft-cloud', 'functions-host', 'graph-permissions'].map((name) => join(root, 'packages', name)),
      join(root, 'clients/typescript'),
    ];
    for (const source of sources) await run('npm', ['pack', '--pack-destination', out], { cwd: source });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return listFiles(out);
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { out: { type: 'string', default: 'out' } } });
  const out = resolve(root, values.out);
  for (const name of await packNpmPackages(join(out, 'app'), join(out, 'npm')))
    console.log(`${values.out}/npm/${name}`);
}
