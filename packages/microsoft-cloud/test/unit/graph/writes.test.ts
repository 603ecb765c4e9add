import { describe, expect, it } from 'vitest';
import { guid } from './small-engine.ts';
import { fresh, licence, locations, newUser } from './writes-data.ts';

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
    [{ onPremisesExtensionAttributes: { nosuch: '1' } }, 'nosuch', 'onPremisesExtensionAttributes'],
    [
      { passwordProfile: { forceChangePasswordNextSignin1: true } },
      'forceChangePasswordNextSignin1',
      'passwordProfile',
    ],
    [{ identities: [{ issuer: 'a', nosuch: '1' }] }, 'nosuch', 'objectIdentity'],
  ])('has no unknown part of a value: %j', (body, name, type) => {
    const engine = fresh();
    expect(engine.send('PATCH', `/v1.0/users/${guid(1)}`, body)).toMatchObject({
      status: 400,
      message: expect.stringContaining(`The property '${name}' does not exist on type 'microsoft.graph.${type}'.`),
    });
    expect(
      engine.send('PATCH', `/v1.0/users/${guid(1)}`, { passwordProfile: { '@odata.type': 'nosuch' } }),
    ).toMatchObject({ status: 400 });
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
    for (const path of ['directory/deletedItems', 'directoryObjects'])
      expect(engine.get(`/v1.0/${path}`)).toMatchObject({ status: 400, code: 'Request_UnsupportedQuery' });
    const list = engine.get('/v1.0/directory/deletedItems/microsoft.graph.user?$select=id,deletedDateTime').rows;
    expect(list).toMatchObject([{ id: guid(1), deletedDateTime: '2026-11-26T10:00:00Z' }]);
    expect(engine.send('POST', `${deleted}/restore`).status).toBe(200);
    expect(engine.get(`/v1.0/users/${guid(1)}?$select=deletedDateTime`).body['deletedDateTime']).toBeNull();
    expect(engine.get(deleted).status).toBe(404);
    engine.send('DELETE', `/v1.0/users/${guid(1)}`);
    expect(engine.send('DELETE', deleted).status).toBe(204);
    expect(engine.send('POST', `${deleted}/restore`).status).toBe(404);
  });

  it('stays deleted while another user has its name', () => {
    const engine = fresh();
    const deleted = `/v1.0/directory/deletedItems/${guid(1)}`;
    engine.send('DELETE', `/v1.0/users/${guid(1)}`);
    const other = { ...newUser, userPrincipalName: 'person1@a.example' };
    const { id } = engine.send('POST', '/v1.0/users', other).body;
    expect(engine.send('POST', `${deleted}/restore`)).toMatchObject({
      status: 400,
      message: 'Another object with the same value for property userPrincipalName already exists.',
    });
    expect(engine.get(deleted).status).toBe(200);
    engine.send('DELETE', `/v1.0/users/${String(id)}`);
    expect(engine.send('POST', `${deleted}/restore`).status).toBe(200);
  });
});
