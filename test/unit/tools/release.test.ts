import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import project from '../../../package.json' with { type: 'json' };
import { sectionOf, withRelease } from '../../../tools/release.ts';
import { projectRoot } from '../../paths.ts';

const run = promisify(execFile);

describe('the changelog of a release', () => {
  const changelog = '# Changelog\n\nText.\n\n## Unreleased\n\n- $& new\n\n## 1.0.0\n\n- old\n';

  it('gives what waited the version', () => {
    const released = withRelease(changelog, '1.1.0');
    expect(released).toBe('# Changelog\n\nText.\n\n## Unreleased\n\n## 1.1.0\n\n- $& new\n\n## 1.0.0\n\n- old\n');
    expect(sectionOf(released, '1.1.0')).toBe('- $& new');
    expect(sectionOf(released, '1.1')).toBe('');
  });

  it('refuses a release without a line for users', () => {
    const released = withRelease(changelog, '1.1.0');
    expect(() => withRelease(released, '1.2.0')).toThrow('CHANGELOG.md has nothing under "Unreleased".');
  });
});

interface Manifest {
  readonly version: string;
  readonly dependencies?: Record<string, string>;
  readonly devDependencies?: Record<string, string>;
}

describe('npm version', () => {
  /** Every file that holds the version of the product. */
  const files = [
    'package.json',
    'package-lock.json',
    'packages/functions-host/package.json',
    'packages/graph-permissions/package.json',
    'packages/microsoft-cloud/package.json',
    'clients/typescript/package.json',
    'clients/powershell/PartnerTokenBroker/PartnerTokenBroker.psd1',
    'azure.yaml',
  ];
  let folder: string;
  const git = (...args: readonly string[]) =>
    run('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.com', ...args], { cwd: folder });
  const json = async (file: string) =>
    JSON.parse(await readFile(join(folder, file), 'utf8')) as Manifest & {
      packages: Record<string, Manifest>;
    };
  const own = /^(?:functions-host|graph-permissions|microsoft-cloud)$/;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'release-'));
    for (const file of [
      ...files,
      'CHANGELOG.md',
      'tools/release.ts',
      'tools/require-node.mjs',
      'src/cli/version-problem.mjs',
    ]) {
      await mkdir(dirname(join(folder, file)), { recursive: true });
      await cp(join(projectRoot, file), join(folder, file));
    }
    await writeFile(join(folder, 'CHANGELOG.md'), '# Changelog\n\n## Unreleased\n\n- new\n');
    await git('init', '--quiet');
    await git('add', '.');
    await git('commit', '--quiet', '--message', 'chore: begin');
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('gives all packages the version in one commit with a tag, and changes no other line', async () => {
    await run('npm', ['version', '7.8.9', '--message', 'chore(release): %s', '--ignore-scripts=false'], {
      cwd: folder,
      env: {
        ...process.env,
        GIT_AUTHOR_NAME: 't',
        GIT_AUTHOR_EMAIL: 't@e.example',
        GIT_COMMITTER_NAME: 't',
        GIT_COMMITTER_EMAIL: 't@e.example',
      },
    });
    const { stdout: status } = await git('status', '--porcelain');
    expect(status).toBe('');
    const { stdout: tags } = await git('tag');
    expect(tags.trim()).toBe('v7.8.9');
    const { stdout: changed } = await git('diff', '--stat', '--name-only', 'HEAD~1');
    expect(changed.trim().split('\n').toSorted()).toEqual([...files, 'CHANGELOG.md'].toSorted());
    // Lines are changed in place: what stood there before was the version of the product.
    const { stdout: diff } = await git('diff', '--unified=0', 'HEAD~1', '--', ...files);
    const lines = (sign: string) => diff.split('\n').filter((line) => line.startsWith(`${sign} `));
    expect(lines('+')).toEqual(lines('-').map((line) => line.replace(project.version, '7.8.9').replace('-', '+')));

    const locked = await json('package-lock.json');
    const manifests = await Promise.all(files.filter((file) => file.endsWith('/package.json')).map(json));
    const all = [
      await json('package.json'),
      ...manifests,
      locked,
      ...Object.entries(locked.packages).flatMap(([path, entry]) => (/^(?:packages\/.*)?$/.test(path) ? [entry] : [])),
    ];
    expect(all.map(({ version }) => version)).toEqual(Array.from({ length: 10 }, () => '7.8.9'));
    const dependencies = all.flatMap(({ dependencies: needed = {}, devDependencies = {} }) =>
      Object.entries({ ...needed, ...devDependencies }).filter(([name]) => own.test(name)),
    );
    expect(new Set(dependencies.map(([, version]) => version))).toEqual(new Set(['7.8.9']));
    const texts = await Promise.all(files.slice(-2).map((file) => readFile(join(folder, file), 'utf8')));
    expect(texts.map((text) => text.includes('7.8.9'))).toEqual([true, true]);
    const { stdout: notes } = await run(process.execPath, ['tools/release.ts', '--print'], { cwd: folder });
    expect(notes).toBe('- new\n');
  });
});
