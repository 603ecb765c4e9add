import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { importNameOf, jobSource, withJob } from '../../../../src/cli/jobs/job-template.ts';
import { newJob } from '../../../../src/cli/jobs/new-job.ts';
import type { Job } from '../../../../src/lib/runs/job/job.ts';
import { projectRoot } from '../../../paths.ts';
import { tryJob } from '../../../support/try-job.ts';
import { jobList } from './job-list.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ptb-new-job-'));
  await mkdir(join(folder, 'src/jobs'), { recursive: true });
  await mkdir(join(folder, 'test/unit/jobs'), { recursive: true });
  await writeFile(join(folder, 'src/jobs/index.ts'), jobList);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const read = (path: string): Promise<string> => readFile(join(folder, path), 'utf8');

it('writes the job, its test and its line in the list', async () => {
  const files = ['src/jobs/stale-guests.ts', 'test/unit/jobs/stale-guests.test.ts', 'src/jobs/index.ts'];
  expect(await newJob(folder, 'stale-guests')).toEqual(files);
  expect(await read(files[0]!)).toContain("  name: 'stale-guests',\n  title: 'Stale guests',");
  expect(await read(files[1]!)).toContain("import job from '../../../src/jobs/stale-guests.ts';");
  const index = await read(files[2]!);
  expect(index).toContain("\nimport staleGuests from './stale-guests.ts';\n");
  expect(index.replaceAll(/\s+/g, ' ')).toMatch(/secretExpiryReport, staleGuests,? ?\];/);
});

it.each([
  ['Stale Guests', 'at most 40 lower case letters'],
  ['stale--guests', 'single hyphens'],
  ['-guests', 'at most 40 lower case letters'],
  ['a'.repeat(41), 'at most 40'],
  ['import', 'is a word of the language'],
  ['jobs', 'uses the name jobs already'],
  ['eval', 'is a word of the language'],
  ['../guests', 'at most 40 lower case letters'],
])('rejects the name %j and writes nothing', async (name, message) => {
  await expect(newJob(folder, name)).rejects.toThrow(message);
  expect(await read('src/jobs/index.ts')).toBe(jobList);
});

it('overwrites no file, in whichever folder the name is taken', async () => {
  for (const path of ['src/jobs/mine.ts', 'test/unit/jobs/mine.test.ts']) {
    await writeFile(join(folder, path), 'mine');
    await expect(newJob(folder, 'mine')).rejects.toThrow(`${path} exists already`);
    expect([await read(path), await read('src/jobs/index.ts')]).toEqual(['mine', jobList]);
    await rm(join(folder, path));
  }
});

it('says where to run it, and what to do if the list has another form', async () => {
  await expect(newJob(tmpdir(), 'mine')).rejects.toThrow('Run the command in the folder of the project.');
  await writeFile(join(folder, 'src/jobs/index.ts'), 'export const jobs = [];');
  await expect(newJob(folder, 'mine')).rejects.toThrow('or add the job by hand');
});

it('adds job after job, on several lines when one is too short', () => {
  let index = jobList;
  for (let number = 1; number <= 9; number += 1) index = withJob(index, `report-number-${number}`) ?? '';
  expect(index.match(/^import reportNumber\d from/gm)).toHaveLength(9);
  expect(index).toMatch(/\[\n( {2}\w+,\n){11}\];\n$/);
  expect(importNameOf('report-2-x')).toBe('report2X');
});

it('writes a job with a parameter that works', async () => {
  const local = join(projectRoot, '.local');
  await mkdir(local, { recursive: true });
  const own = await mkdtemp(join(local, 'new-job-'));
  try {
    const library = join(projectRoot, 'src/lib/runs/job/job.ts');
    await writeFile(join(own, 'job.ts'), jobSource('stale-guests').replace('../lib/runs/job/job.ts', library));
    const { default: job } = (await import(join(own, 'job.ts'))) as { default: Job };
    const value = [true, false].map((accountEnabled) => ({ userPrincipalName: `${accountEnabled}@x`, accountEnabled }));
    const users = async (parameters: object) =>
      (await tryJob(job, { graph: { '/users': { value } }, parameters: { ...parameters } })).rows.map(
        ({ user }) => user,
      );
    expect(await users({})).toEqual(['true@x', 'false@x']);
    expect(await users({ enabledOnly: true })).toEqual(['true@x']);
  } finally {
    await rm(own, { recursive: true });
  }
});
