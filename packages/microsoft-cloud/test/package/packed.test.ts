import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, globSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CloudDocument } from '../../src/index.ts';
import { startRegistry } from './registry.ts';

const run = promisify(execFile);
const source = join(import.meta.dirname, '../..');
const manifest = JSON.parse(readFileSync(join(source, 'package.json'), 'utf8')) as {
  readonly version: string;
  readonly dependencies: Readonly<Record<string, string>>;
};

interface Packed {
  readonly filename: string;
  readonly files: readonly { readonly path: string; readonly mode: number }[];
}

let folder: string;
let packed: Packed;
const started: ChildProcess[] = [];

/** npm without a network: nothing but what is on this disk. */
const npm = (cwd: string, ...args: readonly string[]) =>
  run('npm', [...args, '--offline', '--ignore-scripts', '--no-audit', '--no-fund'], {
    cwd,
    shell: process.platform === 'win32',
    env: { ...process.env, npm_config_update_notifier: 'false' },
  });

/** Copies the dependencies of a package, and theirs, from this repository: a test must not download them. */
function copyDependencies(from: string, to: string, names: readonly string[]): void {
  const { resolve } = createRequire(join(from, 'package.json'));
  for (const name of names) {
    const target = join(to, 'node_modules', name);
    if (existsSync(target)) continue;
    const found = folderOf(name, resolve.paths(name) ?? []);
    cpSync(found, target, { recursive: true });
    const { dependencies = {} } = JSON.parse(readFileSync(join(found, 'package.json'), 'utf8')) as Partial<
      typeof manifest
    >;
    copyDependencies(found, to, Object.keys(dependencies));
  }
}

function folderOf(name: string, paths: readonly string[]): string {
  const found = paths.map((path) => join(path, name)).find((path) => existsSync(join(path, 'package.json')));
  if (found === undefined) throw new Error(`${name} is not installed.`);
  return found;
}

/** What a started command prints. */
async function documentOf(output: AsyncIterable<unknown>): Promise<CloudDocument> {
  let text = '';
  for await (const chunk of output) {
    text += String(chunk);
    if (text.includes('\n')) break;
  }
  return JSON.parse(text) as CloudDocument;
}

/** Packs a build of the sources in a folder of its own, so that no other test meets a half-built dist. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'microsoft-cloud-packed-'));
  const stage = join(folder, 'stage');
  mkdirSync(stage);
  await run(process.execPath, [join(source, 'prepare.mjs'), join(stage, 'dist')]);
  for (const name of readdirSync(source, { withFileTypes: true }))
    if (name.isFile()) cpSync(join(source, name.name), join(stage, name.name));
  for (const name of ['src', 'docs', 'recordings']) cpSync(join(source, name), join(stage, name), { recursive: true });
  const { stdout } = await npm(stage, 'pack', '--json', '--pack-destination', folder);
  const reports = JSON.parse(stdout) as readonly Packed[] | Readonly<Record<string, Packed>>;
  packed = (Array.isArray(reports) ? reports : Object.values(reports))[0] as Packed;
});
afterAll(async () => {
  for (const child of started) child.kill('SIGKILL');
  await rm(folder, { recursive: true, force: true });
});

describe('the packed package', () => {
  it('has the build, its documentation and nothing else', () => {
    const paths = packed.files.map(({ path }) => path.replaceAll('\\', '/'));
    for (const path of ['package.json', 'README.md', 'LICENSE', 'dist/main.js', 'dist/index.d.ts', 'dist/testing.js'])
      expect(paths).toContain(path);
    const others = paths.filter((path) => !path.startsWith('dist/'));
    expect(others.toSorted()).toEqual([
      'LICENSE',
      'README.md',
      'docs/behaviour.md',
      'docs/control.md',
      'docs/fidelity.md',
      'docs/graph.md',
      'docs/recording.md',
      'docs/tenants.md',
      'package.json',
      'recordings/documentation.jsonl',
      'requests.md',
    ]);
    expect(paths.filter((path) => path.startsWith('dist/') && !/\.(?:js|d\.ts|json)$/.test(path))).toEqual([]);
  });

  it('imports nothing that an installation would miss', () => {
    const known = new Set([...Object.keys(manifest.dependencies), 'microsoft-cloud']);
    const missing = globSync('dist/**/*.{js,d.ts}', { cwd: join(folder, 'stage') }).flatMap((path) => {
      const text = readFileSync(join(folder, 'stage', path), 'utf8');
      return [...text.matchAll(/^(?:import|export)\b[^'"]*\bfrom ['"]([^'"]+)['"]|\bimport\(['"]([^'"]+)['"]\)/gm)]
        .map(([, one, other]) => one ?? other ?? '')
        .filter((name) => !name.startsWith('.') && !name.startsWith('node:') && !known.has(name))
        .map((name) => `${path}: ${name}`);
    });
    expect(missing).toEqual([]);
  });

  it('is installed into an empty folder, where its command and its library run', async () => {
    const app = join(folder, 'app');
    mkdirSync(app);
    copyDependencies(source, app, Object.keys(manifest.dependencies));
    const dependencies = { ...manifest.dependencies, 'microsoft-cloud': `file:${join(folder, packed.filename)}` };
    writeFileSync(join(app, 'package.json'), JSON.stringify({ private: true, type: 'module', dependencies }));
    await npm(app, 'install');

    const child = spawn(join(app, 'node_modules/.bin/microsoft-cloud'), ['--json', '--tenants', '2'], {
      shell: process.platform === 'win32',
      cwd: app,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    started.push(child);
    const { control, tenants } = await documentOf(child.stdout);
    expect(tenants).toHaveLength(2);
    expect(await (await fetch(control)).text()).toContain('Simulated Microsoft cloud');
    child.kill('SIGTERM');
    expect(((await once(child, 'exit')) as unknown[])[0]).toBe(0);

    const program = `
      import { createCloud, accessToken, call } from 'microsoft-cloud/testing';
      import { readDocument } from 'microsoft-cloud/client';
      import { faultSetNames } from 'microsoft-cloud';
      const cloud = await createCloud({ tenants: 1 });
      const { partnerTenantId } = await readDocument(cloud.control);
      const reply = await call(cloud.document.graph + '/v1.0/users', await accessToken(cloud, partnerTenantId));
      console.log(reply.status, faultSetNames.length > 10);
      await cloud.close();`;
    writeFileSync(join(app, 'program.mjs'), program);
    const { stdout } = await run(process.execPath, ['program.mjs'], { cwd: app });
    expect(stdout).toBe('200 true\n');
  });
});

