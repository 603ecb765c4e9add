/**
 * Builds `.local/tools/graph-client`: a program that uses Microsoft.Graph and Azure.Identity for .NET. A test runs it
 * against the simulated cloud and skips without it.
 */
import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

const project = resolve(import.meta.dirname, 'graph-client');
const built = resolve(import.meta.dirname, '..', '.local/tools/graph-client');
const sources = ['GraphClient.csproj', 'Program.cs'];

const textOf = (folder: string): Promise<string> =>
  Promise.all(sources.map((name) => readFile(join(folder, name), 'utf8'))).then((texts) => texts.join('\n'));

/** The program, for `dotnet`; undefined if it is not built or belongs to other sources. */
export async function findGraphClient(): Promise<string | undefined> {
  try {
    return (await textOf(built)) === (await textOf(project)) ? join(built, 'GraphClient.dll') : undefined;
  } catch {
    return undefined;
  }
}

/** @throws Error if `dotnet` is missing or cannot download the packages. */
async function getGraphClient(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'graph-client-'));
  try {
    await cp(project, folder, { recursive: true });
    const options = { cwd: folder, env: { ...process.env, DOTNET_CLI_TELEMETRY_OPTOUT: '1', DOTNET_NOLOGO: '1' } };
    await rm(built, { recursive: true, force: true });
    await promisify(execFile)('dotnet', ['build', '--verbosity', 'quiet', '--output', built], options);
    for (const name of sources) await cp(join(project, name), join(built, name));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

if (import.meta.main && (await findGraphClient()) === undefined) await getGraphClient();
