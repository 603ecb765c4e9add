import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { runResults } from '../../../clients/typescript/src/index.ts';
import type { Row } from '../../../src/lib/runs/job/row.ts';
import type { PowerShell } from '../powershell/powershell.ts';
import { compare, type Reader } from './read-by-each-client.ts';

// The client libraries, each compared row by row with what was written.

/** `runResults` of the TypeScript client. @param pageRows undefined: the default of the client. */
export async function readByTypeScript({ url, token, run }: Reader, pageRows?: number): Promise<number> {
  const rows = runResults(
    {
      brokerUrl: url,
      brokerScope: 'api://broker/.default',
      callerCredential: { getToken: async () => ({ token, expiresOnTimestamp: 0 }) },
      ...(pageRows === undefined ? {} : { pageRows }),
    },
    run.runId,
  );
  const lines = async function* () {
    for await (const row of rows) yield JSON.stringify(row);
  };
  return compare(run, lines(), (row) => JSON.stringify(row));
}

/** Objects of `Get-PartnerRunResult`. */
export async function readByPowerShellObjects(shell: PowerShell | string, reader: Reader): Promise<number> {
  const { lines, ended } = startScript(shell, reader, []);
  // PowerShell escapes and formats values in its own way, so the values are compared and not the texts.
  const rows = async function* () {
    for await (const line of lines) yield JSON.stringify(JSON.parse(line) as Row);
  };
  const count = await compare(reader.run, rows(), (row) => JSON.stringify(row));
  await ended;
  return count;
}

/** The file of `Get-PartnerRunResult -OutFile`. */
export async function readByPowerShellFile(shell: PowerShell | string, reader: Reader): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'ptb-rows-'));
  try {
    const file = join(folder, 'rows.jsonl');
    await startScript(shell, reader, ['-OutFile', file]).ended;
    const lines = createInterface({ input: createReadStream(file) });
    return await compare(reader.run, lines, (row) => JSON.stringify(row));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** @throws Error with the reason if there is no shell. */
function startScript(shell: PowerShell | string, { url, token, run }: Reader, args: readonly string[]) {
  if (typeof shell === 'string') throw new Error(shell);
  const script = join(import.meta.dirname, 'read-by-powershell.ps1');
  const child = spawn(
    shell.program,
    ['-NoProfile', '-NonInteractive', '-File', script, '-Url', url, '-RunId', run.runId, ...args],
    {
      env: { ...process.env, PTB_TOKEN: token, POWERSHELL_TELEMETRY_OPTOUT: '1', POWERSHELL_UPDATECHECK: 'Off' },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  let complaints = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (complaints += text));
  const ended = once(child, 'close').then(([code]) => {
    if (code !== 0) throw new Error(`PowerShell ended with exit code ${String(code)}: ${complaints}`);
  });
  // Awaited only after the rows have been compared.
  ended.catch(() => undefined);
  return { lines: createInterface({ input: child.stdout }), ended };
}
