import { describe, expect, it } from 'vitest';
import type { Declaration, Row } from '../../../src/graph/declaration.ts';
import { digestOf } from '../../../src/graph/serve/digest.ts';
import { directorySets } from '../../../src/graph/sets/directory.ts';
import { smallEngine } from './small-engine.ts';

const guid = (at: number): string => `00000000-0000-4000-8000-${String(at).padStart(12, '0')}`;
const sku = guid(500);
const licence = { skuId: sku, disabledPlans: [] };
const users: readonly Row[] = [0, 1, 2].map((at) => ({
  id: guid(at),
  displayName: `Person ${at}`,
  userPrincipalName: `person${at}@a.example`,
  usageLocation: at === 2 ? null : 'GB',
  assignedLicenses: at === 0 ? [licence] : [],
}));
const directoryObject = 'microsoft.graph.directoryObject';
const every = ['create', 'update', 'delete'] as const;
const declarations: readonly Declaration[] = [
  ...directorySets,
  {
    kind: 'set',
    path: 'users',
    type: 'microsoft.graph.user',
    rows: () => users,
    delta: true,
    alternateKeys: ['userPrincipalName'],
    writes: { operations: every, required: ['displayName', 'userPrincipalName'], unique: ['userPrincipalName'] },
  },
  {
    kind: 'set',
    path: 'groups',
    type: 'microsoft.graph.group',
    rows: () => [{ id: guid(100), displayName: 'Group', groupTypes: [], securityEnabled: true }],
    delta: true,
    writes: { operations: every, required: ['displayName'] },
  },
  {
    kind: 'references',
    path: 'groups/{id}/members',
    type: directoryObject,
    targets: ['users', 'groups'],
    ids: () => [guid(0)],
    writable: true,
  },
  { kind: 'inverse', path: 'users/{id}/memberOf', type: directoryObject, of: ['groups/{id}/members'] },
  {
    kind: 'inverse',
    path: 'users/{id}/transitiveMemberOf',
    type: directoryObject,
    of: ['groups/{id}/members'],
    transitive: true,
  },
  {
    kind: 'references',
    path: 'users/{id}/manager',
    type: directoryObject,
    targets: ['users'],
    ids: () => [],
    single: true,
    writable: true,
  },
  {
    kind: 'set',
    path: 'identity/conditionalAccess/namedLocations',
    type: 'microsoft.graph.namedLocation',
    rows: () => [{ '@odata.type': '#microsoft.graph.ipNamedLocation', id: guid(200), displayName: 'Office' }],
    writes: { operations: every, required: ['displayName'], etag: true, unique: ['displayName'] },
  },
  {
    kind: 'set',
    path: 'subscribedSkus',
    type: 'microsoft.graph.subscribedSku',
    live: true,
    rows: (tenant) => [
      {
        id: 'sku',
        skuId: sku,
        prepaidUnits: { enabled: 2 },
        consumedUnits: tenant.rows('users').filter(({ assignedLicenses }) => (assignedLicenses as Row[]).length > 0)
          .length,
      },
    ],
  },
  {
    kind: 'set',
    path: 'deviceManagement/deviceConfigurations',
    type: 'microsoft.graph.deviceConfiguration',
    rows: () => [{ id: guid(300), displayName: 'Old' }],
    writes: { operations: ['update'] },
  },
];
const fresh = () => smallEngine(declarations);
const locations = '/v1.0/identity/conditionalAccess/namedLocations';
const newUser = { displayName: 'New', userPrincipalName: 'new@a.example', passwordProfile: { password: 'secret' } };

