import { describe, expect, it } from 'vitest';
import { buildPermissionMap } from '../../src/build-map.ts';
import { childOf, type MapNode, openings, type PermissionMap } from '../../src/permission-map.ts';
import { tableEntries } from '../../src/table.ts';

/** What opens the first request of a table, and which of that is called the least privileged. */
function opened(table: string, changed: (map: PermissionMap) => PermissionMap = (map) => map) {
  const entries = tableEntries(table);
  const map = changed(buildPermissionMap(entries));
  const { segments = [], method = 'GET' } = entries[0] ?? {};
  const node = segments.reduce<MapNode>((at, segment) => childOf(at, segment) ?? [0], map.root);
  const found = openings(map, node, { method, scheme: 'delegated', held: undefined });
  const namesOf = (some: typeof found): string =>
    some.map(({ permission, alsoOneOf }) => [permission, ...alsoOneOf].join('+')).join(' ');
  return { all: namesOf(found), least: namesOf(found.filter(({ least }) => least)) };
}

describe('the least privileged permissions', () => {
  it.each([
    ['A.Read.All B.Read.All C.Read.All*', 'C.Read.All A.Read.All B.Read.All', 'C.Read.All'],
    ['A.Read.All D.Read.All* C.Read.All*', 'C.Read.All D.Read.All A.Read.All', 'C.Read.All D.Read.All'],
    ['A.Read.All B.Read.All+C.Read.All*', 'B.Read.All+C.Read.All A.Read.All', 'B.Read.All+C.Read.All'],
    [
      'B.Read.All B.Read.All+C.Read.All* A.Read.All',
      'B.Read.All+C.Read.All A.Read.All B.Read.All',
      'B.Read.All+C.Read.All',
    ],
    ['B.Read.All A.Read.All', 'A.Read.All B.Read.All', ''],
    ['B.Read.All* A.Read.All*', 'A.Read.All B.Read.All', ''],
  ])('come first: %s', (permissions, all, first) => {
    expect(opened(`GET /things: ${permissions}`)).toEqual({ all, least: first });
  });

  it.each([
    ['that write where another one only reads', 'A.ReadWrite.All* B.Read.All* C.Read.All', 'B.Read.All'],
    ['that write where another one only reads, which is not marked', 'A.ReadWrite.All* B.Read.All', ''],
    ['and also need one that writes, where another one only reads', 'A.Read.All+D.ReadWrite.All* B.Read.All', ''],
  ])('of a request that reads do not include permissions %s', (_which, permissions, first) => {
    expect(opened(`GET /things: ${permissions}`).least).toBe(first);
  });

  it('of a request that reads may write if all of its permissions do', () => {
    expect(opened('GET /things: A.ReadWrite.All B.ReadWrite.All*').least).toBe('B.ReadWrite.All');
  });

  it('of a request that writes do not include permissions that only read', () => {
    const table =
      'POST /things: A.Read.All* B.Read.All+C.Read.All* D.Read.All+E.ReadWrite.All* F.Create* G.ReadWrite.All';
    expect(opened(table).least).toBe('F.Create D.Read.All+E.ReadWrite.All');
  });

  it('of a POST request that only reads are those that read', () => {
    expect(opened('POST /directoryObjects/getByIds: A.ReadWrite.All* B.Read.All*').least).toBe('B.Read.All');
  });

  it('of a write include the second permission that they need', () => {
    const table = 'POST /things: Z.ReadWrite.All A.ReadWrite.All+Z.ReadWrite.All B.ReadWrite.All+Z.ReadWrite.All*';
    expect(opened(table)).toEqual({
      all: 'B.ReadWrite.All+Z.ReadWrite.All A.ReadWrite.All+Z.ReadWrite.All Z.ReadWrite.All+A.ReadWrite.All+B.ReadWrite.All',
      least: 'B.ReadWrite.All+Z.ReadWrite.All',
    });
  });

  it('are known if one of several equal entries is marked, in any order', () => {
    const lines = ['GET /things: A.Read.All B.Read.All*', 'GET /things: B.Read.All'];
    for (const table of [lines, lines.toReversed()]) expect(opened(table.join('\n')).least).toBe('B.Read.All');
  });

  it('are kept for each path, also if two paths have the same permissions', () => {
    const lines = ['GET /a: A.Read.All* B.Read.All', 'GET /b: A.Read.All B.Read.All'];
    expect(opened(lines.join('\n')).least).toBe('A.Read.All');
    expect(opened(lines.toReversed().join('\n')).least).toBe('');
  });

  it('are unknown to a map that an earlier version stored', () => {
    const table = 'GET /things: B.Read.All* A.Read.All';
    const stored = (map: PermissionMap) =>
      JSON.parse(JSON.stringify(map, (key, value: unknown) => (key === 'least' ? undefined : value))) as PermissionMap;
    expect(opened(table, stored)).toEqual({ all: 'B.Read.All A.Read.All', least: '' });
  });
});
