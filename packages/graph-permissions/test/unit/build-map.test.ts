import { describe, expect, it } from 'vitest';
import { buildPermissionMap, type MapEntry } from '../../src/build-map.ts';
import {
  childOf,
  column,
  type Method,
  methods,
  openings,
  opens,
  type PermissionMap,
  type Scheme,
  schemes,
} from '../../src/permission-map.ts';
import { tableEntries } from '../../src/table.ts';

interface Question {
  readonly method?: Method;
  readonly scheme?: Scheme;
  readonly held?: readonly string[];
}

/** What opens `/things`: each permission, with what it also needs after `+`. */
function opensThings(entries: Iterable<MapEntry>, { method = 'GET', scheme = 'delegated', held }: Question = {}) {
  const map = buildPermissionMap(entries);
  const things = childOf(map.root, 'things');
  if (things === undefined) throw new Error('the map has no /things');
  const found = openings(map, things, { method, scheme, held: held === undefined ? undefined : new Set(held) });
  return found.map(({ permission, alsoOneOf }) => [permission, ...alsoOneOf].join('+'));
}

/** The permissions of a map that cover only objects of the signed-in account. */
const ownOf = (table: string): readonly string[] => {
  const { permissions, own } = buildPermissionMap(tableEntries(table));
  return own.map((index) => permissions[index] ?? 'none');
};

const count = ({ grants, access }: PermissionMap): readonly number[] => [grants.length, access.length];

