import { ownObjectPermissions, organizationWide } from './own-permissions.ts';
import {
  type Alternative,
  column,
  type MapNode,
  type Method,
  type PermissionMap,
  type Scheme,
} from './permission-map.ts';
import { isRead, onlyReads } from './reads.ts';

/** One fact of a permission map: a permission opens a method of a path. */
export interface MapEntry {
  /** From `templateSegments`. */
  readonly segments: readonly string[];
  readonly method: Method;
  readonly scheme: Scheme;
  readonly permission: string;
  /** One of these is needed as well. */
  readonly alsoOneOf: readonly string[];
  /** Microsoft calls it the least privileged one. */
  readonly least?: boolean;
}

interface Branch {
  /** Alternatives by column; each alternative is a permission and what it also needs, joined by `&` and `,`. */
  readonly openings: Map<number, Map<string, MapEntry>>;
  readonly children: Map<string, Branch>;
}

/** Builds a permission map. Entries of the same path are united. */
export function buildPermissionMap(entries: Iterable<MapEntry>): PermissionMap {
  const root: Branch = { openings: new Map(), children: new Map() };
  const names = new Set<string>();
  const mine = new Set<string>();
  for (const entry of entries) {
    for (const name of [entry.permission, ...entry.alsoOneOf]) names.add(name);
    if (opensOwnObject(entry)) mine.add(entry.permission);
    const branch = entry.segments.reduce(childBranch, root);
    const at = column(entry.method, entry.scheme);
    const openings = branch.openings.get(at) ?? new Map<string, MapEntry>();
    const way = `${entry.permission}&${entry.alsoOneOf.toSorted().join(',')}`;
    branch.openings.set(at, openings.set(way, openings.get(way)?.least === true ? { ...entry, least: true } : entry));
  }
  const permissions = [...names].toSorted();
  const compact = new Compactor(permissions);
  const built = compact.node(root);
  const own = permissions.flatMap((name, index) => (isOwn(name, mine, names) ? [index] : []));
  const { grants, least, access } = compact;
  return { format: 1, permissions, own, grants, least, access, root: built };
}

function childBranch(branch: Branch, segment: string): Branch {
  const known = branch.children.get(segment);
  if (known !== undefined) return known;
  const made: Branch = { openings: new Map(), children: new Map() };
  branch.children.set(segment, made);
  return made;
}

const opensOwnObject = ({ scheme, segments }: MapEntry): boolean =>
  scheme === 'delegated' && (segments[0] === 'me' || (segments[0] === 'users' && segments[1] === '{}'));

/**
 * A delegated permission without a constraint in its name, `Mail.Read`, covers the data of the signed-in account, if it
 * opens the account's paths or has a twin for everybody, `Mail.Read.All` ("Microsoft Graph permissions reference",
 * section "Permission naming").
 */
function isOwn(name: string, mine: ReadonlySet<string>, names: ReadonlySet<string>): boolean {
  if (ownObjectPermissions.has(name)) return true;
  if (name.split('.').length > 2 || organizationWide.test(name)) return false;
  return mine.has(name) || names.has(`${name}.All`);
}

/** Numbers the sets of alternatives and the rows of access, so that equal ones are stored once. */
class Compactor {
  readonly grants: Alternative[][] = [[]];
  readonly least: number[] = [0];
  readonly access: number[][] = [Array.from({ length: 10 }, () => 0)];
  readonly #grantIndex = new Map<string, number>([['[0,[]]', 0]]);
  readonly #accessIndex = new Map<string, number>([[JSON.stringify(this.access[0]), 0]]);
  readonly #permissionIndex: ReadonlyMap<string, number>;

  constructor(permissions: readonly string[]) {
    this.#permissionIndex = new Map(permissions.map((name, index) => [name, index]));
  }

  node(branch: Branch): MapNode {
    const row = Array.from({ length: 10 }, (_, at) => this.#grant([...(branch.openings.get(at)?.values() ?? [])], at));
    const index = interned(this.#accessIndex, this.access, row);
    if (branch.children.size === 0) return [index];
    const children = [...branch.children].toSorted(([one], [other]) => (one < other ? -1 : 1));
    return [index, Object.fromEntries(children.map(([segment, child]) => [segment, this.node(child)]))];
  }

  #grant(entries: readonly MapEntry[], at: number): number {
    const isGet = at < 2;
    const least = leastOf(entries);
    const sorted = (part: readonly MapEntry[]): readonly Alternative[] =>
      (isGet ? part : withPairs(part, entries)).map((entry) => this.#alternative(entry)).toSorted(byName);
    const set = [...sorted(least), ...sorted(entries.filter((entry) => !least.includes(entry)))];
    const index = interned(this.#grantIndex, this.grants, set, JSON.stringify([least.length, set]));
    this.least[index] = least.length;
    return index;
  }

  #alternative({ permission, alsoOneOf }: MapEntry): Alternative {
    const index = this.#permissionIndex.get(permission) ?? 0;
    const also = alsoOneOf.map((name) => this.#permissionIndex.get(name) ?? 0).toSorted((a, b) => a - b);
    return also.length === 0 ? index : [index, ...also];
  }
}

/**
 * The entries that are marked as the least privileged ones; none if all are. Microsoft's file marks a permission for several
 * methods at once. So a request that reads has marks at permissions that write, and a request that writes at some that only
 * read. Such marks do not count, except for a request that reads if every permission that opens it writes.
 */
function leastOf(entries: readonly MapEntry[]): readonly MapEntry[] {
  const marked = entries.filter(({ least }) => least === true);
  const isReading = entries.some(({ method, segments }) => isRead(method, `/${segments.join('/')}`));
  const [reading, writing] = [marked.filter(reads), marked.filter((entry) => !reads(entry))];
  const found = isReading && entries.some(reads) ? reading : writing;
  return found.length === entries.length ? [] : found;
}

const reads = ({ permission, alsoOneOf }: MapEntry): boolean => [permission, ...alsoOneOf].every(onlyReads);

/** Permissions that open alone come first, and each kind has the order of the names: the numbers follow them. */
function byName(one: Alternative, other: Alternative): number {
  if (typeof one === 'number') return typeof other === 'number' ? one - other : -1;
  if (typeof other === 'number') return 1;
  const at = one.findIndex((number, place) => number !== other[place]);
  return at === -1 ? one.length - other.length : (one[at] ?? 0) - (other[at] ?? -1);
}

/**
 * Where A is listed with "also requires B", and B also stands alone, a write needs the pair: Microsoft's documentation asks
 * for both, and the lone entry is a conjunction that the file has lost.
 */
function withPairs(entries: readonly MapEntry[], all: readonly MapEntry[]): readonly MapEntry[] {
  return entries.map((entry) => {
    if (entry.alsoOneOf.length > 0) return entry;
    const partners = all.filter(({ alsoOneOf }) => alsoOneOf.includes(entry.permission));
    return partners.length === 0 ? entry : { ...entry, alsoOneOf: partners.map(({ permission }) => permission) };
  });
}

function interned<T>(index: Map<string, number>, list: T[], value: T, key = JSON.stringify(value)): number {
  const known = index.get(key);
  if (known !== undefined) return known;
  list.push(value);
  index.set(key, list.length - 1);
  return list.length - 1;
}
