import { describe, expect, it } from 'vitest';
import type { Row } from '../../../src/graph/declaration.ts';
import { eventual, fresh, get, guid, query } from './engine-data.ts';
import { allPages } from './small-engine.ts';

describe('objects of the directory', () => {
  it('have default properties, of which missing ones are null', () => {
    const [first] = get('/v1.0/users').rows;
    expect(Object.keys(first ?? {})).toEqual([
      'businessPhones',
      'displayName',
      'givenName',
      'jobTitle',
      'mail',
      'mobilePhone',
      'officeLocation',
      'preferredLanguage',
      'surname',
      'userPrincipalName',
      'id',
    ]);
    expect(first).toMatchObject({ businessPhones: [], jobTitle: null });
  });

  it('have pages of 100, and of 999 at most', () => {
    const page = get('/v1.0/users');
    expect(page.rows).toHaveLength(100);
    expect(page.body).toMatchObject({
      '@odata.context': 'https://graph.test/v1.0/$metadata#users',
      '@odata.nextLink': expect.stringContaining('https://graph.test/v1.0/users?$skiptoken='),
    });
    expect(allPages(fresh(), '/v1.0/users?$select=id')).toHaveLength(250);
    for (const top of ['0', '1000'])
      expect(get(query('users', { $top: top }))).toMatchObject({ status: 400, code: 'Request_BadRequest' });
  });

  it.each([
    [{ $filter: "department ne 'Sales'" }, "Filter operator 'NotEqualsMatch' is not supported."],
    [{ $filter: "not(department eq 'Sales')" }, "Filter operator 'Not' is not supported."],
    [
      { $filter: "endsWith(mail,'a.example')" },
      "Operator 'endsWith' is not supported because the 'ConsistencyLevel:eventual' header is missing.",
    ],
    [{ $filter: 'assignedLicenses/$count eq 0' }, 'Unsupported Query.'],
    [
      { $search: '"displayName:Person"' },
      "Request with $search query parameter only works through MSGraph with a special request header: 'ConsistencyLevel: eventual'",
    ],
    [{ $filter: "department eq 'Sales'", $orderby: 'displayName' }, 'Sorting not supported for current query.'],
  ])('answer %j only with ConsistencyLevel: eventual', (options, message) => {
    expect(get(query('users', { ...options }))).toMatchObject({
      status: 400,
      code: 'Request_UnsupportedQuery',
      message,
    });
    expect(get(query('users', { ...options, $count: 'true' }), eventual).status).toBe(200);
  });

  it.each([
    [
      { $filter: "aboutMe eq 'x'" },
      "Unsupported or invalid query filter clause specified for property 'aboutMe' of resource 'User'.",
    ],
    [
      { $filter: "contains(displayName,'x')" },
      "Unsupported or invalid query filter clause specified for property 'displayName' of resource 'User'.",
    ],
    [{ $orderby: 'department' }, 'Sorting not supported for current query.'],
    [{ $filter: 'proxyAddresses/all(p:p eq null)' }, "Filter operator 'All' is not supported."],
  ])('refuse %j, which the property does not support', (options, message) => {
    expect(get(query('users', { ...options }))).toMatchObject({ code: 'Request_UnsupportedQuery', message });
  });

  it('refuse $skip, and count only with the header', () => {
    expect(get(query('users', { $skip: '1' })).message).toBe("'$skip' is not supported by the service.");
    expect(get('/v1.0/users/$count').message).toBe('$count is not currently supported.');
    expect(get('/v1.0/users/$count', eventual).text).toBe('250');
    expect(get(query('users', { $count: 'true' })).body).not.toHaveProperty('@odata.count');
    expect(get(query('users', { $count: 'true' }), eventual).body['@odata.count']).toBe(250);
  });

  it.each([
    ['"displayName:person 1"', 111],
    ['"displayName:person" AND "mail:person24"', 6],
    ['"displayName:249" OR "displayName:248"', 2],
  ])('are searched for %s', (search, count) => {
    expect(get(query('users', { $search: search, $count: 'true' }), eventual).body['@odata.count']).toBe(count);
  });

  it.each(['displayName:person', '"person"', '"displayName:a', '"department:Sales"'])(
    'refuse the search %s',
    (search) => {
      expect(get(query('users', { $search: search }), eventual).status).toBe(400);
    },
  );

  it('are addressed by key, by name and in parentheses', () => {
    const paths = [
      `users/${guid(7)}`,
      `users('${guid(7)}')`,
      'users/PERSON7@a.example',
      "users(userPrincipalName='person7@a.example')",
      `directoryObjects/${guid(7)}`,
    ];
    for (const path of paths) expect(get(`/v1.0/${path}`).body).toMatchObject({ id: guid(7), displayName: 'Person 7' });
    expect(get("/v1.0/users(mail='person8@a.example')").status).toBe(404);
    expect(get(`/v1.0/users/${guid(7)}/displayName`).body['value']).toBe('Person 7');
  });
});

describe('navigations', () => {
  it('list mixed types, and one type by a cast', () => {
    const all = get(`/v1.0/groups/${guid(1001)}/members`);
    expect(all.body['@odata.context']).toBe('https://graph.test/v1.0/$metadata#directoryObjects');
    expect(all.rows.map((each) => [each['@odata.type'], each['displayName']])).toEqual([
      ['#microsoft.graph.group', 'Inner'],
      ['#microsoft.graph.user', 'Person 40'],
    ]);
    expect(get(`/v1.0/groups/${guid(1001)}/members/microsoft.graph.user`).rows).toMatchObject([{ id: guid(40) }]);
    expect(get(`/v1.0/groups/${guid(1001)}/members/$ref`).rows).toContainEqual({
      '@odata.id': `https://graph.test/v1.0/directoryObjects/${guid(40)}`,
    });
    expect(get(`/v1.0/groups/${guid(1001)}/members/$count`, eventual).text).toBe('2');
  });

  it('lead back, directly and through other groups', () => {
    expect(get(`/v1.0/users/${guid(1)}/memberOf`).rows).toMatchObject([{ displayName: 'Inner' }]);
    expect(get(`/v1.0/users/${guid(1)}/transitiveMemberOf`).rows).toMatchObject([
      { displayName: 'Inner' },
      { displayName: 'Outer' },
    ]);
    expect(get(`/v1.0/users/${guid(100)}/memberOf`).rows).toEqual([]);
  });

  it('are expanded with options of their own, at most 20 objects in the directory', () => {
    const [inner] = get(query('groups', { $expand: 'members($select=id,displayName)', $select: 'displayName' })).rows;
    expect(Object.keys(inner ?? {})).toEqual(['displayName', 'members']);
    expect(inner?.['members']).toHaveLength(20);
    expect(((inner?.['members'] ?? []) as Row[])[3]).toEqual({
      '@odata.type': '#microsoft.graph.user',
      id: guid(3),
      displayName: 'Person 3',
    });
    const user = get(query(`users/${guid(12)}`, { $select: 'id', $expand: 'manager($select=displayName)' })).body;
    expect(user['manager']).toMatchObject({ displayName: 'Person 10' });
    expect(get(query(`users/${guid(10)}`, { $select: 'id', $expand: 'manager' })).body).not.toHaveProperty('manager');
    const chain = get(query(`users/${guid(12)}`, { $expand: 'manager($levels=max;$select=id)' })).body['manager'];
    expect(chain).toMatchObject({ id: guid(10) });
  });
});
