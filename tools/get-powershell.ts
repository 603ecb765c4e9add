/**
 * Installs PowerShell at `.local/tools/pwsh` and its module Pester, both from NuGet packages. The tests of
 * clients/powershell skip without them.
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

/** The NuGet package of Pester holds the module in its folder `tools`. */
async function getPester(): Promise<void> {
  const isInstalled = await access(join(pesterFolder, 'Pester.psd1')).then(
    () => true,
    () => false,
  );
  if (isInstalled) return;
  const folder = await mkdtemp(join(tmpdir(), 'get-pester-'));
  try {
    // PackageDownload downloads a package without a reference to it.
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
