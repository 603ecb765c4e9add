/**
 * Builds `.local/tools/durable-engine`: Microsoft's Durable Task extension on the WebJobs SDK, as a host for the app. The tests
 * in test/durable-engine skip without it.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { build, builtAt, type DotnetProgram } from './dotnet-program.ts';

const root = resolve(import.meta.dirname, '..');
const project = join(root, 'test/durable-engine/host');

const durableEngine: DotnetProgram = {
  folder: join(root, '.local/tools/durable-engine'),
  assembly: 'DurableEngine.dll',
  sources: async () => {
    const names = (await readdir(project)).filter((name) => /\.cs(?:proj)?$/.test(name));
    return new Map(
      await Promise.all(
        names.map(async (name): Promise<[string, string]> => [name, await readFile(join(project, name), 'utf8')]),
      ),
    );
  },
};

/** The program, for `dotnet`; undefined if it is not built or belongs to other sources. */
export const findDurableEngine = (): Promise<string | undefined> => builtAt(durableEngine);

if (import.meta.main) await build(durableEngine);
