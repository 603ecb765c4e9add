import { expect, it } from 'vitest';
import { queryHeaders, type QueryText, readQuery } from '../../../../../src/lib/gateway/queries/query.ts';
import { selectedFirst, selectOf } from '../../../../../src/lib/runs/job/row.ts';

it.each([
  ['/v1.0/users', '/v1.0/users'],
  ['v1.0/users', '/v1.0/users'],
  ['users', '/v1.0/users'],
  ['/users?$top=5', '/v1.0/users?$top=5'],
  ['/beta/users', '/beta/users'],
  ['//beta', '/beta'],
  ['/betas', '/v1.0/betas'],
  ['/V1.0/users', '/V1.0/users'],
  ['/beta?x=1', '/beta?x=1'],
  ['/groups/beta/members', '/v1.0/groups/beta/members'],
  ['/users?$filter=a:b', '/v1.0/users?$filter=a:b'],
  ['/sites/root:/Documents', '/v1.0/sites/root:/Documents'],
  [`/x?${'y'.repeat(4_000 - '/v1.0/x?'.length)}`, `/v1.0/x?${'y'.repeat(4_000 - '/v1.0/x?'.length)}`],
  [' /users?$filter=accountEnabled eq false ', '/v1.0/users?$filter=accountEnabled%20eq%20false'],
])('reads the path %j as %s', (path, expected) => {
  expect(readQuery({ path })).toEqual({ path: expected, allPages: false });
});

it('adds the selected properties to the query', () => {
  const select = ['id', 'signInActivity/lastSignInDateTime'];
  expect(readQuery({ path: '/users', select }).path).toBe('/v1.0/users?$select=id,signInActivity/lastSignInDateTime');
  expect(readQuery({ path: '/users?$top=5', select, allPages: true })).toEqual({
    path: '/v1.0/users?$top=5&$select=id,signInActivity/lastSignInDateTime',
    allPages: true,
  });
});

it.each<[QueryText, string]>([
  [
    { path: 'https://graph.microsoft.com/v1.0/users' },
    'path: is an address. Send the path alone, such as /v1.0/users.',
  ],
  [{ path: 'HTTP://evil.example/' }, 'path: is an address. Send the path alone, such as /v1.0/users.'],
  [{ path: `/users?$filter=${'x'.repeat(4_000)}` }, 'path: has more than 4000 characters.'],
  [
    { path: `/users/eyJ${'a'.repeat(40)}.eyJ${'b'.repeat(40)}.${'c'.repeat(40)}` },
    'path: contains something that looks like a secret, and the run would keep it. Leave it out.',
  ],
  [{ path: 'c4+-.:users' }, 'path: is an address. Send the path alone, such as /v1.0/users.'],
  [{ path: '/users', select: [`1${'x'.repeat(80)}`] }, `select: "1${'x'.repeat(59)}" is no name of a property.`],
  [{ path: '/users', select: ['id,mail'] }, 'select: "id,mail" is no name of a property.'],
  [{ path: '/users', select: ['id&$top=1'] }, 'select: "id&$top=1" is no name of a property.'],
  ...['$select=id', 'select=id', '%24SELECT=id', '$top=1&$select=id'].map((option): [QueryText, string] => [
    { path: `/users?${option}`, select: ['mail'] },
    'select: the path has $select already. Name the properties in one place.',
  ]),
])('refuses %j', (text, detail) => {
  expect(() => readQuery(text)).toThrow(expect.objectContaining({ code: 'request_invalid', detail }) as Error);
});

it.each([
  ['/v1.0/users', undefined],
  ['/v1.0/users?$select=count', undefined],
  ['/v1.0/users?$count=true&$filter=x', 'eventual'],
  ['/v1.0/users?%24search=x', 'eventual'],
  ['/v1.0/users/$count', 'eventual'],
  ['/v1.0/users/$count?$filter=x', 'eventual'],
])('asks for the consistency that %s needs', (path, expected) => {
  expect(queryHeaders({ path, allPages: false })['consistencylevel']).toBe(expected);
});

it('asks for JSON', () => {
  expect(queryHeaders({ path: '/v1.0/users', allPages: false })).toEqual({ accept: 'application/json' });
});

it('orders columns by $select, whatever its case, then as they were found', () => {
  expect(selectOf('/v1.0/users?$select=a, b&$top=1')).toEqual(['a', 'b']);
  expect(selectedFirst('/v1.0/users?$select=mail,DISPLAYNAME,gone', ['id', 'displayName', 'mail'])).toEqual([
    'mail',
    'displayName',
    'gone',
    'id',
  ]);
  expect(selectedFirst('/v1.0/x?$select=tenantId', ['graph.tenantId'])).toEqual(['graph.tenantId']);
  expect(selectedFirst('/v1.0/users?x=%E0%A4%A', ['b', 'a'])).toEqual(['b', 'a']);
});
