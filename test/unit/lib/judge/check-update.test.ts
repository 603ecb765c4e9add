import { buildPermissionMap, type MapEntry } from 'graph-permissions/build-map';
import { partnerEntries, partnerMap } from 'graph-permissions/partner-table';
import type { Method, Scheme } from 'graph-permissions/permission-map';
import { templateSegments } from 'graph-permissions/template';
import { describe, expect, it } from 'vitest';
import { checkUpdate } from '../../../../src/cli/permissions/published-file.ts';

const entry = (method: Method, path: string, scheme: Scheme, permission: string): MapEntry => ({
  segments: templateSegments(path) ?? [],
  method,
  scheme,
  permission,
  alsoOneOf: [],
});
const same = (one: MapEntry, other: MapEntry): boolean =>
  one.segments.join('/') === other.segments.join('/') &&
  one.method === other.method &&
  one.scheme === other.scheme &&
  one.permission === other.permission;

const before = partnerMap();

describe('checkUpdate', () => {
  it('accepts a map with the same facts, and one that opens more', () => {
    expect(checkUpdate(before, before)).toEqual([]);
    const more = [...partnerEntries(), entry('GET', '/new/things', 'delegated', 'NewThing.Read.All')];
    expect(checkUpdate(before, buildPermissionMap(more))).toEqual([]);
  });

  it.each<[Method, string, Scheme, string]>([
    ['GET', '/users', 'delegated', 'User.Read.All'],
    ['GET', '/users', 'application', 'User.Read.All'],
    ['GET', '/groups', 'delegated', 'Group.Read.All'],
    ['GET', '/subscribedSkus', 'delegated', 'LicenseAssignment.Read.All'],
    ['GET', '/auditLogs/signIns', 'delegated', 'AuditLog.Read.All'],
    ['PATCH', '/users/{id}', 'delegated', 'User.ReadWrite.All'],
    ['DELETE', '/groups/{id}', 'delegated', 'Group.ReadWrite.All'],
  ])('refuses a map that no longer opens %s %s (%s) by %s', (method, path, scheme, permission) => {
    const lost = entry(method, path, scheme, permission);
    const without = partnerEntries().filter((each) => !same(each, lost));
    expect(without.length).toBeLessThan(partnerEntries().length);
    expect(checkUpdate(before, buildPermissionMap(without))).toEqual([
      `The file says that ${permission} (${scheme}) does not open ${method} ${path}.`,
    ]);
  });

  it.each<[Method, string, Scheme, string]>([
    ['DELETE', '/users/{id}', 'delegated', 'User.Read.All'],
    ['GET', '/users', 'delegated', 'Mail.Send'],
    ['GET', '/users/{id}/messages', 'delegated', 'User.Read.All'],
    ['POST', '/servicePrincipals/{id}/appRoleAssignments', 'delegated', 'User.Read.All'],
  ])('refuses a map that opens %s %s (%s) by %s', (method, path, scheme, permission) => {
    const after = buildPermissionMap([...partnerEntries(), entry(method, path, scheme, permission)]);
    expect(checkUpdate(before, after)).toEqual([
      `The file says that ${permission} (${scheme}) opens ${method} ${path}.`,
    ]);
  });

  const padded = (count: number, entryOf: (index: number) => MapEntry) =>
    buildPermissionMap([...partnerEntries(), ...Array.from({ length: count }, (_, index) => entryOf(index))]);

  it('refuses a map with fewer than half of the permissions, and accepts one with half', () => {
    const known = before.permissions.length;
    const grown = (count: number) =>
      padded(count, (index) => entry('GET', '/padding', 'delegated', `Padding${index}.Read.All`));
    expect(checkUpdate(grown(known), before)).toEqual([]);
    expect(checkUpdate(grown(known + 1), before)).toEqual([
      `The file has ${known} permissions, fewer than half of the ${2 * known + 1} known before.`,
    ]);
  });

  it('refuses a map with fewer than half of the paths', () => {
    const grown = padded(5_000, (index) => entry('GET', `/padding/p${index}`, 'delegated', 'User.Read.All'));
    const [problem, ...others] = checkUpdate(grown, before);
    expect(others).toEqual([]);
    const [, has, had] =
      /^The file has (\d+) paths, fewer than half of the (\d+) known before\.$/.exec(problem ?? '') ?? [];
    // The padding has one path above its own.
    expect(Number(had) - Number(has)).toBe(5_001);
  });
});
