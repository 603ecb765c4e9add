import { describe, expect, it } from 'vitest';
import type { Declaration, Row } from '../../../src/graph/declaration.ts';
import { forbidden } from '../../../src/graph/graph-error.ts';
import { readingPosts } from '../../../src/resource/graph-roles.ts';
import { guid, smallEngine } from './small-engine.ts';

const users: readonly Row[] = Array.from({ length: 20 }, (_, at) => ({
  id: guid(at),
  displayName: `Person ${at}`,
  userPrincipalName: `person${at}@a.example`,
  signInActivity: { lastSignInDateTime: '2026-11-20T08:00:00Z' },
}));
const directoryObject = 'microsoft.graph.directoryObject';
const declarations: readonly Declaration[] = [
  {
    kind: 'set',
    path: 'users',
    type: 'microsoft.graph.user',
    rows: () => users,
    delta: true,
    alternateKeys: ['userPrincipalName'],
    properties: {
      signInActivity: { byIdOnly: true },
      aboutMe: { objectOnly: true },
      mailboxSettings: {
        objectOnly: true,
        opens: 'users/{id}/mailboxSettings',
        ofOne: (_tenant, { id }) => ({ timeZone: String(id).slice(-2) }),
      },
    },
    writes: { operations: ['update', 'delete'] },
  },
  { kind: 'set', path: 'groups', type: 'microsoft.graph.group', rows: () => [{ id: guid(100), displayName: 'All' }] },
  {
    kind: 'references',
    path: 'groups/{id}/members',
    type: directoryObject,
    targets: ['users'],
    ids: () => [guid(1)],
  },
  {
    kind: 'references',
    path: 'users/{id}/manager',
    type: directoryObject,
    targets: ['users'],
    ids: () => [guid(0)],
    single: true,
  },
  {
    kind: 'set',
    path: 'deviceManagement/managedDevices',
    type: 'microsoft.graph.managedDevice',
    rows: () => [{ id: 'd', managedDeviceOwnerType: 'company' }],
  },
];
const engine = smallEngine(declarations);
const eventual = { consistencylevel: 'eventual' };
const query = (path: string, options: Readonly<Record<string, string>>): string =>
  `/v1.0/${path}?${new URLSearchParams(options).toString()}`;
const alternatives = (count: number): string =>
  Array.from({ length: count }, (_, at) => `id eq '${guid(at)}'`).join(' or ');
const anyOf = (count: number): string =>
  `id in (${Array.from({ length: count }, (_, at) => `'${guid(at)}'`).join(',')})`;

describe('a filter of directory objects', () => {
  it.each([alternatives, anyOf])('has at most 15 alternatives', (filter) => {
    expect(engine.get(query('users', { $filter: filter(15) })).rows).toHaveLength(15);
    expect(engine.get(query('users', { $filter: filter(16) }))).toMatchObject({
      status: 400,
      code: 'Request_UnsupportedQuery',
      message:
        "Too many child clauses specified in search filter expression containing 'OR' operators: 16. Max allowed: 15.",
    });
    expect(engine.get(query('users', { $filter: `(${filter(16)}) and id ne null` })).status).toBe(400);
    expect(engine.get(query('users', { $filter: filter(16), $count: 'true' }), eventual).rows).toHaveLength(16);
  });

  it.each([
    ['groups', `members/any(m:m/id eq '${guid(1)}')`],
    ['users', `manager/id eq '${guid(0)}'`],
    ['users', 'manager eq null'],
  ])('of %s does not reach other objects: %s', (path, filter) => {
    expect(engine.get(query(path, { $filter: filter }))).toMatchObject({ code: 'Request_UnsupportedQuery' });
    expect(engine.get(query(path, { $filter: filter, $count: 'true' }), eventual).status).toBe(400);
  });

  it('counts members', () => {
    expect(engine.get(query('groups', { $filter: 'members/$count eq 1', $count: 'true' }), eventual).rows).toHaveLength(
      1,
    );
  });
});

it.each(["managedDeviceOwnerType eq 'nonsense'", "managedDeviceOwnerType in ('company','nonsense')"])(
  'a value that an enumeration does not have is a mistake: %s',
  (filter) => {
    const path = 'deviceManagement/managedDevices';
    expect(engine.get(query(path, { $filter: filter }))).toMatchObject({
      status: 400,
      message: "Invalid filter clause: The string 'nonsense' is not a valid enumeration type constant.",
    });
    expect(engine.get(query(path, { $filter: "managedDeviceOwnerType eq 'company'" })).rows).toHaveLength(1);
  },
);

describe('delta', () => {
  it.each([
    [{ $filter: "displayName eq 'Person 1'" }],
    [{ $filter: `id eq '${guid(1)}' or displayName eq 'Person 2'` }],
    [{ $filter: `id ne '${guid(1)}'` }],
    [{ $search: '"displayName:Person"' }],
    [{ $orderby: 'displayName' }],
    [{ $expand: 'manager' }],
    [{ $skip: '3' }],
    [{ $count: 'true' }],
  ])('refuses %j, which has no effect', (options) => {
    expect(engine.get(query('users/delta', options))).toMatchObject({ status: 400, code: 'Request_UnsupportedQuery' });
  });

  it('follows the objects that the filter names, and returns their ids', () => {
    const own = smallEngine(declarations);
    const filter = `id eq '${guid(1)}' or id eq '${guid(2)}'`;
    const first = own.get(query('users/delta', { $filter: filter, $select: 'displayName' }));
    expect(first.rows).toEqual([
      { displayName: 'Person 1', id: guid(1) },
      { displayName: 'Person 2', id: guid(2) },
    ]);
    for (const at of [2, 3]) own.send('PATCH', `/v1.0/users/${guid(at)}`, { displayName: 'Changed' });
    for (const at of [1, 4]) own.send('DELETE', `/v1.0/users/${guid(at)}`);
    const { rows } = own.get(String(first.body['@odata.deltaLink']));
    expect(rows.map(({ id }) => id)).toEqual([guid(2), guid(1)]);
  });
});

