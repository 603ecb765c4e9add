import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Job } from '../../../src/lib/runs/job.ts';
import { projectRoot } from '../../paths.ts';
import { tryJob } from '../../support/try-job.ts';

let folder: string;
let example: Job;

beforeAll(async () => {
  const text = await readFile(join(projectRoot, 'docs/jobs.md'), 'utf8');
  const [, code = ''] = /```ts\n(import \{ defineJob \}[\s\S]*?)```/.exec(text) ?? [];
  await mkdir(join(projectRoot, '.local'), { recursive: true });
  folder = await mkdtemp(join(projectRoot, '.local', 'docs-example-'));
  const file = join(folder, 'stale-guests.ts');
  await writeFile(file, code.replace("'../lib/runs/job.ts'", `'${join(projectRoot, 'src/lib/runs/job.ts')}'`));
  ({ default: example } = (await import(file)) as { default: Job });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test('the job of docs/jobs.md does what it says: guests without a sign-in for 90 days', async () => {
  const signedIn = (lastSignInDateTime: string) => ({ signInActivity: { lastSignInDateTime } });
  const { rows, requests } = await tryJob(example, {
    nowMs: Date.parse('2026-11-24T00:00:00Z'),
    graph: {
      '/users': {
        value: [
          { userPrincipalName: 'new#EXT#', ...signedIn('2026-11-01T00:00:00Z') },
          { userPrincipalName: 'old#EXT#', ...signedIn('2026-01-01T00:00:00Z') },
          { userPrincipalName: 'never#EXT#' },
        ],
      },
    },
  });
  expect(rows).toEqual([
    { user: 'old#EXT#', lastSignIn: '2026-01-01T00:00:00Z' },
    { user: 'never#EXT#', lastSignIn: null },
  ]);
  expect(requests[0]?.url.searchParams.get('$filter')).toBe("userType eq 'Guest'");
});

test('the test of docs/jobs.md passes', async () => {
  const { rows } = await tryJob(example, { graph: { '/users': { value: [{ userPrincipalName: 'a#EXT#' }] } } });
  expect(rows).toEqual([{ user: 'a#EXT#', lastSignIn: null }]);
});
