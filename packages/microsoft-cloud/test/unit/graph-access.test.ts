import { beforeAll, describe, expect, it } from 'vitest';
import { cloudInMemory } from './cloud-in-memory.ts';
import { changeTenant } from '../../src/population/change-tenant.ts';
import { directoryRoles } from '../../src/population/roles.ts';
import type { CustomerTenant } from '../../src/population/tenant.ts';
import type { Caller } from '../../src/resource/caller.ts';
import { type GraphAccess, graphAccess } from '../../src/resource/graph-access.ts';
import { rolesFor } from '../../src/resource/graph-roles.ts';
import type { World } from '../../src/world.ts';

let world: World;
let customer: CustomerTenant;
beforeAll(async () => {
  ({ world } = await cloudInMemory({ tenants: 1, plain: true }));
  const [first] = world.customers;
  if (first === undefined) throw new Error('The cloud has no customer.');
  customer = first;
});

const serviceAccount = () => world.partner.serviceAccount;

const callerWith = (permissions: string, more: Partial<Caller> = {}): Caller => ({
  tenantId: world.partner.tenantId,
  customer: undefined,
  clientId: 'client',
  objectId: serviceAccount().id,
  isApplication: false,
  isAdmin: true,
  permissions: new Set(permissions.split(' ')),
  hasMfa: true,
  ...more,
});

const access = (permissions: string, request: string, more: Partial<Caller> = {}): GraphAccess | undefined => {
  const [method = '', path = ''] = request.split(' ');
  return graphAccess(world, callerWith(permissions, more), method, path);
};