describe('a new object', () => {
  it('is kept, gets an id and a time, and never shows its password', () => {
    const engine = fresh();
    const created = engine.send('POST', '/v1.0/users', newUser);
    expect(created).toMatchObject({
      status: 201,
      body: { displayName: 'New', id: expect.stringMatching(/^[0-9a-f-]{36}$/) },
    });
    const id = String(created.body['id']);
    expect(engine.get('/v1.0/users').rows).toHaveLength(4);
    const read = engine.get(`/v1.0/users/${id}?$select=createdDateTime,passwordProfile`);
    expect(read.body).toMatchObject({ createdDateTime: '2026-11-26T10:00:00Z', passwordProfile: { password: null } });
    expect(engine.get('/v1.0/users/new@a.example').body['id']).toBe(id);
  });

  it.each([
    [{ displayName: 'x' }, 400, "A value is required for property 'userPrincipalName' of resource 'User'."],
    [
      { ...newUser, userPrincipalName: 'PERSON1@a.example' },
      400,
      'Another object with the same value for property userPrincipalName already exists.',
    ],
    [
      { ...newUser, nonsense: 1 },
      400,
      "The property 'nonsense' does not exist on type 'microsoft.graph.user'. Make sure to only use property names that are defined by the type or mark the type as open type.",
    ],
    [
      { ...newUser, accountEnabled: 'yes' },
      400,
      `Invalid value specified for property 'accountEnabled': cannot convert the literal '"yes"' to the expected type 'Edm.Boolean'.`,
    ],
    [{ ...newUser, messages: [] }, 501, "The simulated cloud cannot write 'messages' together with its parent."],
  ])('is refused: %j', (body, status, message) => {
    expect(fresh().send('POST', '/v1.0/users', body)).toMatchObject({ status, message });
  });

  it.each([
    { id: guid(9) },
    { createdDateTime: '2020-01-01T00:00:00Z' },
    { signInActivity: {} },
    { assignedLicenses: [licence] },
    { assignedPlans: [] },
    { onPremisesSyncEnabled: true },
    { proxyAddresses: ['SMTP:new@a.example'] },
    { deletedDateTime: '2020-01-01T00:00:00Z' },
    { securityIdentifier: 'S-1-12-1-1' },
  ])('takes from the client nothing that only the service sets: %j', (more) => {
    const engine = fresh();
    const answer = { status: 400, message: `Property '${Object.keys(more).join('')}' is read-only and cannot be set.` };
    expect(engine.send('POST', '/v1.0/users', { ...newUser, ...more })).toMatchObject(answer);
    expect(engine.send('PATCH', `/v1.0/users/${guid(1)}`, more)).toMatchObject(answer);
    expect(engine.get('/v1.0/users').rows).toHaveLength(3);
  });

  it('may repeat what only the service sets, in Intune also with another value', () => {
    const engine = fresh();
    expect(engine.send('PATCH', `/v1.0/users/${guid(0)}`, { assignedLicenses: [licence] }).status).toBe(204);
    const extension = { onPremisesExtensionAttributes: { extensionAttribute1: 'x' } };
    expect(engine.send('PATCH', `/v1.0/users/${guid(0)}`, extension).status).toBe(204);
    const intune = `/v1.0/deviceManagement/deviceConfigurations/${guid(300)}`;
    expect(engine.send('PATCH', intune, { createdDateTime: '2020-01-01T00:00:00Z' }).status).toBe(200);
  });

  it('conflicts with another one outside the directory', () => {
    const engine = fresh();
    const office = { '@odata.type': '#microsoft.graph.ipNamedLocation', displayName: 'office' };
    expect(engine.send('POST', locations, office)).toMatchObject({ status: 409, code: 'Conflict' });
    expect(engine.send('POST', locations, { ...office, displayName: 'Home', isTrusted: true }).status).toBe(201);
    expect(engine.send('POST', locations, { displayName: 'x', isTrusted: true }).status).toBe(400);
    expect(engine.get(`${locations}/microsoft.graph.ipNamedLocation`).rows).toHaveLength(2);
  });

  it('appears in lists after a delay, and can be read by its key at once', () => {
    const engine = fresh();
    engine.settings.directoryPropagationMs = 5_000;
    const id = String(engine.send('POST', '/v1.0/users', newUser).body['id']);
    expect(engine.get(`/v1.0/users/${id}`).status).toBe(200);
    expect(engine.get('/v1.0/users').rows).toHaveLength(3);
    engine.advance(5_000);
    expect(engine.get('/v1.0/users').rows).toHaveLength(4);
  });
});

