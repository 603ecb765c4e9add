import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { CloudDocument } from 'microsoft-cloud';
import { errorCodes, errorTable } from '../../../src/lib/core/errors.ts';
import { eventKinds } from '../../../src/lib/tenant-events/tenant-event.ts';
import { projectRoot } from '../../paths.ts';
import { makeEvents } from '../../support/tenant-events.ts';
import { startWatchedDemo } from '../../support/watched-demo.ts';
import { modulesFolder, type PowerShell, runScript } from './powershell.ts';
import { registerCallers } from './register-callers.ts';
import { startServers } from './servers.ts';

interface PesterTest {
  readonly name: string;
  readonly result: string;
  readonly milliseconds: number;
  readonly failure: string;
}

interface PesterOutcome {
  readonly tests: readonly PesterTest[];
  /** Files and blocks that failed before their tests ran. */
  readonly broken: readonly { readonly name: string; readonly failure: string }[];
}

/** Number of customer tenants. It is high enough to include every tenant state. */
const tenants = 25;

/**
 * Starts the app as `npm start` does, runs Pester tests against it, and stops it.
 * @param files names of Pester files in this folder.
 */
export async function runPester(shell: PowerShell, files: readonly string[]): Promise<PesterOutcome> {
  const folder = await mkdtemp(join(tmpdir(), 'ptb-powershell-'));
  const demo = await startWatchedDemo({ tenants });
  try {
    const cloud = (await (await fetch(`${demo.cloud.control}/document`)).json()) as CloudDocument;
    const certificate = await registerCallers(cloud, folder);
    const servers = await startServers(demo.url, cloud);
    try {
      const environmentPath = join(folder, 'environment.json');
      const transientCodes = errorCodes.filter((code) => errorTable[code].retry === 'later');
      const eventTenants = cloud.tenants.filter(({ state }) => state === 'ok').slice(-3);
      await makeEvents(
        demo,
        eventTenants.map(({ tenantId }) => tenantId),
        'seen-by-pester',
      );
      const environment = {
        url: demo.url,
        projectRoot,
        program: shell.program,
        folder,
        cloud,
        certificate,
        servers,
        transientCodes,
        eventKinds,
        eventTenants,
      };
      await writeFile(environmentPath, JSON.stringify(environment), { mode: 0o600 });
      return await runIn(shell, files, folder, environmentPath, cloud.caCertificatePath);
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
  files: readonly string[],
  folder: string,
  environmentPath: string,
  caPath: string,
): Promise<PesterOutcome> {
  const resultPath = join(folder, 'pester.json');
  const standIns = join(import.meta.dirname, 'stand-ins');
  const filter = process.env['PESTER_FILTER'];
  const args = ['-Files', files.join(','), '-ResultPath', resultPath, ...(filter ? ['-Filter', filter] : [])];
  const { code, output } = await runScript(shell, join(import.meta.dirname, 'run-pester.ps1'), args, {
    PTB_TEST_ENVIRONMENT: environmentPath,
    // .NET on Linux trusts the certificates in this file: those of the simulated cloud.
    SSL_CERT_FILE: caPath,
    NODE_EXTRA_CA_CERTS: caPath,
    NO_PROXY: '127.0.0.1,localhost',
    // Keeps the tests away from the user's certificate stores and caches.
    HOME: folder,
    // NuGet writes its configuration here, or into the current folder if there is no such folder.
    XDG_CONFIG_HOME: folder,
    // A zone in which local time differs from UTC.
    TZ: 'America/New_York',
    PATH: [join(standIns, 'bin'), process.env['PATH']].join(delimiter),
    PSModulePath: [modulesFolder, standIns].join(delimiter),
  });
  const result = await readFile(resultPath, 'utf8').catch(() => undefined);
  if (result === undefined) throw new Error(`Pester ended with exit code ${code} and no result:\n${output}`);
  return JSON.parse(result) as PesterOutcome;
}