describe('graphAccess', () => {
  it.each(['/sites/getAllSites', '/sites/microsoft.graph.getAllSites()'])('opens %s to applications only', (path) => {
    const asApplication = { isApplication: true, isAdmin: false };
    expect(access('Sites.Read.All', `GET ${path}`)).toEqual({ allowed: false, lacks: 'permission' });
    expect(access('Sites.Read.All', `GET ${path}`, asApplication)?.allowed).toBe(true);
    expect(access('User.Read.All', `GET ${path}`, asApplication)?.allowed).toBe(false);
  });

  it.each([
    ['User.Read.All', 'GET /users', true],
    ['User.Read.All', 'POST /users', false],
    ['User.Read.All', 'GET /identity/conditionalAccess/policies', false],
    ['Policy.Read.All', 'GET /identity/conditionalAccess/policies', true],
    ['DeviceManagementManagedDevices.Read.All', "GET /deviceManagement/managedDevices('1')", true],
  ])('%s: %s is allowed: %s', (permissions, request, allowed) => {
    expect(access(permissions, request)?.allowed).toBe(allowed);
  });

  it.each([
    ['Policy.Read.All', 'POST /identity/conditionalAccess/policies', false],
    ['Policy.ReadWrite.ConditionalAccess', 'POST /identity/conditionalAccess/policies', false],
    ['Policy.ReadWrite.ConditionalAccess Policy.Read.All', 'POST /identity/conditionalAccess/policies', true],
    ['Application.Read.All', 'PATCH /identity/conditionalAccess/policies/0a1b', false],
    ['Policy.Read.All', "DELETE /identity/conditionalAccess/policies('0a1b')", false],
    ['Policy.Read.All', 'POST /identity/conditionalAccess/namedLocations', false],
    ['Policy.Read.All', 'DELETE /identity/conditionalAccess/namedLocations/0a1b', false],
    ['Policy.ReadWrite.ConditionalAccess', 'DELETE /identity/conditionalAccess/namedLocations/0a1b', false],
    ['Policy.Read.All', 'PATCH /policies/identitySecurityDefaultsEnforcementPolicy', false],
    ['Application.ReadWrite.All', 'POST /servicePrincipals/0a1b/appRoleAssignedTo', false],
    ['AppRoleAssignment.ReadWrite.All', 'POST /servicePrincipals/0a1b/appRoleAssignedTo', false],
    ['AppRoleAssignment.ReadWrite.All Directory.Read.All', 'POST /servicePrincipals/0a1b/appRoleAssignedTo', true],
    ['Directory.Read.All', 'POST /applications/0a1b/owners/$ref', false],
    ['Directory.Read.All', 'GET /auditLogs/directoryAudits', false],
    ['AuditLog.Read.All Directory.Read.All', 'GET /auditLogs/directoryAudits', true],
    ['GroupMember.Read.All', 'POST /users/0a1b/getMemberGroups', true],
    ['GroupMember.Read.All', 'POST /users/0a1b/microsoft.graph.getMemberGroups', true],
  ])('asks for every permission that a request needs. %s: %s is allowed: %s', (permissions, request, allowed) => {
    expect(access(permissions, request)?.allowed).toBe(allowed);
    expect(access(permissions, request, { isApplication: true })?.allowed).toBe(allowed);
  });

  it.each([
    ['Organization.Read.All', 'GET /organization/0a1b'],
    ['IdentityRiskyUser.ReadWrite.All', 'GET /identityProtection/riskyUsers'],
    ['IdentityRiskyUser.ReadWrite.All', "GET /identityProtection/riskyUsers('0a1b')"],
  ])('knows what the documentation lists beyond the map. %s opens %s', (permissions, request) => {
    expect(access(permissions, request)?.allowed).toBe(true);
  });

  it.each([
    ['User.Read.All', 'GET /directory/deletedItems/microsoft.graph.user', true],
    ['Group.Read.All', 'GET /directory/deletedItems/microsoft.graph.user', false],
    ['Group.Read.All', 'GET /directory/deletedItems/microsoft.graph.group', true],
    ['Application.Read.All', 'GET /directory/deletedItems/microsoft.graph.application', true],
    ['Group.Read.All', 'GET /directory/deletedItems/0a1b', true],
    ['Group.Read.All', 'DELETE /directory/deletedItems/0a1b', false],
    ['Group.ReadWrite.All', 'DELETE /directory/deletedItems/0a1b', true],
    ['User.ReadWrite.All', 'POST /directory/deletedItems/0a1b/restore', true],
    ['User.Read.All', 'POST /directory/deletedItems/0a1b/restore', false],
  ])('knows what opens deleted objects. %s: %s is allowed: %s', (permissions, request, allowed) => {
    expect(access(permissions, request)?.allowed).toBe(allowed);
  });

  it('keeps delegated and application permissions apart', () => {
    const request = 'GET /users/0a1b/authentication/methods';
    expect(access('UserAuthenticationMethod.Read', request, { isApplication: true })).toEqual({
      allowed: false,
      lacks: 'permission',
    });
  });

  it('knows no path that the map does not contain', () => {
    expect(access('User.Read.All', 'GET /no/such/path')).toBeUndefined();
    expect(access('User.Read.All', 'OPTIONS /users')).toBeUndefined();
  });

  it('limits a permission for the own account to that account', () => {
    const { id, userPrincipalName } = serviceAccount();
    for (const key of [`/${id}`, `('${id}')`, `/${userPrincipalName.toUpperCase()}`])
      expect(access('User.Read', `GET /users${key}`)?.allowed).toBe(true);
    expect(access('User.Read', 'GET /users/0a1b')?.allowed).toBe(false);
    expect(access('User.Read', `GET /users/${id}`, { customer })?.allowed).toBe(false);
  });

  it('limits User.ReadBasic.All to the properties of the basic profile, unless another permission opens all', () => {
    const found = access('User.ReadBasic.All', 'GET /users');
    expect(found?.allowed === true && [...(found.properties ?? [])]).toEqual(
      expect.arrayContaining(['id', 'displayname', 'mail']),
    );
    expect(found?.allowed === true && found.properties?.has('accountenabled')).toBe(false);
    expect(access('User.ReadBasic.All User.Read.All', 'GET /users')).toEqual({ allowed: true, properties: undefined });
  });

  it('gives a client the rights of an administrator with Directory.AccessAsUser.All', () => {
    expect(access('Directory.AccessAsUser.All', 'GET /users', { isAdmin: false })?.allowed).toBe(false);
    expect(access('Directory.AccessAsUser.All', 'POST /users', { isAdmin: true })?.allowed).toBe(true);
  });

  it('needs the role of an administrator at home as well, except for applications and for what is one’s own', () => {
    const policies = 'GET /identity/conditionalAccess/policies';
    const member = { isAdmin: false };
    expect(access('Policy.Read.All', policies, member)).toEqual({ allowed: false, lacks: 'role' });
    expect(access('Policy.Read.All', policies)?.allowed).toBe(true);
    expect(access('Policy.Read.All', policies, { ...member, isApplication: true })?.allowed).toBe(true);
    expect(access('Application.Read.All', 'GET /applications', member)?.allowed).toBe(true);
    expect(access('User.Read.All', 'GET /users', member)?.allowed).toBe(true);
    const own = `GET /users/${serviceAccount().id}/authentication/methods`;
    expect(access('UserAuthenticationMethod.Read', own, member)?.allowed).toBe(true);
  });

  it('needs a role that suits in a customer, from users only', () => {
    changeTenant(world, customer, { withoutRoles: ['Global Administrator', 'Conditional Access Administrator'] });
    const policies = 'identity/conditionalAccess/policies';
    const inCustomer = (request: string, more: Partial<Caller> = {}) =>
      access('Policy.Read.All Policy.ReadWrite.ConditionalAccess', request, { customer, ...more });
    expect(inCustomer(`GET /${policies}`)?.allowed).toBe(true);
    changeTenant(world, customer, {
      withoutRoles: Object.keys(directoryRoles).filter((name) => name !== 'License Administrator'),
    });
    expect(inCustomer(`GET /${policies}`)).toEqual({ allowed: false, lacks: 'role' });
    expect(inCustomer(`GET /${policies}`, { isApplication: true })?.allowed).toBe(true);
  });
});

