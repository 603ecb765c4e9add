import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { packNpmPackages } from '../../tools/npm-packages.ts';
import { projectRoot } from '../paths.ts';
import { packedApp } from './packed-app.ts';

interface Manifest {
  readonly name: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
}

/** What a program printed, and its exit code. */
export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program as a person does who has this Node.js and none of this project's settings. */
export async function runIn(folder: string, program: string, ...args: readonly string[]): Promise<Ran> {
  const own = Object.entries(process.env).filter(([name]) => !/^(?:VITEST|npm_|NODE_|FORCE_COLOR)/.test(name));
  const path = [join(folder, 'node_modules/.bin'), dirname(process.execPath), process.env['PATH']].join(delimiter);
  const env = { ...Object.fromEntries(own), PATH: path, CI: '1', NO_COLOR: '1', NO_PROXY: '127.0.0.1,localhost' };
  return promisify(execFile)(program, args, { cwd: folder, env, maxBuffer: 64 * 1024 * 1024 }).then(
    (done) => ({ ...done, code: 0 }),
    (error: Ran) => ({ code: error.code, stdout: error.stdout, stderr: error.stderr }),
  );
}

const installed = (name: string): string => join(projectRoot, 'node_modules', name);
const manifestOf = async (folder: string): Promise<Manifest> =>
  JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as Manifest;

/** Names of the packages that these need, of which npm installs each. */
async function neededBy(manifests: readonly Manifest[]): Promise<readonly string[]> {
  const found = new Set<string>();
  const add = async ({ dependencies = {}, peerDependencies = {}, peerDependenciesMeta = {} }: Manifest) => {
    const peers = Object.keys(peerDependencies).filter((name) => peerDependenciesMeta[name]?.optional !== true);
    for (const name of [...Object.keys(dependencies), ...peers]) {
      if (found.has(name)) continue;
      found.add(name);
      await add(await manifestOf(installed(name)));
    }
  };
  for (const manifest of manifests) await add(manifest);
  return [...found];
}

/**
 * The folder to pack of an installed package. One that needs another version than the project has carries it in its own
 * node_modules: a copy bundles it, since npm would ask a registry for it.
 */
async function packable(name: string, copies: string): Promise<string> {
  if (!existsSync(join(installed(name), 'node_modules'))) return installed(name);
  const [manifest, copy] = [await manifestOf(installed(name)), join(copies, name)];
  await cp(installed(name), copy, { recursive: true });
  const bundled = Object.keys(manifest.dependencies ?? {}).filter((own) => existsSync(join(copy, 'node_modules', own)));
  await writeFile(join(copy, 'package.json'), JSON.stringify({ ...manifest, bundleDependencies: bundled }));
  return copy;
}

/**
 * Packs what a release publishes, and, of the packages of this project, what that needs: so npm installs without a registry.
 * @returns paths of the archives by name of the package.
 */
export async function packEverything(folder: string): Promise<ReadonlyMap<string, string>> {
  const [own, others] = [join(folder, 'own'), join(folder, 'others')];
  const { folder: packaged } = await packedApp();
  const archives = new Map<string, string>();
  for (const file of await packNpmPackages(join(packaged, 'app'), own))
    archives.set(file.replace(/-\d+\.\d+\.\d+\.tgz$/, ''), join(own, file));
  // What the client needs is linked: packages of SDKs need others in versions of their own.
  const withDependencies = [...archives].flatMap(([name, archive]) => (name.endsWith('-client') ? [] : [archive]));
  const unpacked = withDependencies.map(async (archive) => {
    const { stdout } = await promisify(execFile)('tar', ['-xzOf', archive, 'package/package.json']);
    return JSON.parse(stdout) as Manifest;
  });
  const names = await neededBy(await Promise.all(unpacked));
  await mkdir(others, { recursive: true });
  const folders = await Promise.all(names.map((each) => packable(each, join(folder, 'copies'))));
  const pack = ['pack', '--ignore-scripts', '--json', '--pack-destination', others, ...folders];
  const { stdout } = await promisify(execFile)('npm', pack, { maxBuffer: 64 * 1024 * 1024 });
  for (const { name, filename } of JSON.parse(stdout) as { name: string; filename: string }[])
    archives.set(name, join(others, filename));
  return archives;
}

/** Runs a program that must succeed. @throws Error with what it printed. */
export async function mustRun(...[folder, program, ...args]: Parameters<typeof runIn>): Promise<void> {
  const { code, stdout, stderr } = await runIn(folder, program, ...args);
  if (code !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${code}:\n${stdout}\n${stderr}`);
}

/** Installs archives into a folder, without a registry. */
export async function install(folder: string, ...args: readonly string[]): Promise<void> {
  await mkdir(folder, { recursive: true });
  await mustRun(folder, 'npm', 'install', '--offline', '--no-audit', '--no-fund', ...args);
}

/** Puts development packages of this project into a folder, as an installation from a registry would. */
export async function linkPackages(folder: string, names: readonly string[]): Promise<void> {
  for (const name of names) {
    const place = join(folder, 'node_modules', name);
    await mkdir(dirname(place), { recursive: true });
    await symlink(installed(name), place);
  }
}

/** Replaces a version in the dependencies of a project by an archive, and leaves out the packages that are linked. */
export async function useArchives(folder: string, archives: ReadonlyMap<string, string>): Promise<void> {
  const {
    devDependencies: _,
    dependencies = {},
    ...rest
  } = (await manifestOf(folder)) as Manifest & {
    readonly devDependencies: object;
  };
  const files = Object.keys(dependencies).map((name) => [name, `file:${archives.get(name)}`]);
  const manifest = { ...rest, dependencies: Object.fromEntries(files) };
  await writeFile(join(folder, 'package.json'), JSON.stringify(manifest));
}
