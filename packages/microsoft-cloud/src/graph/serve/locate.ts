import type { Declaration, EntitySet, Row } from '../declaration.ts';
import { notFound } from '../graph-error.ts';
import { type Schema, shortName, type TypeInfo } from '../schema/schema.ts';
import type { Catalog } from './catalog.ts';
import type { Sight } from './sight.ts';
import type { Key, Step, Target } from './steps.ts';
import { keyOf, type View } from './view.ts';

/** A list or an object that a path leads to. */
export interface Located {
  /** What declares the list, or the object. Undefined: the simulated cloud has no data for it. */
  readonly declared: Declaration | undefined;
  /** Path of declarations below it: `users/{}` for an object, `users` for a list. */
  readonly pattern: string;
  /** Keys for each `{}` of the pattern. */
  readonly keys: readonly string[];
  /** The object. Undefined for a list, and for an object without data. */
  readonly row: Row | undefined;
  /** The set that holds the object. */
  readonly set: EntitySet | undefined;
  /** The list from which the last key took the object, for `$ref`. */
  readonly from: Located | undefined;
  /** Only objects of this type. */
  readonly cast: TypeInfo | undefined;
  /** For `@odata.context`, after `$metadata#`. */
  readonly context: string;
}

export interface Places {
  readonly view: View;
  readonly catalog: Catalog;
  readonly schema: Schema;
  readonly sight: Sight;
  /** Says that the reply is a guess: there is no data for a part of it. The request is unmatched in the ledger. */
  readonly guess: () => void;
}

const nowhere: Located = {
  declared: undefined,
  pattern: '',
  keys: [],
  row: undefined,
  set: undefined,
  from: undefined,
  cast: undefined,
  context: '',
};

/** Looks up the objects on a path. @throws GraphError 404 for an object that does not exist. */
export function locate({ steps }: Pick<Target, 'steps'>, places: Places): Located {
  let found = nowhere;
  for (const step of steps) found = follow(found, step, places);
  return found;
}

function follow(from: Located, step: Step, places: Places): Located {
  switch (step.kind) {
    case 'place':
      return enter(from, step, places);
    case 'key':
      return pick(from, step.key, places);
    case 'cast':
      return castTo(from, step.type, places);
    case 'call':
      return call(from, step, places);
  }
}

function call(from: Located, step: Step & { readonly kind: 'call' }, { catalog, view }: Places): Located {
  const declared = catalog.at(step.pattern);
  const keys = [...from.keys, ...step.values];
  const row = declared?.kind === 'singleton' ? view.singletonRow(declared, keys) : undefined;
  // The result of a function has its type as its context.
  const context = declared?.kind === 'singleton' ? declared.type : `${from.context}/${step.name}`;
  return { ...from, declared, pattern: step.pattern, keys, row, context };
}

function enter(from: Located, step: Step & { readonly kind: 'place' }, places: Places): Located {
  const pattern = from.pattern === '' ? step.name : `${from.pattern}/${step.name}`;
  const declared = places.catalog.at(pattern);
  const path = from.context === '' ? step.name : `${from.context}/${step.name}`;
  const context = isShared(declared) ? homeContext(step.type, places.catalog) : path;
  const entered: Located = { ...nowhere, declared, pattern: pattern.toLowerCase(), keys: from.keys, context, from };
  if (step.isList || declared === undefined) return entered;
  if (declared.kind === 'singleton') return { ...entered, row: places.view.singletonRow(declared, from.keys) };
  const [row] = places.view.related(declared, from.keys);
  return row === undefined ? entered : atHome(entered, row, places);
}

const isShared = (declared: Declaration | undefined): boolean =>
  declared?.kind === 'references' || declared?.kind === 'inverse';

/** The set of a type: `users`. Several types together are `directoryObjects`. */
const homeContext = (type: TypeInfo, catalog: Catalog): string => catalog.homeOf(type.name)?.path ?? 'directoryObjects';

