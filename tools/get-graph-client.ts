/**
 * Builds programs that use Microsoft.Graph and Azure.Identity for .NET: `.local/tools/graph-client`, and
 * `.local/tools/recipe-client` from docs/recipes.md. Tests run them against the simulated cloud and skip without them.
 */
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { build, builtAt, type DotnetProgram } from './dotnet-program.ts';

const root = resolve(import.meta.dirname, '..');
const project = join(import.meta.dirname, 'graph-client');

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

/** The program of tools/graph-client, for `dotnet`; undefined if it is not built or belongs to other sources. */
export const findGraphClient = (): Promise<string | undefined> => builtAt(graphClient);

/** The same for the program of docs/recipes.md. */
export const findRecipeClient = (): Promise<string | undefined> => builtAt(recipeClient);

if (import.meta.main) for (const program of [graphClient, recipeClient]) await build(program);
