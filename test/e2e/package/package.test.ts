import { execFile } from 'node:child_process';
import { createHash, createPrivateKey, X509Certificate } from 'node:crypto';
import { copyFile, cp, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build, type Plugin } from 'esbuild';
import { unzipSync } from 'fflate';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CreateCertificate } from '../../../src/lib/tokens/credential/client-certificate.ts';
import { app } from '../../../tools/build.ts';
import { hostJsonFor, zipFolder } from '../../../src/cli/project/app-package.ts';
import { listFiles } from '../../../src/lib/health/release.ts';
import { packageApp } from '../../../tools/package.ts';
import { projectRoot } from '../../paths.ts';
import { canCopyCheckout, copyCheckout } from '../../support/copy-checkout.ts';
import { packedApp, type PackedApp, packedPolicy } from '../../support/packed-app.ts';

/**
 * Of the app without jobs, whose number and size are up to who deploys it. Start-up time grows with the code that is loaded at
 * start. A larger budget needs a reason (CONTRIBUTING.md). The
 * last ones: for the start the rules for the credential in force, result pages, readable tenants and fair queues, 45 kB in
 * all; for the archive undici, 107 kB, which the gateway loads with its first request, the gateway with its judge, 50 kB,
 * the pages of the dashboard, 30 kB, approvals, tags, groups and parameters of jobs with their pages, 130 kB, the library
 * of the Model Context Protocol, 60 kB, which the first message of an agent loads, queries with their page, and chains and
 * checkpoints of the audit log, 40 kB, budgets across instances, notices, tenant events and metrics, 25 kB, what jobs of a
 * project of one's own may import, 11 kB, the replay of recorded use by another policy with its page, 14 kB, which its
 * first request loads, the export of traces, 20 kB, which is loaded only if a collector is named, and the proof for one
 * customer, 15 kB, which the first checkpoint loads.
 */
const budgetBytes = { start: 1_000_000, zip: 1_272_000 };

const noJobs: Plugin = {
  name: 'no-jobs',
  setup: (plugin) =>
    plugin.onLoad({ filter: /[\\/]src[\\/]jobs[\\/]index\.ts$/ }, () => ({ contents: 'export const jobs = [];' })),
};

