import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { saveQuery } from '../../../../src/cli/query/save-query.ts';
import { projectRoot } from '../../../paths.ts';
import { jobList } from '../jobs/job-list.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ptb-save-query-'));
  await mkdir(join(folder, 'src/jobs'), { recursive: true });
  await mkdir(join(folder, 'test/unit/jobs'), { recursive: true });
  await writeFile(join(folder, 'src/jobs/index.ts'), jobList);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const read = (path: string): Promise<string> => readFile(join(folder, path), 'utf8');

/** The text as `npm run check` wants it. */
const formatted = (path: string, text: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const biome = join(projectRoot, 'node_modules/.bin/biome');
    const child = execFile(biome, ['format', `--stdin-file-path=${path}`], { cwd: projectRoot }, (error, stdout) =>
      error === null ? resolve(stdout) : reject(error),
    );
    child.stdin?.end(text);
  });

describe('a saved query', () => {
  it('is a job with the narrowest permission, and a test', async () => {
    const query = { name: 'guest-list', path: "/users?$filter=userType eq 'Guest'", select: ['displayName', 'mail'] };
    const files = ['src/jobs/guest-list.ts', 'test/unit/jobs/guest-list.test.ts', 'src/jobs/index.ts'];
    const more = { schedule: '0 15 6 * * 1', tenants: ['tag:managed'], except: ['contoso.com'] };
    expect(await saveQuery(folder, { ...query, ...more })).toEqual(files);
    expect(await read('src/jobs/guest-list.ts')).toContain(`export default defineQueryJob({
  name: 'guest-list',
  title: 'Guest list',
  schedule: '0 15 6 * * 1',
  path: "/users?$filter=userType%20eq%20'Guest'&$select=displayName,mail",
  permissions: ['User.Read.All'],
  tenants: ['tag:managed'],
  except: ['contoso.com'],
});
`);
    expect(await read('src/jobs/index.ts')).toContain("import guestList from './guest-list.ts';");
  });

  const names = Array.from({ length: 9 }, (_, index) => `aPropertyName${index}`);
  it.each([
    ['/users', []],
    ['/groups?$search="displayName:it\'s"', ['id', 'displayName']],
    [`/users?$select=${names.slice(0, 6).join(',')}`, []],
    [`/users?$select=${names.slice(0, 7).join(',')},x`, []],
    [`/users?$select=${names.join(',')}`, []],
    [`/users/${'a'.repeat(8)}-0000-4000-8000-000000000001/memberOf`, names],
  ])('to %s has the form that the formatter wants', async (path, select) => {
    await saveQuery(folder, { name: 'probe', path, select, tenants: names.map((name) => `tag:${name.toLowerCase()}`) });
    for (const file of ['src/jobs/probe.ts', 'test/unit/jobs/probe.test.ts']) {
      const text = await read(file);
      expect(text).toBe(await formatted(file, text));
    }
  });

  it.each([
    [{ path: '/users', schedule: 'daily' }, /--schedule "daily" must have six fields/],
    [{ path: '/nothing/known' }, /No permission of the built-in map opens the request/],
    [{ path: 'https://graph.microsoft.com/v1.0/users' }, /is an address/],
    [{ path: '/users', name: 'query' }, /is the name of queries/],
    [{ path: '/users', tenants: ['no domain'] }, /tenants: "no domain"/],
  ])('is not written for %j', async (query, reason) => {
    await expect(saveQuery(folder, { name: 'probe', ...query })).rejects.toThrow(reason);
    expect(await read('src/jobs/index.ts')).toBe(jobList);
    await expect(read('src/jobs/probe.ts')).rejects.toThrow('ENOENT');
  });
});
