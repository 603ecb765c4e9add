import { execFile } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

/** An installation of Azure Functions Core Tools. */
export interface CoreTools {
  readonly program: string;
  readonly version: string;
}

/** Finds `func` in node_modules or on the PATH. @returns the reason as a text if there is none that runs. */
export async function findCoreTools(root: string, path: string): Promise<CoreTools | string> {
  for (const folder of [join(root, 'node_modules/.bin'), ...path.split(delimiter).filter((each) => each !== '')]) {
    const program = join(folder, process.platform === 'win32' ? 'func.cmd' : 'func');
    const exists = await access(program, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (!exists) continue;
    try {
      const { stdout } = await promisify(execFile)(program, ['--version'], { timeout: 60_000 });
      return { program, version: stdout.trim() };
    } catch (error) {
      return `${program} --version fails: ${error instanceof Error ? error.message : String(error)}`;
    }
  }
  return 'there is no `func`; install azure-functions-core-tools@4';
}
