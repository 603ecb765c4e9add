import { NotSimulated } from '../graph-error.ts';
import { splitOutside } from '../odata/split.ts';
import { roots } from '../schema/roots.ts';
import type { Property, Schema, TypeInfo } from '../schema/schema.ts';
import { callPattern, type Catalog } from './catalog.ts';

/** How a path addresses an object: by its key, or by another property. */
export interface Key {
  /** Undefined: the key. */
  readonly property: string | undefined;
  readonly value: string;
}

/** What a path leads to, before any object is looked up. */
export interface Target {
  /** Pattern of the last declared place, with `{}` for keys: `groups/{}/members`. */
  readonly steps: readonly Step[];
  /** Type of the object, or of the elements. */
  readonly type: TypeInfo;
  readonly isList: boolean;
  /** What the path asks for: the objects, their number, references to them, or one property. */
  readonly ending: Ending;
}

type Ending =
  | { readonly kind: 'objects' | 'count' | 'references' | 'value' | 'delta' }
  | { readonly kind: 'property'; readonly property: Property }
  /** An operation that the schema does not have: `getByIds`, `checkMemberGroups`. */
  | { readonly kind: 'operation'; readonly name: string; readonly parameters: ReadonlyMap<string, string> };

export type Step =
  | { readonly kind: 'place'; readonly name: string; readonly isList: boolean; readonly type: TypeInfo }
  | { readonly kind: 'key'; readonly key: Key }
  | { readonly kind: 'cast'; readonly type: TypeInfo }
  /** A function with parameters that a declaration serves. */
  | { readonly kind: 'call'; readonly name: string; readonly pattern: string; readonly values: readonly string[] };

/** Operations that the engine answers. The typings contain neither functions nor actions. */
const operations = new Set([
  'getbyids',
  'getmembergroups',
  'getmemberobjects',
  'checkmembergroups',
  'checkmemberobjects',
  'restore',
  'assignlicense',
]);

export class UnknownSegment extends NotSimulated {
  constructor(segment: string) {
    super(400, 'BadRequest', `Resource not found for the segment '${segment}'.`);
  }
}

interface State {
  readonly steps: readonly Step[];
  readonly type: TypeInfo;
  readonly isList: boolean;
  /** Pattern of the declared path so far. */
  readonly pattern: string;
}

/** Splits at slashes outside quotes and parentheses. A path with a quote that does not close is split at all slashes. */
const segmentsOf = (path: string): readonly string[] =>
  (splitOutside(path, '/') ?? path.split('/')).filter((segment) => segment !== '');

interface Part {
  readonly name: string;
  /** Undefined: without parentheses. */
  readonly inside: string | undefined;
}