describe('rolesFor', () => {
  const names = (request: string): readonly string[] | undefined => {
    const [method = '', path = ''] = request.split(' ');
    const ids = rolesFor(method, path);
    const unique = ids === undefined ? undefined : [...new Set(ids)];
    return unique?.map((id) => Object.entries(directoryRoles).find(([, each]) => each === id)?.[0] ?? id);
  };

  it.each([
    ['GET /users', undefined],
    ['POST /users', ['Global Administrator', 'User Administrator']],
    ["PATCH /users('a@b.example')", ['Global Administrator', 'User Administrator']],
    ['POST /users/0a1b/assignLicense', ['Global Administrator', 'License Administrator', 'User Administrator']],
    ["GET /users('0a1b')/authentication/methods", ['Global Administrator', 'Global Reader']],
    ['POST /users/0a1b/getMemberGroups', undefined],
    ['PATCH /deviceManagement/managedDevices/1', ['Global Administrator', 'Intune Administrator']],
    ['GET /sites', undefined],
    [
      'GET /admin/configurationManagement/configurationDrifts',
      [
        'Global Administrator',
        'Global Reader',
        'Security Administrator',
        'Security Reader',
        'Application Administrator',
        'Cloud Application Administrator',
        'Conditional Access Administrator',
        'Intune Administrator',
        'Privileged Role Administrator',
        'User Administrator',
      ],
    ],
    [
      'GET /directory/administrativeUnits/0a1b/members',
      ['Global Administrator', 'Directory Readers', 'Global Reader', 'Privileged Role Administrator'],
    ],
    ['POST /directory/administrativeUnits', ['Global Administrator', 'Privileged Role Administrator']],
    ['GET /directory/deletedItems/microsoft.graph.user', undefined],
    [
      'POST /directory/deletedItems/0a1b/restore',
      [
        'Global Administrator',
        'Application Administrator',
        'Cloud Application Administrator',
        'Groups Administrator',
        'User Administrator',
      ],
    ],
    [
      'DELETE /directory/deletedItems/0a1b',
      [
        'Global Administrator',
        'Application Administrator',
        'Cloud Application Administrator',
        'Groups Administrator',
        'User Administrator',
      ],
    ],
    ['PATCH /organization/0a1b', ['Global Administrator']],
    ['PATCH /directoryRoles/0a1b', ['Global Administrator', 'Privileged Role Administrator']],
    [
      'GET /roleManagement/directory/roleAssignments',
      ['Global Administrator', 'Directory Readers', 'Global Reader', 'Privileged Role Administrator'],
    ],
    [
      'GET /roleManagement/directory/roleEligibilitySchedules/0a1b',
      [
        'Global Administrator',
        'Global Reader',
        'Security Administrator',
        'Security Reader',
        'Privileged Role Administrator',
      ],
    ],
    ['GET /policies/authenticationMethodsPolicy', ['Global Administrator', 'Global Reader']],
    [
      'DELETE /oauth2PermissionGrants/0a1b',
      [
        'Global Administrator',
        'Application Administrator',
        'Cloud Application Administrator',
        'Privileged Role Administrator',
        'User Administrator',
      ],
    ],
  ])('%s', (request, expected) => {
    expect(names(request)).toEqual(expected);
  });
});
