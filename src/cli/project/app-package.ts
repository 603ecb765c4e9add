/** The package that is deployed, as a folder and as an archive. The same files give the same bytes. */
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Zippable, zipSync } from 'fflate';
import { listFiles } from '../../lib/health/release.ts';

export const durableBackends = ['azureStorage', 'durableTaskScheduler'] as const;
export type DurableBackend = (typeof durableBackends)[number];

/** The storage provider of the Durable Task Scheduler. */
export const schedulerType = 'azureManaged';

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
    storageProvider: { type: schedulerType, connectionStringName: 'DURABLE_TASK_SCHEDULER_CONNECTION_STRING' },
  };
  return { ...hostJson, extensions: { ...hostJson.extensions, durableTask } };
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

/** package.json of what is deployed: the fields that the Functions worker reads, and the version that identifies it. */
export const deployedManifest = ({ name, version, engines }: { name: string; version: string; engines: object }) => ({
  name,
  version,
  private: true,
  type: 'module',
  main: 'dist/index.js',
  engines,
});

/** What makes a folder with the built app in `dist` a package. */
export interface AppParts {
  /** The folder that has host.json. */
  readonly root: string;
  readonly backend: DurableBackend;
  /** package.json of the package. */
  readonly manifest: object;
  /** The access policy. If the file is missing, the package has none. */
  readonly policyFile: string;
}

/** Completes `OUT/app`, which has the built app in `dist`, and writes `OUT/app.zip`. */
export async function completePackage(
  out: string,
  { root, backend, manifest, policyFile }: AppParts,
): Promise<PackagedApp> {
  const folder = join(out, 'app');
  const writeJson = (name: string, value: object): Promise<void> =>
    writeFile(join(folder, name), `${JSON.stringify(value, undefined, 2)}\n`);
  const hostJson = JSON.parse(await readFile(join(root, 'host.json'), 'utf8')) as HostJson;
  await writeJson('host.json', hostJsonFor(backend, hostJson));
  await writeJson('package.json', manifest);
  const policy = await readFile(policyFile).catch(() => undefined);
  if (policy !== undefined) await writeFile(join(folder, 'access-policy.json'), policy);
  const files = await listFiles(folder);
  const archive = await zipFolder(folder, files);
  await writeFile(join(out, 'app.zip'), archive);
  const sizes = await Promise.all(files.map(async (file) => (await stat(join(folder, file))).size));
  return { files, bytes: sizes.reduce((sum, size) => sum + size, 0), zipBytes: archive.byteLength };
}

/** What `npm run package` and `ptb package` say. @param name of the folder. */
export function packageLines(name: string, { files, bytes, zipBytes }: PackagedApp): readonly string[] {
  const kilobytes = (size: number): string => `${Math.round(size / 1000)} kB`;
  return [
    `${name}/app      ${files.length} files, ${kilobytes(bytes)}`,
    `${name}/app.zip  ${kilobytes(zipBytes)}`,
    ...(files.includes('access-policy.json')
      ? []
      : [
          'The package has no access-policy.json. Until ACCESS_POLICY names a policy, every request is denied and jobs fail.',
        ]),
  ];
}