function pick(list: Located, key: Key, places: Places): Located {
  const { declared } = list;
  if (declared === undefined) {
    places.guess();
    throw notFound(key.value);
  }
  if (declared.kind === 'set') {
    const row = findIn(declared, list.keys, key, places.view);
    if (row === undefined) throw notFound(key.value);
    return within(list, declared, row, places);
  }
  const row = places.view.related(declared, list.keys).find(({ id }) => same(id, key.value));
  if (row === undefined) throw notFound(key.value);
  return atHome(list, row, places);
}

const same = (left: unknown, right: string): boolean =>
  typeof left === 'string' && left.toLowerCase() === right.toLowerCase();

function findIn(set: EntitySet, keys: readonly string[], key: Key, view: View): Row | undefined {
  const { alternateKeys = [] } = set;
  const byProperty = (name: string): Row | undefined =>
    view.related(set, keys).find((row) => same(row[name], key.value));
  if (key.property !== undefined) {
    const name = alternateKeys.find((each) => same(each, key.property ?? ''));
    return name === undefined ? undefined : byProperty(name);
  }
  const found = view.find(set, keys, key.value);
  if (found !== undefined) return found;
  const named = set.named?.(view.related(set, keys), key.value);
  if (named !== undefined) return named;
  // Of all alternate keys, only names are accepted in the place of the key.
  const name = ['userPrincipalName', 'name'].find((each) => alternateKeys.includes(each));
  return name === undefined ? undefined : byProperty(name);
}

/** An object of a set. Objects of a set with `directoryObject` as its type live in the set of their own type. */
function within(list: Located, set: EntitySet, row: Row, places: Places): Located {
  const written = row['@odata.type'];
  const home = typeof written === 'string' ? places.catalog.homeOf(written) : undefined;
  const key = keyOf(set, row);
  const isElsewhere = home !== undefined && home !== set && !list.pattern.includes('{}');
  // A deleted object is not in the set of its type any more.
  if (isElsewhere && places.view.find(home, [], key) !== undefined) return atHome(list, row, places);
  return {
    ...list,
    pattern: `${list.pattern}/{}`,
    keys: [...list.keys, key],
    row,
    set,
    from: list,
    context: `${list.context}('${key}')`,
  };
}

/** An object that references lead to, in the set of its type. */
export function atHome(list: Located, row: Row, { catalog, schema }: Places): Located {
  const typeName = typeof row['@odata.type'] === 'string' ? row['@odata.type'] : typeOf(list, schema)?.name;
  const home = typeName === undefined ? undefined : catalog.homeOf(typeName);
  if (home === undefined) return { ...list, row, from: list };
  const key = keyOf(home, row);
  return {
    ...list,
    declared: home,
    pattern: `${home.path.toLowerCase()}/{}`,
    keys: [key],
    row,
    set: home,
    from: list,
    context: `${home.path}('${key}')`,
  };
}

const typeOf = ({ declared }: Located, schema: Schema): TypeInfo | undefined =>
  declared === undefined || declared.kind === 'report' ? undefined : schema.type(declared.type);

function castTo(from: Located, type: TypeInfo, places: Places): Located {
  if (from.row !== undefined) {
    if (!isA(from.row, type, typeOf(from, places.schema), places.schema)) throw notFound(String(from.row['id']));
    return { ...from, cast: type };
  }
  const context = isShared(from.declared)
    ? homeContext(type, places.catalog)
    : `${from.context}/microsoft.graph.${type.name}`;
  return { ...from, cast: type, context };
}

/** Whether a row has a type. @param base type of the place that it comes from. */
function isA(row: Row, type: TypeInfo, base: TypeInfo | undefined, schema: Schema): boolean {
  const written = row['@odata.type'];
  const own = typeof written === 'string' ? schema.type(shortName(written)) : base;
  return own?.isA(type.name) === true;
}

/** The rows of a list, of the type that a cast asks for. Empty for a list without data. */
export function rowsOf({ declared, keys, cast }: Located, { view, schema }: Places): readonly Row[] {
  if (declared === undefined) return [];
  const rows = view.related(declared, keys);
  if (cast === undefined) return rows;
  const base = declared.kind === 'report' ? undefined : schema.type(declared.type);
  return rows.filter((row) => isA(row, cast, base, schema));
}