describe('buildPermissionMap', () => {
  it('unites the entries of one path, and keeps each way of a permission once', () => {
    const entries = tableEntries(
      'GET /things: A.Read.All\nGET /things: A.Read.All B.Read.All+C.Read.All\nGET /things: B.Read.All+D.Read.All',
    );
    expect(opensThings(entries)).toEqual(['A.Read.All', 'B.Read.All+C.Read.All', 'B.Read.All+D.Read.All']);
  });

  it('keeps the methods and the two kinds of token apart', () => {
    const entries = tableEntries(
      ['GET', 'POST', 'PATCH', 'PUT', 'DELETE']
        .map((method) => `${method} /things: ${method}.Own.All | ${method}.App.All`)
        .join('\n'),
    );
    for (const method of methods) {
      expect(opensThings(entries, { method })).toEqual([`${method}.Own.All`]);
      expect(opensThings(entries, { method, scheme: 'application' })).toEqual([`${method}.App.All`]);
    }
  });

  it('gives every method and scheme a column of its own', () => {
    const all = methods.flatMap((method) => schemes.map((scheme) => column(method, scheme)));
    expect(all).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it('is the same for any order of the entries', () => {
    const entries = tableEntries(`
GET /users: User.Read.All Directory.Read.All
GET /users/{id}: User.Read User.Read.All
POST /users/{id}/x: Z.Write.All+Y.Write.All+A.Write.All+M.Write.All Y.Write.All
POST /groups: Z.Write.All+A.Write.All+Y.Write.All B.Write.All C.Write.All D.Write.All E.Write.All F.Write.All G.Write.All
GET /groups/delta: User.Read.All
GET /groups/{id}: Group.Read.All H.Write.All I.Write.All J.Write.All
`);
    const expected = JSON.stringify(buildPermissionMap(entries));
    expect(JSON.stringify(buildPermissionMap(entries.toReversed()))).toBe(expected);
    expect(JSON.stringify(buildPermissionMap(entries.toSorted((a, b) => (a.permission < b.permission ? -1 : 1))))).toBe(
      expected,
    );
    const turned = entries.map((entry) => ({ ...entry, alsoOneOf: entry.alsoOneOf.toReversed() }));
    expect(JSON.stringify(buildPermissionMap(turned))).toBe(expected);
  });

  it('sorts permissions and segments', () => {
    const map = buildPermissionMap(tableEntries('GET /b: B.Read.All\nGET /c: A.Read.All\nGET /a: C.Read.All'));
    expect(map.permissions).toEqual(['A.Read.All', 'B.Read.All', 'C.Read.All']);
    expect(Object.keys(map.root[1] ?? {})).toEqual(['a', 'b', 'c']);
  });

  it('sorts what opens a path by name, whatever the numbers of the permissions, and what needs others last', () => {
    const alone = 'ABCDEFGHIJKL'.split('').map((letter) => `${letter}.Read.All`);
    const table = `GET /things: C.Read.All+L.Read.All C.Read.All+B.Read.All C.Read.All+B.Read.All+A.Read.All C.Read.All+A.Read.All ${alone.toReversed().join(' ')}`;
    expect(opensThings(tableEntries(table))).toEqual([
      ...alone,
      'C.Read.All+A.Read.All',
      'C.Read.All+A.Read.All+B.Read.All',
      'C.Read.All+B.Read.All',
      'C.Read.All+L.Read.All',
    ]);
  });

  it('stores equal sets of permissions and equal rows once', () => {
    const one = buildPermissionMap(tableEntries('GET /a: A.Read.All B.Read.All'));
    const three = buildPermissionMap(
      tableEntries(
        'GET /a: A.Read.All B.Read.All\nGET /b/c: B.Read.All A.Read.All\nGET /b/{id}: A.Read.All B.Read.All',
      ),
    );
    // The empty ones come first.
    expect([count(one), count(three)]).toEqual([
      [2, 2],
      [2, 2],
    ]);
    expect(one.grants[0]).toEqual([]);
    expect(one.access[0]).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    expect(one.access[1]).toEqual([1, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
  });

  it('has no children at the end of a path, and nothing open in the middle of one', () => {
    const map = buildPermissionMap(tableEntries('GET /a/b: A.Read.All'));
    expect(map).toEqual({
      format: 1,
      permissions: ['A.Read.All'],
      own: [],
      grants: [[], [0]],
      least: [0, 0],
      access: [Array.from({ length: 10 }, () => 0), [1, 1, 0, 0, 0, 0, 0, 0, 0, 0]],
      root: [0, { a: [0, { b: [1] }] }],
    });
  });
});

describe('a permission that is listed alone and as what another one also needs', () => {
  const table = (method: string): string =>
    `${method} /things: Other.Read.All Half.ReadWrite.All Whole.ReadWrite.All+Half.ReadWrite.All Third.ReadWrite.All+Half.ReadWrite.All`;

  it.each(['POST', 'PATCH', 'PUT', 'DELETE'] as const)('needs one of the others as well to %s', (method) => {
    for (const scheme of schemes) {
      expect(opensThings(tableEntries(table(method)), { method, scheme })).toEqual([
        'Other.Read.All',
        'Half.ReadWrite.All+Third.ReadWrite.All+Whole.ReadWrite.All',
        'Third.ReadWrite.All+Half.ReadWrite.All',
        'Whole.ReadWrite.All+Half.ReadWrite.All',
      ]);
    }
  });

  it('is enough to read', () => {
    for (const scheme of schemes)
      expect(opensThings(tableEntries(table('GET')), { scheme })).toContain('Half.ReadWrite.All');
  });

  it('keeps what it needs itself', () => {
    const entries = tableEntries('POST /things: A.Write.All+B.Write.All B.Write.All+C.Write.All');
    expect(opensThings(entries, { method: 'POST' })).toEqual(['A.Write.All+B.Write.All', 'B.Write.All+C.Write.All']);
  });
});

describe('a permission covers only objects of the signed-in account', () => {
  it.each([
    ['its paths begin with /me', 'GET /me/x: New.Read'],
    ['its paths are those of a user', 'GET /users/{id}/x: New.Read'],
    ['it has a twin for everybody', 'GET /things: New.Read New.Read.All'],
    ['it is listed, wherever it is used', 'GET /things: Mail.Read | X.Read.All'],
    ['it is listed, although its name says "create"', 'GET /me/x: Notes.Create'],
    ['it is listed, although its name has three parts', 'GET /things: Content.Process.User'],
  ])('if %s', (_why, table) => {
    expect(ownOf(table)).toHaveLength(1);
  });

  it.each([
    ['its name has a constraint', 'GET /me/x: New.Read.All New.Read.Shared'],
    ['its paths are those of other objects', 'GET /things/{id}: New.Read'],
    ['its path only begins as that of a user', 'GET /users/delta: New.Read\nGET /groups/{id}: New.Read'],
    ['only the application permission opens the paths of users', 'GET /users/{id}: A.Read.All | New.Read'],
    ['it creates objects of the organization', 'POST /me/x: New.Create'],
    ['it belongs to Copilot', 'GET /me/x: CopilotThings.Read'],
    ['it belongs to the audit', 'GET /me/x: AuditActivity.Read ContentActivity.Read'],
  ])('not if %s', (_why, table) => {
    expect(ownOf(table)).toEqual([]);
  });
});

describe('openings', () => {
  const entries = tableEntries('GET /things: A.Read.All B.Read.All+C.Read.All | D.Read.All');

  it('keeps to the permissions that somebody holds', () => {
    expect(opensThings(entries, { held: ['B.Read.All', 'X.Read.All'] })).toEqual(['B.Read.All+C.Read.All']);
    expect(opensThings(entries, { held: ['C.Read.All'] })).toEqual([]);
    expect(opensThings(entries, { held: [] })).toEqual([]);
  });

  it('marks only delegated permissions as limited to the signed-in account', () => {
    const map = buildPermissionMap(tableEntries('GET /things: A.Read.All Mail.Read | Mail.Read'));
    const things = childOf(map.root, 'things') ?? [0];
    const marks = (scheme: Scheme) =>
      openings(map, things, { method: 'GET', scheme, held: undefined }).map(({ permission, own }) => [permission, own]);
    expect(marks('delegated')).toEqual([
      ['A.Read.All', false],
      ['Mail.Read', true],
    ]);
    expect(marks('application')).toEqual([['Mail.Read', false]]);
  });

  it('finds nothing in a row or set that the map does not have', () => {
    const map = buildPermissionMap(entries);
    const asked = { method: 'GET', scheme: 'delegated', held: undefined } as const;
    expect(openings(map, [99], asked)).toEqual([]);
    expect(openings({ ...map, grants: [] }, childOf(map.root, 'things') ?? [0], asked)).toEqual([]);
  });
});

describe('opens', () => {
  it('says whether any permission opens a method', () => {
    const map = buildPermissionMap(tableEntries('GET /things: A.Read.All |\nPOST /things: A.Read.All'));
    const things = childOf(map.root, 'things') ?? [0];
    expect(opens(map, things, 'GET', 'delegated')).toBe(true);
    expect(opens(map, things, 'GET', 'application')).toBe(false);
    expect(opens(map, things, 'POST', 'application')).toBe(true);
    expect(opens(map, things, 'DELETE', 'delegated')).toBe(false);
    expect(opens(map, map.root, 'GET', 'delegated')).toBe(false);
    expect(opens(map, [99], 'GET', 'delegated')).toBe(false);
  });
});

describe('childOf', () => {
  it('knows only the segments of the map', () => {
    const { root } = buildPermissionMap(tableEntries('GET /a: A.Read.All'));
    expect(childOf(root, 'a')).toEqual([1]);
    expect(childOf(root, 'b')).toBeUndefined();
    expect(childOf(root, 'constructor')).toBeUndefined();
    expect(childOf([1], 'a')).toBeUndefined();
  });
});
