import { partnerMap } from 'graph-permissions/partner-table';
import type { PermissionMap } from 'graph-permissions/permission-map';
import { describe, expect, it } from 'vitest';
import { parsePublishedFile } from '../../../../src/cli/permissions/published-file.ts';
import { judgeReading } from '../../../../src/lib/judge/judge.ts';
import { namesOf, type RequestNames, readNames } from '../../../../src/lib/judge/request-names.ts';
import { readRequest } from '../../../../src/lib/judge/request-reading.ts';
import type { GatewayRequest, Grant, Verdict } from '../../../../src/lib/judge/verdict.ts';
import { noPublishedPermissions, publishedPermissions } from '../../../support/published-permissions.ts';
import { skippedBecause } from '../../../support/skipped.ts';
import { bodyCases } from './cases/body.ts';
import { account, type Case, somebody } from './cases/case.ts';
import { formCases } from './cases/form.ts';
import { listedCases, publishedCases } from './cases/listed-requests.ts';
import { partnerCases } from './cases/partner-requests.ts';
import { permissionCases } from './cases/permissions.ts';
import { queryCases } from './cases/query.ts';

const host = 'graph.microsoft.com';
const map = partnerMap();
const namesIn = (request: GatewayRequest) => namesOf(readRequest(request, host), map);

/** The verdict on a request, and on what a record keeps of it. Undefined if its path cannot be read, so no record has it. */
function both(loaded: PermissionMap, [, request, permissions, body]: Case): [Verdict, Verdict] | undefined {
  const text = request.replace(/^app:/, '').replaceAll('{u}', somebody).replaceAll('{own}', account.id);
  const at = text.indexOf(' ');
  const grant: Grant = {
    scheme: request.startsWith('app:') ? 'application' : 'delegated',
    permissions: new Set(permissions.split(' ')),
    signedIn: account,
    beta: true,
    me: true,
    host,
  };
  const sent: GatewayRequest = {
    method: text.slice(0, at),
    url: text.slice(at + 1),
    body: body === undefined ? undefined : JSON.stringify(body).replaceAll('{own}', account.id),
  };
  const reading = readRequest(sent, host);
  let path: string;
  try {
    path = `/${reading.target().version}${reading.path().slashed}`;
  } catch {
    return undefined;
  }
  const names = namesOf(reading, loaded);
  return [
    judgeReading(loaded, grant, reading),
    judgeReading(loaded, grant, readNames({ method: sent.method, path, ...names }, host)),
  ];
}

const shown = (verdict: Verdict): unknown =>
  verdict.allowed
    ? {
        permissions: verdict.permissions,
        segments: verdict.request.segments,
        answer: verdict.answer,
        changed: verdict.changed,
      }
    : 'refused';

const cases = [formCases, queryCases, permissionCases, bodyCases, partnerCases, listedCases].flat();
const isReadable = (verdict: Verdict): boolean => verdict.allowed || verdict.kind === 'not-permitted';

function expectSame(loaded: PermissionMap, tested: readonly Case[]): number {
  let judged = 0;
  for (const each of tested) {
    const verdicts = both(loaded, each);
    // What could not be read was refused whatever the policy, and is not judged again.
    if (verdicts === undefined || !isReadable(verdicts[0])) continue;
    judged += 1;
    expect({ case: each, verdict: shown(verdicts[1]) }).toEqual({ case: each, verdict: shown(verdicts[0]) });
  }
  return judged;
}

describe('a request that is judged again by what its record names', () => {
  it('gets the same verdict, permissions and segments', () => {
    expect(expectSame(map, cases)).toBeGreaterThan(250);
  });

  const json = publishedPermissions();
  const reason = json === undefined ? noPublishedPermissions : undefined;
  it("gets the same verdict with Microsoft's published file", skippedBecause(reason), () => {
    const published = json === undefined ? map : parsePublishedFile(json).map;
    expect(expectSame(published, [...cases, ...publishedCases])).toBeGreaterThan(250);
  });
});

