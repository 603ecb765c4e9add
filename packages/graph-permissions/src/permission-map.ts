/** The methods that Microsoft's permission map knows. */
export const methods = ['GET', 'POST', 'PATCH', 'PUT', 'DELETE'] as const;
export type Method = (typeof methods)[number];

/** Delegated permissions of work accounts, and application permissions. Their lists differ and are never mixed. */
export const schemes = ['delegated', 'application'] as const;
export type Scheme = (typeof schemes)[number];

/** A permission, alone or followed by the permissions of which one is needed as well. Numbers index `permissions`. */
export type Alternative = number | readonly [permission: number, ...alsoOneOf: number[]];

/** Index into `access` (0: nothing is opened here), and the children by segment. `{}` is the wildcard. */
export type MapNode = readonly [access: number, children?: Readonly<Record<string, MapNode>>];

/**
 * The permission map in its stored form: a trie of path segments in lower case. Its JSON is the prebuilt form, about
 * 350 KB for Microsoft's published file.
 */
export interface PermissionMap {
  readonly format: 1;
  readonly permissions: readonly string[];
  /** Indices of the delegated permissions that cover only objects of the signed-in account. */
  readonly own: readonly number[];
  /** Sets of alternatives. The set 0 is empty. */
  readonly grants: readonly (readonly Alternative[])[];
  /**
   * How many alternatives at the beginning of each set Microsoft calls the least privileged. Maps that earlier versions stored
   * lack it.
   */
  readonly least?: readonly number[];
  /** Rows of ten indices into `grants`, one for each method and scheme. The row 0 is empty. */
  readonly access: readonly (readonly number[])[];
  readonly root: MapNode;
}

/** A permission that opens a method of a path. */
export interface Opening {
  readonly permission: string;
  /** One of these is needed as well, unless the list is empty. */
  readonly alsoOneOf: readonly string[];
  /** Covers only objects of the signed-in account. */
  readonly own: boolean;
  /** Microsoft calls it the least privileged one. */
  readonly least: boolean;
}

export const wildcard = '{}';

/** Position of a method and scheme in a row of `access`. */
export const column = (method: Method, scheme: Scheme): number =>
  methods.indexOf(method) * schemes.length + schemes.indexOf(scheme);

/** The child of a node for a segment, which is in lower case or the wildcard. */
export function childOf(node: MapNode, segment: string): MapNode | undefined {
  const children = node[1];
  return children !== undefined && Object.hasOwn(children, segment) ? children[segment] : undefined;
}

/**
 * The permissions that open a method of a node's path, the least privileged ones first, if the map knows them.
 * @param held Only these permissions; undefined for all.
 */
export function openings(
  map: PermissionMap,
  node: MapNode,
  { method, scheme, held }: { method: Method; scheme: Scheme; held: ReadonlySet<string> | undefined },
): readonly Opening[] {
  const set = map.access[node[0]]?.[column(method, scheme)] ?? 0;
  const found: Opening[] = [];
  for (const [place, alternative] of (map.grants[set] ?? []).entries()) {
    const index = typeof alternative === 'number' ? alternative : alternative[0];
    const permission = nameOf(map, index);
    if (held !== undefined && !held.has(permission)) continue;
    const alsoOneOf = typeof alternative === 'number' ? [] : alternative.slice(1);
    const own = scheme === 'delegated' && map.own.includes(index);
    const least = place < (map.least?.[set] ?? 0);
    found.push({ permission, alsoOneOf: alsoOneOf.map((other) => nameOf(map, other)), own, least });
  }
  return found;
}

/** Whether any permission opens a method of a node's path. */
export const opens = (map: PermissionMap, node: MapNode, method: Method, scheme: Scheme): boolean =>
  (map.access[node[0]]?.[column(method, scheme)] ?? 0) !== 0;

const nameOf = (map: PermissionMap, index: number): string => map.permissions[index] ?? '';
