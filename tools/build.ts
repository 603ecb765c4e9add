/**
 * Builds what is deployed (`dist/`: only the app) and what runs on the developer's machine (`build/`: the command line
 * with the embedded host and the simulated cloud). It prints nothing on standard output, where `npm start -- --json`
 * writes its document.
 */
import { copyFile, glob, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { build, type BuildOptions, type Metafile, type Plugin } from 'esbuild';
import { buildPages } from './build-pages.ts';
import { buildVerifyPage } from './build-verify-page.ts';
import { bundleOptions, deployedOptions } from '../src/cli/project/bundle-options.ts';
import { readJobsMap } from '../src/cli/project/jobs-map.ts';
import { standIns } from './stand-ins.ts';

/** Leaves the jobs out of the app, which loads `dist/jobs.js` instead: a project with jobs of its own replaces that file. */
const jobsApart: Plugin = {
  name: 'jobs-apart',
  setup: (plugin) =>
    plugin.onResolve({ filter: /\/jobs\/index\.ts$/ }, ({ importer }) =>
      /[\\/]src[\\/]functions[\\/]job-registry\.ts$/.test(importer) ? { path: './jobs.js', external: true } : undefined,
    ),
};

/**
 * Puts all code that a program loads at start into a few chunks. esbuild makes one for each set of entries that share code, and
 * each module that is imported later is an entry: without this the app has 70, and a fifth of the processor time of its
 * start-up goes into finding and linking them. So each of these modules imports what was evaluated at start.
 * @param started a module of the project. It and what it imports must not wait for a module that is imported later. Other
 *   entries of the build that import modules later get it as well.
 */
const startTogether = (started: string): Plugin => ({
  name: 'start-together',
  setup: (plugin) => {
    const namespace = 'later';
    const root = plugin.initialOptions.absWorkingDir ?? process.cwd();
    plugin.onResolve({ filter: /^\./ }, ({ kind, path, resolveDir, importer }) =>
      kind === 'dynamic-import' && !/[\\/]node_modules[\\/]/.test(importer)
        ? { path: relative(root, resolve(resolveDir, path)).replaceAll(sep, '/'), namespace }
        : undefined,
    );
    plugin.onLoad({ filter: /^/, namespace }, async ({ path }) =>
      /^export default|\bas default\b/m.test(await readFile(join(root, path), 'utf8'))
        ? {
            errors: [
              { text: `${path} is imported later, so it can have no default export: "export *" leaves it out.` },
            ],
          }
        : { contents: `import './${started}'; export * from './${path}';`, resolveDir: root },
    );
  },
});

/** The function app: three entries and their chunks. `@azure/functions-core` exists only inside the Functions worker. */
export const app = {
  ...deployedOptions,
  entryPoints: { index: 'src/index.ts', jobs: 'src/jobs/index.ts', 'job-kit': 'src/job-kit.ts' },
  outdir: 'dist',
  conditions: ['workspace-source', 'module'],
  external: ['@azure/functions-core'],
  // Leaves the experimental parsers of undici out, as the bundle within Node.js does.
  define: { esbuildDetection: 'true' },
  plugins: [standIns, jobsApart, startTogether('src/index.ts')],
  metafile: true,
} satisfies BuildOptions;

/**
 * The command line with the workspaces from source. Its packages are bundled, because loading them file by file costs
 * several times the processor time.
 */
export const commandLine: BuildOptions = {
  ...bundleOptions,
  entryPoints: { 'cli/ptb': 'src/cli/main.ts' },
  outdir: 'build',
  conditions: ['workspace-source', 'module'],
  // Only `ptb package` and `ptb jobs try` use it, and only with the program for this machine.
  external: ['esbuild'],
  plugins: [startTogether('src/cli/commands/index.ts')],
};

/**
 * Moves the source maps out of a build: they are larger than the program, and Core Tools, as it reads `.funcignore`,
 * does not distinguish `index.js.map` from `index.js`.
 */
export async function moveSourceMaps(from: string, to: string): Promise<void> {
  await rm(to, { recursive: true, force: true });
  for await (const map of glob('**/*.map', { cwd: from })) {
    await mkdir(join(to, dirname(map)), { recursive: true });
    await rename(join(from, map), join(to, map));
  }
}

/** Where a build describes which files the deployed bundles consist of, relative to its folder. */
export const metafilePath = 'build/metafile.json';

const joined = (a: Metafile, b: Metafile): Metafile => ({
  inputs: { ...a.inputs, ...b.inputs },
  outputs: { ...a.outputs, ...b.outputs },
});

if (import.meta.main) {
  // `--out FOLDER` keeps several builds apart. The command line of such a build runs only if it finds node_modules.
  // `--app-only` leaves the command line out.
  const at = process.argv.indexOf('--out');
  const root = at === -1 ? '.' : (process.argv[at + 1] ?? '.');
  const placed = <T extends BuildOptions>(options: T) => ({ ...options, outdir: join(root, options.outdir ?? '') });
  const [placedApp, placedCommandLine] = [placed(app), placed(commandLine)];
  await Promise.all([placedApp, placedCommandLine].map(({ outdir }) => rm(outdir, { recursive: true, force: true })));
  const [built, pages] = await Promise.all([
    build(placedApp),
    buildPages(join(root, 'dist/pages')),
    process.argv.includes('--app-only')
      ? mkdir(placedCommandLine.outdir, { recursive: true })
      : Promise.all([build(placedCommandLine), buildVerifyPage(join(root, 'build/verify.html'))]),
  ]);
  await writeFile(join(root, metafilePath), JSON.stringify(joined(built.metafile, pages)));
  // host.json and package.json make the folder of a separate build a function app.
  if (root !== '.') await Promise.all(['host.json', 'package.json'].map((name) => copyFile(name, join(root, name))));
  const sourceMaps = join(root, 'build/source-maps');
  await moveSourceMaps(join(root, 'dist'), sourceMaps);
  await writeFile(join(root, 'dist/jobs.map.json'), JSON.stringify(await readJobsMap(sourceMaps)));
}
