import { beforeAll, describe, expect, it } from 'vitest';
import type { Cloud } from '../../../src/assemble-cloud.ts';
import type { Row } from '../../../src/graph/declaration.ts';
import { GraphError } from '../../../src/graph/graph-error.ts';
import { createEngine, type Engine } from '../../../src/graph/serve/engine.ts';
import { loadTypes } from '../../../src/graph/schema/schema.ts';
import { directorySets } from '../../../src/graph/sets/directory.ts';
import { declarations } from '../../../src/population/graph/declarations.ts';
import type { TenantData } from '../../../src/population/own-tenants.ts';
import { directoryRoles } from '../../../src/population/roles.ts';
import type { CloudRequest } from '../../../src/web/http.ts';
import { cloudInMemory } from '../cloud-in-memory.ts';

const name = (local: string): string => `${local}@contoso.example`;
const crowd = Array.from({ length: 5000 }, (_, at) => name(`user${at}`));
const guest = 'visitor_supplier.example#EXT#@contoso.example';

const tenant: TenantData = {
  domain: 'contoso.example',
  users: [
    { userPrincipalName: name('admin'), licences: ['SPE_E5'] },
    { userPrincipalName: name('helper') },
    { userPrincipalName: name('nobody') },
    { userPrincipalName: name('sleeper') },
    { userPrincipalName: guest, userType: 'Guest' },
    ...crowd.map((userPrincipalName) => ({ userPrincipalName })),
  ],
  groups: [
    { displayName: 'Tier 0', isAssignableToRole: true, members: [name('helper')] },
    { displayName: 'Crowd', members: crowd },
    { displayName: 'Outer', members: ['Crowd', name('helper')] },
  ],
  administrativeUnits: [{ displayName: 'North', members: [name('nobody')] }],
  roles: [
    { role: 'User Administrator', principal: 'Tier 0' },
    { role: 'Groups Administrator', principal: name('helper'), administrativeUnit: 'North' },
    { role: 'Global Administrator', principal: name('sleeper'), isEligible: true },
    { role: directoryRoles['Global Reader'], principal: guest },
  ],
};

let cloud: Cloud;
let engine: Engine;
beforeAll(async () => {
  await loadTypes();
  cloud = await cloudInMemory({ tenants: [tenant] });
  cloud.setAddresses(new Proxy({} as never, { get: (_target, service) => `https://${String(service)}.test` }));
  engine = createEngine({
    world: cloud.world,
    declarations: [...directorySets, ...declarations],
    access: { check: () => undefined, checkProperty: () => undefined, lists: () => false, readable: () => 'all' },
  });
});

interface Answer {
  readonly status: number;
  readonly body: Row & { readonly value?: readonly Row[] };
}

function send(method: string, address: string, body?: Row): Answer {
  const [customer] = cloud.world.customers;
  const url = new URL(`https://graph.test/v1.0/${address}`);
  const request: CloudRequest = {
    method,
    path: decodeURIComponent(url.pathname),
    query: url.searchParams,
    headers: { consistencylevel: 'eventual' },
    body: body === undefined ? '' : JSON.stringify(body),
    facts: {},
  };
  const caller = {
    tenantId: customer?.tenantId ?? '',
    customer,
    clientId: 'client',
    objectId: 'object',
    isApplication: true,
    isAdmin: true,
    permissions: new Set<string>(),
    hasMfa: true,
  };
  try {
    const { status, body: text = '' } = engine.answer(request, caller);
    return { status, body: JSON.parse(text || '{}') as Answer['body'] };
  } catch (error) {
    if (!(error instanceof GraphError)) throw error;
    return { status: error.status, body: { message: error.message } };
  }
}

const rowsAt = (address: string): readonly Row[] => send('GET', address).body.value ?? [];
const idOf = (principal: string): string =>
  String(
    (principal.includes('@')
      ? send('GET', `users/${encodeURIComponent(principal)}?$select=id`).body
      : rowsAt(`groups?$filter=displayName eq '${principal}'`)[0])?.['id'],
  );
