import { describe, expect, it } from 'vitest';
import { childOf, type Method, openings } from '../../src/permission-map.ts';
import { parsePublishedFile } from '../../src/published-file.ts';

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

/** Whether the permissions open /tests. */
function opensTests(json: string, permissions: readonly string[], method: Method = 'GET'): boolean {
  const { map } = parsePublishedFile(json);
  const tests = childOf(map.root, 'tests');
  const held = new Set(permissions);
  const found = tests === undefined ? [] : openings(map, tests, { method, scheme: 'delegated', held });
  return found.some(({ alsoOneOf }) => alsoOneOf.length === 0 || alsoOneOf.some((name) => held.has(name)));
}

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
    ['no users', '{"permissions":{}}', 'User.Read.All'],
  ])('explains what is wrong with %s', (_what, json, reason) => {
    expect(() => parsePublishedFile(json)).toThrow("This is not Microsoft's published permission file");
    expect(() => parsePublishedFile(json)).toThrow(reason);
  });

  it('accepts a byte order mark', () => {
    expect(opensTests(`\uFEFF${fileWith({})}`, ['Test.ReadWrite.All'])).toBe(true);
  });
});
