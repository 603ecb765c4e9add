import {
  childOf,
  type MapNode,
  type Method,
  opens,
  type PermissionMap,
  type Scheme,
  wildcard,
} from 'graph-permissions/permission-map';
import { callSegment } from 'graph-permissions/template';
import type { BodyNames } from './reading/body.ts';
import { namespace, type Part, type PathReading } from './reading/path.ts';
import { noQuery, type QueryUse } from './reading/query.ts';
import { hasNamedKeys, isWellKnownName, knownTypes } from './rules/directory-types.ts';
import { type Grant, notPermitted, type PathSegment, quoted, unreadable } from './verdict.ts';

/** A location in the permission map that a path leads to. */
export interface Location {
  /** Usually one node. A named key has two: its own, and that of the wildcard. */
  readonly nodes: readonly MapNode[];
  /** Segments as the map has them: lower case, `{}` for a key. */
  readonly template: readonly string[];
  /** The same, joined by slashes. */
  readonly path: string;
  /** The same segments as the caller wrote them, `{id}` for a key: `/users/{id}/memberOf`. For texts. */
  readonly written: string;
  /** The path ends with a key or `/me`, so its children are the entity's own. */
  readonly entity: boolean;
  /** Types that the path casts to, without namespace, in lower case. */
  readonly casts: readonly string[];
  /** `$count`, `$value` or `$ref` at the end, where the map does not list it. */
  readonly suffix: string | undefined;
  /** The location one segment before. */
  readonly parent: Location | undefined;
}

const suffixes = new Set(['$count', '$value', '$ref']);
/** Alternate keys of entities that `{id}` addresses as well, so both forms open the same. */
const alternateKeys: ReadonlySet<string> = new Set([
  'applications(appid)',
  'serviceprincipals(appid)',
  'devices(deviceid)',
  'directoryroles(roletemplateid)',
]);

/**
 * Finds the location of a path in the map. A literal wins over the wildcard, and there is no way back, as in Microsoft's own
 * reader of the file (microsoftgraph/kibali).
 * @throws Refusal for a path that the map does not contain.
 */
export function resolve(
  map: PermissionMap,
  parts: readonly Part[],
  { method, scheme }: { method: Method; scheme: Scheme },
): Location {
  const isOpen = ({ nodes }: Location): boolean => nodes.some((node) => opens(map, node, method, scheme));
  const [first, ...rest] = parts;
  let location: Location | undefined;
  if (first?.kind === 'call' && alternateKeys.has(callSegment(first.text.toLowerCase(), first.parameters))) {
    location = tryWalk(map, parts);
    if (location === undefined || !isOpen(location)) {
      location = walk(map, [{ kind: 'word', text: first.text }, { kind: 'key', text: first.values[0] ?? '' }, ...rest]);
    }
  }
  location ??= walk(map, parts);
  const last = location.template.at(-1) ?? '';
  // The map lists some suffixes for one method only.
  return suffixes.has(last) && location.parent !== undefined && !isOpen(location)
    ? { ...location.parent, suffix: last }
    : location;
}

function tryWalk(map: PermissionMap, parts: readonly Part[]): Location | undefined {
  try {
    return walk(map, parts);
  } catch {
    return undefined;
  }
}

const rootOf = (map: PermissionMap): Location => ({
  nodes: [map.root],
  template: [],
  path: '',
  written: '',
  entity: false,
  casts: [],
  suffix: undefined,
  parent: undefined,
});

function walk(map: PermissionMap, parts: readonly Part[]): Location {
  let location = rootOf(map);
  for (const [index, part] of parts.entries()) {
    location = step(location, part, { next: parts[index + 1], last: index === parts.length - 1 });
  }
  return location;
}

function step(location: Location, part: Part, { next, last }: { next: Part | undefined; last: boolean }): Location {
  switch (part.kind) {
    case 'word':
      return literal(location, part.text.toLowerCase(), part.text) ?? key(location, part.text);
    case 'key':
      return namedKey(location, part.text) ?? childLocation(location, wildcard) ?? unknown(location);
    case 'call':
      return literal(location, callSegment(part.text.toLowerCase(), part.parameters), part.text) ?? unknown(location);
    case 'qualified':
      return qualified(location, part);
    case 'dollar':
      return dollar(location, part.text.toLowerCase(), { next, last });
  }
}

const ascii = /^[\x21-\x7e]+$/;

