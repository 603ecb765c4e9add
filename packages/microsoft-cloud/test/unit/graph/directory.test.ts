import { describe, expect, it } from 'vitest';
import type { Row } from '../../../src/graph/declaration.ts';
import { eventual, fresh, get, query } from './engine-data.ts';
import { allPages, guid } from './small-engine.ts';

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
    [{ $orderby: 'createdDateTime' }, 'Sorting not supported for current query.'],
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
    [{ $orderby: 'surname' }, 'Sorting not supported for current query.'],
    [{ $filter: 'proxyAddresses/all(p:p eq null)' }, "Filter operator 'All' is not supported."],
  ])('refuse %j, which the property does not support', (options, message) => {
    expect(get(query('users', { ...options }))).toMatchObject({ code: 'Request_UnsupportedQuery', message });
  });

  it.each([
    ['users', 'displayName', 200],
    ['users', 'userPrincipalName desc', 200],
    ['groups', 'displayName', 200],
    ['devices', 'displayName', 400],
    ['applications', 'displayName', 400],
    ['servicePrincipals', 'displayName', 400],
    ['directory/administrativeUnits', 'displayName', 400],
    [`groups/${guid(1000)}/members`, 'displayName', 400],
    [`groups/${guid(1000)}/members/microsoft.graph.user`, 'displayName', 400],
    [`users/${guid(1)}/memberOf`, 'displayName', 400],
  ])('sort %s by %s without the header: %i', (path, $orderby, status) => {
    expect(get(query(path, { $orderby })).status).toBe(status);
    expect(get(query(path, { $orderby, $count: 'true' }), eventual).status).toBe(200);
  });

  it.each([
    ["companyName eq 'x'", 'companyName'],
    ["startsWith(mobilePhone,'1')", 'mobilePhone'],
    ["onPremisesSamAccountName eq 'x'", 'onPremisesSamAccountName'],
    ["onPremisesImmutableId in ('x')", 'onPremisesImmutableId'],
    ['employeeHireDate ge 2026-01-01T00:00:00Z', 'employeeHireDate'],
    ['onPremisesLastSyncDateTime le 2026-01-01T00:00:00Z', 'onPremisesLastSyncDateTime'],
    ["accountEnabled eq true and preferredLanguage eq 'en'", 'preferredLanguage'],
    ["onPremisesExtensionAttributes/extensionAttribute1 eq 'x'", 'onPremisesExtensionAttributes'],
    ['city eq null', 'city'],
    ['null eq department', 'department'],
  ])('filter by %s only with ConsistencyLevel: eventual', ($filter, name) => {
    expect(get(query('users', { $filter }))).toMatchObject({
      status: 400,
      code: 'Request_UnsupportedQuery',
      message: `Unsupported or invalid query filter clause specified for property '${name}' of resource 'User'.`,
    });
    expect(get(query('users', { $filter, $count: 'true' }), eventual).status).toBe(200);
  });

  it('filter by a value without the header, where null needs it', () => {
    expect(get(query('users', { $filter: "city eq 'x' or department in ('S')" })).status).toBe(200);
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

  it.each([
    [{ $filter: `id eq '${guid(5)}'` }, 1],
    [{ $filter: "startsWith(displayName,'Person 2')", $count: 'true' }, 11],
    [{ $top: '2' }, 2],
  ])('list addresses of the objects that %j names', (options, count) => {
    const { rows } = get(query(`groups/${guid(1000)}/members/$ref`, { ...options }), eventual);
    expect(rows).toHaveLength(count);
    expect(Object.keys(rows[0] ?? {})).toEqual(['@odata.id']);
  });

  it.each([
    [{ $skip: '1' }, {}],
    [{ $select: 'id' }, {}],
    [{ $select: 'nosuch' }, {}],
    [{ $expand: 'manager' }, {}],
    [{ $search: '"displayName:Person"' }, {}],
    [{ $filter: "nosuch eq 'x'" }, {}],
    [{ $filter: "not startsWith(displayName,'a')" }, {}],
  ])('list no addresses with %j', (options, headers) => {
    expect(get(query(`groups/${guid(1000)}/members/$ref`, { ...options }), headers).status).toBe(400);
  });

  it('have an address of one object without options', () => {
    const address = `users/${guid(12)}/manager/$ref`;
    expect(get(`/v1.0/${address}`).body['@odata.id']).toBe(`https://graph.test/v1.0/directoryObjects/${guid(10)}`);
    for (const options of [{ $select: 'id' }, { $top: '1' }])
      expect(get(query(address, { ...options })).status).toBe(400);
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