describe('what a request names', () => {
  it('has no value of the query, the path or the body', () => {
    const url = `/v1.0/users('alice%40contoso.com')/messages?$select=subject&$filter=subject eq 'secret-1' and from/emailAddress/address eq 'secret-2'&$top=17`;
    expect(namesIn({ method: 'GET', url })).toEqual({
      template: '/v1.0/users/*/messages',
      query: '$select=subject&$filter=subject and from/emailAddress/address&$top',
    });
    const body = JSON.stringify({ displayName: 'secret-3', passwordProfile: { password: 'secret-4' }, 'secret 5': 1 });
    expect(namesIn({ method: 'PATCH', url: `/v1.0/users/${somebody}`, body })).toEqual({
      template: '/v1.0/users/*',
      bodyNames: ['displayName', 'passwordProfile', '?', '/password'],
    });
  });

  it('has a function and a named object of the map by their names, and the values of parameters not', () => {
    expect(namesIn({ method: 'GET', url: "/beta/reports/getOffice365ActiveUserDetail(period='D7')" }).template).toBe(
      "/beta/reports/getOffice365ActiveUserDetail(period='*')",
    );
    expect(namesIn({ method: 'GET', url: '/v1.0/users/delta' }).template).toBe('/v1.0/users/delta');
    expect(namesIn({ method: 'GET', url: "/v1.0/users('delta')" }).template).toBe('/v1.0/users/*');
  });

  it.each<[what: string, request: GatewayRequest, names: RequestNames]>([
    [
      'each level of an expansion, and a search only as such',
      {
        method: 'GET',
        url: '/v1.0/users?$expand=manager($select=id,displayName;$filter=accountEnabled eq true;$expand=directReports($select=id)),memberOf&$select=id,mail&$count=true&$format=JSON&$search="displayName:secret"',
      },
      {
        template: '/v1.0/users',
        query:
          '$expand=manager($select=id,displayName;$filter=accountEnabled;$expand=directReports($select=id)),memberOf&$select=id,mail&$count&$format=json&$search&$filter=displayName',
      },
    ],
    [
      'the count of a collection in a condition',
      { method: 'GET', url: '/v1.0/groups?$filter=members/$count gt 3' },
      { template: '/v1.0/groups', query: '$filter=members/$count' },
    ],
    [
      'an alternate key without its value',
      { method: 'GET', url: `/v1.0/applications(appId='${somebody}')` },
      { template: "/v1.0/applications(appid='*')" },
    ],
    [
      'a function by its qualified name',
      { method: 'GET', url: '/v1.0/users/microsoft.graph.delta()' },
      { template: '/v1.0/users/microsoft.graph.delta()' },
    ],
    ['no path that the map does not contain', { method: 'GET', url: `/v1.0/nowhere/${somebody}` }, {}],
    [
      'a query that cannot be read, as cut',
      { method: 'GET', url: '/v1.0/users?$filter=((' },
      { template: '/v1.0/users', query: '...' },
    ],
    ['no body that is empty', { method: 'POST', url: '/v1.0/groups', body: '' }, { template: '/v1.0/groups' }],
  ])('has %s', (_, request, names) => {
    expect(namesIn(request)).toEqual(names);
  });

  it.each<[what: string, url: string, body: object, bodyNames: readonly string[]]>([
    [
      'types of a search, each once, and no text',
      '/v1.0/search/query',
      { requests: [{ entityTypes: ['message', 'site'] }, { entityTypes: ['site', 'a secret', 'se-cret'] }, null] },
      ['requests', '/entityTypes', 'entityTypes=message', 'entityTypes=site'],
    ],
    [
      'no types of another path',
      '/v1.0/search/queryLater',
      { requests: [{ entityTypes: ['message'] }] },
      ['requests', '/entityTypes'],
    ],
    [
      'listed types, and no text',
      '/v1.0/directoryObjects/getByIds',
      { ids: [somebody], types: ['user', 'group', 'a secret', 'se-cret'] },
      ['ids', 'types=user,group'],
    ],
    ['types that are no list as none', '/v1.0/directoryObjects/getByIds', { types: 'user' }, ['types=']],
    ['no listed types of another path', '/v1.0/directoryObjects/getByIdsLater', { types: ['user'] }, ['types']],
    [
      'the type of the object',
      '/v1.0/users',
      { '@odata.type': '#microsoft.graph.user', displayName: '#microsoft.graph.user' },
      ['@odata.type=#microsoft.graph.user', 'displayName'],
    ],
    ['no type that is another text', '/v1.0/users', { '@odata.type': 'secret' }, ['@odata.type']],
    ['no type that is no text', '/v1.0/users', { '@odata.type': ['#microsoft.graph.user'] }, ['@odata.type']],
    [
      'an object that a member refers to',
      '/v1.0/users',
      { manager: { 'user@odata.bind': `https://${host}/v1.0/users/${somebody}` } },
      ['manager', '/user@odata.bind=/v1.0/users/*'],
    ],
    ['no reference with a query', '/v1.0/users', { '@odata.id': `https://${host}/v1.0/users?secret` }, ['@odata.id=?']],
    ['no reference that is no URL', '/v1.0/users', { '@odata.id': 'secret' }, ['@odata.id=?']],
  ])('has of a body %s', (_, url, body, bodyNames) => {
    expect(namesIn({ method: 'POST', url, body: JSON.stringify(body) }).bodyNames).toEqual(bodyNames);
  });

  it('is cut only if it is longer than a record takes', () => {
    const names = (length: number) => ({
      url: `/v1.0/users?$select=${'a'.repeat(length - '$select='.length)}`,
      method: 'GET',
    });
    expect(namesIn(names(1_500)).query).toHaveLength(1_500);
    expect(namesIn(names(1_501)).query).toBe('...');
  });

  it('tells what a reference points to, without its key', () => {
    const body = JSON.stringify({ '@odata.id': `https://${host}/v1.0/users/${somebody}` });
    expect(namesIn({ method: 'POST', url: `/v1.0/groups/${somebody}/members/$ref`, body }).bodyNames).toEqual([
      '@odata.id=/v1.0/users/*',
    ]);
  });

  it('is bounded, and a request whose names were cut is not judged', () => {
    const body = JSON.stringify(Object.fromEntries(Array.from({ length: 400 }, (_, index) => [`property${index}`, 1])));
    const names = namesIn({ method: 'PATCH', url: `/v1.0/users/${somebody}`, body });
    expect(names.bodyNames).toEqual(['...']);
    expect(() => readNames({ method: 'PATCH', path: `/v1.0/users/${somebody}`, ...names }, host).body()).toThrow(
      'does not have all names',
    );
  });
});