describe('$expand in the directory', () => {
  it.each([
    [{ $expand: 'manager', $top: '1000' }, {}],
    [{ $expand: 'manager', $count: 'true' }, eventual],
    [{ $expand: 'manager,memberOf' }, {}],
    [{ $expand: 'manager($expand=directReports)' }, {}],
    [{ $expand: 'memberOf($skip=1)' }, {}],
  ])('is refused with %j', (options, headers) => {
    expect(engine.get(query('users', options), headers).status).toBe(400);
  });

  it('has a chain of managers in an advanced query, and pages of 100', () => {
    expect(engine.get(query('users', { $expand: 'manager,memberOf' }))).toMatchObject({
      code: 'BadRequest',
      message: 'The result of parsing $expand contained at least 2 items, but the maximum allowed is 1.',
    });
    const chain = { $expand: 'manager($levels=2;$select=id)', $count: 'true' };
    expect(engine.get(query('users', chain), eventual).status).toBe(200);
    expect(engine.get(query('users', { $expand: 'manager', $top: '100' })).status).toBe(200);
  });
});

describe('a request for one object', () => {
  it.each([{ $top: '1' }, { $skip: '1' }, { $count: 'true' }, { $filter: "displayName eq 'x'" }, { $orderby: 'id' }])(
    'refuses %j',
    (options) => {
      expect(engine.get(query(`users/${guid(1)}`, options))).toMatchObject({ status: 400, code: 'BadRequest' });
    },
  );

  it('needs the id where signInActivity is selected', () => {
    const select = { $select: 'signInActivity' };
    for (const key of ['/person1@a.example', "('person1@a.example')", "(userPrincipalName='person1@a.example')"])
      expect(engine.get(query(`users${key}`, select))).toMatchObject({
        status: 400,
        code: '400',
        message: 'Get By Key only supports UserId and the key has to be a valid Guid',
      });
    expect(engine.get(query(`users/${guid(1)}`, select)).status).toBe(200);
    expect(engine.get('/v1.0/users/person1@a.example').status).toBe(200);
  });
});

describe('a property of one object', () => {
  it.each(['users', `groups/${guid(100)}/members`, `groups/${guid(100)}/members/microsoft.graph.user`])(
    'is not in the list %s',
    (path) => {
      for (const name of ['aboutMe', 'displayName,mailboxSettings/timeZone'])
        expect(engine.get(query(path, { $select: name }))).toMatchObject({
          status: 501,
          code: 'NotImplemented',
          message: 'This operation target is not yet supported.',
        });
    },
  );

  it('is not tracked', () => {
    expect(engine.get(query('users/delta', { $select: 'aboutMe' }))).toMatchObject({
      status: 400,
      message: 'Invalid Request: $select is not supported for these properties',
    });
  });

  it('needs the permission of its own path', () => {
    const address = query(`users/${guid(1)}`, { $select: 'mailboxSettings,aboutMe' });
    expect(engine.get(address).body).toMatchObject({ mailboxSettings: { timeZone: '01' }, aboutMe: null });
    const check = (_caller: unknown, _method: string, path: string): undefined => {
      if (path.endsWith('/mailboxSettings')) throw forbidden();
    };
    const limited = smallEngine(declarations, { check });
    expect(limited.get(address).status).toBe(403);
    expect(limited.get(query(`users/${guid(1)}`, { $select: 'aboutMe' })).status).toBe(200);
  });
});

describe('options and methods that would be without effect', () => {
  it.each([
    ['GET', '/v1.0/users?$format=xml', 400],
    ['GET', '/v1.0/users?$format=json', 200],
    ['GET', '/v1.0/users?$deltatoken=x', 400],
    ['GET', '/v1.0/users?$filter=', 400],
    ['GET', '/v1.0/users?$orderby=%20', 400],
    ['GET', '/v1.0/users?$expand=manager($filter=)', 400],
    ['PUT', `/v1.0/users/${guid(1)}`, 405],
    ['HEAD', '/v1.0/users', 405],
    ['TRACE', '/v1.0/users', 405],
  ])('%s %s is answered with %i', (method, address, status) => {
    expect(engine.send(method, address, method === 'PUT' ? { displayName: 'x' } : undefined).status).toBe(status);
  });
});

describe('an action that the permission map has and the simulation lacks', () => {
  const lists = (_method: string, path: string): boolean => path.endsWith('/sendMail');

  it('is answered with 501, and with 403 without a permission', () => {
    const known = smallEngine(declarations, { lists });
    const address = `/v1.0/users/${guid(1)}/sendMail`;
    expect(known.send('POST', address, {})).toMatchObject({ status: 501, code: 'NotImplemented', unmatched: true });
    expect(known.send('POST', `/v1.0/users/${guid(1)}/nonsense`, {})).toMatchObject({ status: 400, unmatched: true });
    const check = (): never => {
      throw forbidden();
    };
    expect(smallEngine(declarations, { lists, check }).send('POST', address, {}).status).toBe(403);
  });
});

it('POST requests that only read are known with parentheses as well', () => {
  const ofGraph = '/users/1/microsoft.graph.getMemberGroups';
  for (const path of ['/directoryObjects/getByIds', '/users/1/getMemberGroups()', ofGraph])
    expect(readingPosts.test(path)).toBe(true);
  expect(readingPosts.test('/users/1/assignLicense')).toBe(false);
});
