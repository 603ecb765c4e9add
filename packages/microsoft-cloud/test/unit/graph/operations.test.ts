import { describe, expect, it } from 'vitest';
import { digestOf } from '../../../src/graph/serve/digest.ts';
import { guid } from './small-engine.ts';
import { fresh, licence, newUser, sku } from './writes-data.ts';

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

  it.each([
    [{ ...licence, nosuch: 1 }, "The property 'nosuch' does not exist on type 'microsoft.graph.assignedLicense'."],
    [{ ...licence, disabledPlans: 'x' }, "Invalid value specified for property 'disabledPlans'"],
    [{ ...licence, disabledPlans: [guid(600), guid(9)] }, `The license ${sku} has no service plan ${guid(9)}.`],
  ])('assign no licence that is written as %j', (wrong, message) => {
    const engine = fresh();
    const body = { addLicenses: [wrong], removeLicenses: [] };
    expect(engine.send('POST', `/v1.0/users/${guid(1)}/assignLicense`, body)).toMatchObject({
      status: 400,
      message: expect.stringContaining(message),
    });
    const right = { addLicenses: [{ ...licence, disabledPlans: [guid(600)] }], removeLicenses: [] };
    expect(engine.send('POST', `/v1.0/users/${guid(1)}/assignLicense`, right).status).toBe(200);
  });

  it('assign a licence to a user who was just created', () => {
    const engine = fresh();
    const { id } = engine.send('POST', '/v1.0/users', { ...newUser, usageLocation: 'GB' }).body;
    const path = `/v1.0/users/${String(id)}`;
    const assigned = engine.send('POST', `${path}/assignLicense`, { addLicenses: [licence], removeLicenses: [] });
    expect(assigned).toMatchObject({ status: 200, body: { assignedLicenses: [licence] } });
    expect(engine.get(`${path}?$select=assignedLicenses`).body['assignedLicenses']).toEqual([licence]);
  });
});

describe('getByIds', () => {
  it.each([
    ['', { ids: ['bad'] }, "Invalid object identifier 'bad'."],
    ['', { ids: [guid(0)], types: ['nosuch'] }, "The type 'nosuch' is not a type of directory objects."],
    ['', { ids: [guid(0)], types: ['message'] }, "The type 'message' is not a type of directory objects."],
    ["?$filter=displayName eq 'x'", { ids: [guid(0)] }, 'Only the query option $select is supported here.'],
    ['?$top=1', { ids: [guid(0)] }, 'Only the query option $select is supported here.'],
  ])('refuses %j %j', (query, body, message) => {
    expect(fresh().send('POST', `/v1.0/directoryObjects/getByIds${query}`, body)).toMatchObject({
      status: 400,
      message,
    });
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
