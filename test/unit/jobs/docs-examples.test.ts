import { afterAll, beforeAll, expect, test } from 'vitest';
import { jobParameters } from '../../../src/lib/runs/job/job-parameters.ts';
import { loadDocsExample, loadDocsParameters } from '../../support/docs-example.ts';
import { tryJob } from '../../support/try-job.ts';

let example: Awaited<ReturnType<typeof loadDocsExample>>;
beforeAll(async () => {
  example = await loadDocsExample();
});
afterAll(() => example.remove());

test('the parameters in docs/write-a-job.md can be those of a job', async () => {
  const { fields } = jobParameters(await loadDocsParameters());
  expect(fields.map(({ name, kind }) => [name, kind])).toEqual([
    ['days', 'number'],
    ['only', 'choice'],
    ['domains', 'texts'],
  ]);
});

test.each([
  [undefined, ['old#EXT#', 'never#EXT#']],
  [10, ['new#EXT#', 'old#EXT#', 'never#EXT#']],
])('the job in docs/write-a-job.md finds guests without a sign-in for its days, %s', async (days, users) => {
  const signedIn = (lastSignInDateTime: string) => ({ signInActivity: { lastSignInDateTime } });
  const { rows, requests } = await tryJob(example.job, {
    ...(days === undefined ? {} : { parameters: { days } }),
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
  expect(rows.map(({ user }) => user)).toEqual(users);
  expect(rows.at(-1)).toEqual({ user: 'never#EXT#', lastSignIn: null });
  expect(requests[0]?.url.searchParams.get('$filter')).toBe("userType eq 'Guest'");
});

test('the test in docs/write-a-job.md passes', async () => {
  const { rows } = await tryJob(example.job, { graph: { '/users': { value: [{ userPrincipalName: 'a#EXT#' }] } } });
  expect(rows).toEqual([{ user: 'a#EXT#', lastSignIn: null }]);
});
