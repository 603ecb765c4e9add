import { beforeAll, describe, expect, it } from 'vitest';
import type { Cloud } from '../../../src/assemble-cloud.ts';
import { cloudInMemory } from '../cloud-in-memory.ts';
import type { Row } from '../../../src/graph/declaration.ts';
import { GraphError } from '../../../src/graph/graph-error.ts';
import { loadTypes } from '../../../src/graph/schema/schema.ts';
import { publishedPermissions } from 'graph-permissions/permission-ids';
import type { Caller } from '../../../src/resource/caller.ts';

/** The tenant has Microsoft 365 E5; without a licence there is `unlicensed`. */
const licensed = 4;
let unlicensed: number;
let cloud: Cloud;
let domain: string;
const every: ReadonlySet<string> = new Set(publishedPermissions().keys());

interface Answer {
  readonly status: number;
  readonly message: string;
  readonly body: Row;
}

function send(method: string, path: string, body?: unknown, tenant = licensed): Answer {
  const customer = cloud.world.customers[tenant];
  const permissions = every;
  const identity = { clientId: 'client', objectId: 'object', isApplication: true, isAdmin: true, hasMfa: false };
  const caller = { tenantId: customer?.tenantId, customer, permissions, ...identity } as Caller;
  const request = {
    method,
    path: `/v1.0/${path}`,
    query: new URLSearchParams(),
    headers: {},
    body: body === undefined ? '' : JSON.stringify(body),
    facts: {},
  };
  try {
    const reply = cloud.engine.answer(request, caller);
    return { status: reply.status, message: '', body: JSON.parse(reply.body ?? '{}') as Row };
  } catch (error) {
    if (!(error instanceof GraphError)) throw error;
    return { status: error.status, message: error.message, body: {} };
  }
}

const listOf = (path: string, tenant = licensed): readonly Row[] =>
  send('GET', path, undefined, tenant).body['value'] as readonly Row[];
const firstId = (path: string): string => String(listOf(path)[0]?.['id']);

beforeAll(async () => {
  await loadTypes();
  cloud = await cloudInMemory({ tenants: 12, plain: true });
  cloud.setAddresses(new Proxy({} as never, { get: (_target, name) => `https://${String(name)}.test` }));
  domain = String(listOf('domains').find(({ isDefault }) => isDefault === true)?.['id']);
  unlicensed = cloud.world.customers.findIndex(
    (_customer, index) => send('GET', 'auditLogs/signIns', undefined, index).status === 403,
  );
});

let number = 0;
const user = (more: Row = {}): Row => ({
  accountEnabled: true,
  displayName: 'New Person',
  mailNickname: 'new.person',
  userPrincipalName: `new${++number}@${domain}`,
  passwordProfile: { password: 'Correct-Horse-1' },
  ...more,
});

describe('a user', () => {
  it('is created at a verified domain of the tenant', () => {
    expect(send('POST', 'users', user({ usageLocation: 'GB' })).status).toBe(201);
    expect(
      send(
        'POST',
        'users',
        user({ passwordProfile: { password: 'simple simple' }, passwordPolicies: 'DisableStrongPassword' }),
      ).status,
    ).toBe(201);
  });

  const noPassword = 'A password must be specified to create a new user.';

  it.each<[Row, string]>([
    [
      { userPrincipalName: 'new@elsewhere.example' },
      'The domain portion of the userPrincipalName property is invalid.',
    ],
    [{ userPrincipalName: 'nobody' }, "'userPrincipalName'"],
    [{ userPrincipalName: 'a b@x' }, "'userPrincipalName'"],
    [{ passwordProfile: { password: 'secret' } }, 'password complexity'],
    [{ passwordProfile: { password: 'alllowercase' } }, 'password complexity'],
    [{ passwordProfile: {} }, noPassword],
    [{ passwordProfile: null }, noPassword],
    [{ usageLocation: 'Germany' }, "'usageLocation'"],
    [{ displayName: null }, "'displayName'"],
    [{ displayName: 'x'.repeat(257) }, "'displayName'"],
    [{ jobTitle: 'x'.repeat(129) }, "'jobTitle'"],
    [{ mailNickname: 'a@b' }, "'mailNickname'"],
    [{ userType: 'Robot' }, "'userType'"],
    [{ employeeHireDate: 'yesterday' }, 'employeeHireDate'],
  ])('is refused with %j', (more, message) => {
    const before = listOf('users').length;
    expect(send('POST', 'users', user(more))).toMatchObject({
      status: 400,
      message: expect.stringContaining(message) as string,
    });
    expect(listOf('users')).toHaveLength(before);
    if (message === noPassword) return;
    expect(send('PATCH', `users/${firstId('users')}`, more).status).toBe(400);
  });
});