const roleNames = (ids: readonly unknown[]): readonly string[] =>
  Object.entries(directoryRoles).flatMap(([role, id]) => (ids.includes(id) ? [role] : []));
const rolesAt = (path: string, principal: string): readonly string[] =>
  roleNames(
    rowsAt(`roleManagement/directory/${path}?$filter=principalId eq '${idOf(principal)}'`).map(
      ({ roleDefinitionId }) => roleDefinitionId,
    ),
  );
/** The directory roles that a user has through memberships, nested ones as well. */
const heldBy = (principal: string): readonly string[] =>
  roleNames(
    rowsAt(`users/${idOf(principal)}/transitiveMemberOf/microsoft.graph.directoryRole`).map(
      ({ roleTemplateId }) => roleTemplateId,
    ),
  );

describe('roles of a user', () => {
  it('are active ones, by assignment', () => {
    expect(rolesAt('roleAssignments', name('admin'))).toContain('Global Administrator');
    expect(rolesAt('roleAssignments', name('nobody'))).toEqual([]);
    expect(rolesAt('roleAssignments', guest)).toEqual(['Global Reader']);
    expect(rolesAt('roleAssignmentScheduleInstances', guest)).toEqual(['Global Reader']);
    expect(heldBy(guest)).toEqual(['Global Reader']);
  });

  it('are eligible ones, which no membership shows', () => {
    expect(rolesAt('roleEligibilitySchedules', name('sleeper'))).toEqual(['Global Administrator']);
    expect(rolesAt('roleEligibilityScheduleInstances', name('sleeper'))).toEqual(['Global Administrator']);
    expect(rolesAt('roleAssignments', name('sleeper'))).toEqual([]);
    expect(heldBy(name('sleeper'))).toEqual([]);
  });

  it('come through role-assignable groups', () => {
    expect(heldBy(name('helper'))).toEqual(['User Administrator']);
    const groups = rowsAt(`users/${idOf(name('helper'))}/transitiveMemberOf/microsoft.graph.group`);
    expect(groups.filter((group) => group['isAssignableToRole'] === true).map((group) => group['displayName'])).toEqual(
      ['Tier 0'],
    );
    expect(rolesAt('roleAssignments', 'Tier 0')).toEqual(['User Administrator']);
  });

  it('can be limited to an administrative unit, and are no membership then', () => {
    const [assignment] = rowsAt(
      `roleManagement/directory/roleAssignments?$filter=principalId eq '${idOf(name('helper'))}'`,
    );
    const [unit] = rowsAt("directory/administrativeUnits?$filter=displayName eq 'North'");
    expect(assignment).toMatchObject({
      roleDefinitionId: directoryRoles['Groups Administrator'],
      directoryScopeId: `/administrativeUnits/${String(unit?.['id'])}`,
    });
    expect(heldBy(name('helper'))).not.toContain('Groups Administrator');
    const scoped = { roleMemberInfo: { id: idOf(name('helper')), displayName: expect.any(String) as string } };
    expect(rowsAt(`directory/administrativeUnits/${String(unit?.['id'])}/scopedRoleMembers`)).toMatchObject([scoped]);
    expect(rowsAt(`users/${idOf(name('helper'))}/scopedRoleMemberOf`)).toMatchObject([scoped]);
    const role = rowsAt('directoryRoles').find((row) => row['displayName'] === 'Groups Administrator');
    expect(rowsAt(`directoryRoles/${String(role?.['id'])}/scopedMembers`)).toMatchObject([scoped]);
    expect(rowsAt(`directoryRoles/${String(role?.['id'])}/members`)).toEqual([]);
  });

  it('are none of a deleted user', () => {
    const id = idOf(name('user4999'));
    expect(send('DELETE', `users/${id}`).status).toBe(204);
    expect(send('GET', `users/${id}/transitiveMemberOf`).status).toBe(404);
    expect(send('GET', `directory/deletedItems/${id}`).status).toBe(200);
  });
});

