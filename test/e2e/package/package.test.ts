import { createHash, createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { unzipSync } from 'fflate';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CreateCertificate } from '../../../src/lib/credential/client-certificate.ts';
import { app } from '../../../tools/build.ts';
import { hostJsonFor, type PackagedApp, packageApp } from '../../../tools/package.ts';
import { projectRoot } from '../../paths.ts';

/** Start-up grows with the code that is read at start: more than this wants a reason (docs/deploy.md, "Size"). */
const budgetBytes = { entry: 600_000, zip: 750_000 };

describe('npm run package', () => {
  let folder: string;
  let packaged: PackagedApp;
  const text = (path: string): Promise<string> => readFile(join(folder, 'first', path), 'utf8');

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'package-'));
    packaged = await packageApp(projectRoot, join(folder, 'first'), 'azureStorage');
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('holds the bundle, its licences, the pages, host.json and package.json, and nothing else', () => {
    const expected = /^dist\/((chunks\/)?[\w-]+\.js(\.LEGAL\.txt)?|pages\/[a-z-]+\.(html|js|css|svg))$/;
    const rest = packaged.files.filter((file) => !expected.test(file));
    expect(rest.filter((file) => file !== 'access-policy.json')).toEqual(['host.json', 'package.json']);
    expect(packaged.files).toContain('dist/index.js');
    expect(packaged.files).toContain('dist/index.js.LEGAL.txt');
  });

  it('holds no line of the local host, the simulated cloud or the command line', async () => {
    const code = await Promise.all(
      packaged.files.filter((file) => file.endsWith('.js')).map((file) => text(`app/${file}`)),
    );
    const maps = await readFile(join(folder, 'first/source-maps/dist/index.js.map'), 'utf8');
    const sources = (JSON.parse(maps) as { sources: string[] }).sources;
    expect(sources.some((source) => source.endsWith('src/composition.ts'))).toBe(true);
    expect(sources.filter((source) => /src\/(local|cli)\//.test(source))).toEqual([]);
    expect(code.join('\n')).not.toMatch(/simulated (Microsoft )?cloud/i);
  });

  it('loads what makes certificates with the first one, and then makes it', async () => {
    const entry = await text('app/dist/index.js');
    expect(entry).toMatch(/import\("\.\/chunks\/selfsigned-\w+\.js"\)/);
    expect(entry).not.toContain('X509CertificateGenerator');
    // As it is bundled: a CommonJS package exports otherwise there than it does to Node.
    const outdir = join(folder, 'certificate');
    const source = join(projectRoot, 'src/lib/credential/create-certificate.ts');
    await build({ ...app, entryPoints: { certificate: source }, outdir });
    const { createCertificate } = (await import(join(outdir, 'certificate.js'))) as {
      createCertificate: CreateCertificate;
    };
    const validity = { notBeforeMs: Date.now(), notAfterMs: Date.now() + 86_400_000 };
    const { certificate, privateKey } = await createCertificate({ commonName: 'bundled', ...validity });
    expect(new X509Certificate(certificate).subject).toBe('CN=bundled');
    expect(new X509Certificate(certificate).checkPrivateKey(createPrivateKey(privateKey))).toBe(true);
  });

  it('names no dependency and no script, so that nobody installs or builds anything in Azure', async () => {
    const project = JSON.parse(await text('app/package.json')) as Record<string, unknown>;
    expect(Object.keys(project).toSorted()).toEqual(['engines', 'main', 'name', 'private', 'type', 'version']);
    expect(packaged.files).toContain(project['main']);
  });

  it('is the same in the archive as in the folder', async () => {
    const archive = unzipSync(await readFile(join(folder, 'first/app.zip')));
    expect(Object.keys(archive)).toEqual(packaged.files);
    for (const file of packaged.files) {
      expect(Buffer.from(archive[file] ?? []).equals(await readFile(join(folder, 'first/app', file)))).toBe(true);
    }
  });

  it('gives the same bytes when it is made again', async () => {
    const digest = async (name: string): Promise<string> =>
      createHash('sha256')
        .update(await readFile(join(folder, name, 'app.zip')))
        .digest('hex');
    await packageApp(projectRoot, join(folder, 'second'), 'azureStorage');
    expect(await digest('second')).toBe(await digest('first'));
  });

  it('stays within its size', async () => {
    expect((await readFile(join(folder, 'first/app/dist/index.js'))).byteLength).toBeLessThan(budgetBytes.entry);
    expect(packaged.zipBytes).toBeLessThan(budgetBytes.zip);
  });

  it('puts the backend for runs into host.json, where the scale controller looks', async () => {
    const hostJson = JSON.parse(await readFile(join(projectRoot, 'host.json'), 'utf8')) as Parameters<
      typeof hostJsonFor
    >[1];
    expect(JSON.parse(await text('app/host.json'))).toEqual(hostJson);
    const { durableTask } = hostJsonFor('durableTaskScheduler', hostJson).extensions;
    expect(durableTask).toMatchObject({
      hubName: '%TASKHUB_NAME%',
      storageProvider: { type: 'azureManaged', connectionStringName: 'DURABLE_TASK_SCHEDULER_CONNECTION_STRING' },
    });
    expect(Object.keys(durableTask.storageProvider)).not.toContain('partitionCount');
  });
});
