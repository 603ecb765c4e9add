import { execFile } from 'node:child_process';
import { cpSync, existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly dependencies?: Readonly<Record<string, string>>;
}
const manifestIn = (folder: string): Manifest =>
  JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;

/** The installed packages that a package needs: name → version → folder. */
function needed(from: string, found = new Map<string, Map<string, string>>()): Map<string, Map<string, string>> {
  const { resolve } = createRequire(join(from, 'package.json'));
  for (const name of Object.keys(manifestIn(from).dependencies ?? {})) {
    const folder = (resolve.paths(name) ?? [])
      .map((path) => join(path, name))
      .find((path) => existsSync(join(path, 'package.json')));
    if (folder === undefined) throw new Error(`${name} is not installed.`);
    const { version } = manifestIn(folder);
    const versions = found.get(name) ?? new Map<string, string>();
    found.set(name, versions);
    if (versions.has(version)) continue;
    versions.set(version, folder);
    needed(folder, found);
  }
  return found;
}

/**
 * A registry of npm on loopback, with the installed packages that a package needs: their descriptions and archives. So npm can
 * install the package in a test without downloading anything.
 */
export interface Registry extends AsyncDisposable {
  readonly address: string;
}

export async function startRegistry(from: string): Promise<Registry> {
  const packages = needed(from);
  const server: Server = createServer((request, response) => {
    const [, name = '', version = ''] =
      /^\/((?:@[^/]+\/)?[^/]+)(?:\/-\/([^/]+)\.tgz)?$/.exec(decodeURIComponent(request.url ?? '')) ?? [];
    const versions = packages.get(name);
    const folder = versions?.get(version);
    if (versions === undefined) response.writeHead(404).end('{}');
    else if (folder !== undefined) void archiveOf(folder).then((archive) => response.end(archive));
    else {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(described(name, versions, addressOf(server))));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: addressOf(server),
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())),
  };
}

const addressOf = (server: Server): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

function described(name: string, versions: ReadonlyMap<string, string>, registry: string): object {
  const entries = [...versions].map(([version, folder]) => {
    const tarball = `${registry}/${name}/-/${version}.tgz`;
    return [version, { ...manifestIn(folder), dist: { tarball } }] as const;
  });
  return { name, 'dist-tags': { latest: entries.at(-1)?.[0] }, versions: Object.fromEntries(entries) };
}

/** The archive of an installed package, as npm expects it. */
async function archiveOf(folder: string): Promise<Buffer> {
  const stage = await mkdtemp(join(tmpdir(), 'microsoft-cloud-archive-'));
  try {
    const filter = (path: string): boolean => !path.slice(folder.length).includes('node_modules');
    cpSync(folder, join(stage, 'package'), { recursive: true, filter });
    await run('tar', ['-czf', 'package.tgz', 'package'], { cwd: stage });
    return readFileSync(join(stage, 'package.tgz'));
  } finally {
    await rm(stage, { recursive: true, force: true });
  }
}