describe('a change', () => {
  it('answers 204, or with the object where asked, and in Intune', () => {
    const engine = fresh();
    const path = `/v1.0/users/${guid(1)}`;
    expect(engine.send('PATCH', path, { department: 'Sales' })).toMatchObject({ status: 204, text: '' });
    expect(engine.get(`${path}?$select=department,displayName`).body).toMatchObject({
      department: 'Sales',
      displayName: 'Person 1',
    });
    expect(engine.send('PATCH', path, { jobTitle: 'x' }, { prefer: 'return=representation' }).body).toMatchObject({
      jobTitle: 'x',
    });
    expect(engine.send('PATCH', path, { id: guid(9) }).status).toBe(400);
    const configuration = engine.send('PATCH', `/v1.0/deviceManagement/deviceConfigurations/${guid(300)}`, {
      displayName: 'New',
    });
    expect(configuration).toMatchObject({ status: 200, body: { displayName: 'New' } });
    expect(engine.send('DELETE', `/v1.0/deviceManagement/deviceConfigurations/${guid(300)}`).status).toBe(405);
  });

  it('needs the version that If-Match names', () => {
    const engine = fresh();
    const path = `${locations}/${guid(200)}`;
    const before = String(engine.get(path).body['@odata.etag']);
    expect(before).toMatch(/^W\/"/);
    expect(engine.send('PATCH', path, { displayName: 'A' }, { 'if-match': before }).status).toBe(204);
    expect(engine.send('PATCH', path, { displayName: 'B' }, { 'if-match': before })).toMatchObject({
      status: 412,
      code: 'PreconditionFailed',
    });
    expect(engine.send('DELETE', path, undefined, { 'if-match': before }).status).toBe(412);
    expect(engine.send('DELETE', path, undefined, { 'if-match': '*' }).status).toBe(204);
    expect(engine.get(path).status).toBe(404);
  });
});

describe('a deleted user', () => {
  it('can be restored until it is deleted for good', () => {
    const engine = fresh();
    const deleted = `/v1.0/directory/deletedItems/${guid(1)}`;
    expect(engine.send('DELETE', `/v1.0/users/${guid(1)}`).status).toBe(204);
    expect(engine.get(`/v1.0/users/${guid(1)}`).status).toBe(404);
    const list = engine.get('/v1.0/directory/deletedItems/microsoft.graph.user?$select=id,deletedDateTime').rows;
    expect(list).toMatchObject([{ id: guid(1), deletedDateTime: '2026-11-26T10:00:00Z' }]);
    expect(engine.send('POST', `${deleted}/restore`).status).toBe(200);
    expect(engine.get(`/v1.0/users/${guid(1)}?$select=deletedDateTime`).body['deletedDateTime']).toBeNull();
    expect(engine.get(deleted).status).toBe(404);
    engine.send('DELETE', `/v1.0/users/${guid(1)}`);
    expect(engine.send('DELETE', deleted).status).toBe(204);
    expect(engine.send('POST', `${deleted}/restore`).status).toBe(404);
  });
});

describe('references', () => {
  const members = `/v1.0/groups/${guid(100)}/members`;
  const reference = (at: number) => ({ '@odata.id': `https://graph.microsoft.com/v1.0/directoryObjects/${guid(at)}` });

  it('are added and removed, and lead back', () => {
    const engine = fresh();
    expect(engine.send('POST', `${members}/$ref`, reference(1)).status).toBe(204);
    expect(engine.send('POST', `${members}/$ref`, reference(1))).toMatchObject({
      status: 400,
      message: expect.stringContaining('already exist'),
    });
    expect(engine.send('POST', `${members}/$ref`, reference(77)).status).toBe(404);
    expect(engine.get(`/v1.0/users/${guid(1)}/memberOf`).rows).toMatchObject([{ displayName: 'Group' }]);
    expect(engine.send('DELETE', `${members}/${guid(0)}/$ref`).status).toBe(204);
    expect(engine.send('DELETE', `${members}/${guid(0)}/$ref`).status).toBe(404);
    expect(engine.get(members).rows).toMatchObject([{ id: guid(1) }]);
  });

  it('are added with the object', () => {
    const engine = fresh();
    const bound = [reference(1)['@odata.id'], reference(2)['@odata.id']];
    expect(engine.send('PATCH', `/v1.0/groups/${guid(100)}`, { 'members@odata.bind': bound }).status).toBe(204);
    expect(engine.get(members).rows).toHaveLength(3);
  });

  it('to one object are replaced and removed', () => {
    const engine = fresh();
    const manager = `/v1.0/users/${guid(0)}/manager`;
    expect(engine.get(manager).status).toBe(404);
    expect(engine.send('PUT', `${manager}/$ref`, reference(1)).status).toBe(204);
    expect(engine.send('PUT', `${manager}/$ref`, reference(2)).status).toBe(204);
    expect(engine.send('PUT', `${manager}/$ref`, reference(2)).status).toBe(204);
    expect(engine.send('PUT', `${manager}/$ref`, reference(77)).status).toBe(404);
    expect(engine.get(manager).body).toMatchObject({ displayName: 'Person 2' });
    expect(engine.send('DELETE', `${manager}/$ref`).status).toBe(204);
    expect(engine.get(manager).status).toBe(404);
  });
});

describe('operations', () => {
  it('return objects and memberships by id', () => {
    const engine = fresh();
    const found = engine.send('POST', '/v1.0/directoryObjects/getByIds', {
      ids: [guid(0), guid(100), guid(77)],
      types: ['user'],
    });
    expect(found.rows).toMatchObject([{ '@odata.type': '#microsoft.graph.user', id: guid(0) }]);
    const user = `/v1.0/users/${guid(0)}`;
    expect(engine.send('POST', `${user}/getMemberGroups`, { securityEnabledOnly: true }).rows).toEqual([guid(100)]);
    expect(
      engine.send('POST', `${user}/microsoft.graph.checkMemberGroups`, { groupIds: [guid(100), guid(5)] }).rows,
    ).toEqual([guid(100)]);
    expect(engine.send('POST', `/v1.0/users/${guid(1)}/getMemberObjects`, {}).rows).toEqual([]);
  });

  it('assign licences while there are any, to users with a location', () => {
    const engine = fresh();
    const assign = (at: number, body: object) => engine.send('POST', `/v1.0/users/${guid(at)}/assignLicense`, body);
    expect(assign(2, { addLicenses: [licence], removeLicenses: [] }).message).toContain('invalid usage location');
    expect(assign(1, { addLicenses: [licence], removeLicenses: [] }).status).toBe(200);
    expect(engine.get('/v1.0/subscribedSkus').rows[0]?.['consumedUnits']).toBe(2);
    engine.send('PATCH', `/v1.0/users/${guid(2)}`, { usageLocation: 'GB' });
    expect(assign(2, { addLicenses: [licence], removeLicenses: [] }).message).toContain(
      'does not have any available licenses',
    );
    expect(assign(1, { addLicenses: [], removeLicenses: [sku] }).status).toBe(200);
    expect(assign(1, { addLicenses: [], removeLicenses: [sku] }).status).toBe(400);
    expect(assign(2, { addLicenses: [licence], removeLicenses: [] }).status).toBe(200);
  });
});

describe('delta', () => {
  it('returns everything once, and then what clients changed', () => {
    const engine = fresh();
    const first = engine.get('/v1.0/users/delta?$select=displayName&$top=2');
    expect(first.rows).toHaveLength(2);
    engine.send('PATCH', `/v1.0/users/${guid(0)}`, { displayName: 'Changed' });
    const last = engine.get(String(first.body['@odata.nextLink']));
    expect(last.rows).toHaveLength(1);
    const changed = engine.get(String(last.body['@odata.deltaLink']));
    expect(changed.rows).toEqual([{ displayName: 'Changed', id: guid(0) }]);
    engine.send('DELETE', `/v1.0/users/${guid(2)}`);
    const removed = engine.get(String(changed.body['@odata.deltaLink']));
    expect(removed.rows).toEqual([{ id: guid(2), '@removed': { reason: 'changed' } }]);
    expect(engine.get(String(removed.body['@odata.deltaLink'])).rows).toEqual([]);
    expect(engine.get('/v1.0/users/delta?$deltatoken=latest').rows).toEqual([]);
    expect(engine.get('/v1.0/users/delta?$deltatoken=nonsense').status).toBe(410);
    expect(engine.get('/v1.0/subscribedSkus/delta').status).toBe(400);
  });

  it('follows the members of groups', () => {
    const engine = fresh();
    const first = engine.get('/v1.0/groups/delta?$select=displayName,members');
    expect(first.rows).toMatchObject([{ 'members@delta': [{ id: guid(0) }] }]);
    engine.send('DELETE', `/v1.0/groups/${guid(100)}/members/${guid(0)}/$ref`);
    const changed = engine.get(String(first.body['@odata.deltaLink']));
    expect(changed.rows).toMatchObject([{ 'members@delta': [{ id: guid(0), '@removed': { reason: 'deleted' } }] }]);
  });
});

describe('the digest of a tenant', () => {
  it('follows writes to objects and references, and nothing else', () => {
    const engine = fresh();
    const digest = () => digestOf(engine.engine.viewOf('tenant'));
    const before = digest();
    engine.get('/v1.0/users');
    expect(digest()).toEqual(before);
    engine.send('PATCH', `/v1.0/users/${guid(0)}`, { department: 'x' });
    const written = digest();
    expect(Object.keys(written.paths).filter((path) => written.paths[path] !== before.paths[path])).toEqual(['users']);
    engine.send('POST', `/v1.0/groups/${guid(100)}/members/$ref`, { '@odata.id': guid(1) });
    expect(digest().digest).not.toBe(written.digest);
  });
});
