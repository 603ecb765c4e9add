/** Builds the .NET programs that tests run. Tests skip where they are not built. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';

/** The sources of a program by file name, and its assembly. */
export interface DotnetProgram {
  readonly folder: string;
  readonly assembly: string;
  readonly sources: () => Promise<ReadonlyMap<string, string>>;
}

/** Where the program is built from its present sources; undefined if it is not. */
export async function builtAt({ folder, assembly, sources }: DotnetProgram): Promise<string | undefined> {
  for (const [name, text] of await sources())
    if ((await readFile(join(folder, name), 'utf8').catch(() => undefined)) !== text) return undefined;
  return join(folder, assembly);
}

/** @throws Error if `dotnet` is missing or cannot download the packages. */
export async function build(program: DotnetProgram): Promise<void> {
  if ((await builtAt(program)) !== undefined) return;
  const sources = await program.sources();
  const folder = await mkdtemp(join(tmpdir(), `${basename(program.folder)}-`));
  try {
    for (const [name, text] of sources) await writeFile(join(folder, name), text);
    const options = { cwd: folder, env: { ...process.env, DOTNET_CLI_TELEMETRY_OPTOUT: '1', DOTNET_NOLOGO: '1' } };
    await rm(program.folder, { recursive: true, force: true });
    await promisify(execFile)('dotnet', ['build', '--verbosity', 'quiet', '--output', program.folder], options);
    for (const [name, text] of sources) await writeFile(join(program.folder, name), text);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