describe('npm run package', () => {
  let folder: string;
  let packaged: PackedApp;
  const text = (path: string): Promise<string> => readFile(join(packaged.folder, path), 'utf8');

  const digest = async (...path: readonly string[]): Promise<string> =>
    createHash('sha256')
      .update(await readFile(join(...path)))
      .digest('hex');

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'package-'));
    packaged = await packedApp();
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('contains only the bundle, its licences, the map of the jobs, the pages, the policy, host.json and package.json', () => {
    const expected = /^dist\/([\w-]+\.js(\.LEGAL\.txt)?|(jobs\.map|release)\.json|pages\/[a-z-]+\.(html|js|css|svg))$/;
    const rest = packaged.files.filter((file) => !expected.test(file));
    expect(rest).toEqual(['access-policy.json', 'host.json', 'package.json']);
    expect(packaged.files).toContain('dist/index.js');
    expect(packaged.files).toContain('dist/jobs.map.json');
    expect(packaged.files.filter((file) => file.endsWith('.js.LEGAL.txt'))).not.toEqual([]);
  });

  /** Names of the files that are loaded when the app starts. */
  async function atStart(dist = join(packaged.folder, 'app/dist'), entry = 'index.js'): Promise<string[]> {
    const found = new Set([entry]);
    for (const file of found)
      for (const [, name] of (await readFile(join(dist, file), 'utf8')).matchAll(
        /(?:from|import) ?"\.{1,2}\/([\w-]+\.js)"/g,
      ))
        found.add(name ?? '');
    return [...found];
  }

  const sourcesOf = async (files: readonly string[]): Promise<string[]> => {
    const maps = await Promise.all(files.map((file) => text(`source-maps/dist/${file}.map`)));
    return maps.flatMap((map) => (JSON.parse(map) as { sources: string[] }).sources);
  };

  it('starts from a few files, whatever is loaded later', async () => {
    const files = await atStart();
    expect(files.length).toBeLessThan(12);
    expect((await atStart(join(projectRoot, 'build'), 'cli/ptb.js')).length).toBeLessThan(10);
    // The worker loads the entry under an address of its own. Another import would register each function twice.
    const scripts = packaged.files.filter((file) => file.endsWith('.js'));
    const code = await Promise.all(scripts.map((file) => text(`app/${file}`)));
    expect(code.filter((each) => /["']\.\/index\.js["']/.test(each))).toEqual([]);
  });

  it('refuses a default export of a module that is imported later', async () => {
    const source = join(folder, 'later');
    await mkdir(source);
    await writeFile(join(source, 'entry.mjs'), "export const later = () => import('./later.mjs');");
    await writeFile(join(source, 'later.mjs'), 'export default 1;');
    const options = { ...app, entryPoints: { entry: join(source, 'entry.mjs') }, outdir: join(source, 'dist') };
    await expect(build({ ...options, logLevel: 'silent' })).rejects.toThrow('later.mjs is imported later');
  });

  it('has the jobs in a file of their own, which is loaded at start', async () => {
    const files = await atStart();
    expect(files).toContain('jobs.js');
    const sources = await sourcesOf(files.filter((file) => file !== 'jobs.js'));
    expect(sources.filter((source) => source.includes('src/jobs/'))).toEqual([]);
  });

  it('contains the access policy unchanged', async () => {
    expect(await text('app/access-policy.json')).toBe(await readFile(packedPolicy, 'utf8'));
  });

  it('contains no code of the embedded host, the simulated cloud or the command line', async () => {
    const code = await Promise.all(
      packaged.files
        .filter((file) => file.endsWith('.js'))
        .map(async (file) => ({ file, found: /simulated (Microsoft )?cloud/i.exec(await text(`app/${file}`))?.[0] })),
    );
    expect(code.filter(({ found }) => found !== undefined)).toEqual([]);
    const sources = await sourcesOf(await atStart());
    expect(sources.some((source) => source.endsWith('src/composition.ts'))).toBe(true);
    expect(sources.filter((source) => /(src\/cli|packages\/(functions-host|microsoft-cloud))\//.test(source))).toEqual(
      [],
    );
  });

  it('loads the certificate library when it creates the first certificate', async () => {
    const scripts = packaged.files.filter((file) => /^dist\/[\w-]+\.js$/.test(file));
    const library =
      scripts
        .find((file) => /\/selfsigned-\w+\.js$/.test(file))
        ?.split('/')
        .at(-1) ?? 'none';
    const code = await Promise.all(scripts.map((file) => text(`app/${file}`)));
    expect(code.filter((each) => new RegExp(`import\\("\\./${library}"\\)`).test(each))).toHaveLength(1);
    expect(code.filter((each) => new RegExp(`(?:from|import) ?"\\./${library}"`).test(each))).toEqual([]);
    const started = await Promise.all((await atStart()).map((file) => text(`app/dist/${file}`)));
    expect(started.filter((each) => each.includes('X509CertificateGenerator'))).toEqual([]);
    // Bundled as in the app: a CommonJS package has other exports in a bundle than in Node.js.
    const outdir = join(folder, 'certificate');
    const source = join(projectRoot, 'src/lib/tokens/credential/client-certificate.ts');
    await build({ ...app, entryPoints: { certificate: source }, outdir });
    const { createCertificate } = (await import(join(outdir, 'certificate.js'))) as {
      createCertificate: CreateCertificate;
    };
    const validity = { notBeforeMs: Date.now(), notAfterMs: Date.now() + 86_400_000 };
    const { certificate, privateKey } = await createCertificate({ commonName: 'bundled', ...validity });
    expect(new X509Certificate(certificate).subject).toBe('CN=bundled');
    expect(new X509Certificate(certificate).checkPrivateKey(createPrivateKey(privateKey))).toBe(true);
  });

  it('loads the export of traces on demand alone', async () => {
    const scripts = packaged.files.filter((file) => /^dist\/[\w-]+\.js$/.test(file));
    const code = await Promise.all(scripts.map((file) => text(`app/${file}`)));
    expect(code.filter((each) => /import\("\.\/tracing-\w+\.js"\)/.test(each))).toHaveLength(1);
    expect(code.filter((each) => /(?:from|import) ?"[^"]*\/tracing-\w+\.js"/.test(each))).toEqual([]);
    expect(code.filter((each) => each.includes('"v1/traces"'))).toHaveLength(1);
  });

  it('has a package.json without dependencies and scripts, so that Azure installs and builds nothing', async () => {
    const project = JSON.parse(await text('app/package.json')) as Record<string, unknown>;
    expect(Object.keys(project).toSorted()).toEqual(['engines', 'main', 'name', 'private', 'type', 'version']);
    expect(packaged.files).toContain(project['main']);
  });

  it('has the same files in the archive as in the folder', async () => {
    const archive = unzipSync(await readFile(join(packaged.folder, 'app.zip')));
    expect(Object.keys(archive)).toEqual(packaged.files);
    for (const file of packaged.files) {
      expect(Buffer.from(archive[file] ?? []).equals(await readFile(join(packaged.folder, 'app', file)))).toBe(true);
    }
  });

  /** Packages a copy of this checkout. */
  async function packageElsewhere(out: string): Promise<void> {
    const elsewhere = join(folder, 'a folder of', 'another depth');
    await copyCheckout(elsewhere);
    await copyFile(packedPolicy, join(elsewhere, 'access-policy.json'));
    const packageScript = join(elsewhere, 'tools/package.ts');
    await promisify(execFile)(process.execPath, [packageScript, '--out', out], { cwd: elsewhere });
  }

  it('produces the same bytes when it runs again, on Linux from a checkout in another folder', async () => {
    const out = join(folder, 'again');
    if (canCopyCheckout) await packageElsewhere(out);
    else await packageApp(projectRoot, out, 'azureStorage', packedPolicy);
    const maps = (await listFiles(packaged.folder)).filter((file) => file.startsWith('source-maps/'));
    expect(maps.length).toBeGreaterThan(3);
    for (const name of ['app.zip', 'sbom.cdx.json', ...maps])
      expect([name, await digest(out, name)]).toEqual([name, await digest(packaged.folder, name)]);
  });

  it('stays within the size budget, whatever jobs the app has', async () => {
    const without = join(folder, 'without-jobs');
    await cp(join(packaged.folder, 'app'), without, { recursive: true });
    for (const file of packaged.files.filter((each) => /^dist\/(?!pages\/)/.test(each))) await rm(join(without, file));
    const plugins = [...app.plugins, noJobs];
    const { metafile } = await build({ ...app, plugins, outdir: join(without, 'dist'), sourcemap: false });
    expect(Object.keys(metafile.inputs).filter((path) => path.startsWith('src/jobs/'))).toEqual(['src/jobs/index.ts']);
    const files = await listFiles(without);
    const dist = join(without, 'dist');
    const started = await Promise.all((await atStart(dist)).map((file) => stat(join(dist, file))));
    const startBytes = started.reduce((sum, { size }) => sum + size, 0);
    expect(startBytes).toBeLessThan(budgetBytes.start);
    expect((await zipFolder(without, files)).byteLength).toBeLessThan(budgetBytes.zip);
  });

  // No image is built: that needs a container runtime. deployed.test.ts runs the folder on the embedded host.
  it('is what the Dockerfile copies to where the host looks for the app, and nothing else', async () => {
    const [dockerfile, ignored] = await Promise.all(
      ['Dockerfile', '.dockerignore'].map((name) => readFile(join(projectRoot, name), 'utf8')),
    );
    const [, from = '', to = ''] = /^COPY (\S+) (\S+)$/m.exec(dockerfile ?? '') ?? [];
    expect(dockerfile?.match(/^(?:COPY|ADD|RUN) /gm)).toEqual(['COPY ']);
    expect(join(packaged.folder, from.replace(/^out\//, ''), 'host.json')).toBe(join(packaged.folder, 'app/host.json'));
    expect(dockerfile).toContain(`AzureWebJobsScriptRoot=${to} `);
    expect(ignored?.trim().split('\n')).toEqual(['*', `!${from}`]);
  });

  it('writes the storage backend of runs into host.json, where the scale controller reads it', async () => {
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