describe('a group with 5,000 nested members', () => {
  it('lists them all, in pages, and is found from each', () => {
    const outer = idOf('Outer');
    const members = `groups/${outer}/transitiveMembers/microsoft.graph.user`;
    expect(send('GET', `${members}/$count`).status).toBe(200);
    let found = 0;
    for (let next: string | undefined = `${members}?$top=999&$select=id`; next !== undefined; ) {
      const { body } = send('GET', next);
      found += body.value?.length ?? 0;
      next = (body['@odata.nextLink'] as string | undefined)?.replace(/^.*\/v1\.0\//, '');
    }
    expect(found).toBeGreaterThanOrEqual(5000);
    const groups = rowsAt(`users/${idOf(name('user17'))}/transitiveMemberOf/microsoft.graph.group`);
    expect(groups.map((group) => group['displayName'])).toEqual(expect.arrayContaining(['Crowd', 'Outer']));
  });
});

describe('changes of roles', () => {
  const assignments = 'roleManagement/directory/roleAssignments';
  const create = (principal: string, role: keyof typeof directoryRoles, directoryScopeId = '/'): Answer =>
    send('POST', assignments, {
      principalId: idOf(principal),
      roleDefinitionId: directoryRoles[role],
      directoryScopeId,
    });

  it('show in the memberships, in the schedules and among the roles in use', () => {
    expect(rowsAt('directoryRoles').map((row) => row['displayName'])).not.toContain('Security Reader');
    const { status, body } = create(name('nobody'), 'Security Reader');
    expect(status).toBe(201);
    expect(heldBy(name('nobody'))).toEqual(['Security Reader']);
    expect(rolesAt('roleAssignmentSchedules', name('nobody'))).toEqual(['Security Reader']);
    expect(send('DELETE', `${assignments}/${String(body['id'])}`).status).toBe(204);
    expect(heldBy(name('nobody'))).toEqual([]);
  });

  it('are the same by the members of a role', () => {
    const role = rowsAt('directoryRoles').find((row) => row['displayName'] === 'Global Reader');
    const path = `directoryRoles/${String(role?.['id'])}/members`;
    const user = { '@odata.id': `https://graph.test/v1.0/directoryObjects/${idOf(name('nobody'))}` };
    expect(send('POST', `${path}/$ref`, user).status).toBe(204);
    expect(send('POST', `${path}/$ref`, user).status).toBe(400);
    expect(rolesAt('roleAssignments', name('nobody'))).toEqual(['Global Reader']);
    expect(send('DELETE', `${path}/${idOf(name('nobody'))}/$ref`).status).toBe(204);
    expect(rolesAt('roleAssignments', name('nobody'))).toEqual([]);
    expect(send('DELETE', `${path}/${idOf(guest)}/$ref`).status).toBe(204);
    expect(heldBy(guest)).toEqual([]);
  });

  it('need a role-assignable group, and a unit that exists', () => {
    expect(create('Crowd', 'Security Reader').status).toBe(400);
    expect(create('Tier 0', 'Security Reader').status).toBe(201);
    expect(create(name('nobody'), 'Security Reader', '/administrativeUnits/0a1b').status).toBe(404);
  });
});

it.each<[string, Partial<TenantData>]>([
  ['There is no user or group "x@contoso.example".', { roles: [{ role: 'Global Reader', principal: name('x') }] }],
  ['There is no directory role "Reader".', { roles: [{ role: 'Reader', principal: name('admin') }] }],
  [
    'There is no administrative unit "South".',
    { roles: [{ role: 'Global Reader', principal: name('admin'), administrativeUnit: 'South' }] },
  ],
  ['There is no user or group "Nobody".', { groups: [{ displayName: 'A', members: ['Nobody'] }] }],
  ['"A" occurs twice.', { groups: ['A', 'A'].map((displayName) => ({ displayName, members: [] })) }],
])('refuses a directory that cannot be: %s', async (message, more) => {
  const users = [{ userPrincipalName: name('admin') }];
  await expect(cloudInMemory({ tenants: [{ domain: 'contoso.example', users, ...more }] })).rejects.toThrow(message);
});
