import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { zipFolder } from '../../../../src/cli/project/app-package.ts';
import { readArchive } from '../../../../src/cli/verify/released.ts';
import { readRelease } from '../../../../src/lib/health/release.ts';

const files = {
  'dist/index.js': 'the app',
  'dist/pages/part.js': 'a part',
  'dist/release.json': '{"version":"0.2.0","commit":"c0ffee","jobs":"contoso-broker"}',
  'access-policy.json': '{}',
};

describe('the digest of an archive', () => {
  let folder: string;
  const write = async (more: Readonly<Record<string, string>> = {}): Promise<string> => {
    const all = { ...files, ...more };
    for (const [path, text] of Object.entries(all)) {
      await mkdir(join(folder, 'app', path, '..'), { recursive: true });
      await writeFile(join(folder, 'app', path), text);
    }
    const archive = join(folder, 'app.zip');
    await writeFile(archive, await zipFolder(join(folder, 'app'), Object.keys(all)));
    return archive;
  };
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'released-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('is what the deployed files have, with their version and commit', async () => {
    const archive = await write();
    const { sha256, version } = await readArchive(archive);
    expect(version).toBe('0.2.0');
    expect(await readRelease(join(folder, 'app/dist'))).toEqual({
      version: '0.2.0',
      commit: 'c0ffee',
      jobs: 'contoso-broker',
      sha256,
    });
  });

  it('is another one after a file was changed or added where it is deployed', async () => {
    const { sha256 } = await readArchive(await write());
    for (const path of ['dist/pages/part.js', 'dist/pages/more.js']) {
      await writeFile(join(folder, 'app', path), 'changed');
      expect((await readRelease(join(folder, 'app/dist')))?.sha256).not.toBe(sha256);
      await rm(join(folder, 'app', path));
    }
  });

  it('does not depend on the access policy, which is not part of a release', async () => {
    const before = await readArchive(await write());
    expect(await readArchive(await write({ 'access-policy.json': '{"version":1}' }))).toEqual(before);
  });

  it('can be computed with sha256sum', async () => {
    const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
    const names = ['index.js', 'pages/part.js', 'release.json'];
    const archive = await write();
    const lines = names.map((name) => `${sha256(files[`dist/${name}` as keyof typeof files])}  ${name}\n`);
    expect((await readArchive(archive)).sha256).toBe(sha256(lines.join('')));
  });

  it('is refused for an archive that does not have its checksum in SHA256SUMS', async () => {
    const archive = await write();
    const sums = join(folder, 'SHA256SUMS');
    await writeFile(sums, `${'0'.repeat(64)}  sbom.cdx.json\n${'0'.repeat(64)}  app.zip\n`);
    await expect(readArchive(archive)).rejects.toThrow(/does not have its checksum in SHA256SUMS. Download both again/);
    const own = createHash('sha256')
      .update(await readFile(archive))
      .digest('hex');
    await writeFile(sums, `${own}  app.zip\n`);
    expect((await readArchive(archive)).sha256).toMatch(/^[0-9a-f]{64}$/);
  });

  it('finds a checksum that was computed in binary mode', async () => {
    const archive = await write();
    await writeFile(join(folder, 'SHA256SUMS'), `${'0'.repeat(64)} *app.zip\r\n`);
    await expect(readArchive(archive)).rejects.toThrow(/does not have its checksum/);
  });

  it('is refused if SHA256SUMS has no line for the archive, or cannot be read', async () => {
    const archive = await write();
    const sums = join(folder, 'SHA256SUMS');
    await writeFile(sums, `${'0'.repeat(64)}  my-app.zip\n`);
    await expect(readArchive(archive)).rejects.toThrow(/has no line for it\. Name the file as the release does/);
    await rm(sums);
    await mkdir(sums);
    await expect(readArchive(archive)).rejects.toThrow(/SHA256SUMS beside .* cannot be read \(EISDIR\)/);
  });

  it.each([
    ['no zip file', async (file: string) => writeFile(file, 'text')],
    ['an archive of something else', async (file: string) => writeFile(file, await zipFolder(folder, []))],
  ])('is refused for %s', async (_, make) => {
    const file = join(folder, 'other.zip');
    await make(file);
    await expect(readArchive(file)).rejects.toThrow(/other\.zip is not an archive of the app\. Name app\.zip/);
  });

  it('is refused for a file that is not there', async () => {
    await expect(readArchive(join(folder, 'none.zip'))).rejects.toThrow(/cannot be read \(ENOENT\)/);
  });

  it.each([
    ['AzureStorage', 'durableTaskScheduler', 'keeps runs in azureStorage, and DURABLE_BACKEND is durableTaskScheduler'],
    ['azureManaged', 'azureStorage', 'keeps runs in durableTaskScheduler, and DURABLE_BACKEND is azureStorage'],
    ['AzureStorage', 'azureStorage', undefined],
    ['azureManaged', 'durableTaskScheduler', undefined],
    ['azureManaged', '', undefined],
  ])('is refused with runs in %s for an environment with %s', async (type, backend, problem) => {
    const host = { version: '2.0', extensions: { durableTask: { storageProvider: { type } } } };
    const archive = await write({ 'host.json': JSON.stringify(host) });
    const read = readArchive(archive, backend);
    if (problem === undefined) expect(await read).toEqual(await readArchive(await write()));
    else await expect(read).rejects.toThrow(`${problem}: no run would start there. Package it again with`);
  });
});
