import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { projectRoot } from '../../paths.ts';

const toolsFolder = join(projectRoot, '.local/tools');
/** Folder of the PowerShell modules for tests, such as Pester. */
export const modulesFolder = join(toolsFolder, 'modules');

const run = promisify(execFile);

export interface PowerShell {
  readonly program: string;
}

/** Finds PowerShell 7 in the path or in the project's tools. @returns a string with the reason if the tests cannot run. */
export function findPowerShell(): PowerShell | string {
  const name = process.platform === 'win32' ? 'pwsh.exe' : 'pwsh';
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), toolsFolder];
  const program = folders.map((folder) => join(folder, name)).find(existsSync);
  return program === undefined ? 'pwsh is not in the path or in .local/tools. Run .ci/install-tools' : { program };
}

/** Starts PowerShell to look for its module Pester. @returns the version of PowerShell, or the reason why tests cannot run. */
export async function findPester(shell: PowerShell | string): Promise<{ readonly version: string } | string> {
  if (typeof shell === 'string') return shell;
  try {
    // Looking for the module takes half the time of importing it.
    const command = `if (-not (Get-Module Pester -ListAvailable | Where-Object Version -ge '5.7')) { throw 'no Pester 5.7' }; "$($PSVersionTable.PSVersion)"`;
    const { stdout } = await run(shell.program, ['-NoProfile', '-NonInteractive', '-Command', command], {
      env: { ...process.env, ...quiet },
    });
    return { version: stdout.trim() };
  } catch (error) {
    return `Pester is not installed. Run .ci/install-tools (${error instanceof Error ? error.message.split('\n')[0] : ''})`;
  }
}

/** Turns off telemetry and update checks. */
const quiet = {
  POWERSHELL_TELEMETRY_OPTOUT: '1',
  POWERSHELL_UPDATECHECK: 'Off',
  DOTNET_CLI_TELEMETRY_OPTOUT: '1',
  // The sessions are short, so measuring code to optimize it costs more than it saves.
  DOTNET_TieredPGO: '0',
  // Nor is protecting that code while it is written worth its time here.
  DOTNET_EnableWriteXorExecute: '0',
  PSModulePath: modulesFolder,
};

/**
 * Runs a script. Set PESTER_OUTPUT to see its output while it runs.
 * @returns its exit code, and the output of both streams.
 */
export function runScript(
  { program }: PowerShell,
  script: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<{ readonly code: number | null; readonly output: string }> {
  const child = spawn(program, ['-NoProfile', '-NonInteractive', '-File', script, ...args], {
    env: { ...process.env, ...quiet, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      if (process.env['PESTER_OUTPUT']) process.stderr.write(text);
    });
  return new Promise((resolve, reject) => {
    child.once('error', reject).once('close', (code) => resolve({ code, output }));
  });
}
