/**
 * Builds what is deployed (`dist/`: the app, nothing else) and what runs on the developer's machine (`build/`: the
 * command line with the local host and the simulated cloud). Standard output stays empty: `npm start -- --json` owns it.
 */
import { copyFile, glob, mkdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { build, type BuildOptions } from 'esbuild';
import project from '../package.json' with { type: 'json' };
import { buildPages } from './build-pages.ts';
import { standIns } from './stand-ins.ts';

// ESM bundles of CommonJS packages call require(); Node's own is put in its place.
const requireBanner =
  "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);";

const shared: BuildOptions = {
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node22',
  splitting: true,
  sourcemap: 'linked',
  legalComments: 'linked',
  logLevel: 'warning',
  banner: { js: requireBanner },
};

/** The function app: one file and lazy chunks. `@azure/functions-core` exists only inside the Functions worker. */
export const app: BuildOptions = {
  ...shared,
  entryPoints: { index: 'src/index.ts' },
  outdir: 'dist',
  chunkNames: 'chunks/[name]-[hash]',
  minify: true,
  external: ['@azure/functions-core'],
  plugins: [standIns],
  metafile: true,
  sourcemap: 'external',
};

const workspaces = ['functions-host', 'microsoft-cloud'];

/** The command line. The workspaces are bundled from source; other packages stay in node_modules. */
export const commandLine: BuildOptions = {
  ...shared,
  banner: {},
  entryPoints: { 'cli/ptb': 'src/cli/main.ts' },
  outdir: 'build',
  conditions: ['source', 'module'],
  external: Object.keys({ ...project.dependencies, ...project.devDependencies }).filter(
    (name) => !workspaces.includes(name),
  ),
};

/**
 * Takes the source maps out of a build: they are larger than the program, and `.funcignore` as Core Tools reads it
 * cannot tell `index.js.map` from `index.js`.
 */
export async function moveSourceMaps(from: string, to: string): Promise<void> {
  await rm(to, { recursive: true, force: true });
  for await (const map of glob('**/*.map', { cwd: from })) {
    await mkdir(join(to, dirname(map)), { recursive: true });
    await rename(join(from, map), join(to, map));
  }
}

if (import.meta.main) {
  // `--out FOLDER` keeps several builds apart; the folder must lie inside the project, where node_modules is found.
  const at = process.argv.indexOf('--out');
  const root = at === -1 ? '.' : (process.argv[at + 1] ?? '.');
  const placed = [app, commandLine].map((options) => ({ ...options, outdir: join(root, options.outdir ?? '') }));
  await Promise.all(placed.map(({ outdir }) => rm(outdir, { recursive: true, force: true })));
  await Promise.all([...placed.map((options) => build(options)), buildPages(join(root, 'dist/pages'))]);
  // Beside a build of its own, what makes a folder a function app.
  if (root !== '.') await Promise.all(['host.json', 'package.json'].map((name) => copyFile(name, join(root, name))));
  await moveSourceMaps(join(root, 'dist'), join(root, 'build/source-maps'));
}