describe('a record of a request', () => {
  const read = (more: Partial<Parameters<typeof readNames>[0]> = {}) =>
    readNames({ method: 'POST', path: `/v1.0/users/${somebody}`, ...more }, host);

  it('without names has neither query, headers nor body', () => {
    const reading = read();
    expect(reading.target()).toEqual({ version: 'v1.0', path: `/users/${somebody}`, query: '' });
    expect(reading.options().values).toEqual(new Map());
    expect(reading.headers()).toEqual({});
    expect(reading.request.body).toBeUndefined();
  });

  it('has the key of the path only if the path is whole', () => {
    const template = '/v1.0/users/*/messages';
    const keyOf = (path: string) => read({ template, path }).path().parts[1]?.text;
    expect(keyOf(`/v1.0/users/${somebody}/messages`)).toBe(somebody);
    expect(keyOf('/v1.0/users/alice%40contoso.com/messages')).toBe('alice@contoso.com');
    const unknown = '00000000-0000-4000-8000-000000000000';
    expect(keyOf(`/v1.0/users/${somebody}`)).toBe(unknown);
    expect(keyOf('/v1.0/users/[removed]/messages')).toBe(unknown);
    expect(keyOf('/v1.0/users/%E0%A4%A/messages')).toBe(unknown);
    expect(read({ template, path: `/v1.0/users/${somebody}/messages` }).path().canonical).toBe(
      `/users/${somebody}/messages`,
    );
  });

  it('keeps the value of a parameter that the path shows', () => {
    const template = "/v1.0/applications(appid='*')";
    const path = `/v1.0/applications(appId='${somebody}')`;
    expect(read({ template, path }).path().segments).toEqual([`applications(appId='${somebody}')`]);
    expect(read({ template, path: '/v1.0' }).path().segments).toEqual(["applications(appid='*')"]);
  });

  it('is not judged with a template or a query that was cut', () => {
    expect(() => read({ template: '...' }).path()).toThrow('does not have all names');
    expect(() => read({ query: '$select=id&...' }).options()).toThrow('does not have all names');
  });

  it('has a body in which each object has some key', () => {
    const bodyNames = [
      'displayName',
      '@odata.id=/v1.0/users/*',
      '/user@odata.bind=/v1.0/users/*',
      '/inner',
      'types=user,group',
    ];
    const reading = read({ bodyNames });
    expect(reading.headers()).toEqual({ 'content-type': 'application/json' });
    const someUser = `https://${host}/v1.0/users/00000000-0000-4000-8000-000000000000`;
    expect(reading.body().value).toEqual({ displayName: '', '@odata.id': someUser, types: ['user', 'group'] });
    expect(reading.body().names).toEqual(
      new Map([
        ['displayName', new Set()],
        ['@odata.id', new Set()],
        ['user@odata.bind', new Set([someUser])],
        ['inner', new Set()],
        ['types', new Set()],
      ]),
    );
  });

  it('has the searched types as one search', () => {
    const { value, names } = read({ bodyNames: ['requests', 'entityTypes=site', 'entityTypes=list'] }).body();
    expect(value).toEqual({ requests: [{ entityTypes: ['site', 'list'] }] });
    expect([...names.keys()]).toEqual(['requests', 'entityTypes']);
    expect(read({ bodyNames: ['requests', '/entityTypes'] }).body().value).toEqual({ requests: '' });
  });
});
