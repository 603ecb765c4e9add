import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import project from '../../../package.json' with { type: 'json' };
import { listFiles } from '../../../src/lib/health/release.ts';
import { projectRoot } from '../../paths.ts';
import { packedApp } from '../../support/packed-app.ts';
import { install, linkPackages, mustRun, packEverything, runIn, useArchives } from '../../support/installed-package.ts';
import { skippedBecause } from '../../support/skipped.ts';

const unavailable = process.platform === 'win32' ? 'links to packages need rights on this system' : undefined;

describe('the packed packages', skippedBecause(unavailable), () => {
  let folder: string;
  let archives: ReadonlyMap<string, string>;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'installed-'));
    archives = await packEverything(folder);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  describe('in an empty folder', () => {
    let empty: string;
    const ptb = (...args: readonly string[]) => runIn(empty, 'ptb', ...args);

    beforeAll(async () => {
      empty = join(folder, 'empty');
      const client = archives.get('partner-token-broker-client') ?? '';
      const others = [...archives.values()].filter((archive) => archive !== client);
      await install(empty, ...others);
      await install(empty, '--legacy-peer-deps', client);
    });

    it('name the repository that signs them, without which npm refuses their provenance', async () => {
      for (const name of archives.keys()) {
        if (!existsSync(join(projectRoot, 'packages', name)) && !name.startsWith(project.name)) continue;
        const file = join(empty, 'node_modules', name, 'package.json');
        const { repository } = JSON.parse(await readFile(file, 'utf8')) as { repository?: object };
        expect({ name, ...repository }).toMatchObject({ name, url: project.repository.url });
      }
    });

    it('can be upgraded in a project that keeps older versions of what they need', async () => {
      const older = { azurite: '3.30.0', esbuild: '0.20.0', vitest: '4.0.0', zod: '4.0.0' };
      const places = Object.entries(older).map(async ([name, version]) => {
        const place = join(folder, 'older', name);
        await mkdir(place, { recursive: true });
        await writeFile(join(place, 'package.json'), JSON.stringify({ name, version }));
        return place;
      });
      await install(join(folder, 'upgraded'), ...(await Promise.all(places)));
      await install(join(folder, 'upgraded'), archives.get(project.name) ?? '');
      expect(await runIn(join(folder, 'upgraded'), 'ptb', '--version')).toMatchObject({ code: 0 });
    });

    it('have the command ptb, which says its version', async () => {
      expect(await ptb('--version')).toMatchObject({ code: 0, stdout: `${project.version}\n` });
    });

    it('run the demo once Azurite is installed, and name it before', async () => {
      const without = await ptb('demo', '--once', '--json', '--tenants', '3');
      expect(without).toMatchObject({ code: 2, stdout: '' });
      expect(without.stderr).toContain(
        `npm install --save-dev --save-exact azurite@${project.devDependencies.azurite}`,
      );
      await linkPackages(empty, ['azurite']);
      const { code, stdout } = await ptb('demo', '--once', '--json', '--tenants', '3');
      expect(code).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({ runs: [{ job: 'access-check', status: 'completed' }, {}] });
    });

    it('refuse to write or package a job where no project is, and name the next step', async () => {
      for (const args of [['jobs', 'new', 'device-report'], ['jobs', 'try', 'device-report'], ['package']]) {
        const { code, stderr } = await ptb(...args);
        expect({ args, code }).toEqual({ args, code: 2 });
        expect(stderr).toMatch(/There is no src\/jobs\/index\.ts.*Run the command in the folder of the project/);
      }
    });

    it.each([
      ['microsoft-cloud', '--help'],
      ['functions-host', '--help'],
    ])('have the command %s', async (command, flag) => {
      expect(await runIn(empty, command, flag)).toMatchObject({
        code: 0,
        stdout: expect.stringContaining(`Usage: ${command}`),
      });
    });

    it('have every export that their package.json names', async () => {
      await linkPackages(empty, ['vitest', '@azure/core-auth']);
      for (const name of [
        'partner-token-broker',
        'microsoft-cloud',
        'functions-host',
        'graph-permissions',
        'partner-token-broker-client',
      ]) {
        const { exports } = JSON.parse(await readFile(join(empty, 'node_modules', name, 'package.json'), 'utf8')) as {
          exports: Record<string, { types: string }>;
        };
        const entries = Object.entries(exports).filter(([entry]) => entry !== './package.json' && entry !== './*');
        for (const [entry, { types }] of entries) {
          expect(existsSync(join(empty, 'node_modules', name, types))).toBe(true);
          const specifier = entry.replace('.', name);
          // Vitest loads only where a test runs.
          if (specifier === 'partner-token-broker/testing') continue;
          const ran = await runIn(empty, 'node', '--input-type=module', '--eval', `await import('${specifier}')`);
          expect({ specifier, ...ran }).toMatchObject({ specifier, code: 0 });
        }
      }
    });
  });

  describe('in a project of ptb init', () => {
    let own: string;
    const run = (program: string, ...args: readonly string[]) => runIn(own, program, ...args);

    beforeAll(async () => {
      const tool = join(folder, 'tool');
      await install(tool, ...['partner-token-broker', 'zod'].map((name) => archives.get(name) ?? name));
      own = join(folder, 'project');
      await mustRun(tool, 'ptb', 'init', own);
      await useArchives(own, archives);
      await install(own);
      await linkPackages(own, ['vitest', 'typescript', '@types/node', 'azurite']);
      for (const [name, file] of [
        ['vitest', 'vitest.mjs'],
        ['tsc', '../typescript/bin/tsc'],
      ] as const)
        await symlink(join('..', 'vitest', file), join(own, 'node_modules/.bin', name));
      await mustRun(own, 'ptb', 'jobs', 'new', 'device-report');
    });

    it('passes the checks of types', async () => {
      expect(await run('npm', 'run', 'check')).toMatchObject({ code: 0 });
    });

    it('passes its tests, with those of a job that was added', async () => {
      const { code, stdout } = await run('npm', 'test');
      expect({ code, stdout }).toMatchObject({ code: 0, stdout: expect.stringMatching(/Test Files\D+3 passed/) });
    });

    it('is packaged once esbuild is installed, names it before, and runs its jobs on the embedded host', async () => {
      const without = await run('npm', 'run', 'package');
      expect(without.code).not.toBe(0);
      expect(without.stderr).toContain(
        `npm install --save-dev --save-exact esbuild@${project.devDependencies.esbuild}`,
      );
      await linkPackages(own, ['esbuild']);
      // Code that a job loads later.
      const file = join(own, 'src/jobs/device-report.ts');
      await writeFile(join(own, 'src/jobs/later.ts'), 'export const later = () => "later";\n');
      await writeFile(file, `${await readFile(file, 'utf8')}\nexport const later = () => import('./later.ts');\n`);
      expect(await run('npm', 'run', 'package')).toMatchObject({ code: 0 });
      const tried = await run('ptb', 'jobs', 'try', 'device-report', '--parameter', 'days=1', '--json');
      expect({ code: tried.code, stderr: tried.stderr }).toMatchObject({ code: 0 });
      const { run: ended, rows, unneeded } = JSON.parse(tried.stdout) as Record<string, unknown>;
      expect(ended).toMatchObject({ job: 'device-report', outcome: 'succeeded' });
      expect(rows).not.toEqual([]);
      expect(unneeded).toEqual([]);
      const demo = await run('ptb', 'demo', '--app', 'out/app', '--once', '--json', '--tenants', '3');
      expect(demo.code).toBe(0);
      const packaged = await run(
        'ptb',
        'package',
        '--out',
        'other',
        '--durable-backend',
        'durableTaskScheduler',
        '--json',
      );
      expect(JSON.parse(packaged.stdout)).toMatchObject({ files: expect.arrayContaining(['access-policy.json']) });
      expect(await readFile(join(own, 'other/app/host.json'), 'utf8')).toContain('azureManaged');
    });

    it('has the app that a release deploys, byte for byte, but for its jobs', async () => {
      const packaged = await listFiles(join(own, 'out/app/dist'));
      expect(packaged.filter((file) => file.endsWith('.map'))).toEqual([]);
      const released = join((await packedApp()).folder, 'app');
      const files = (await listFiles(released)).filter((file) => file.startsWith('dist/'));
      const differs: string[] = [];
      for (const file of files) {
        const place = file.replace(/^dist\/jobs\./, 'dist/built-in-jobs.');
        const bytes = await readFile(join(own, 'out/app', place));
        if (!bytes.equals(await readFile(join(released, file)))) differs.push(file);
      }
      // It names whose jobs these are.
      expect(differs).toEqual(['dist/release.json']);
      expect(JSON.parse(await readFile(join(own, 'out/app/dist/release.json'), 'utf8'))).toMatchObject({
        version: project.version,
        jobs: 'project',
      });
      // By it, the trace of a tenant shows where a job threw.
      const map = await readFile(join(own, 'out/app/dist/jobs.map.json'), 'utf8');
      expect((JSON.parse(map) as { sources: string[] }).sources).toContain('jobs/device-report.ts');
    });
  });
});
