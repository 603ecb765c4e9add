import { beforeAll, describe, expect, it } from 'vitest';
import { cloudInMemory } from '../cloud-in-memory.ts';
import type { Row } from '../../../src/graph/declaration.ts';
import { createGraphEngine } from '../../../src/graph/graph.ts';
import { GraphError } from '../../../src/graph/graph-error.ts';
import { loadTypes } from '../../../src/graph/schema/schema.ts';
import type { Engine } from '../../../src/graph/serve/engine.ts';
import type { Caller } from '../../../src/resource/caller.ts';
import type { World } from '../../../src/world.ts';
import { directorySets } from '../../../src/graph/sets/directory.ts';
import { rowsOrRefusal, viewOf } from '../tenant-view.ts';
import { smallEngine } from './small-engine.ts';

let world: World;
let engine: Engine;
beforeAll(async () => {
  await loadTypes();
  ({ world } = await cloudInMemory({ tenants: 25, usersPerTenant: 60 }));
  engine = createGraphEngine({ ...world, addresses: () => ({ graph: 'https://graph.test' }) as never });
});

/** Customer 7 has a premium licence, customer 1 has none. */
const tenantWith = (hasPremium: boolean) => {
  const found = world.customers.find(
    (each) => (rowsOrRefusal(viewOf(world, each), 'auditLogs/signIns') !== undefined) === hasPremium,
  );
  if (found === undefined) throw new Error('No customer suits.');
  return found;
};

interface Answer {
  readonly status: number;
  readonly code: string | undefined;
  readonly body: Row;
  readonly rows: readonly Row[];
}

/** Asks in a customer tenant, as an application with these permissions. */
function ask(permissions: string, request: string, { hasPremium = true, body = '' } = {}): Answer {
  const customer = tenantWith(hasPremium);
  const caller: Caller = {
    tenantId: customer.tenantId,
    customer,
    clientId: 'client',
    objectId: 'object',
    isApplication: true,
    isAdmin: false,
    permissions: new Set(permissions.split(' ')),
    hasMfa: false,
  };
  const [method = '', address = ''] = request.split(' ', 2);
  const url = new URL(`https://graph.test/v1.0/${address}`);
  const { pathname: path, searchParams: query } = url;
  try {
    const reply = engine.answer(
      { method, path: decodeURIComponent(path), query, headers: {}, body, facts: {} },
      caller,
    );
    const read = JSON.parse(reply.body ?? '{}') as { readonly value?: readonly Row[] };
    return { status: reply.status, code: undefined, body: read, rows: read.value ?? [] };
  } catch (error) {
    if (!(error instanceof GraphError)) throw error;
    return { status: error.status, code: error.code, body: {}, rows: [] };
  }
}

const all = 'Directory.Read.All AuditLog.Read.All';

/** Ids of a group with users as members, of one of them, and of a user with a manager. */
function subjects(hasPremium = true) {
  const groups = ask(all, 'GET groups?$expand=members', { hasPremium }).rows;
  const isUser = (row: Row): boolean => row['@odata.type'] === '#microsoft.graph.user';
  const group = groups.find(({ members }) => (members as readonly Row[]).some(isUser));
  const members = (group?.['members'] ?? []) as readonly Row[];
  const member = members.find(isUser);
  const managed = ask(all, 'GET users?$select=id&$expand=manager', { hasPremium }).rows.find(
    ({ manager }) => manager !== undefined,
  );
  return { group: String(group?.['id']), member: String(member?.['id']), managed: String(managed?.['id']) };
}

describe('$expand', () => {
  it.each([
    ['User.ReadBasic.All', 'users?$expand=manager', 403],
    ['User.Read.All', 'users?$expand=manager', 200],
    ['User.Read.All', 'users?$expand=memberOf', 403],
    ['User.Read.All GroupMember.ReadBasic.All', 'users?$expand=memberOf', 200],
    ['User.Read.All', 'users?$expand=MEMBEROF($select=id)', 403],
    ['User.Read.All', 'users?$expand=messages', 403],
    ['GroupMember.Read.All', 'groups?$expand=members', 200],
  ])('with %s: %s is answered with %i', (permissions, request, status) => {
    expect(ask(permissions, `GET ${request}`).status).toBe(status);
  });

  it('of one object needs the same', () => {
    const { managed } = subjects();
    expect(ask('User.ReadBasic.All', `GET users/${managed}?$expand=manager`).status).toBe(403);
    expect(ask('User.Read.All', `GET users/${managed}?$expand=manager`).status).toBe(200);
  });

  it('has the rules of the properties that it selects', () => {
    const request = 'GET users?$expand=manager($select=signInActivity)';
    expect(ask('User.Read.All', request).status).toBe(403);
    expect(ask('User.Read.All AuditLog.Read.All', request).status).toBe(200);
    expect(ask('User.Read.All AuditLog.Read.All', request, { hasPremium: false })).toMatchObject({ status: 403 });
  });
});

