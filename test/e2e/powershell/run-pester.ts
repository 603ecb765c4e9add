import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { CloudDocument } from 'microsoft-cloud';
import { projectRoot } from '../../paths.ts';
import { startWatchedDemo } from '../../support/watched-demo.ts';
import { modulesFolder, type PowerShell, runScript } from './powershell.ts';
import { registerCallers } from './register-callers.ts';
import { startServers } from './servers.ts';

export interface PesterTest {
  readonly name: string;
  readonly result: string;
  readonly milliseconds: number;
  readonly failure: string;
}

export interface PesterOutcome {
  readonly tests: readonly PesterTest[];
  /** Files and blocks that failed as a whole. */
  readonly broken: readonly { readonly name: string; readonly failure: string }[];
}

/** Customers of the simulated cloud: enough that each kind of trouble is among them. */
const tenants = 25;

/** Runs every Pester test against the real app, started as `npm start` does, and stops it again. */
export async function runPester(shell: PowerShell): Promise<PesterOutcome> {
  const folder = await mkdtemp(join(tmpdir(), 'ptb-powershell-'));
  const demo = await startWatchedDemo({ tenants });
  try {
    const cloud = (await (await fetch(`${demo.cloud.control}/document`)).json()) as CloudDocument;
    const certificate = await registerCallers(cloud, folder);
    const servers = await startServers(demo.url, cloud);
    try {
      const environmentPath = join(folder, 'environment.json');
      const environment = { url: demo.url, projectRoot, program: shell.program, folder, cloud, certificate, servers };
      await writeFile(environmentPath, JSON.stringify(environment), { mode: 0o600 });
      return await runIn(shell, folder, environmentPath, cloud.caCertificatePath);
    } finally {
      await servers.stop();
    }
  } finally {
    await demo.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function runIn(
  shell: PowerShell,
  folder: string,
  environmentPath: string,
  caPath: string,
): Promise<PesterOutcome> {
  const resultPath = join(folder, 'pester.json');
  const standIns = join(import.meta.dirname, 'stand-ins');
  const { code, output } = await runScript(
    shell,
    join(import.meta.dirname, 'run-pester.ps1'),
    ['-ResultPath', resultPath, ...(process.env['PESTER_FILTER'] ? ['-Filter', process.env['PESTER_FILTER']] : [])],
    {
      PTB_TEST_ENVIRONMENT: environmentPath,
      // What .NET trusts on Linux: the simulated cloud's authority.
      SSL_CERT_FILE: caPath,
      NODE_EXTRA_CA_CERTS: caPath,
      NO_PROXY: '127.0.0.1,localhost',
      // Certificate stores and caches of the person who runs the tests stay as they are.
      HOME: folder,
      // Where nobody takes local time for UTC.
      TZ: 'America/New_York',
      PATH: [join(standIns, 'bin'), process.env['PATH']].join(delimiter),
      PSModulePath: [modulesFolder, standIns].join(delimiter),
    },
    // For whoever works on the tests: what Pester says, as it says it.
    (text) => void (process.env['PESTER_OUTPUT'] && process.stderr.write(text)),
  );
  const result = await readFile(resultPath, 'utf8').catch(() => undefined);
  if (result === undefined) throw new Error(`Pester ended with exit code ${code} and no result:\n${output}`);
  return JSON.parse(result) as PesterOutcome;
}
