import { childOf, type Method, openings, type PermissionMap, type Scheme } from 'graph-permissions/permission-map';
import { notTheFile, parsePublishedFile as parse, type PublishedMap } from 'graph-permissions/published-file';
import { templateSegments } from 'graph-permissions/template';
import { duplicateKey } from '../../lib/core/json.ts';

/**
 * Reads Microsoft's published permission file for the judge. Another parser than ours may read another value of a key that
 * an object contains twice, so such a file is refused.
 * @throws Error as the parser of the file, and for a key that stands twice.
 */
export function parsePublishedFile(json: string): PublishedMap {
  const read = parse(json);
  const twice = duplicateKey(json);
  if (twice !== undefined) throw new Error(`${notTheFile} An object contains the key "${twice}" twice.`);
  return read;
}

/** Pairs that Microsoft documents and is not expected to change, and pairs that no file may contain. */
const known: readonly (readonly [Method, string, Scheme, string, 'opens' | 'does not open'])[] = [
  ['GET', '/users', 'delegated', 'User.Read.All', 'opens'],
  ['GET', '/users', 'application', 'User.Read.All', 'opens'],
  ['GET', '/groups', 'delegated', 'Group.Read.All', 'opens'],
  ['GET', '/subscribedSkus', 'delegated', 'LicenseAssignment.Read.All', 'opens'],
  ['GET', '/auditLogs/signIns', 'delegated', 'AuditLog.Read.All', 'opens'],
  ['PATCH', '/users/{id}', 'delegated', 'User.ReadWrite.All', 'opens'],
  ['DELETE', '/groups/{id}', 'delegated', 'Group.ReadWrite.All', 'opens'],
  ['DELETE', '/users/{id}', 'delegated', 'User.Read.All', 'does not open'],
  ['GET', '/users', 'delegated', 'Mail.Send', 'does not open'],
  ['GET', '/users/{id}/messages', 'delegated', 'User.Read.All', 'does not open'],
  ['POST', '/servicePrincipals/{id}/appRoleAssignments', 'delegated', 'User.Read.All', 'does not open'],
];

/**
 * Checks a map before it replaces the one in force. A file that was cut off, or lists something else, must not open or
 * close requests. Pure.
 * @returns what is wrong; empty if nothing is.
 */
export function checkUpdate(before: PermissionMap, after: PermissionMap): readonly string[] {
  const problems = known.flatMap(([method, path, scheme, permission, expected]) => {
    const isOpen = isOpenedBy(after, { method, path, scheme, permission });
    if (isOpen === (expected === 'opens')) return [];
    return [`The file says that ${permission} (${scheme}) ${isOpen ? 'opens' : 'does not open'} ${method} ${path}.`];
  });
  for (const [what, count] of Object.entries(counts)) {
    const [had, has] = [count(before), count(after)];
    if (has < had / 2) problems.push(`The file has ${has} ${what}, fewer than half of the ${had} known before.`);
  }
  return problems;
}

const counts: Readonly<Record<string, (map: PermissionMap) => number>> = {
  permissions: ({ permissions }) => permissions.length,
  paths: ({ root }) => countNodes(root),
};

const countNodes = (node: PermissionMap['root']): number =>
  1 + Object.values(node[1] ?? {}).reduce((sum, child) => sum + countNodes(child), 0);

interface Pair {
  readonly method: Method;
  readonly path: string;
  readonly scheme: Scheme;
  readonly permission: string;
}

function isOpenedBy(map: PermissionMap, { method, path, scheme, permission }: Pair): boolean {
  const node = (templateSegments(path) ?? []).reduce<PermissionMap['root'] | undefined>(
    (at, segment) => at && childOf(at, segment),
    map.root,
  );
  return node !== undefined && openings(map, node, { method, scheme, held: new Set([permission]) }).length > 0;
}
