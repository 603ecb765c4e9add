import { describe, expect, it } from 'vitest';
import { judgeRequest } from '../../../../src/lib/judge/judge.ts';
import { partnerEntries, partnerMap } from '../../../../src/lib/judge/map/partner-table.ts';
import { loadPermissionMap, storePermissionMap } from '../../../../src/lib/judge/map/permission-map.ts';
import { parsePublishedFile } from '../../../../src/lib/judge/map/published-file.ts';
import { supplement } from '../../../../src/lib/judge/map/supplement.ts';
import { tableEntries } from '../../../../src/lib/judge/map/table.ts';
import { templateSegments } from '../../../../src/lib/judge/map/template.ts';
import {
  besidePublishedPermissions,
  noPublishedPermissions,
  publishedPermissions,
} from '../../../support/published-permissions.ts';
import { skippedBecause } from '../../../support/skipped.ts';
import { factsOf } from '../../../fuzz/judge/facts.ts';
import { templateOf } from '../../../fuzz/judge/oracle-map.ts';

describe('templateSegments', () => {
  it.each([
    ['/users/{id}', 'users/{}'],
    ['/Users/{user-id}/memberOf', 'users/{}/memberof'],
    ['/applications/{id}}/repair', 'applications/{}/repair'],
    ['/teams/(team-id)/channels', 'teams/{}/channels'],
    ['/sponsors/', 'sponsors'],
    ["/sites/getOperationStatus(operationId='{id}')", 'sites/getoperationstatus(operationid)'],
    ['/a/cell(row={value}, column={value})', 'a/cell(column,row)'],
    ['/workflows({id})/scope', 'workflows/{}/scope'],
    ['/a/delta()', 'a/delta'],
    ['/a/graph.samlFederation', 'a/microsoft.graph.samlfederation'],
    ['/a/{id}/$ref', 'a/{}/$ref'],
  ])('reads %s', (template, expected) => {
    expect(templateSegments(template)?.join('/')).toBe(expected);
  });

  it.each([
    "/agents?$filter=a eq '{id}'",
    '/me/mailfolders/{id}/.../messages',
    '/drives/{id}/root:/{path}:/children',
    '/rp/onpremises/spoons',
    '/teams/87654321-0abc-zqf0-321456789q/apps',
    '/privacy/subjectrightsrequests{id}/report',
    '/a/itemat(index={value})range',
    '/a/scope={value}',
    'users',
    '/a//b',
  ])('leaves out %s', (template) => {
    expect(templateSegments(template)).toBeUndefined();
  });
});

/** A published file with one permission. */
const fileWith = (pathSet: object, more: object = {}): string =>
  JSON.stringify({
    permissions: {
      'User.Read.All': {
        authorizationType: 'oAuth2',
        schemes: {},
        pathSets: [{ schemeKeys: ['DelegatedWork'], methods: ['GET'], paths: { '/users': 'least=DelegatedWork' } }],
        ownerInfo: {},
      },
      'Test.ReadWrite.All': {
        authorizationType: 'oAuth2',
        schemes: {},
        pathSets: [{ schemeKeys: ['DelegatedWork'], methods: ['GET'], paths: { '/tests': '' }, ...pathSet }],
        ...more,
      },
    },
  });

const opensTests = (json: string, permissions: readonly string[], method = 'GET'): boolean =>
  judgeRequest(
    parsePublishedFile(json).map,
    { scheme: 'delegated', permissions: new Set(permissions), beta: false, me: false, host: 'graph.microsoft.com' },
    { method, url: '/v1.0/tests' },
  ).allowed;

describe('parsePublishedFile', () => {
  it('reads what a permission opens', () => {
    expect(opensTests(fileWith({}), ['Test.ReadWrite.All'])).toBe(true);
    expect(opensTests(fileWith({}), ['User.Read.All'])).toBe(false);
    expect(opensTests(fileWith({}), ['Test.ReadWrite.All'], 'POST')).toBe(false);
  });

  it('asks for one of the permissions in AlsoRequires', () => {
    const json = fileWith({ paths: { '/tests': 'least=DelegatedWork;AlsoRequires=A.Read.All,B.Read.All' } });
    expect(opensTests(json, ['Test.ReadWrite.All'])).toBe(false);
    expect(opensTests(json, ['Test.ReadWrite.All', 'B.Read.All'])).toBe(true);
  });

  it('asks for the pair on a write where one half also stands alone, because the file has lost the conjunction', () => {
    const json = JSON.stringify({
      permissions: {
        ...(JSON.parse(fileWith({ methods: ['GET', 'POST'] })) as { permissions: object }).permissions,
        'Other.ReadWrite.All': {
          authorizationType: 'oAuth2',
          pathSets: [
            {
              schemeKeys: ['DelegatedWork'],
              methods: ['GET', 'POST'],
              paths: { '/tests': 'AlsoRequires=Test.ReadWrite.All' },
            },
          ],
        },
      },
    });
    expect(opensTests(json, ['Test.ReadWrite.All'])).toBe(true);
    expect(opensTests(json, ['Test.ReadWrite.All'], 'POST')).toBe(false);
    expect(opensTests(json, ['Test.ReadWrite.All', 'Other.ReadWrite.All'], 'POST')).toBe(true);
  });

  it.each([
    ['resource-specific permissions', fileWith({}, { authorizationType: 'RSC' })],
    ['personal accounts', fileWith({ schemeKeys: ['DelegatedPersonal'] })],
    ['limits to properties', fileWith({ includedProperties: ['id'] })],
    ['excluded properties', fileWith({ excludedProperties: ['id'] })],
  ])('opens nothing for %s', (_what, json) => {
    expect(opensTests(json, ['Test.ReadWrite.All'])).toBe(false);
  });

  it('counts permissions and names the templates that it leaves out', () => {
    expect(parsePublishedFile(fileWith({ paths: { '/x?y': '', '/a:/b': '' } }))).toMatchObject({
      permissions: 2,
      skippedPaths: ['/a:/b', '/x?y'],
    });
  });

  it.each([
    ['no JSON', '{', 'It is not JSON.'],
    ['a list', '[]', 'At the top'],
    ['another document', '{"openapi":"3.1.0"}', 'At permissions'],
    [
      'an unknown scheme',
      fileWith({ schemeKeys: ['Everybody'] }),
      'permissions → Test.ReadWrite.All → pathSets → 0 → schemeKeys',
    ],
    ['an unknown method', fileWith({ methods: ['HEAD'] }), 'methods'],
    ['paths without text', fileWith({ paths: { '/tests': 1 } }), 'paths'],
    ['an unknown key', fileWith({ alsoIncludes: [] }), 'alsoIncludes'],
    [
      'an unknown annotation',
      fileWith({ paths: { '/tests': 'most=DelegatedWork' } }),
      '"most=DelegatedWork" is unknown',
    ],
    ['a permission twice', fileWith({}).replace('"Test.ReadWrite.All"', '"User.Read.All"'), 'twice'],
    ['no users', '{"permissions":{}}', 'User.Read.All'],
  ])('explains what is wrong with %s', (_what, json, reason) => {
    expect(() => parsePublishedFile(json)).toThrow("This is not Microsoft's published permission file");
    expect(() => parsePublishedFile(json)).toThrow(reason);
  });

  it('accepts a byte order mark', () => {
    expect(opensTests(`\uFEFF${fileWith({})}`, ['Test.ReadWrite.All'])).toBe(true);
  });
});

