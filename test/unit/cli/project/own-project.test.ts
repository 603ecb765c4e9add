import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { listFiles } from '../../../../src/cli/project/app-package.ts';
import { packageProject } from '../../../../src/cli/project/own-project.ts';

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

  it.each([
    ['the project itself, by its place', 'app', '.'],
    ['other files', 'project', 'project/other'],
  ])('refuses a folder where it would remove %s', async (_, project, out) => {
    await write(`${project}/src/jobs/index.ts`, 'export const jobs = [];');
    await write(`${project}/dist/built-in-jobs.js`);
    await write('project/other/app/notes.txt');
    const before = await listFiles(place);
    await expect(packageProject(join(place, project), join(place, out), 'azureStorage')).rejects.toThrow(
      /--out: .*app would be removed\. Name another folder\.$/,
    );
    expect(await listFiles(place)).toEqual(before);
  });
});
