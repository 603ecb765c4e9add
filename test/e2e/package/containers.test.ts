import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { CloudDocument } from 'microsoft-cloud';
import { afterAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import project from '../../../package.json' with { type: 'json' };
import { startAzurite } from '../../../src/cli/demo/azurite.ts';
import { callerTokens } from '../../../src/cli/demo/caller-token.ts';
import { startChild } from '../../../src/cli/demo/child.ts';
import { trustAuthority } from '../../../src/cli/demo/running-demo.ts';
import { appFolder, projectRoot, ptbScript } from '../../paths.ts';
import { skippedBecause } from '../../support/skipped.ts';

// No image is built and no container runs here. The commands of the services run in plain processes.

interface Service {
  readonly build?: string | { readonly context: string; readonly dockerfile?: string };
  readonly image?: string;
  readonly command: readonly string[];
  readonly network_mode?: string;
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly ports?: readonly string[];
  readonly depends_on?: readonly string[] | Readonly<Record<string, { readonly condition: string }>>;
  readonly volumes?: readonly string[];
}

const read = (name: string): Promise<string> => readFile(join(projectRoot, name), 'utf8');
const compose = parse(await read('compose.yaml')) as {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: object;
};
const { services } = compose;
const entries = Object.entries(services);

describe('compose.yaml', () => {
  it('names files, services and volumes that exist', () => {
    for (const [name, { build, network_mode: network, depends_on: needed = [], volumes = [] }] of entries) {
      const { context = '.', dockerfile = 'Dockerfile' } =
        typeof build === 'string' ? { context: build } : (build ?? {});
      if (build !== undefined) expect([name, existsSync(join(projectRoot, context, dockerfile))]).toEqual([name, true]);
      if (network !== undefined) expect(Object.keys(services)).toContain(network.replace(/^service:/, ''));
      for (const each of Array.isArray(needed) ? (needed as string[]) : Object.keys(needed))
        expect(services).toHaveProperty(each);
      for (const volume of volumes) expect(compose.volumes).toHaveProperty(volume.split(':')[0] ?? '');
    }
  });

  it('starts nothing that needs the storage before it answers', async () => {
    const azurite = await startAzurite();
    try {
      const [, program = '', ...args] = services['azurite']?.healthcheck?.test ?? [];
      expect(program).toBe('node');
      const { port } = new URL(/TableEndpoint=([^;]+)/.exec(azurite.connectionString)?.[1] ?? '');
      const check = (to: string) =>
        promisify(execFile)(
          process.execPath,
          args.map((word) => word.replace('10002', to)),
        );
      await check(port);
      await expect(check('1')).rejects.toMatchObject({ code: 1 });
    } finally {
      await azurite.stop();
    }
    const waiting = entries.filter(([, { depends_on: needed = {} }]) => 'azurite' in needed);
    expect(waiting.map(([name, service]) => [name, service.depends_on])).toEqual([
      ['prepare', { cloud: { condition: 'service_started' }, azurite: { condition: 'service_healthy' } }],
    ]);
  });

  it('opens ports to this machine alone, and pins each image', async () => {
    const ports = entries.flatMap(([, { ports: each = [] }]) => each);
    expect(ports.length).toBeGreaterThan(1);
    expect(ports.filter((port) => !port.startsWith('127.0.0.1:'))).toEqual([]);
    const images = [
      ...entries.flatMap(([, { image }]) => image ?? []),
      ...(await Promise.all(['Dockerfile', 'Dockerfile.demo'].map(read))).map(
        (text) => /^FROM (\S+)$/m.exec(text)?.[1] ?? '',
      ),
    ];
    expect(images.filter((image) => !/^[\w./-]+:\d+[\w.-]*\d[\w.-]*$/.test(image))).toEqual([]);
  });

  it('builds the demo from what package:npm writes, with the versions of this project', async () => {
    const [dockerfile, ignored] = await Promise.all([read('Dockerfile.demo'), read('Dockerfile.demo.dockerignore')]);
    const [, from = ''] = /^COPY (\S+) \S+$/m.exec(dockerfile) ?? [];
    expect(ignored.trim().split('\n')).toEqual(['*', `!${from}`]);
    const pattern = new RegExp(`^${from.replace('*', '.*').replaceAll('/', String.raw`\/`)}$`);
    expect(`out/npm/${project.name}-${project.version}.tgz`).toMatch(pattern);
    expect(`out/npm/${project.name}-client-${project.version}.tgz`).not.toMatch(pattern);
    const versions = { ...project.dependencies, ...project.devDependencies } as Readonly<Record<string, string>>;
    expect(services['azurite']?.image).toBe(`mcr.microsoft.com/azure-storage/azurite:${versions['azurite']}`);
    const installed = [...dockerfile.matchAll(/ ([a-z]+)@([\d.]+)/g)].map(([, name = '', version]) => [name, version]);
    expect(installed.map(([name]) => name)).toEqual(['azurite', 'zod']);
    for (const [name = '', version] of installed) expect([name, version]).toEqual([name, versions[name]]);
  });
});

const isWindows = process.platform === 'win32';

describe(
  'the services',
  skippedBecause(isWindows ? 'the settings are a file for a shell of Linux or macOS' : undefined),
  () => {
    const stops: (() => Promise<unknown>)[] = [];
    afterAll(async () => {
      for (const stop of stops.toReversed()) await stop();
    });

    it('give tokens with the settings that one of them has written', async () => {
      const folder = await mkdtemp(join(tmpdir(), 'ptb-compose-'));
      stops.push(() => rm(folder, { recursive: true, force: true }));
      const azurite = await startAzurite();
      stops.push(() => azurite.stop());
      // As the service `cloud`, on free ports of the loopback interface.
      const cloudArguments = (services['cloud']?.command ?? []).map(
        (word) => ({ '0.0.0.0': '127.0.0.1', 8443: '0' })[word] ?? word,
      );
      const cloud = await startChild<CloudDocument>(ptbScript, [...cloudArguments, '--json']);
      stops.push(() => cloud.stop());
      trustAuthority(cloud.ready.caCertificatePath);
      const replaced = new Map([
        ['--control', cloud.ready.control],
        ['--storage', azurite.connectionString],
        ['--output', folder],
      ]);
      const prepare = (services['prepare']?.command ?? []).map((word) => {
        const [option = ''] = word.split('=');
        return replaced.has(option) ? `${option}=${replaced.get(option)}` : word;
      });
      expect(prepare[0]).toBe('local-app');
      expect(prepare.filter((word) => word.startsWith('--'))).toHaveLength(replaced.size);
      await promisify(execFile)(process.execPath, [ptbScript, ...prepare], { timeout: 120_000 });

      // As the service `app`, but on the embedded host.
      const [shell = '', flag = '', script = ''] = services['app']?.command ?? [];
      const inFolder = script
        .replaceAll('/shared/', `${folder}/`)
        .replace('/opt/startup/start_nonappservice.sh', `'${process.execPath}' -p 'JSON.stringify(process.env)'`);
      const { stdout } = await promisify(execFile)(shell, [flag, inFolder]);
      const host = await startChild<{ url: string }>(ptbScript, ['host', '--json', '--app', appFolder, '--port', '0'], {
        environment: JSON.parse(stdout) as Record<string, string>,
      });
      stops.push(() => host.stop());
      const tenant = cloud.ready.tenants.find(({ state }) => state === 'ok');
      const answer = await fetch(`${host.ready.url}/api/tokens`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${await callerTokens(cloud.ready)()}`,
          'content-type': 'application/json',
        },
        body: JSON.stringify({ tenant: tenant?.tenantId, resource: 'graph' }),
      });
      expect(answer.status).toBe(200);
      expect(await answer.json()).toMatchObject({ tenantId: tenant?.tenantId, tokenType: 'Bearer' });
    });
  },
);
