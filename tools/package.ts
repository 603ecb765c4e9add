/**
 * Writes the folder that is deployed, `out/app`, and its archive `out/app.zip`: the bundled app, host.json, a
 * package.json without dependencies, and the access policy if the project has one. Beside them it writes the bill of
 * materials, `out/sbom.cdx.json`, and the source maps. The same sources give the same bytes.
 */
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join, relative, resolve, sep } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import type { Metafile } from 'esbuild';
import { type Zippable, zipSync } from 'fflate';
import { metafilePath } from './build.ts';
import { sbomOf } from './sbom.ts';

export const durableBackends = ['azureStorage', 'durableTaskScheduler'] as const;
export type DurableBackend = (typeof durableBackends)[number];

/** The part of host.json that depends on the storage backend of runs. */
interface HostJson {
  readonly extensions: { readonly durableTask: { readonly hubName: string; readonly storageProvider: object } };
}

export interface PackagedApp {
  /** Paths inside the package, with `/`, sorted. */
  readonly files: readonly string[];
  readonly bytes: number;
  readonly zipBytes: number;
}

/**
 * host.json for a backend. The backend must be in the file: the scale controller does not see overrides by app settings
 * (azure-functions-durable-extension issues 2622 and 2803).
 */
export function hostJsonFor(backend: DurableBackend, hostJson: HostJson): HostJson {
  if (backend === 'azureStorage') return hostJson;
  const durableTask = {
    ...hostJson.extensions.durableTask,
    hubName: '%TASKHUB_NAME%',
    storageProvider: { type: 'azureManaged', connectionStringName: 'DURABLE_TASK_SCHEDULER_CONNECTION_STRING' },
  };
  return { ...hostJson, extensions: { ...hostJson.extensions, durableTask } };
}

/** The fields that the Functions worker reads, and the version that identifies the deployment. */
function packageJsonFor(project: { name: string; version: string; engines: unknown }): object {
  const { name, version, engines } = project;
  return { name, version, private: true, type: 'module', main: 'dist/index.js', engines };
}

/** The earliest time that a zip file can hold. A fixed time keeps the archive reproducible. */
const zipTime = new Date(1980, 0, 1);
const regularFile = 0o100_644;

/** @returns The archive of these files of a folder. The same files give the same bytes. */
export async function zipFolder(folder: string, files: readonly string[]): Promise<Uint8Array> {
  const entries: Zippable = {};
  for (const file of files) {
    entries[file] = [
      await readFile(join(folder, file)),
      { mtime: zipTime, os: 3, attrs: regularFile * 65_536, level: 9 },
    ];
  }
  return zipSync(entries);
}

/** Paths of all files below a folder, with `/`, sorted by code unit. */
export async function listFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .toSorted((a, b) => (a < b ? -1 : 1));
}

/**
 * Builds into a temporary folder, because the project's own `dist/` may be in use. The folder is in the project: source maps
 * contain paths relative to it, and names of chunks depend on them, so another place would give other bytes.
 * @returns What the bundles consist of.
 */
async function buildInto(root: string, dist: string, sourceMaps: string): Promise<Metafile> {
  await mkdir(join(root, '.local'), { recursive: true });
  const built = await mkdtemp(join(root, '.local/package-'));
  try {
    await promisify(execFile)(process.execPath, [join(root, 'tools/build.ts'), '--out', built, '--app-only'], {
      cwd: root,
    });
    await cp(join(built, 'dist'), dist, { recursive: true });
    await cp(join(built, 'build/source-maps'), sourceMaps, { recursive: true });
    return JSON.parse(await readFile(join(built, metafilePath), 'utf8')) as Metafile;
  } finally {
    await rm(built, { recursive: true, force: true });
  }
}

/**
 * @param root Folder of the project.
 * @param out Where the files go; its contents are replaced.
 * @param policyFile The access policy. If the file is missing, the package has none.
 */
export async function packageApp(
  root: string,
  out: string,
  backend: DurableBackend,
  policyFile = join(root, 'access-policy.json'),
): Promise<PackagedApp> {
  const folder = join(out, 'app');
  await rm(out, { recursive: true, force: true });
  const metafile = await buildInto(root, join(folder, 'dist'), join(out, 'source-maps/dist'));
  const writeJson = (path: string, value: object): Promise<void> =>
    writeFile(path, `${JSON.stringify(value, undefined, 2)}\n`);
  const readJson = async <T>(name: string): Promise<T> => JSON.parse(await readFile(join(root, name), 'utf8')) as T;
  await writeJson(join(folder, 'host.json'), hostJsonFor(backend, await readJson('host.json')));
  await writeJson(join(folder, 'package.json'), packageJsonFor(await readJson('package.json')));
  await writeJson(join(out, 'sbom.cdx.json'), sbomOf(metafile, root));
  const policy = await readFile(policyFile).catch(() => undefined);
  if (policy !== undefined) await writeFile(join(folder, 'access-policy.json'), policy);
  const files = await listFiles(folder);
  await writeFile(join(out, 'app.zip'), await zipFolder(folder, files));
  const sizes = await Promise.all(files.map(async (file) => (await stat(join(folder, file))).size));
  return {
    files,
    bytes: sizes.reduce((sum, size) => sum + size, 0),
    zipBytes: (await stat(join(out, 'app.zip'))).size,
  };
}

/**
 * The backend that the option names, else the variable DURABLE_BACKEND of the azd environment, which also decides what
 * infra/main.bicep creates.
 * @throws Error if the name is not known.
 */
export function chosenBackend(option: string | undefined, variable: string | undefined): DurableBackend {
  const chosen = option ?? (variable || durableBackends[0]);
  const backend = durableBackends.find((name) => name === chosen);
  if (backend !== undefined) return backend;
  throw new Error(`--durable-backend (or DURABLE_BACKEND) is one of ${durableBackends.join(', ')}, not "${chosen}"`);
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { out: { type: 'string', default: 'out' }, 'durable-backend': { type: 'string' } },
  });
  const backend = chosenBackend(values['durable-backend'], process.env['DURABLE_BACKEND']);
  const root = join(import.meta.dirname, '..');
  const out = resolve(root, values.out);
  const { files, bytes, zipBytes } = await packageApp(root, out, backend);
  const kilobytes = (size: number): string => `${Math.round(size / 1000)} kB`;
  console.log(`${values.out}/app      ${files.length} files, ${kilobytes(bytes)}`);
  console.log(`${values.out}/app.zip  ${kilobytes(zipBytes)}`);
  if (!files.includes('access-policy.json')) {
    console.log(
      'The package has no access-policy.json. Until ACCESS_POLICY names a policy, every request is denied and jobs fail.',
    );
  }
}

if (import.meta.main) await main();
