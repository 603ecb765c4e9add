/**
 * Installs the Bicep compiler at `.local/tools/bicep` from its NuGet package. The tests of infra/ skip without it.
 */
import { execFile } from 'node:child_process';
import { access, chmod, copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

const bicepVersion = '0.49.2';
/** Platform and processor, as Node.js names them → NuGet package. */
const packages: Readonly<Record<string, string>> = {
  'linux-x64': 'Azure.Bicep.CommandLine.linux-x64',
  'darwin-x64': 'Azure.Bicep.CommandLine.osx-x64',
  'darwin-arm64': 'Azure.Bicep.CommandLine.osx-arm64',
  'win32-x64': 'Azure.Bicep.CommandLine.win-x64',
};

export const bicepProgram = resolve(
  import.meta.dirname,
  '..',
  '.local/tools',
  process.platform === 'win32' ? 'bicep.exe' : 'bicep',
);

const run = promisify(execFile);

/** Whether the compiler is installed in the expected version. */
export async function hasBicep(): Promise<boolean> {
  try {
    const { stdout } = await run(bicepProgram, ['--version']);
    return stdout.includes(` ${bicepVersion} `);
  } catch {
    return false;
  }
}

/** @throws Error if the platform has no package, or if `dotnet` is missing or cannot download it. */
async function getBicep(): Promise<void> {
  const name = packages[`${process.platform}-${process.arch}`];
  if (name === undefined) throw new Error(`No Bicep package exists for ${process.platform}-${process.arch}`);
  const folder = await mkdtemp(join(tmpdir(), 'get-bicep-'));
  try {
    // PackageDownload downloads a package without a reference to it.
    await writeFile(
      join(folder, 'get-bicep.csproj'),
      `<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup><TargetFramework>net8.0</TargetFramework></PropertyGroup>
  <ItemGroup><PackageDownload Include="${name}" Version="[${bicepVersion}]" /></ItemGroup>
</Project>
`,
    );
    await run('dotnet', ['restore', '--packages', 'packages', '--verbosity', 'quiet'], { cwd: folder });
    const tools = join(folder, 'packages', name.toLowerCase(), bicepVersion, 'tools');
    const program = join(tools, process.platform === 'win32' ? 'bicep.exe' : 'bicep');
    await access(program);
    await mkdir(join(bicepProgram, '..'), { recursive: true });
    await copyFile(program, bicepProgram);
    await chmod(bicepProgram, 0o755);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

if (import.meta.main && !(await hasBicep())) await getBicep();