describe('objects of a type that the token may not read', () => {
  it('come with their type and id alone', () => {
    const { group } = subjects();
    for (const request of [`GET groups/${group}/members`, `GET groups/${group}/members?$select=id,displayName,mail`]) {
      const { rows } = ask('GroupMember.Read.All', request);
      const users = rows.filter((row) => row['@odata.type'] === '#microsoft.graph.user');
      expect(users.length).toBeGreaterThan(0);
      for (const { '@odata.type': _type, id, ...others } of users) {
        expect(id).toMatch(/^[0-9a-f-]{36}$/);
        expect(others).toHaveProperty('displayName');
        expect(Object.values(others).filter((value) => value !== null && !Array.isArray(value))).toEqual([]);
        expect(
          Object.values(others)
            .flat()
            .filter((value) => value !== null),
        ).toEqual([]);
      }
    }
  });

  it('come with the basic profile, or complete, by the permission', () => {
    const { group } = subjects();
    const users = (permissions: string) =>
      ask(permissions, `GET groups/${group}/members/microsoft.graph.user?$select=displayName,accountEnabled`).rows;
    expect(users('GroupMember.Read.All User.ReadBasic.All')[0]).toMatchObject({
      displayName: expect.any(String),
      accountEnabled: null,
    });
    expect(users('GroupMember.Read.All User.Read.All')[0]).toMatchObject({
      displayName: expect.any(String),
      accountEnabled: expect.any(Boolean),
    });
  });

  it('are not found by a filter on what is hidden', () => {
    const { group } = subjects();
    const request = `GET groups/${group}/members/microsoft.graph.user?$filter=startswith(displayName,'a') or startswith(displayName,'b') or startswith(displayName,'c') or startswith(displayName,'m')`;
    expect(ask('GroupMember.Read.All User.Read.All', request).rows.length).toBeGreaterThan(0);
    expect(ask('GroupMember.Read.All', request).rows).toEqual([]);
  });

  it('come so in $expand', () => {
    const { member } = subjects();
    const expanded = ask('GroupMember.Read.All', 'GET groups?$expand=members').rows.flatMap(
      ({ members }) => members as readonly Row[],
    );
    expect(expanded.find(({ id }) => id === member)?.['displayName']).toBeNull();
  });
});

it('come so from getByIds, and for each type', () => {
  const [ann, everyone] = ['00000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-000000000002'];
  const small = smallEngine(
    [
      ...directorySets,
      { kind: 'set', path: 'users', type: 'microsoft.graph.user', rows: () => [{ id: ann, displayName: 'Ann' }] },
      {
        kind: 'set',
        path: 'groups',
        type: 'microsoft.graph.group',
        rows: () => [{ id: everyone, displayName: 'All' }],
      },
    ],
    { readable: (_caller, path) => (path === 'users' ? 'none' : 'all') },
  );
  const expected = [
    { '@odata.type': '#microsoft.graph.user', id: ann, displayName: null },
    { '@odata.type': '#microsoft.graph.group', id: everyone, displayName: 'All' },
  ];
  const select = '?$select=id,displayName';
  expect(small.send('POST', `/v1.0/directoryObjects/getByIds${select}`, { ids: [ann, everyone] }).rows).toEqual(
    expected,
  );
  expect(small.get(`/v1.0/directoryObjects/${ann}${select}`).body).toMatchObject({ id: ann, displayName: null });
  expect(small.get(`/v1.0/users/${ann}${select}`).body).toMatchObject({ displayName: 'Ann' });
});

describe('User.ReadBasic.All', () => {
  it('limits each way to address a user', () => {
    const { member } = subjects();
    const { userPrincipalName } = ask(all, `GET users/${member}?$select=userPrincipalName`).body;
    const keys = [`/${member}`, `('${member}')`, `/${String(userPrincipalName)}`];
    for (const key of [...keys, `(userPrincipalName='${String(userPrincipalName)}')`])
      expect(ask('User.ReadBasic.All', `GET users${key}?$select=id,accountEnabled`).body).toMatchObject({
        id: member,
        accountEnabled: null,
      });
  });
});

describe('signInActivity', () => {
  it('needs its permission and licence on each path', () => {
    const { group, member } = subjects();
    const paths = [
      'users?$select=signInActivity',
      `users/${member}?$select=signInActivity`,
      `users/${member}/signInActivity`,
      `groups/${group}/members?$select=id,signInActivity`,
      `groups/${group}/members/microsoft.graph.user?$select=signInActivity`,
      `groups/${group}/members?$select=microsoft.graph.user/signInActivity`,
      'directoryRoles?$expand=members($select=signInActivity)',
    ];
    for (const path of paths) expect([path, ask('Directory.Read.All', `GET ${path}`).status]).toEqual([path, 403]);
  });

  it('is refused without a premium licence', () => {
    const { group } = subjects(false);
    for (const path of [`groups/${group}/members?$select=signInActivity`, 'users?$select=signInActivity'])
      expect(ask(all, `GET ${path}`, { hasPremium: false }).code).toBe(
        'Authentication_RequestFromNonPremiumTenantOrB2CTenant',
      );
  });

  it('is selected from getByIds with its permission only, which returns what is selected', () => {
    const { member } = subjects();
    const body = JSON.stringify({ ids: [member] });
    const request = 'POST directoryObjects/getByIds?$select=id,displayName';
    expect(Object.keys(ask(all, request, { body }).rows[0] ?? {})).toEqual(['@odata.type', 'id', 'displayName']);
    expect(ask(all, 'POST directoryObjects/getByIds', { body }).rows[0]).not.toHaveProperty('signInActivity');
    expect(ask('Directory.Read.All', 'POST directoryObjects/getByIds?$select=signInActivity', { body }).status).toBe(
      403,
    );
  });
});