/** Letters outside ASCII never match a name: U+212A, the Kelvin sign, becomes "k" in lower case. */
function literal(location: Location, segment: string, written: string): Location | undefined {
  if (!ascii.test(written)) return undefined;
  const found = childLocation(location, segment, written);
  if (found === undefined || !hasNamedKeys(location.path)) return found;
  return { ...found, nodes: [...found.nodes, ...children(location, wildcard)], entity: true };
}

function children({ nodes }: Location, segment: string): readonly MapNode[] {
  const [first] = nodes;
  if (first !== undefined && nodes.length === 1) {
    const child = childOf(first, segment);
    return child === undefined ? none : [child];
  }
  return nodes.map((node) => childOf(node, segment)).filter((node) => node !== undefined);
}

const none: readonly MapNode[] = [];

function childLocation(location: Location, segment: string, written = segment): Location | undefined {
  const nodes = children(location, segment);
  if (nodes.length === 0) return undefined;
  // The rules for an object know it as `{}`.
  const isKeyed = location.template.length === 0 && alternateKeys.has(segment);
  const template = [...location.template, ...(isKeyed ? [segment.replace(/\(.*/, ''), wildcard] : [segment])];
  return {
    nodes,
    template,
    path: template.join('/'),
    written: `${location.written}/${segment === wildcard ? '{id}' : written}${isKeyed ? '/{id}' : ''}`,
    entity: template.at(-1) === wildcard || (location.template.length === 0 && segment === 'me'),
    casts: location.casts,
    suffix: location.suffix,
    parent: location,
  };
}

/** A quoted key is a key with certainty; only the named keys of a collection are literals of the map as well. */
const namedKey = (location: Location, text: string): Location | undefined =>
  hasNamedKeys(location.path) ? literal(location, text.toLowerCase(), text) : undefined;

/**
 * A word as a key. A word of letters only could as well be a function, navigation or property that the map lacks, such as
 * /deviceAppManagement/managedAppRegistrations/getUserIdsWithFlaggedAppRegistration.
 */
function key(location: Location, text: string): Location {
  const found = childLocation(location, wildcard);
  if (found === undefined) return unknown(location);
  if (/^[A-Za-z_]+$/.test(text) && !isWellKnownName(location.template, text)) {
    throw unreadable(
      `${quoted(text)} after ${location.written} could be a key or an operation that the permission map lacks; write a key as ('key').`,
    );
  }
  if (/^[A-Za-z_]\w*=[^=]/.test(text) || text.includes('*')) {
    throw unreadable(`A segment after ${location.written} is no id; write an alternate key as (name='key').`);
  }
  return found;
}

/**
 * `microsoft.graph.name`: as the map lists it, else a cast if the name is a known type, else the short name of a function
 * or action ("OData URL Conventions", sections 4.11 and 4.4).
 */
function qualified(location: Location, part: Part & { kind: 'qualified' }): Location {
  if (location.template.length === 0) return unknown(location);
  const name = part.text.toLowerCase();
  const parameters = part.parameters ?? [];
  const isCast = castsTo(part) !== undefined;
  const listed = literal(location, callSegment(`microsoft.graph.${name}`, parameters), part.text);
  if (isCast && (listed === undefined ? endsWithType(location) : location.casts.length > 0)) {
    throw unreadable(`${quoted(part.text)} after ${location.written} is a second type; name one type.`);
  }
  if (listed !== undefined) return listed;
  if (isCast) return { ...location, casts: [...location.casts, name] };
  return literal(location, callSegment(name, parameters), part.text) ?? unknown(location);
}

/** The type that a part of a path casts to, without namespace, in lower case. */
function castsTo(part: Part): string | undefined {
  if (part.kind !== 'qualified' || part.parameters !== undefined) return undefined;
  const name = part.text.toLowerCase();
  return knownTypes.has(name) ? name : undefined;
}

/**
 * What each part of a path is: a key; a name; or a cast to a type, which patterns of rules do not see.
 * @param location Where the path leads to.
 */
export function keyParts(
  { parts }: Pick<PathReading, 'parts'>,
  { template }: Location,
): readonly ('key' | 'named key' | 'name' | 'type')[] {
  let at = 0;
  return parts.map((part) => {
    const listed = template[at] ?? '';
    const type = castsTo(part);
    if (type !== undefined) {
      // The map lists some casts.
      if (listed === `${typePrefix}${type}`) at += 1;
      return 'type';
    }
    if (part.kind === 'dollar' && part.text === '$') return 'type';
    // An alternate key that stands for `{id}` is one segment, and two of the map.
    at += part.kind === 'call' && listed !== callSegment(part.text.toLowerCase(), part.parameters) ? 2 : 1;
    if (part.kind !== 'word' && part.kind !== 'key') return 'name';
    if (listed === wildcard) return 'key';
    return hasNamedKeys(template.slice(0, at - 1).join('/')) ? 'named key' : 'name';
  });
}

/**
 * The segments of a path for the patterns of rules. A cast is none: `/users/microsoft.graph.user` is the collection. Functions
 * have their short name, without empty parentheses, and are no keys: `/users/delta` reads all users.
 * @param location Where the path leads to.
 */
export function patternSegments({ parts, segments }: PathReading, location: Location): readonly PathSegment[] {
  const kinds = keyParts({ parts }, location);
  return parts.flatMap((part, index) => {
    const kind = kinds[index];
    if (kind === 'type') return [];
    const text = segments[index] ?? '';
    const isWord = part.kind === 'word' || part.kind === 'key';
    // A key may begin or end like a function, and is another one without that.
    return [
      {
        text: isWord ? text : text.replace(namespace, '').replace(/\(\)$/, ''),
        isKey: kind === 'key' || kind === 'named key',
      },
    ];
  });
}

/** Whether the map lists the type at the end of a path, as in `/directory/deletedItems/microsoft.graph.group`. */
function endsWithType({ template }: Location): boolean {
  const last = template.at(-1) ?? '';
  return last.startsWith(typePrefix) && knownTypes.has(last.slice(typePrefix.length));
}

const typePrefix = 'microsoft.graph.';

function dollar(location: Location, name: string, { next, last }: { next: Part | undefined; last: boolean }): Location {
  // Scripts of partners write `memberOf/$/microsoft.graph.group`.
  if (name === '$' && next?.kind === 'qualified') return location;
  if (!last || !suffixes.has(name) || location.template.length === 0) {
    throw unreadable(`${quoted(name)} is not allowed here; send a request for one resource.`);
  }
  return childLocation(location, name) ?? { ...location, suffix: name };
}

function unknown(location: Location): never {
  const what = location.template.length === 0 ? 'this resource' : `this path below ${location.written}`;
  throw notPermitted(
    `The permission map does not contain ${what}; check the path, or load the newest published file of Microsoft with \`ptb permissions update\`.`,
  );
}

/**
 * The locations that a navigation leads to from a resource: its own child, and for a collection the child of its entities.
 * Only literals count: `/users` with `memberOf` would otherwise find `/users/{id}`.
 */
export function navigate(location: Location, name: string): readonly Location[] {
  if (!ascii.test(name)) return [];
  const segment = name.toLowerCase();
  // `/users/delta` answers with users, so navigations start at `/users`.
  const origin = (location.template.at(-1) === 'delta' && location.parent) || location;
  const base = { ...origin, casts: [], suffix: undefined };
  const direct = childLocation(base, segment, name);
  const entities = base.entity ? undefined : childLocation(base, wildcard);
  const nested = entities === undefined ? undefined : childLocation(entities, segment, name);
  return [direct, nested].filter((found) => found !== undefined);
}

/** The location of a template of the map; undefined if the map does not contain it. */
export function locationOf(map: PermissionMap, template: readonly string[]): Location | undefined {
  return template.reduce<Location | undefined>(
    (location, segment) => (location === undefined ? undefined : childLocation(location, segment)),
    rootOf(map),
  );
}

/** One thing that a request does: a method on a location, with the properties that it names. */
export interface Question {
  readonly map: PermissionMap;
  readonly grant: Grant;
  readonly method: Method;
  readonly location: Location;
  /** The location belongs to the signed-in account, and the rule allows that. */
  readonly own: boolean;
  readonly query: QueryUse;
  /** Names of the properties in a JSON body; undefined without a body. */
  readonly bodyKeys: readonly string[] | undefined;
  /** Names of the members of a JSON body at any depth; undefined without a body. */
  readonly bodyNames?: BodyNames | undefined;
  /** The types of objects that a search asks for; undefined for other requests. */
  readonly searchedTypes: readonly string[] | undefined;
}

/** The question whether the rule may read a location, as a GET of its own. */
export const readOf = (question: Question, location: Location, query: QueryUse = noQuery): Question => ({
  ...question,
  method: 'GET',
  location,
  query,
  bodyKeys: undefined,
  bodyNames: undefined,
  searchedTypes: undefined,
});

/** Returns why a permission does not open a location, although the map lists it there; undefined if it does. */
export type PermissionRule = (permission: string, question: Question) => string | undefined;
