import {
  childOf,
  type MapNode,
  type Method,
  openings,
  type Opening,
  type PermissionMap,
  schemes,
  type Scheme,
  wildcard,
} from './permission-map.ts';
import { callSegment } from './template.ts';

/** The permissions that open a request, by kind of token. Each opens it alone, with one of its `alsoOneOf`. */
export type Required = Readonly<Record<Scheme, readonly Opening[]>>;

/**
 * The permissions that the map lists for a request, as Microsoft's own reader of the file finds them: a literal wins over
 * the wildcard, and there is no way back. Unlike the judge of a gateway, it takes the map at its word. Pure.
 * @param path Without the version, with ids or placeholders: `/users/0a1b/memberOf`, `/groups/{id}/members/$ref`.
 * @returns undefined for a path that the map does not contain.
 */
export function required(map: PermissionMap, method: Method, path: string): Required | undefined {
  const nodes = walk(map.root, segmentsOf(path));
  // The map lists few suffixes. The others need what the path before them needs.
  const node = nodes.at(-1);
  const found = node === undefined ? undefined : requiredAt(map, node, method);
  if (found === undefined || isOpen(found) || !suffix.test(path)) return found;
  const before = nodes.at(-2);
  return before === undefined ? found : requiredAt(map, before, method);
}

const suffix = /\/\$(?:count|value|ref)\/?$/;

const isOpen = (found: Required): boolean => schemes.some((scheme) => found[scheme].length > 0);

const requiredAt = (map: PermissionMap, node: MapNode, method: Method): Required => ({
  delegated: openings(map, node, { method, scheme: 'delegated', held: undefined }),
  application: openings(map, node, { method, scheme: 'application', held: undefined }),
});

/** The nodes of a path from the root on, or an empty list. A suffix that the map does not list repeats the last node. */
function walk(root: MapNode, segments: readonly string[]): readonly MapNode[] {
  const nodes = [root];
  for (const [index, segment] of segments.entries()) {
    const node = nodes.at(-1) ?? root;
    const last = index === segments.length - 1;
    const next = segment.startsWith('$')
      ? (childOf(node, segment) ?? (last ? node : undefined))
      : (childOf(node, segment) ?? cast(node, segment) ?? childOf(node, wildcard));
    if (next === undefined) return [];
    nodes.push(next);
  }
  return nodes;
}

const qualified = /^microsoft\.graph\.(\w+(?:\([^()]*\))?)$/;

/** `microsoft.graph.user` is a type and stays where it is, unless the map has an operation of that name there. */
function cast(node: MapNode, segment: string): MapNode | undefined {
  const name = qualified.exec(segment)?.[1];
  return name === undefined ? undefined : (childOf(node, name) ?? node);
}

const keyed = /^([^()]+)\((.*)\)$/;
const parameter = /([a-z0-9_]+)\s*=/g;

/**
 * The segments of a path in lower case. `users('id')` has two, as `users/id` has. A call keeps the sorted names of its
 * parameters, and an alternate key of an entity counts as its key.
 */
function segmentsOf(path: string): readonly string[] {
  const segments = path.toLowerCase().split('/').filter(Boolean);
  return segments.flatMap((segment) => {
    const [, name, inside] = keyed.exec(segment) ?? [];
    if (name === undefined || inside === undefined) return [segment];
    if (inside === '') return [name];
    const names = [...inside.matchAll(parameter)].map(([, each = '']) => each);
    if (names.length === 0) return [name, wildcard];
    return alternateKeys.has(name) ? [name, wildcard] : [callSegment(name, names)];
  });
}

/** Collections whose objects have alternate keys. Other names with parameters are functions. */
const alternateKeys: ReadonlySet<string> = new Set([
  'applications',
  'devices',
  'directoryroles',
  'serviceprincipals',
  'users',
]);
