import { expect, it } from 'vitest';
import {
  queryJobText,
  type QueryJobText,
  titleOf,
  withoutVersion,
} from '../../../../../src/lib/runs/job/query-job-text.ts';

/* The source of a job. test/e2e shows that the app runs it, and the formatter finds nothing to change. */

const query: QueryJobText = { name: 'stale-guests', path: '/v1.0/users', permissions: ['User.Read.All'] };
const bodyOf = (more: Partial<QueryJobText>): string[] =>
  queryJobText({ ...query, ...more })
    .split('\n')
    .filter((line) => line.startsWith('  '));

it('a job has a name, a title, a path without a version and permissions', () => {
  expect(queryJobText(query)).toBe(`import { defineQueryJob } from '../lib/runs/job/query-job.ts';

/** Runs with these permissions, and not under the rules of whoever saved the query. */
export default defineQueryJob({
  name: 'stale-guests',
  title: 'Stale guests',
  path: '/users',
  permissions: ['User.Read.All'],
});
`);
});

it('a job has what else was given, in this order', () => {
  const more = { schedule: '0 0 5 * * *', tenants: ['group:a', 'contoso.com'], except: ['tag:b'], permissions: [] };
  expect(bodyOf(more)).toEqual([
    "  name: 'stale-guests',",
    "  title: 'Stale guests',",
    "  schedule: '0 0 5 * * *',",
    "  path: '/users',",
    "  tenants: ['group:a', 'contoso.com'],",
    "  except: ['tag:b'],",
  ]);
});

it('a path is on a line of its own if it fits there only, which is 120 characters long', () => {
  const path = (length: number): string => `/${'x'.repeat(length - 1)}`;
  const lines = (length: number) => bodyOf({ path: path(length), permissions: [] }).slice(2);
  // 2 spaces, "path:", a space, 2 quotes and a comma.
  expect(lines(109)).toEqual([`  path: '${path(109)}',`]);
  expect(lines(110)).toEqual(['  path:', `    '${path(110)}',`]);
  expect(lines(113)).toEqual(['  path:', `    '${path(113)}',`]);
  // It fits nowhere.
  expect(lines(114)).toEqual([`  path: '${path(114)}',`]);
});

it('a list is on one line if that has 120 characters at most, and otherwise on a line for each text', () => {
  const permission = (length: number): string => 'P'.repeat(length);
  const lines = (length: number) => bodyOf({ permissions: [permission(length), 'User.Read'] }).slice(3);
  // 2 spaces, "permissions: [", quotes and commas, and the other.
  expect(lines(87)).toEqual([`  permissions: ['${permission(87)}', 'User.Read'],`]);
  expect(lines(87)[0]).toHaveLength(120);
  expect(lines(88)).toEqual(['  permissions: [', `    '${permission(88)}',`, "    'User.Read',", '  ],']);
});

it.each([
  ["/users?$filter=startswith(displayName,'A')", `"/users?$filter=startswith(displayName,'A')"`],
  [`/users?$search="a" or 'b'`, String.raw`'/users?$search="a" or \'b\''`],
  ['/users?$search="a"', `'/users?$search="a"'`],
  [String.raw`/a\b`, String.raw`'/a\\b'`],
])('the text %s is a literal that needs the fewest escapes', (path, literal) => {
  expect(bodyOf({ path, permissions: [] }).at(-1)).toBe(`  path: ${literal},`);
});

it('only a version at the beginning of a path goes', () => {
  expect(['/v1.0/users', '/V1.0/users', '/users/v1.0/x', '/v1.0users', '/beta/users'].map(withoutVersion)).toEqual([
    '/users',
    '/users',
    '/users/v1.0/x',
    '/v1.0users',
    '/beta/users',
  ]);
});

it('a title has words and a capital', () => {
  expect(['mfa', 'stale-guests-2', ''].map(titleOf)).toEqual(['Mfa', 'Stale guests 2', '']);
});