describe('the Dockerfile', () => {
  const lines = readFileSync(join(source, 'Dockerfile'), 'utf8').split('\n');
  const instruction = (name: string): readonly string[] =>
    lines.filter((line) => line.startsWith(`${name} `)).map((line) => line.slice(name.length + 1));

  it('has a fixed Node.js that the package supports, and runs as a user without rights', () => {
    expect(instruction('FROM')).toHaveLength(1);
    expect(instruction('FROM')[0]).toMatch(/^node:2[24]\.\d+\.\d+-alpine\d+\.\d+$/);
    expect(instruction('USER')).toEqual(['node']);
    const order = lines.map((line) => line.split(' ', 1)[0]);
    expect(order.indexOf('USER')).toBeLessThan(order.indexOf('ENTRYPOINT'));
    expect(order.indexOf('USER')).toBeGreaterThan(order.lastIndexOf('RUN'));
  });

  it('copies the archive that npm packs, and nothing else', () => {
    const copied = instruction('COPY').map((line) => line.split(' ')[0] ?? '');
    expect(copied).toHaveLength(1);
    expect(globSync(copied, { cwd: folder })).toEqual([packed.filename]);
  });

  it('starts the command with options that it has, on the ports that it publishes', async () => {
    const [entry = '[]', more = '[]'] = [instruction('ENTRYPOINT')[0], instruction('CMD')[0]];
    const [name, ...options] = [...(JSON.parse(entry) as string[]), ...(JSON.parse(more) as string[])];
    expect(name).toBe('microsoft-cloud');
    const launch = ['--conditions=workspace-source', join(source, 'src/main.ts')];
    const { stdout } = await run(process.execPath, [...launch, ...options, '--help']);
    for (const option of options.filter((each) => each.startsWith('--'))) expect(stdout).toContain(option);
    const port = Number(options[options.indexOf('--port') + 1]);
    expect(instruction('EXPOSE')).toEqual([`${port}-${port + 8} ${port + 9}/udp`]);
  });

  // A plain folder stands for the image. The base image and the user are not tested: that needs a container runtime.
  it.skipIf(process.platform === 'win32')('installs the archive by its steps, and starts it', async () => {
    await using registry = await startRegistry(source);
    const image = join(folder, 'image');
    mkdirSync(join(image, 'tmp'), { recursive: true });
    const env = {
      ...process.env,
      npm_config_registry: registry.address,
      npm_config_cache: join(image, 'cache'),
      npm_config_prefix: join(image, 'usr'),
      npm_config_update_notifier: 'false',
    };
    const [pattern = '', target = ''] = (instruction('COPY')[0] ?? '').split(' ');
    const steps =
      lines
        .join('\n')
        .replaceAll('\\\n', ' ')
        .split('\n')
        .find((line) => line.startsWith('RUN ')) ?? '';
    await run('sh', ['-ec', `cp ${pattern} ${image}${target}`], { cwd: folder });
    await run('sh', ['-ec', steps.replace('RUN ', '').replaceAll(' /tmp/', ` ${image}/tmp/`)], { env });
    expect(readdirSync(join(image, 'tmp'))).toEqual([]);

    const [name = '', ...options] = JSON.parse(instruction('ENTRYPOINT')[0] ?? '[]') as string[];
    const command = join(image, 'usr/bin', name);
    // Another user than the one who installed it can start it.
    expect(statSync(command).mode & 0o005).toBe(0o005);
    // Loopback and free ports in place of those of the image.
    const own = options
      .slice(options.indexOf('--port') + 2)
      .concat(JSON.parse(instruction('CMD')[0] ?? '[]') as string[]);
    const child = spawn(command, [...own, '--json'], { stdio: ['ignore', 'pipe', 'inherit'] });
    started.push(child);
    const { control, tenants } = await documentOf(child.stdout);
    expect(tenants).toHaveLength(25);
    expect(await (await fetch(control)).text()).toContain('Simulated Microsoft cloud');
    child.kill('SIGTERM');
    expect(((await once(child, 'exit')) as unknown[])[0]).toBe(0);
  });
});
