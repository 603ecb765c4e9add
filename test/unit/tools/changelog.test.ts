import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { changelogSection, withSection } from '../../../tools/changelog.ts';
import { projectRoot } from '../../paths.ts';

const run = promisify(execFile);
const commit = (subject: string, body = '') => ({ hash: 'abc1234', subject, body });

describe('changelogSection', () => {
  it('groups features, fixes and speed-ups, and leaves out other types and unconventional subjects', () => {
    const section = changelogSection('1.2.0', [
      commit('feat(broker): serve groups of tenants'),
      commit('fix: accept an empty page'),
      commit('perf(runs): write records in batches'),
      commit('refactor(lib): move files'),
      commit('Say things twice'),
    ]);
    expect(section).toBe(
      [
        '## 1.2.0\n',
        '### Added\n',
        '- **broker**: serve groups of tenants (abc1234)\n',
        '### Fixed\n',
        '- accept an empty page (abc1234)\n',
        '### Faster\n',
        '- **runs**: write records in batches (abc1234)\n',
      ].join('\n'),
    );
  });

  it('lists a breaking change of any type by its footer, or else by its subject', () => {
    const section = changelogSection('2.0.0', [
      commit('refactor(config)!: rename a setting'),
      commit('feat(api): page the runs', 'Why.\n\nBREAKING CHANGE: send `limit`\nwith each request.\n\nMore.'),
      commit('feat: plain', 'BREAKING CHANGE: one line.'),
    ]);
    expect(section).toContain(
      [
        '### Breaking\n',
        '- **config**: rename a setting (abc1234)',
        '- **api**: send `limit` with each request. (abc1234)',
        '- one line. (abc1234)\n',
      ].join('\n'),
    );
  });

  it('says so if no commit concerns users', () => {
    expect(changelogSection('1.0.1', [commit('docs: fix a link')])).toBe(
      '## 1.0.1\n\nNo change that concerns users.\n',
    );
  });
});

describe('withSection', () => {
  const older = '# Changelog\n\nText.\n\n## 1.0.0\n\n- old\n';

  it('inserts a new version above the older ones', () => {
    expect(withSection(older, '1.1.0', '## 1.1.0\n\n- new\n')).toBe(
      '# Changelog\n\nText.\n\n## 1.1.0\n\n- new\n\n## 1.0.0\n\n- old\n',
    );
  });

  it('replaces the section of the same version', () => {
    expect(withSection(older, '1.0.0', '## 1.0.0\n\n- new\n')).toBe('# Changelog\n\nText.\n\n## 1.0.0\n\n- new\n');
  });
});

describe('npm run changelog', () => {
  let folder: string;
  const git = (...args: readonly string[]) =>
    run('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.com', ...args], { cwd: folder });
  const add = (subject: string) => git('commit', '--quiet', '--allow-empty', '--message', subject);
  const changelog = (...args: readonly string[]) =>
    run(process.execPath, [join(projectRoot, 'tools/changelog.ts'), ...args], { cwd: folder });

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'changelog-'));
    await git('init', '--quiet');
    await add('feat: first');
    await git('tag', 'v1.0.0');
    await add('fix: second');
    await writeFile(join(folder, 'package.json'), '{ "version": "1.1.0" }');
    await writeFile(join(folder, 'CHANGELOG.md'), '# Changelog\n');
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('takes the commits since the last tag, also when the new version is tagged', async () => {
    await changelog();
    const text = await readFile(join(folder, 'CHANGELOG.md'), 'utf8');
    expect(text).toMatch(/^# Changelog\n## 1\.1\.0\n\n### Fixed\n\n- second \(\w+\)\n$/);
    await git('tag', 'v1.1.0');
    const { stdout } = await changelog('--print');
    expect(text).toContain(stdout.trim());
    expect(stdout).not.toContain('first');
  });
});
