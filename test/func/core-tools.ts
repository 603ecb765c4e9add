import { execFile } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

/** An installation of Azure Functions Core Tools. */
export interface CoreTools {
  readonly program: string;
  readonly version: string;
}

/** npm installs a command file on Windows, the installer a program. */
const names = (platform: NodeJS.Platform): readonly string[] =>
  platform === 'win32' ? ['func.cmd', 'func.exe'] : ['func'];

/**
 * Finds `func` in node_modules or on the PATH.
 * @returns the reason as a text if there is none.
 * @throws Error if the one that it finds does not run, because the tests would be skipped without a failure.
 */
export async function findCoreTools(
  root: string,
  path: string,
  platform: NodeJS.Platform = process.platform,
): Promise<CoreTools | string> {
  const folders = [join(root, 'node_modules/.bin'), ...path.split(delimiter).filter((each) => each !== '')];
  for (const program of folders.flatMap((folder) => names(platform).map((name) => join(folder, name)))) {
    const exists = await access(program, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (exists) return { program, version: await versionOf(program) };
  }
  return 'there is no `func`; install azure-functions-core-tools@4';
}

async function versionOf(program: string): Promise<string> {
  const { file, args, shell } = commandOf(program, ['--version']);
  try {
    const { stdout } = await promisify(execFile)(file, args, { timeout: 60_000, shell });
    return stdout.trim();
  } catch (cause) {
    throw new Error(`${program} --version fails. Repair or remove it.`, { cause });
  }
}

/** How to start a program. Node.js starts command files only in a shell (`child_process`, "Spawning .bat and .cmd files"). */
export const commandOf = (program: string, args: readonly string[]) =>
  program.endsWith('.cmd')
    ? { file: `"${program}"`, args: [...args], shell: true }
    : { file: program, args: [...args], shell: false };
