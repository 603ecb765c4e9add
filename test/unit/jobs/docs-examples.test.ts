import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadDocsExample } from '../../support/docs-example.ts';
import { tryJob } from '../../support/try-job.ts';

let example: Awaited<ReturnType<typeof loadDocsExample>>;
beforeAll(async () => {
  example = await loadDocsExample();
});
afterAll(() => example.remove());

test('the job in docs/jobs.md finds guests without a sign-in for 90 days', async () => {
  const signedIn = (lastSignInDateTime: string) => ({ signInActivity: { lastSignInDateTime } });
  const { rows, requests } = await tryJob(example.job, {
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

test('the test in docs/jobs.md passes', async () => {
  const { rows } = await tryJob(example.job, { graph: { '/users': { value: [{ userPrincipalName: 'a#EXT#' }] } } });
  expect(rows).toEqual([{ user: 'a#EXT#', lastSignIn: null }]);
});
