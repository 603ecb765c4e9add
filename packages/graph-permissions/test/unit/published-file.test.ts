import { describe, expect, it } from 'vitest';
import { childOf, type Method, openings, schemes } from '../../src/permission-map.ts';
import { parsePublishedFile } from '../../src/published-file.ts';
import { required } from '../../src/required.ts';

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
    ['an empty limit', fileWith({ includedProperties: [] })],
    ['an implicit permission', fileWith({ implicit: true })],
    ['no paths', fileWith({ paths: {} })],
    ['no methods', fileWith({ methods: [] })],
    ['an application permission', fileWith({ schemeKeys: ['Application'] })],
  ])('opens nothing for %s', (_what, json) => {
    expect(opensTests(json, ['Test.ReadWrite.All'])).toBe(false);
  });

  it('reads delegated and application permissions of one set', () => {
    const json = fileWith({ schemeKeys: ['Application', 'DelegatedPersonal', 'DelegatedWork'], implicit: false });
    const { map } = parsePublishedFile(json);
    const tests = childOf(map.root, 'tests') ?? [0];
    for (const scheme of schemes) {
      const found = openings(map, tests, { method: 'GET', scheme, held: undefined });
      expect(found).toEqual([{ permission: 'Test.ReadWrite.All', alsoOneOf: [], own: false, least: false }]);
    }
  });

  it('gives permissions of personal accounts to nobody, whatever the method', () => {
    const json = fileWith({ schemeKeys: ['DelegatedPersonal'], methods: ['GET', 'POST', 'PATCH', 'PUT', 'DELETE'] });
    const found = required(parsePublishedFile(json).map, 'GET', '/tests');
    expect(found).toBeUndefined();
  });

  it.each([
    ['AlsoRequires=A.Read.All', ['A.Read.All']],
    ['AlsoRequires= A.Read.All , B.Read.All;least=DelegatedWork,Application', ['A.Read.All', 'B.Read.All']],
    ['least=DelegatedWork;', []],
    [';', []],
  ])('reads the annotation "%s"', (annotation, expected) => {
    const { map } = parsePublishedFile(fileWith({ paths: { '/tests': annotation } }));
    const tests = childOf(map.root, 'tests') ?? [0];
    const found = openings(map, tests, { method: 'GET', scheme: 'delegated', held: undefined });
    expect(found.map(({ alsoOneOf }) => alsoOneOf)).toEqual([expected]);
  });

  it.each([
    ['least=DelegatedWork', [true, false]],
    ['least=Application', [false, true]],
    ['AlsoRequires=A.Read.All;least= Application , DelegatedWork', [true, true]],
    ['least=DelegatedPersonal', [false, false]],
    ['', [false, false]],
  ])('reads from "%s" for which tokens the permission is the least privileged one', (annotation, expected) => {
    const file = JSON.parse(
      fileWith({ schemeKeys: ['DelegatedWork', 'Application'], paths: { '/tests': annotation } }),
    ) as {
      permissions: Record<string, { pathSets: object[] }>;
    };
    file.permissions['User.Read.All']?.pathSets.push({
      schemeKeys: ['DelegatedWork', 'Application'],
      methods: ['GET'],
      paths: { '/tests': '' },
    });
    const { map } = parsePublishedFile(JSON.stringify(file).replaceAll('Test.ReadWrite.All', 'Test.Read.All'));
    const tests = childOf(map.root, 'tests') ?? [0];
    const marks = schemes.map((scheme) =>
      openings(map, tests, { method: 'GET', scheme, held: new Set(['Test.Read.All']) }).map(({ least }) => least),
    );
    expect(marks).toEqual(expected.map((mark) => [mark]));
  });

  it('adds what the file lacks', () => {
    const { map } = parsePublishedFile(fileWith({}));
    const found = required(map, 'GET', '/directory/subscriptions')?.application.map(({ permission }) => permission);
    expect(found).toContain('Organization.Read.All');
  });

  it('does not count permissions for single teams and chats', () => {
    expect(parsePublishedFile(fileWith({})).permissions).toBe(2);
    expect(parsePublishedFile(fileWith({}, { authorizationType: 'RSC' })).permissions).toBe(1);
  });

  it('counts permissions and names the templates that it leaves out', () => {
    expect(parsePublishedFile(fileWith({ paths: { '/x?y': '', '/tests': '', '/a:/b': '' } }))).toMatchObject({
      permissions: 2,
      skippedPaths: ['/a:/b', '/x?y'],
    });
  });

  it.each([
    ['no JSON', '{', 'It is not JSON.'],
    ['a list', '[]', 'At the top: '],
    [
      'a name that is no permission',
      fileWith({}).replace('"Test.ReadWrite.All"', '"Test ReadWrite"'),
      'At permissions → Test',
    ],
    ['a name with an empty part', fileWith({}).replace('"Test.ReadWrite.All"', '"Test..All"'), 'At permissions → Test'],
    ['an unknown kind of permission', fileWith({}, { authorizationType: 'other' }), 'authorizationType'],
    ['a permission without sets', fileWith({}, { pathSets: undefined }), 'pathSets'],
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
    [
      'an annotation without its value',
      fileWith({ paths: { '/tests': 'AlsoRequires=' } }),
      'At Test.ReadWrite.All /tests: "AlsoRequires=" is unknown',
    ],
    ['no users', '{"permissions":{}}', 'User.Read.All'],
    ['users whom nobody reads', fileWith({}).replace('"methods":["GET"]', '"methods":["POST"]'), 'User.Read.All'],
    [
      'users whom another permission reads',
      fileWith({ paths: { '/users': '' } }).replace('"User.Read.All"', '"User.Read"'),
      'User.Read.All',
    ],
  ])('explains what is wrong with %s', (_what, json, reason) => {
    expect(() => parsePublishedFile(json)).toThrow("This is not Microsoft's published permission file");
    expect(() => parsePublishedFile(json)).toThrow(reason);
  });

  it('names the error of the parser as the cause', () => {
    const caught = ((): unknown => {
      try {
        return parsePublishedFile('{');
      } catch (error) {
        return (error as Error).cause;
      }
    })();
    expect(caught).toBeInstanceOf(SyntaxError);
  });

  it('accepts a byte order mark', () => {
    expect(opensTests(`\uFEFF${fileWith({})}`, ['Test.ReadWrite.All'])).toBe(true);
  });
});
