/**
 * Places PowerShell at `.local/tools/pwsh` and Pester beside it as a module: both are NuGet packages, so `dotnet` is all
 * that is needed. Run by hand or by CI; the tests of clients/powershell skip without them.
 */
import { execFile } from 'node:child_process';
import { access, cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

const powerShellVersion = '7.6.9';
const pesterVersion = '6.2.0';

const toolsFolder = resolve(import.meta.dirname, '..', '.local/tools');
const pesterFolder = join(toolsFolder, 'modules', 'Pester', pesterVersion);

const run = promisify(execFile);
const options = { env: { ...process.env, DOTNET_CLI_TELEMETRY_OPTOUT: '1', POWERSHELL_TELEMETRY_OPTOUT: '1' } };

async function getPowerShell(): Promise<void> {
  const program = join(toolsFolder, process.platform === 'win32' ? 'pwsh.exe' : 'pwsh');
  const version = await run(program, ['--version'], options).then(
    ({ stdout }) => stdout.trim(),
    () => undefined,
  );
  if (version === `PowerShell ${powerShellVersion}`) return;
  const verb = version === undefined ? 'install' : 'update';
  await run(
    'dotnet',
    ['tool', verb, 'PowerShell', '--version', powerShellVersion, '--tool-path', toolsFolder],
    options,
  );
}

/** Pester's package is a module in a folder `tools`, and packaging around it. */
async function getPester(): Promise<void> {
  const isThere = await access(join(pesterFolder, 'Pester.psd1')).then(
    () => true,
    () => false,
  );
  if (isThere) return;
  const folder = await mkdtemp(join(tmpdir(), 'get-pester-'));
  try {
    // PackageDownload fetches a package without referencing it.
    await writeFile(
      join(folder, 'get-pester.csproj'),
      `<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup><TargetFramework>net8.0</TargetFramework></PropertyGroup>
  <ItemGroup><PackageDownload Include="Pester" Version="[${pesterVersion}]" /></ItemGroup>
</Project>
`,
    );
    const restore = ['restore', '--packages', 'packages', '--verbosity', 'quiet'];
    await run('dotnet', restore, { ...options, cwd: folder });
    await mkdir(pesterFolder, { recursive: true });
    await cp(join(folder, 'packages', 'pester', pesterVersion, 'tools'), pesterFolder, { recursive: true });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

if (import.meta.main) {
  await getPowerShell();
  await getPester();
}
