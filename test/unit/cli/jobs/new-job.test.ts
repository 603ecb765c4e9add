import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { importNameOf, withJob } from '../../../../src/cli/jobs/job-template.ts';
import { newJob } from '../../../../src/cli/jobs/new-job.ts';
import { dayMs, isoTime } from '../../../../src/lib/core/clock.ts';
import { loadNewJob } from '../../../support/docs-example.ts';
import { tryJob } from '../../../support/try-job.ts';
import { jobList } from './job-list.ts';

const nowMs = Date.parse('2026-11-24T00:00:00Z');

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

it('writes a job that changes tenants, with a test that plans, applies and takes back', async () => {
  const [job = '', test = ''] = await newJob(folder, 'no-new-groups', true);
  expect(await read(job)).toContain(
    "export default defineChange({\n  name: 'no-new-groups',\n  title: 'No new groups',",
  );
  expect(await read(test)).toContain('await tryChange(job)');
  expect(await read('src/jobs/index.ts')).toContain("\nimport noNewGroups from './no-new-groups.ts';\n");
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

it('writes a job that returns users whose password is older than its parameter says', async () => {
  const job = await loadNewJob();
  const user = (id: string, days: number) => ({
    id,
    userPrincipalName: `${id}@contoso.com`,
    lastPasswordChangeDateTime: isoTime(nowMs - days * dayMs),
  });
  const found = async (parameters: Readonly<Record<string, unknown>>) => {
    const graph = { '/users': { value: [user('a', 364), user('b', 365), user('c', 999)] } };
    return (await tryJob(job, { nowMs, graph, parameters })).rows.map(({ id }) => id);
  };
  expect(await found({})).toEqual(['b', 'c']);
  expect(await found({ days: 366 })).toEqual(['c']);
  await expect(found({ days: 0 })).rejects.toThrow('days');
});