describe('the stored map', () => {
  it('is the same after it was stored and loaded', () => {
    expect(loadPermissionMap(storePermissionMap(partnerMap()))).toEqual(partnerMap());
  });

  it.each(['{"format":2,"root":[0]}', '{}', 'null'])('of another format is refused: %s', (json) => {
    expect(() => loadPermissionMap(json)).toThrow();
  });
});

describe('tableEntries', () => {
  it.each(['users: User.Read.All', 'GETS /users: User.Read.All', 'GET /a:/b: User.Read.All', 'GET /users'])(
    'refuses the line "%s"',
    (line) => {
      expect(() => tableEntries(line)).toThrow('is broken');
    },
  );
});

const json = publishedPermissions();
describe(
  "beside Microsoft's published permission file",
  skippedBecause(json === undefined ? noPublishedPermissions : undefined),
  () => {
    const facts = json === undefined ? [] : factsOf(json);
    const known = new Set(
      facts.map(
        ({ method, path, scheme, permission }) =>
          `${method} ${templateOf(path)?.join('/').replaceAll('*', '{}')} ${scheme} ${permission}`,
      ),
    );

    it('lists in its own table nothing that the file does not list', () => {
      const reviewed = new Set(supplement().map((entry) => JSON.stringify(entry)));
      const unknown = partnerEntries()
        .filter((entry) => !reviewed.has(JSON.stringify(entry)))
        .map(({ method, segments, scheme, permission }) => `${method} ${segments.join('/')} ${scheme} ${permission}`)
        .filter((text) => !known.has(text));
      expect(unknown).toEqual([]);
    });

    it('supplements only what the file lacks', () => {
      const listed = new Set(
        facts.map(({ method, path }) => `${method} ${templateOf(path)?.join('/').replaceAll('*', '{}')}`),
      );
      expect(supplement().filter(({ method, segments }) => listed.has(`${method} ${segments.join('/')}`))).toEqual([]);
    });

    it('leaves out only broken templates and files by path', () => {
      const { permissions, skippedPaths } = parsePublishedFile(json ?? '');
      expect(permissions).toBeGreaterThan(500);
      expect(skippedPaths.filter((path) => !path.includes(':')).length).toBeLessThan(40);
    });
  },
);

interface PublishedCases {
  readonly signedIn: { readonly id: string; readonly upn: string };
  readonly cases: readonly {
    readonly method: string;
    readonly url: string;
    readonly scopes: readonly string[];
    readonly scheme: string;
    readonly expect: string;
    readonly why: string;
    readonly body?: object;
  }[];
}

const cases = json === undefined ? undefined : besidePublishedPermissions('gateway-cases.json');
describe(
  'the cases beside the published file',
  skippedBecause(cases === undefined ? noPublishedPermissions : undefined),
  () => {
    if (json === undefined || cases === undefined) return;
    const { map } = parsePublishedFile(json);
    const { signedIn, cases: list } = JSON.parse(cases) as PublishedCases;

    it.each(list.map((each) => [each.expect, each.method, each.url, each.scopes.join(' '), each.why, each] as const))(
      '%s %s %s with "%s": %s',
      (expected, method, url, _scopes, _why, { scopes, scheme, body }) => {
        const verdict = judgeRequest(
          map,
          {
            scheme: scheme === 'Application' ? 'application' : 'delegated',
            permissions: new Set(scopes),
            signedIn: { id: signedIn.id, userPrincipalName: signedIn.upn },
            beta: true,
            me: true,
            host: 'graph.microsoft.com',
          },
          { method, url, body: body === undefined ? undefined : JSON.stringify(body) },
        );
        expect(verdict.allowed ? 'allow' : 'deny').toBe(expected);
      },
    );
  },
);
