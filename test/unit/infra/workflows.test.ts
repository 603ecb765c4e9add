import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { projectRoot } from '../../paths.ts';

const folder = join(projectRoot, '.github/workflows');

describe.each(readdirSync(folder))('the workflow %s', (name) => {
  const text = readFileSync(join(folder, name), 'utf8');

  it('pins every action to a full commit, with its version in a comment', () => {
    const uses = text.split('\n').filter((line) => /^\s*-?\s*uses:/.test(line));
    expect(uses.length).toBeGreaterThan(0);
    expect(uses.filter((line) => !/uses: [\w-]+\/[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/.test(line))).toEqual([]);
  });

  it('has only read permission by default, and keeps no credential in the checkout', () => {
    expect(text).toMatch(/^permissions:\n {2}contents: read$/m);
    const checkouts = text.match(/uses: actions\/checkout@/g) ?? [];
    expect(text.match(/persist-credentials: false/g)).toHaveLength(checkouts.length);
  });

  it('does not use pull_request_target, and puts no expression into a script', () => {
    expect(text).not.toContain('pull_request_target');
    const scripts = text.split('\n').filter((line) => /\brun:|^\s+gh /.test(line));
    expect(scripts.filter((line) => line.includes('${{'))).toEqual([]);
  });
});

/** The text of each job of a workflow, by name. */
function jobsOf(workflow: string): ReadonlyMap<string, string> {
  const text = readFileSync(join(folder, workflow), 'utf8');
  const parts = text.slice(text.indexOf('\njobs:\n')).split(/^ {2}(?=[\w-]+:\n)/m);
  return new Map(parts.slice(1).map((part) => [part.slice(0, part.indexOf(':')), part]));
}

it.each([
  ['check.yml', 'check'],
  ['release.yml', 'test'],
])('the tests of %s have every tool without which some skip', (workflow, job) => {
  const text = jobsOf(workflow).get(job) ?? '';
  const framework = /<TargetFramework>net([\d.]+)</.exec(
    readFileSync(join(projectRoot, 'tools/host-options/HostOptions.csproj'), 'utf8'),
  )?.[1];
  expect(text).toMatch(
    /setup-dotnet@[^]*\.\/\.ci\/install-tools\n[^]*npm test\n[^]*PTB_CHROMIUM[^]*npm run test:rest\n[^]*PTB_CHROMIUM/,
  );
  expect(text).toContain(`dotnet-version: ${framework}.x`);
});

it.each(readdirSync(folder))('%s fails if a file that it uploads is missing', (name) => {
  const text = readFileSync(join(folder, name), 'utf8');
  const uploads = text.match(/uses: actions\/upload-artifact@/g) ?? [];
  expect(text.match(/if-no-files-found: error/g) ?? []).toHaveLength(uploads.length);
});

/** Permissions that change a release or prove its origin. */
const strongPermission = /^ +(contents|id-token|attestations|packages|actions): write$/m;

describe.each(readdirSync(folder))('the jobs of %s', (workflow) => {
  const jobs = jobsOf(workflow);

  it('run code of the repository or its dependencies only without strong permissions', () => {
    expect(jobs.size).toBeGreaterThan(0);
    const strong = [...jobs].filter(([, text]) => strongPermission.test(text));
    // npm publishes an archive without running its scripts, and needs the current version of Node.js for that.
    const published = /actions\/setup-node@.*|npm view "\$\w+" version|npm publish "\.\/\$\w+" --ignore-scripts /g;
    const running = strong.filter(([, text]) =>
      /actions\/checkout|actions\/setup-node|\b(npm|npx|node) /.test(
        text.includes('npm publish ') ? text.replaceAll(published, '') : text,
      ),
    );
    expect(running.map(([name]) => name)).toEqual([]);
  });

  it('either sign or publish', () => {
    const both = [...jobs].filter(([, text]) => text.includes('id-token: write') && text.includes('contents: write'));
    expect(both.map(([name]) => name)).toEqual([]);
  });
});

describe('the release', () => {
  const jobs = jobsOf('release.yml');
  const job = (name: string): string => jobs.get(name) ?? '';
  const needs = (name: string): string | undefined => /^ {4}needs: (.*)$/m.exec(job(name))?.[1];

  it('signs only what the tests passed and two builds agree on, and publishes only what is signed', () => {
    expect(needs('attest')).toBe('[test, build, rebuild]');
    for (const name of ['publish', 'publish-npm']) expect(needs(name)).toBe('attest');
    expect(job('attest')).toMatch(/cmp release\/SHA256SUMS rebuilt\/SHA256SUMS[^]*attest-build-provenance@/);
  });

  it('builds the second time on another runner and in another folder', () => {
    expect(job('rebuild')).toMatch(/uses: actions\/checkout@[^]*path: elsewhere\/again/);
    expect(job('rebuild')).toContain('working-directory: elsewhere/again');
    expect(job('build')).not.toContain('elsewhere');
    for (const name of ['build', 'rebuild']) expect(job(name)).toContain('npm run package:npm');
  });

  it('signs and publishes files whose digests were checked', () => {
    for (const name of ['attest', 'publish', 'publish-npm'])
      expect(job(name)).toContain('sha256sum --check --strict SHA256SUMS');
    expect(job('attest')).toContain('subject-checksums: release/SHA256SUMS');
  });

  it('publishes to npm the files that the registry does not have yet, as files', async () => {
    const place = await mkdtemp(join(tmpdir(), 'publish-'));
    try {
      await mkdir(join(place, 'release'));
      for (const name of ['first', 'second']) {
        await mkdir(join(place, 'package'), { recursive: true });
        await writeFile(join(place, 'package/package.json'), JSON.stringify({ name, version: '1.2.3' }));
        execFileSync('tar', ['-czf', `release/${name}-1.2.3.tgz`, 'package'], { cwd: place });
      }
      // A registry that has the first package.
      const npm = `#!/bin/sh\ncase "$1 $2" in 'view first@1.2.3') echo 1.2.3 ;; view*) exit 1 ;; *) echo "$*" ;; esac\n`;
      await writeFile(join(place, 'npm'), npm, { mode: 0o755 });
      const script = /- run: \|\n((?: {10}.*\n)+)$/.exec(job('publish-npm'))?.[1] ?? '';
      const env = { ...process.env, PATH: `${place}:${process.env['PATH']}` };
      expect(execFileSync('bash', ['-e', '-c', script], { cwd: place, env, encoding: 'utf8' })).toBe(
        'publish ./release/second-1.2.3.tgz --ignore-scripts --access public --provenance\n',
      );
    } finally {
      await rm(place, { recursive: true });
    }
  });

  it('gives each job the permissions that it needs', () => {
    const permissions = [...jobs].map(([name, text]) => [name, ...(text.match(/^ +[\w-]+: write$/gm) ?? [])]);
    expect(permissions.map((each) => each.map((text) => text.trim()).join(', '))).toEqual([
      'test',
      'build',
      'rebuild',
      'attest, id-token: write, attestations: write',
      'publish, contents: write',
      'publish-npm, id-token: write',
    ]);
  });
});