function partOf(segment: string): Part {
  const [, name, inside] = /^([^('=]+)\((.*)\)$/s.exec(segment) ?? [];
  return name === undefined ? { name: segment, inside: undefined } : { name, inside };
}

/** `key='value',other=7` → the parameters. Undefined for a plain value. */
function parametersOf(inside: string): ReadonlyMap<string, string> | undefined {
  const found = new Map<string, string>();
  for (const pair of splitOutside(inside, ',') ?? []) {
    const [, name, value] = /^\s*(\w+)\s*=\s*(.*?)\s*$/s.exec(pair) ?? [];
    if (name === undefined || value === undefined) return undefined;
    found.set(name, unquoted(value));
  }
  return found;
}

const unquoted = (text: string): string =>
  text.length > 1 && text.startsWith("'") && text.endsWith("'") ? text.slice(1, -1).replaceAll("''", "'") : text;

/**
 * Reads a path against the schema. @param path without version, as `users/ID/memberOf`.
 * @throws UnknownSegment for what neither the schema nor a declaration has.
 */
export function readPath(path: string, schema: Schema, catalog: Catalog): Target {
  const segments = segmentsOf(path);
  const [first = '', ...rest] = segments;
  let state = withKey(rootOf(partOf(first).name, schema), partOf(first), first);
  for (const [at, segment] of rest.entries()) {
    const isLast = at === rest.length - 1;
    const next = nextState(state, segment, { schema, catalog, isLast });
    if ('ending' in next) return next;
    state = next;
  }
  return { ...state, ending: { kind: 'objects' } };
}

function rootOf(name: string, schema: Schema): State {
  const root = roots.get(name.toLowerCase());
  const type =
    root === undefined || (root.isBeta && schema.version !== 'beta') ? undefined : schema.type(root.typeName);
  if (root === undefined || type === undefined) throw new UnknownSegment(name);
  const { isList } = root;
  return { type, isList, pattern: root.name.toLowerCase(), steps: [{ kind: 'place', name: root.name, isList, type }] };
}

/** The key in the parentheses of a segment: `users('id')`, `applications(appId='…')`. */
function withKey(state: State, { inside }: Part, segment: string): State {
  if (inside === undefined || inside === '') return state;
  if (!state.isList) throw new UnknownSegment(segment);
  const named = parametersOf(inside);
  const [only] = named ?? [];
  if (named === undefined || only === undefined) return keyed(state, { property: undefined, value: unquoted(inside) });
  if (named.size !== 1) throw new UnknownSegment(segment);
  return keyed(state, { property: only[0].toLowerCase() === 'id' ? undefined : only[0], value: only[1] });
}

const keyed = (state: State, key: Key): State => ({
  ...state,
  isList: false,
  pattern: `${state.pattern}/{}`,
  steps: [...state.steps, { kind: 'key', key }],
});

interface Reading {
  readonly schema: Schema;
  readonly catalog: Catalog;
  readonly isLast: boolean;
}

function nextState(state: State, segment: string, reading: Reading): State | Target {
  const ending = reading.isLast ? endingOf(state, segment) : undefined;
  if (ending !== undefined) return { ...state, ending };
  const part = partOf(segment);
  const called = callOf(state, part, reading);
  if (called !== undefined) return called;
  const listed = listFunction(state, part, reading);
  if (listed !== undefined) return listed;
  if (isQualified(part.name)) return castOrOperation(state, part, reading);
  if (state.isList) return isOperation(part, reading) ? operation(state, part) : keyed(state, plainKey(segment));
  const property = state.type.find(part.name);
  if (property?.kind === 'navigation') return withKey(navigated(state, property, reading), part, segment);
  // What the typings do not have, but a declaration does.
  const declared = reading.catalog.at(`${state.pattern}/${part.name}`);
  if (declared !== undefined && declared.kind !== 'report')
    return withKey(
      placed(state, part.name, declared.kind !== 'singleton', reading.schema.type(declared.type)),
      part,
      segment,
    );
  if (property !== undefined && reading.isLast) return { ...state, ending: { kind: 'property', property } };
  if (isOperation(part, reading)) return operation(state, part);
  throw new UnknownSegment(part.name);
}

const plainKey = (segment: string): Key => ({ property: undefined, value: segment });

const isQualified = (name: string): boolean => /^microsoft\.graph\.[\w.]+$/i.test(name);

const isOperation = ({ name }: Part, { isLast }: Reading): boolean => isLast && operations.has(name.toLowerCase());

const operation = (state: State, { name, inside }: Part): Target => ({
  ...state,
  ending: { kind: 'operation', name: name.toLowerCase(), parameters: parametersOf(inside ?? '') ?? new Map() },
});

function endingOf(state: State, segment: string): Ending | undefined {
  switch (segment.toLowerCase().replace(/\(\)$/, '')) {
    case '$count':
      return state.isList ? { kind: 'count' } : undefined;
    case '$ref':
      return { kind: 'references' };
    case '$value':
      return { kind: 'value' };
    case 'delta':
    case 'microsoft.graph.delta':
      return state.isList ? { kind: 'delta' } : undefined;
    default:
      return undefined;
  }
}

/** `reports/getMailboxUsageDetail(period='D7')` */
function callOf(state: State, { name, inside }: Part, { schema, catalog }: Reading): State | undefined {
  const parameters = inside === undefined || inside === '' ? undefined : parametersOf(inside);
  if (parameters === undefined) return plainReport(state, name, catalog);
  const pattern = `${state.pattern}/${callPattern(name, [...parameters.keys()])}`;
  const declared = catalog.at(pattern);
  if (declared === undefined) return undefined;
  const written = /\(([^)]*)\)$/.exec(declared.path)?.[1]?.split(',') ?? [];
  const values = written.map((each) => {
    const wanted = (each.split('=')[0] ?? '').trim().toLowerCase();
    return [...parameters].find(([key]) => key.toLowerCase() === wanted)?.[1] ?? '';
  });
  const type = (declared.kind === 'report' ? undefined : schema.type(declared.type)) ?? state.type;
  const isList = declared.kind !== 'singleton';
  return { type, isList, pattern, steps: [...state.steps, { kind: 'call', name, pattern, values }] };
}

/** A report without parameters: `reports/getOffice365ActivationsUserDetail`. */
function plainReport(state: State, name: string, catalog: Catalog): State | undefined {
  const pattern = `${state.pattern}/${name}`.toLowerCase();
  if (catalog.at(pattern)?.kind !== 'report') return undefined;
  return { ...state, isList: true, pattern, steps: [...state.steps, { kind: 'call', name, pattern, values: [] }] };
}

/** A function of a list that returns another list: `sites/getAllSites`. */
function listFunction(state: State, { name }: Part, { schema, catalog }: Reading): State | undefined {
  if (!state.isList) return undefined;
  const short = name.replace(/^(?:microsoft\.)?graph\./i, '');
  const declared = catalog.at(`${state.pattern}/${short}`);
  return declared?.kind === 'set' ? placed(state, short, true, schema.type(declared.type)) : undefined;
}

function castOrOperation(state: State, part: Part, reading: Reading): State | Target {
  const type = reading.schema.type(part.name);
  if (type?.isEntity === true) {
    if (!type.isA(state.type.name)) throw new UnknownSegment(part.name);
    return { ...state, type, steps: [...state.steps, { kind: 'cast', type }] };
  }
  const short = { ...part, name: part.name.replace(/^.*\./, '') };
  if (isOperation(short, reading)) return operation(state, short);
  throw new UnknownSegment(part.name);
}

const navigated = (state: State, property: Property, { schema }: Reading): State =>
  placed(state, property.name, property.isList, schema.type(property.typeName));

const placed = (state: State, name: string, isList: boolean, type: TypeInfo | undefined): State => {
  if (type === undefined) throw new UnknownSegment(name);
  return {
    type,
    isList,
    pattern: `${state.pattern}/${name}`.toLowerCase(),
    steps: [...state.steps, { kind: 'place', name, isList, type }],
  };
};
