import { hash } from 'node:crypto';
import { childOf, type Method, openings, type PermissionMap, type Scheme } from 'graph-permissions/permission-map';
import { notTheFile, parsePublishedFile as parse, type PublishedMap } from 'graph-permissions/published-file';
import { templateSegments } from 'graph-permissions/template';
import * as z from 'zod';
import { duplicateKey, safeParse } from '../core/json.ts';
import { parseJson } from '../core/outbound.ts';

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

/** Where a permission map comes from. */
export interface MapOrigin {
  /** Address or file name that it was read from. */
  readonly source: string;
  /** ISO 8601. */
  readonly retrievedAt: string;
  /** SHA-256 of the published file, hexadecimal. */
  readonly sha256: string;
}

/** A published map in its prebuilt form, with its origin. */
export interface StoredMap {
  readonly origin: MapOrigin;
  readonly map: PermissionMap;
}

/** Largest text that is read, in characters. Microsoft's file takes about 350,000. */
export const maximumStoredLength = 8_000_000;

const header = z.object({
  source: z.string().min(1),
  retrievedAt: z.iso.datetime(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  /** SHA-256 of the second line. */
  mapSha256: z.string(),
});

/** The text that is stored: one line with the origin, and one with the map. */
export function writeStoredMap({ origin, map }: StoredMap): string {
  const text = storePermissionMap(map);
  const { source, retrievedAt, sha256 } = origin;
  return `${JSON.stringify({ source, retrievedAt, sha256, mapSha256: digest(text) })}\n${text}`;
}

/** @throws Error that says what is wrong, for a text that was cut off, changed or has another format. */
export function readStoredMap(text: string): StoredMap {
  const end = text.indexOf('\n');
  const parsed = safeParse(header, parseJson(text.slice(0, Math.max(end, 0))));
  if (!parsed.success || text.length > maximumStoredLength) {
    throw new Error('The stored permission map has another format; run `ptb permissions update` again.');
  }
  const { mapSha256, ...origin } = parsed.data;
  const json = text.slice(end + 1);
  if (digest(json) !== mapSha256) {
    throw new Error('The stored permission map was changed or cut off; run `ptb permissions update` again.');
  }
  return { origin, map: loadPermissionMap(json) };
}

const digest = (text: string): string => hash('sha256', text, 'hex');

/**
 * Reads the prebuilt form. The caller has checked the text's digest, so only its format is checked.
 * @throws Error for a text of another format.
 */
export function loadPermissionMap(json: string): PermissionMap {
  const map = JSON.parse(json) as Partial<PermissionMap>;
  if (map.format !== 1 || !Array.isArray(map.root)) {
    throw new Error('The stored permission map has another format; run `ptb permissions update` again.');
  }
  return map as PermissionMap;
}

/** The prebuilt form of a map. */
export const storePermissionMap = (map: PermissionMap): string => JSON.stringify(map);

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
  const problems = known.flatMap((pair) => {
    const [method, path, scheme, permission, expected] = pair;
    const isOpen = isOpenedBy(after, pair);
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

function isOpenedBy(map: PermissionMap, [method, path, scheme, permission]: (typeof known)[number]): boolean {
  const node = (templateSegments(path) ?? []).reduce<PermissionMap['root'] | undefined>(
    (at, segment) => at && childOf(at, segment),
    map.root,
  );
  return node !== undefined && openings(map, node, { method, scheme, held: new Set([permission]) }).length > 0;
}
