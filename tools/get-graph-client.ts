/**
 * Builds programs that use Microsoft.Graph and Azure.Identity for .NET: `.local/tools/graph-client`, and
 * `.local/tools/recipe-client` from docs/recipes.md. Tests run them against the simulated cloud and skip without them.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

const root = resolve(import.meta.dirname, '..');
const project = join(import.meta.dirname, 'graph-client');

/** The sources of a program by file name, and its assembly. */
interface DotnetProgram {
  readonly folder: string;
  readonly assembly: string;
  readonly sources: () => Promise<ReadonlyMap<string, string>>;
}

const projectFile = async (): Promise<[string, string]> => [
  'GraphClient.csproj',
  await readFile(join(project, 'GraphClient.csproj'), 'utf8'),
];

const graphClient: DotnetProgram = {
  folder: join(root, '.local/tools/graph-client'),
  assembly: 'GraphClient.dll',
  sources: async () =>
    new Map([await projectFile(), ['Program.cs', await readFile(join(project, 'Program.cs'), 'utf8')]]),
};

const recipeClient: DotnetProgram = {
  folder: join(root, '.local/tools/recipe-client'),
  assembly: 'GraphClient.dll',
  sources: async () => {
    const page = await readFile(join(root, 'docs/recipes.md'), 'utf8');
    const [, code] = /```csharp\n([\s\S]*?)```/.exec(page) ?? [];
    if (code === undefined) throw new Error('docs/recipes.md has no program for .NET.');
    return new Map([await projectFile(), ['Program.cs', code]]);
  },
};

/** Where the program is built from its present sources; undefined if it is not. */
async function builtAt({ folder, assembly, sources }: DotnetProgram): Promise<string | undefined> {
  for (const [name, text] of await sources())
    if ((await readFile(join(folder, name), 'utf8').catch(() => undefined)) !== text) return undefined;
  return join(folder, assembly);
}

/** The program of tools/graph-client, for `dotnet`; undefined if it is not built or belongs to other sources. */
export const findGraphClient = (): Promise<string | undefined> => builtAt(graphClient);

/** The same for the program of docs/recipes.md. */
export const findRecipeClient = (): Promise<string | undefined> => builtAt(recipeClient);

/** @throws Error if `dotnet` is missing or cannot download the packages. */
async function build(program: DotnetProgram): Promise<void> {
  if ((await builtAt(program)) !== undefined) return;
  const sources = await program.sources();
  const folder = await mkdtemp(join(tmpdir(), 'graph-client-'));
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

if (import.meta.main) for (const program of [graphClient, recipeClient]) await build(program);
