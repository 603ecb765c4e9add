import { describe, expect, it } from 'vitest';
import type { Row } from '../../../src/graph/declaration.ts';
import { guid } from './small-engine.ts';
import { fresh, newUser } from './writes-data.ts';

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

  it('continues with the link of its own list only', () => {
    const engine = fresh();
    const linkOf = (on: typeof engine, list: string): string =>
      new URL(String(on.get(`/v1.0/${list}/delta`).body['@odata.deltaLink'])).searchParams.get('$deltatoken') ?? '';
    const follow = (list: string, token: string) => engine.get(`/v1.0/${list}/delta?$deltatoken=${token}`);
    expect(follow('users', linkOf(engine, 'users'))).toMatchObject({ status: 200, rows: [] });
    expect(follow('groups', linkOf(engine, 'users'))).toMatchObject({ status: 410, code: 'SyncStateNotFound' });
    const later = fresh();
    later.send('PATCH', `/v1.0/users/${guid(0)}`, { displayName: 'x' });
    expect(follow('users', linkOf(later, 'users'))).toMatchObject({ status: 410, code: 'SyncStateNotFound' });
  });

  it('lists an object that has changed in a selected property only', () => {
    const engine = fresh();
    const linkFor = (query: string): string => String(engine.get(`/v1.0/users/delta${query}`).body['@odata.deltaLink']);
    const [named, all] = [linkFor('?$select=displayName'), linkFor('')];
    const idsAt = (link: string) => engine.get(link).rows.map(({ id }) => id);
    engine.send('PATCH', `/v1.0/users/${guid(0)}`, { jobTitle: 'Director' });
    engine.send('PATCH', `/v1.0/users/${guid(1)}`, { displayName: 'Person 1' });
    expect([idsAt(named), idsAt(all)]).toEqual([[], [guid(0)]]);
    engine.send('PATCH', `/v1.0/users/${guid(0)}`, { displayName: 'Other' });
    const after = String(engine.get(named).body['@odata.deltaLink']);
    engine.send('PATCH', `/v1.0/users/${guid(0)}`, { jobTitle: 'Clerk' });
    expect([idsAt(named), idsAt(after)]).toEqual([[guid(0)], []]);
    const { id } = engine.send('POST', '/v1.0/users', newUser).body;
    expect(idsAt(after)).toEqual([id]);
  });

  it('says whether an object that is gone can be restored', () => {
    const engine = fresh();
    const first = String(engine.get('/v1.0/users/delta?$select=jobTitle').body['@odata.deltaLink']);
    const item = `/v1.0/directory/deletedItems/${guid(2)}`;
    engine.send('DELETE', `/v1.0/users/${guid(2)}`);
    const deleted = engine.get(first);
    expect(deleted.rows).toEqual([{ id: guid(2), '@removed': { reason: 'changed' } }]);
    expect(engine.send('POST', `${item}/restore`).status).toBe(200);
    expect(engine.get(first).rows).toEqual([{ jobTitle: null, id: guid(2) }]);
    engine.send('DELETE', `/v1.0/users/${guid(2)}`);
    expect(engine.send('DELETE', item).status).toBe(204);
    for (const link of [first, String(deleted.body['@odata.deltaLink'])])
      expect(engine.get(link).rows).toEqual([{ id: guid(2), '@removed': { reason: 'deleted' } }]);
    expect(engine.get(item).status).toBe(404);
    expect(engine.send('POST', `${item}/restore`).status).toBe(404);
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

describe('a link of delta', () => {
  const linkOf = ({ body }: { readonly body: Row }, name: 'next' | 'delta' = 'delta'): string =>
    String(body[`@odata.${name}Link`]);
  const refused = { status: 410, code: 'SyncStateNotFound' };

  it('holds the options of the first request', () => {
    const engine = fresh();
    const query = `$select=displayName,members&$filter=id eq '${guid(100)}'`;
    const link = linkOf(engine.get(`/v1.0/groups/delta?${query}`));
    expect(new URL(link).searchParams.size).toBe(1);
    engine.send('PATCH', `/v1.0/groups/${guid(100)}`, { displayName: 'Changed' });
    engine.send('POST', '/v1.0/groups', { displayName: 'Another' });
    const changed = [{ displayName: 'Changed', id: guid(100) }];
    expect(engine.get(link).rows).toEqual(changed);
    expect(engine.get(`${link}&${query}`).rows).toEqual(changed);
    // Only what is selected may be changed.
    expect(engine.get(`${link}&$select=description`).rows).toEqual([]);
    expect(engine.get(`${link}&$filter=id eq '${guid(7)}'`)).toMatchObject({ status: 400 });
    expect(engine.get(`${link}&$top=1`)).toMatchObject({ status: 400, code: 'Request_UnsupportedQuery' });
    expect(engine.get(`${link}&$skiptoken=x`)).toMatchObject({ status: 400 });
    const pages = linkOf(engine.get('/v1.0/users/delta?$top=1&$select=id'), 'next');
    expect(engine.get(`${pages}&$select=displayName`)).toMatchObject({ status: 400 });
    expect(engine.get(`${pages}&$top=1`).rows).toEqual([{ id: guid(1) }]);
  });

  it('is refused by another run of the cloud and another version', () => {
    const engine = fresh();
    const first = engine.get('/v1.0/users/delta?$top=1');
    for (const link of [linkOf(first, 'next'), linkOf(engine.get('/v1.0/users/delta'))]) {
      expect(engine.get(link).status).toBe(200);
      expect(fresh().get(link)).toMatchObject(refused);
      expect(engine.get(link.replace('v1.0', 'beta'))).toMatchObject(refused);
    }
  });

  it('is refused after seven days, with the address at which to start again', () => {
    const engine = fresh();
    const link = linkOf(engine.get('/v1.0/users/delta'));
    engine.advance(7 * 86_400_000);
    expect(engine.get(link).status).toBe(200);
    engine.advance(1);
    const { location = '' } = engine.get(link).headers;
    expect(engine.get(link)).toMatchObject(refused);
    expect(location).toBe('https://graph.test/v1.0/users/delta?$deltatoken=');
    expect(engine.get(location).rows).toHaveLength(3);
  });

  it.each(['nonsense', 'e30', 'bnVsbA', 'eyJydW4iOjF9'])('is no token that somebody made up: %s', (token) => {
    expect(fresh().get(`/v1.0/users/delta?$deltatoken=${token}`)).toMatchObject(refused);
    expect(fresh().get(`/v1.0/users/delta?$skiptoken=${token}`)).toMatchObject(refused);
  });
});

describe('delta of other lists', () => {
  it.each([
    [
      'contracts/delta',
      400,
      'Request_UnsupportedQuery',
      'Differential query is not supported for entity type: Contract',
    ],
    [
      'directoryRoleTemplates/microsoft.graph.delta()',
      400,
      'Request_UnsupportedQuery',
      'Differential query is not supported for entity type: DirectoryRoleTemplate',
    ],
    [
      `users/${guid(1)}/messages/delta`,
      400,
      'BadRequest',
      "Unsupported request: Change tracking is not supported against 'microsoft.graph.message'.",
    ],
    [
      'directoryObjects/delta',
      400,
      'Request_UnsupportedQuery',
      'Delta query is not supported for directoryObjects without a valid resource type or id filter.',
    ],
  ])('%s is refused as Graph refuses it', (path, status, code, message) => {
    expect(fresh().get(`/v1.0/${path}`)).toMatchObject({ status, code, message, unmatched: false });
  });

  it.each(['applications/delta', `users/${guid(1)}/mailFolders/${guid(2)}/messages/delta`, 'sites/delta'])(
    '%s is not simulated, because Graph answers it',
    (path) => {
      expect(fresh().get(`/v1.0/${path}`)).toMatchObject({ status: 501, code: 'NotImplemented' });
    },
  );
});
