/**
 * Writes `.local/tools/host-options.json`: the properties of Microsoft's classes that the Functions host binds host.json
 * to, read from their NuGet packages. A test compares host.json with them and skips without the file.
 */
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';

const project = resolve(import.meta.dirname, 'host-options');
export const hostOptionsFile = resolve(import.meta.dirname, '..', '.local/tools/host-options.json');

const run = promisify(execFile);

/** Name of a class → name of a property → its type. */
export type HostOptions = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** The classes, or undefined if they are not installed or belong to other versions of the packages. */
export async function readHostOptions(): Promise<HostOptions | undefined> {
  try {
    const { versions, classes } = JSON.parse(await readFile(hostOptionsFile, 'utf8')) as {
      versions: unknown;
      classes: HostOptions;
    };
    return versions === (await projectFile()) ? classes : undefined;
  } catch {
    return undefined;
  }
}

/** The project file names the versions of the packages. */
const projectFile = (): Promise<string> => readFile(join(project, 'HostOptions.csproj'), 'utf8');

/** @throws Error if `dotnet` is missing or cannot download the packages. */
async function getHostOptions(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'host-options-'));
  try {
    await cp(project, folder, { recursive: true });
    const options = { cwd: folder, env: { ...process.env, DOTNET_CLI_TELEMETRY_OPTOUT: '1', DOTNET_NOLOGO: '1' } };
    await run('dotnet', ['build', '--verbosity', 'quiet', '--output', 'built'], options);
    const { stdout } = await run('dotnet', [join('built', 'HostOptions.dll')], options);
    await mkdir(dirname(hostOptionsFile), { recursive: true });
    const found = { versions: await projectFile(), classes: JSON.parse(stdout) as HostOptions };
    await writeFile(hostOptionsFile, JSON.stringify(found, undefined, 2));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

if (import.meta.main && (await readHostOptions()) === undefined) await getHostOptions();