describe('a group', () => {
  const group = (more: Row = {}): Row => ({
    displayName: 'New',
    mailNickname: 'new',
    mailEnabled: false,
    securityEnabled: true,
    ...more,
  });
  const unified = { groupTypes: ['Unified'], mailEnabled: true, securityEnabled: false };
  const dynamic = { groupTypes: ['DynamicMembership'], membershipRule: 'user.department -eq "Sales"' };

  it('is created as a security group, a Microsoft 365 group, or with a rule', () => {
    expect(send('POST', 'groups', group()).status).toBe(201);
    expect(send('POST', 'groups', group(unified)).status).toBe(201);
    expect(send('POST', 'groups', group(dynamic)).status).toBe(201);
  });

  it.each<Row>([
    { mailEnabled: true },
    { securityEnabled: false },
    { groupTypes: ['Unified'] },
    { groupTypes: ['Other'] },
    { groupTypes: ['DynamicMembership'] },
    { mailNickname: 'new@group' },
    { displayName: 'x'.repeat(257) },
  ])('is refused with %j', (more) => {
    expect(send('POST', 'groups', group(more)).status).toBe(400);
  });

  it('is left to Exchange if it has an address and is no Microsoft 365 group', () => {
    expect(send('POST', 'groups', group({ mailEnabled: true })).message).toBe(
      'Cannot Create a mail-enabled security groups and or distribution list.',
    );
    const list = listOf('groups').find((row) => row['mailEnabled'] === true && (row['groupTypes'] as []).length === 0);
    const reference = { '@odata.id': `https://graph.microsoft.com/v1.0/directoryObjects/${firstId('users')}` };
    expect(send('POST', `groups/${String(list?.['id'])}/members/$ref`, reference)).toMatchObject({
      status: 400,
      message: 'Cannot Update a mail-enabled security groups and or distribution list.',
    });
  });

  it('takes no members where a rule decides, and is not created with an unknown one', () => {
    const reference = { '@odata.id': `https://graph.microsoft.com/v1.0/directoryObjects/${firstId('users')}` };
    const id = String(send('POST', 'groups', group(dynamic)).body['id']);
    expect(send('POST', `groups/${id}/members/$ref`, reference).status).toBe(403);
    expect(send('PATCH', `groups/${id}`, { 'members@odata.bind': [reference['@odata.id']] }).status).toBe(403);
    const plain = String(send('POST', 'groups', group()).body['id']);
    expect(send('POST', `groups/${plain}/members/$ref`, reference).status).toBe(204);
    const before = listOf('groups').length;
    const unknown = {
      'members@odata.bind': ['https://graph.microsoft.com/v1.0/users/00000000-0000-4000-8000-000000000077'],
    };
    expect(send('POST', 'groups', group(unknown)).status).toBe(404);
    const bound = { ...dynamic, 'members@odata.bind': [reference['@odata.id']] };
    expect(send('POST', 'groups', group(bound)).status).toBe(403);
    expect(listOf('groups')).toHaveLength(before);
  });
});

describe('a role assignment', () => {
  const path = 'roleManagement/directory/roleAssignments';

  it('is for a known principal and role, once', () => {
    const assignment = {
      principalId: String(listOf('users').at(-1)?.['id']),
      roleDefinitionId: firstId('roleManagement/directory/roleDefinitions'),
      directoryScopeId: '/',
    };
    const unknown = '00000000-0000-4000-8000-000000000077';
    expect(send('POST', path, { ...assignment, principalId: unknown }).status).toBe(404);
    expect(send('POST', path, { ...assignment, roleDefinitionId: unknown }).status).toBe(404);
    expect(send('POST', path, { ...assignment, directoryScopeId: 'tenant' }).status).toBe(400);
    expect(send('POST', path, assignment).status).toBe(201);
    expect(send('POST', path, assignment).status).toBe(400);
  });
});

describe('Conditional Access', () => {
  const policies = 'identity/conditionalAccess/policies';
  const locations = 'identity/conditionalAccess/namedLocations';
  const conditions = { users: { includeUsers: ['All'] }, applications: { includeApplications: ['All'] } };
  const policy = (more: Row = {}): Row => ({
    displayName: 'New',
    state: 'disabled',
    conditions,
    grantControls: { operator: 'OR', builtInControls: ['mfa'] },
    ...more,
  });
  const ranges = (...list: readonly string[]): Row => ({
    '@odata.type': '#microsoft.graph.ipNamedLocation',
    displayName: 'New',
    ipRanges: list.map((cidrAddress) => ({ '@odata.type': '#microsoft.graph.iPv4CidrRange', cidrAddress })),
  });

  it('needs a licence', () => {
    expect(send('POST', policies, policy()).status).toBe(201);
    expect(send('POST', policies, policy(), unlicensed).status).toBe(403);
    expect(send('POST', locations, ranges('198.51.100.0/24'), unlicensed).status).toBe(403);
  });

  it.each<Row>([
    { conditions: {} },
    { conditions: { users: conditions.users } },
    { conditions: { applications: conditions.applications } },
    { conditions: { ...conditions, users: { includeUsers: [] } } },
    { grantControls: null },
  ])('refuses a policy with %j', (more) => {
    expect(send('POST', policies, policy(more)).status).toBe(400);
    expect(send('PATCH', `${policies}/${firstId(policies)}`, { sessionControls: null, ...more }).status).toBe(400);
  });

  it.each<Row>([
    { displayName: 'New' },
    ranges(),
    ranges('198.51.100.0'),
    ranges('198.51.100.0/33'),
    ranges('198.51.100.300/24'),
    ranges('10.0.0.0/7'),
    { '@odata.type': '#microsoft.graph.countryNamedLocation', displayName: 'New', countriesAndRegions: ['Germany'] },
  ])('refuses the location %j', (body) => {
    expect(send('POST', locations, body).status).toBe(400);
  });

  it('keeps the type of a location', () => {
    const id = String(send('POST', locations, ranges('198.51.100.0/24')).body['id']);
    expect(id).toMatch(/^[0-9a-f-]{36}$/);
    const country = { '@odata.type': '#microsoft.graph.countryNamedLocation', countriesAndRegions: ['DE'] };
    expect(send('PATCH', `${locations}/${id}`, country)).toMatchObject({
      status: 400,
      message: expect.stringContaining('cannot be changed') as string,
    });
    expect(send('PATCH', `${locations}/${id}`, ranges('2001:db8::/32')).status).toBe(204);
  });
});
