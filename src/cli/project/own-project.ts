/** A project with jobs of its own: a folder that depends on this package, as `ptb init` writes it. */
import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire, findPackageJSON } from 'node:module';
import { dirname, join, resolve, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Plugin } from 'esbuild';
import { releaseFile } from '../../lib/health/release.ts';
import { createJobRegistry, type Job } from '../../lib/runs/job/job.ts';
import { UsageError } from '../run-program.ts';
import project from '../../../package.json' with { type: 'json' };
import { completePackage, deployedManifest, type DurableBackend, type PackagedApp } from './app-package.ts';
import { listFiles } from '../../lib/health/release.ts';
import { deployedOptions } from './bundle-options.ts';
import { readJobsMap } from './jobs-map.ts';

/** The folder with `host.json` and the built app: `app` where this package is installed, the whole folder in this repository. */
export function builtApp(): string {
  const root = dirname(findPackageJSON(import.meta.url) ?? '');
  const packed = join(root, 'app');
  return existsSync(packed) ? packed : root;
}

/** Where the list of jobs is, in a project of one's own and in this repository. */
export const jobList = 'src/jobs/index.ts';

interface Manifest {
  readonly name?: string;
  readonly version?: string;
}

const manifestOf = async (folder: string): Promise<Manifest> =>
  JSON.parse(await readFile(join(folder, 'package.json'), 'utf8').catch(() => '{}')) as Manifest;

/** Whether a folder with jobs is not this repository. */
export const isOwnProject = async (folder: string): Promise<boolean> =>
  (await manifestOf(folder)).name !== project.name;

/**
 * A package that this one needs only for some commands.
 * @param flags of the installation.
 * @throws UsageError with the command that installs it.
 */
export const missingPackage = (name: 'azurite' | 'esbuild', flags = '--save-dev --save-exact'): UsageError =>
  new UsageError(
    `${name} is not installed here. Run \`npm install ${flags} ${name}@${project.devDependencies[name]}\`, then the command again.`,
  );

/**
 * The jobs that a folder lists, read from their sources.
 * @throws UsageError if there is no list; Error with the reason if it cannot be loaded or a job is invalid.
 */
export async function listedJobs(folder: string): Promise<readonly Job[]> {
  const file = resolve(folder, jobList);
  await readFile(file).catch(() => {
    throw new UsageError(`There is no ${jobList} here. Run the command in the folder of the project.`);
  });
  try {
    const { jobs } = (await import(pathToFileURL(file).href)) as { jobs: readonly Job[] };
    return createJobRegistry(jobs).list();
  } catch (error) {
    throw new Error(`The jobs of ${jobList} cannot be loaded: ${String(error)}`, { cause: error });
  }
}

/** The jobs of a release, in the package of a project with jobs of its own. */
const builtInJobs = 'built-in-jobs';

/** In a deployed app, jobs share the code of the app: a BrokerError of theirs is one there. */
const sharedWithApp: Plugin = {
  name: 'shared-with-app',
  setup: (plugin) =>
    plugin.onResolve({ filter: /^partner-token-broker\// }, ({ path }) => {
      const file = { 'partner-token-broker/job': 'job-kit', 'partner-token-broker/jobs': builtInJobs }[path];
      return file === undefined
        ? { errors: [{ text: `A job imports partner-token-broker/job or partner-token-broker/jobs, not "${path}"` }] }
        : { path: `#app/${file}.js`, external: true };
    }),
};

/**
 * @returns the bundler of a project.
 * @throws UsageError if it is not installed there, or the project depends on another version of this package.
 */
function bundlerOf(folder: string): typeof import('esbuild') {
  const load = createRequire(resolve(folder, 'package.json'));
  const loaded = (name: string, missing: UsageError): unknown => {
    try {
      return load(name);
    } catch {
      throw missing;
    }
  };
  const notInstalled = new UsageError(`${project.name} is not installed in this project. Run \`npm install\` here.`);
  const { version } = loaded(`${project.name}/package.json`, notInstalled) as Manifest;
  if (version !== project.version)
    throw new UsageError(
      `This is ptb ${project.version}, but the project has ${project.name} ${version}. Run \`npx ptb\` here.`,
    );
  return loaded('esbuild', missingPackage('esbuild')) as typeof import('esbuild');
}

/**
 * Removes what an earlier call has written, whole or in part.
 * @throws UsageError if the folder holds something else.
 */
async function removeEarlier(project: string, app: string): Promise<void> {
  const hasProject = `${resolve(project)}${sep}`.startsWith(`${resolve(app)}${sep}`);
  const present = await readdir(app).catch(() => []);
  if (hasProject || (present.length > 0 && !existsSync(join(app, 'dist', `${builtInJobs}.js`))))
    throw new UsageError(`--out: ${app} would be removed. Name another folder.`);
  await rm(app, { recursive: true, force: true });
}

/**
 * Writes `OUT/app` and `OUT/app.zip`: the app of this package with the jobs of a project. No file is compiled but the jobs.
 * @param folder of the project.
 * @param out nothing else in it changes.
 * @throws UsageError if a package is missing or has another version, the folder has no list of jobs, or `OUT/app` is something else; Error if the jobs cannot be built.
 */
export async function packageProject(folder: string, out: string, backend: DurableBackend): Promise<PackagedApp> {
  await listedJobs(folder);
  const { build } = bundlerOf(folder);
  const root = builtApp();
  const dist = join(out, 'app/dist');
  await removeEarlier(folder, join(out, 'app'));
  await mkdir(dist, { recursive: true });
  await cp(join(root, 'dist'), dist, { recursive: true });
  for (const end of ['.js', '.map.json']) await rename(join(dist, `jobs${end}`), join(dist, `${builtInJobs}${end}`));
  await build({
    ...deployedOptions,
    absWorkingDir: resolve(folder),
    entryPoints: { jobs: jobList },
    outdir: resolve(dist),
    plugins: [sharedWithApp],
  });
  await writeFile(join(dist, 'jobs.map.json'), JSON.stringify(await readJobsMap(dist)));
  // The app of a release has none: they are larger than the program. Code that jobs load later is in chunks of their own.
  for (const file of await listFiles(dist)) if (file.endsWith('.map')) await rm(join(dist, file));
  const { name = 'broker', version = '0.0.0' } = await manifestOf(folder);
  const release = JSON.parse(await readFile(join(dist, releaseFile), 'utf8').catch(() => '{}')) as object;
  await writeFile(join(dist, releaseFile), `${JSON.stringify({ version: project.version, ...release, jobs: name })}\n`);
  return completePackage(out, {
    root,
    backend,
    manifest: { ...deployedManifest({ name, version, engines: project.engines }), imports: { '#app/*': './dist/*' } },
    policyFile: join(folder, 'access-policy.json'),
  });
}
