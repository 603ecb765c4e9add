import { describe, expect, it } from 'vitest';
import type { Declaration, Row } from '../../../src/graph/declaration.ts';
import { directorySets } from '../../../src/graph/sets/directory.ts';
import { allPages, smallEngine } from './small-engine.ts';

const guid = (at: number): string => `00000000-0000-4000-8000-${String(at).padStart(12, '0')}`;
const users: readonly Row[] = Array.from({ length: 250 }, (_, at) => ({
  id: guid(at),
  displayName: `Person ${at}`,
  userPrincipalName: `person${at}@a.example`,
  mail: at % 2 === 0 ? `person${at}@a.example` : null,
  accountEnabled: at % 3 !== 0,
  proxyAddresses: [`SMTP:person${at}@a.example`],
  assignedLicenses: at < 3 ? [{ skuId: guid(9000), disabledPlans: [] }] : [],
  department: at < 5 ? 'Sales' : 'Works',
}));
const groups: readonly Row[] = [
  { id: guid(1000), displayName: 'Inner', groupTypes: [], securityEnabled: true, mailEnabled: false },
  { id: guid(1001), displayName: 'Outer', groupTypes: ['Unified'], securityEnabled: false, mailEnabled: true },
];
const members: Readonly<Record<string, readonly string[]>> = {
  [guid(1000)]: users.slice(0, 30).map(({ id }) => String(id)),
  [guid(1001)]: [guid(1000), guid(40)],
};

const directoryObject = 'microsoft.graph.directoryObject';
const declarations: readonly Declaration[] = [
  ...directorySets,
  {
    kind: 'set',
    path: 'users',
    type: 'microsoft.graph.user',
    rows: () => users,
    delta: true,
    searched: ['displayName', 'mail'],
    alternateKeys: ['userPrincipalName'],
    writes: {
      operations: ['create', 'update', 'delete'],
      required: ['displayName', 'userPrincipalName'],
      unique: ['userPrincipalName'],
      visibleAfterMs: 1000,
    },
  },
  { kind: 'set', path: 'groups', type: 'microsoft.graph.group', rows: () => groups },
  {
    kind: 'references',
    path: 'groups/{id}/members',
    type: directoryObject,
    targets: ['users', 'groups'],
    ids: (_tenant, id = '') => members[id] ?? [],
    writable: true,
  },
  { kind: 'inverse', path: 'users/{id}/memberOf', type: directoryObject, of: ['groups/{id}/members'] },
  { kind: 'inverse', path: 'groups/{id}/memberOf', type: directoryObject, of: ['groups/{id}/members'] },
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
    ids: (_tenant, id = '') =>
      Number(id.slice(-4)) % 10 === 0 ? [] : [guid(Math.floor(Number(id.slice(-4)) / 10) * 10)],
    single: true,
    writable: true,
  },
  {
    kind: 'set',
    path: 'identity/conditionalAccess/namedLocations',
    type: 'microsoft.graph.namedLocation',
    rows: () => [
      { '@odata.type': '#microsoft.graph.ipNamedLocation', id: guid(2000), displayName: 'Office', isTrusted: true },
      { '@odata.type': '#microsoft.graph.countryNamedLocation', id: guid(2001), displayName: 'Home' },
    ],
    writes: {
      operations: ['create', 'update', 'delete'],
      required: ['displayName'],
      etag: true,
      unique: ['displayName'],
    },
  },
  {
    kind: 'singleton',
    path: 'policies/authorizationPolicy',
    type: 'microsoft.graph.authorizationPolicy',
    row: () => ({ id: 'authorizationPolicy', displayName: 'Authorization Policy', allowInvitesFrom: 'everyone' }),
    writes: {},
  },
  {
    kind: 'report',
    path: "reports/getMailboxUsageDetail(period='{period}')",
    lines: (_tenant, period = '') => [
      ['Report Refresh Date', 'User Principal Name', 'Is Deleted', 'Item Count', 'Report Period'],
      ['2026-11-25', 'a "b", c@a.example', 'False', '17', period],
    ],
  },
];
const fresh = () => smallEngine(declarations);
const shared = fresh();
const get = (address: string, headers?: Readonly<Record<string, string>>) => shared.get(address, headers);
const eventual = { consistencylevel: 'eventual' };
const query = (path: string, options: Readonly<Record<string, string>>): string =>
  `/v1.0/${path}?${new URLSearchParams(options).toString()}`;

