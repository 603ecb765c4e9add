import { mkdir, mkdtemp, readdir, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import project from '../../../../package.json' with { type: 'json' };
import { listFiles } from '../../../../src/lib/health/release.ts';
import { packageProject } from '../../../../src/cli/project/own-project.ts';

const ownVersion = project.version;

describe('ptb package', () => {
  let place: string;
  const write = async (path: string, text = ''): Promise<void> => {
    await mkdir(dirname(join(place, path)), { recursive: true });
    await writeFile(join(place, path), text);
  };
  beforeEach(async () => {
    place = await realpath(await mkdtemp(join(tmpdir(), 'own-')));
  });
  afterEach(() => rm(place, { recursive: true, force: true }));

  const installPackages = async (own: string, version = ownVersion): Promise<void> => {
    const manifest = { name: 'partner-token-broker', version };
    await write(`${own}/node_modules/partner-token-broker/package.json`, JSON.stringify(manifest));
    await write(`${own}/node_modules/esbuild/index.js`);
  };

  it('refuses to package the app of another version than the project depends on', async () => {
    await write('project/src/jobs/index.ts', 'export const jobs = [];');
    const packaged = () => packageProject(join(place, 'project'), join(place, 'project/out'), 'azureStorage');
    await expect(packaged()).rejects.toThrow(/is not installed in this project\. Run `npm install` here/);
    await installPackages('project', '0.0.9');
    await expect(packaged()).rejects.toThrow(
      `This is ptb ${ownVersion}, but the project has partner-token-broker 0.0.9. Run \`npx ptb\` here.`,
    );
    expect(await readdir(join(place, 'project'))).not.toContain('out');
  });

  it.each([
    ['the project itself, by its place', 'app', '.'],
    ['other files', 'project', 'project/other'],
  ])('refuses a folder where it would remove %s', async (_, own, out) => {
    await write(`${own}/src/jobs/index.ts`, 'export const jobs = [];');
    await write(`${own}/dist/built-in-jobs.js`);
    await write('project/other/app/notes.txt');
    await installPackages(own);
    const before = await listFiles(place);
    await expect(packageProject(join(place, own), join(place, out), 'azureStorage')).rejects.toThrow(
      /--out: .*app would be removed\. Name another folder\.$/,
    );
    expect(await listFiles(place)).toEqual(before);
  });
});