describe('names', () => {
  it.each([
    ['/v1.0/nonsense', "Resource not found for the segment 'nonsense'."],
    ['/v1.0/users/' + guid(1) + '/nonsense', "Resource not found for the segment 'nonsense'."],
    ['/v1.0/deviceManagement/nonsense', "Resource not found for the segment 'nonsense'."],
    ['/v1.0/administrativeUnits', "Resource not found for the segment 'administrativeUnits'."],
    [`/v1.0/users/${guid(1)}/microsoft.graph.group`, "Resource not found for the segment 'microsoft.graph.group'."],
  ])('%s is unknown to Graph as well', (address, message) => {
    expect(get(address)).toMatchObject({ status: 400, code: 'BadRequest', message, unmatched: true });
  });

  it.each([
    [
      { $select: 'id,nonsense' },
      "Parsing OData Select and Expand failed: Could not find a property named 'nonsense' on type 'microsoft.graph.user'.",
    ],
    [
      { $expand: 'nonsense' },
      "Parsing OData Select and Expand failed: Could not find a property named 'nonsense' on type 'microsoft.graph.user'.",
    ],
    [
      { $expand: 'manager($select=nonsense)' },
      "Parsing OData Select and Expand failed: Could not find a property named 'nonsense' on type 'microsoft.graph.directoryObject'.",
    ],
    [
      { $filter: "nonsense eq 'x'" },
      "Invalid filter clause: Could not find a property named 'nonsense' on type 'microsoft.graph.user'.",
    ],
    [
      { $orderby: 'nonsense' },
      "Invalid $orderby clause: Could not find a property named 'nonsense' on type 'microsoft.graph.user'.",
    ],
    [{ $nonsense: '1' }, "The query parameter '$nonsense' is not supported."],
    [{ $filter: 'accountEnabled eq' }, "Invalid filter clause: Syntax error at position 17 in 'accountEnabled eq'."],
    [
      { $filter: "accountEnabled eq 'true'" },
      "Invalid filter clause: A binary operator with incompatible types was detected. Found operand types 'Edm.Boolean' and 'Edm.String' for operator kind 'Equal'.",
    ],
    [
      { $top: 'x' },
      "Invalid value 'x' for $top query option found. The $top query option requires a non-negative integer value.",
    ],
  ])('%j is refused with Graph’s message', (options, message) => {
    expect(get(query('users', options))).toMatchObject({ status: 400, code: 'BadRequest', message, unmatched: false });
  });

  it('are found without regard to case, and options without the dollar sign', () => {
    expect(get('/v1.0/USERS?select=DISPLAYNAME&top=1').rows).toEqual([{ displayName: 'Person 0' }]);
  });

  it('differ between version 1.0 and beta', () => {
    expect(get(query('users', { $select: 'cloudRealtimeCommunicationInfo' })).status).toBe(400);
    expect(get('/beta/users?$select=cloudRealtimeCommunicationInfo&$top=1').rows).toEqual([
      { cloudRealtimeCommunicationInfo: null },
    ]);
  });
});

describe('a known collection without data', () => {
  it.each(['contacts', 'deviceManagement/deviceCategories', `users/${guid(1)}/messages`])('%s is empty', (path) => {
    expect(get(`/v1.0/${path}`)).toMatchObject({ status: 200, rows: [], unmatched: false });
    expect(get(query(path, { $filter: 'nonsense eq 1' })).status).toBe(400);
  });

  it('has no objects', () => {
    expect(get(`/v1.0/contacts/${guid(1)}`)).toMatchObject({ status: 404, code: 'Request_ResourceNotFound' });
    expect(get(`/v1.0/users/${guid(999)}/messages`).status).toBe(404);
  });

  it('refuses writes, which would be lost', () => {
    expect(fresh().send('POST', '/v1.0/contacts', { displayName: 'x' })).toMatchObject({
      status: 501,
      unmatched: false,
    });
  });
});

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

describe('singletons and reports', () => {
  it('returns and changes a policy', () => {
    const engine = fresh();
    expect(engine.get('/v1.0/policies/authorizationPolicy').body).toMatchObject({
      allowInvitesFrom: 'everyone',
      blockMsolPowerShell: null,
    });
    expect(engine.send('PATCH', '/v1.0/policies/authorizationPolicy', { allowInvitesFrom: 'nobody' }).status).toBe(400);
    expect(engine.send('PATCH', '/v1.0/policies/authorizationPolicy', { allowInvitesFrom: 'none' }).status).toBe(204);
    expect(engine.get('/v1.0/policies/authorizationPolicy').body['allowInvitesFrom']).toBe('none');
  });

  it('redirects to a CSV file that needs no token and lasts some minutes', () => {
    const engine = fresh();
    const { status, headers } = engine.get("/v1.0/reports/getMailboxUsageDetail(period='D7')");
    expect(status).toBe(302);
    const path = new URL(headers['location'] ?? '').pathname;
    expect(engine.engine.fetchReport(path)?.body).toBe(
      '\uFEFFReport Refresh Date,User Principal Name,Is Deleted,Item Count,Report Period\r\n2026-11-25,"a ""b"", c@a.example",False,17,D7\r\n',
    );
    engine.advance(10 * 60_000);
    expect(engine.engine.fetchReport(path)?.status).toBe(404);
    const json = engine.get("/beta/reports/getMailboxUsageDetail(period='D7')?$format=application/json");
    expect(json.rows).toEqual([
      {
        reportRefreshDate: '2026-11-25',
        userPrincipalName: 'a "b", c@a.example',
        isDeleted: false,
        itemCount: 17,
        reportPeriod: 'D7',
      },
    ]);
  });
});
