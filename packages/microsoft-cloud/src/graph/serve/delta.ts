import { json, type Reply } from '../../web/http.ts';
import type { EntitySet, Row } from '../declaration.ts';
import { GraphError, notFound } from '../graph-error.ts';
import type { Expression, QueryOptions } from '../odata/expression.ts';
import { createShaper, placeOf as locationOf, type Shaper } from './expand.ts';
import type { Located } from './locate.ts';
import { listRules, pageOf } from './page.ts';
import { pageContext, type ReadRequest } from './read.ts';
import { placeOf } from './view.ts';

/**
 * `users/delta`: all objects, and at the end a link that later returns what clients changed since. Source: "Use delta
 * query to track changes".
 */
export function delta(request: ReadRequest): Reply {
  const { located, options, places, target } = request;
  const set = located.declared;
  // `checkDelta` has refused the others.
  if (set?.kind !== 'set') throw notFound(located.context);
  const only = wantedIds(request);
  const shape = createShaper({ ...options, select: withId(options.select) }, target.type, places, set.byDefault);
  if (options.deltaToken === 'latest') return reply(request, [], tokenOf(request, set, places.view.changes.number));
  return options.deltaToken === undefined ? all(request, set, { shape, only }) : changes(request, set, { shape, only });
}

/** What a reply shows of which objects. */
interface Shown {
  readonly shape: Shaper;
  /** Ids in lower case. Undefined: all. */
  readonly only: ReadonlySet<string> | undefined;
}

const isWanted = (only: ReadonlySet<string> | undefined, id: unknown): boolean =>
  only === undefined || only.has(String(id).toLowerCase());

/** The id is returned, whatever is selected. */
const withId = (select: QueryOptions['select']): QueryOptions['select'] =>
  select === undefined || select.some(([name]) => name?.toLowerCase() === 'id') ? select : [...select, ['id']];

/** `$filter` may only name objects by id, and other options have no effect. @throws GraphError 400 for them. */
function wantedIds({ options }: ReadRequest): ReadonlySet<string> | undefined {
  const { filter, search, orderBy, expand, skip, count } = options;
  const ids = filter === undefined ? undefined : idsIn(filter);
  const isOther = search !== undefined || skip !== undefined || count || orderBy.length + expand.length > 0;
  if (isOther || (filter !== undefined && ids === undefined))
    throw new GraphError(400, 'Request_UnsupportedQuery', 'Unsupported Query.');
  return ids === undefined ? undefined : new Set(ids);
}

/** `id eq 'a' or id eq 'b'` → the ids. Undefined for another filter. */
function idsIn(filter: Expression): readonly string[] | undefined {
  if (filter.kind === 'or') {
    const [left, right] = [idsIn(filter.left), idsIn(filter.right)];
    return left === undefined || right === undefined ? undefined : [...left, ...right];
  }
  if (filter.kind !== 'comparison' || filter.operator !== 'eq') return undefined;
  const { left, right } = filter;
  if (left.kind !== 'path' || right.kind !== 'literal' || left.segments.join('/').toLowerCase() !== 'id')
    return undefined;
  return [String(right.literal.value).toLowerCase()];
}

/** A page of all objects. The number of the last change before the first page travels in the links. */
function all(request: ReadRequest, set: EntitySet, { shape, only }: Shown): Reply {
  const { located, options, places, target } = request;
  const { view } = places;
  const [number, skipToken] = splitToken(options.skipToken, view.changes.number);
  const rows = view.related(set, located.keys).filter(({ id }) => isWanted(only, id));
  const page = pageOf(rows, { ...options, skipToken }, listRules(set, target.type), pageContext(request));
  const value = page.rows.map((row) => ({
    ...shape(row, locationOf(located, row, places)),
    ...membersOf(request, set, row),
  }));
  return page.nextToken === undefined
    ? reply(request, value, tokenOf(request, set, number))
    : reply(request, value, undefined, `${number}.${page.nextToken}`);
}

function splitToken(token: string | undefined, now: number): readonly [number, string | undefined] {
  if (token === undefined) return [now, undefined];
  const [, number, rest] = /^(\d{1,15})\.([\w-]+)$/.exec(token) ?? [];
  if (number === undefined) throw expired();
  return [Number(number), rest];
}

/** Objects and references that clients wrote since a link was given out. */
function changes(request: ReadRequest, set: EntitySet, { shape, only }: Shown): Reply {
  const { located, options, places } = request;
  const { view } = places;
  const since = numberOf(request, set, options.deltaToken ?? '');
  const changed = new Set<string>();
  const removed: Row[] = [];
  for (const { key, row, number, original, removed: kept } of view.changes
    .rowsAt(placeOf(set.path, located.keys))
    ?.values() ?? []) {
    if (number <= since) continue;
    if (row !== undefined) changed.add(key);
    else
      removed.push({ id: original?.['id'] ?? key, '@removed': { reason: kept === undefined ? 'deleted' : 'changed' } });
  }
  const memberChanges = referenceChanges(request, set, since);
  for (const id of memberChanges.keys()) changed.add(id.toLowerCase());
  const value = [...changed].flatMap((key) => {
    const row = view.find(set, located.keys, key);
    if (row === undefined) return [];
    return [{ ...shape(row, locationOf(located, row, places)), ...memberChanges.get(String(row['id'])) }];
  });
  const shown = [...value, ...removed].filter(({ id }) => isWanted(only, id));
  return reply(request, shown, tokenOf(request, set, view.changes.number));
}

/** Names of the navigations that a delta of a set follows: `members` and `owners` of groups, if they are selected. */
function followed({ options, places }: ReadRequest, set: EntitySet): readonly string[] {
  const names = (options.select ?? []).map(([first = '']) => first);
  return names.filter((name) => places.catalog.at(`${set.path}/{}/${name}`)?.kind === 'references');
}

function membersOf(request: ReadRequest, set: EntitySet, row: Row): Row {
  const { view, catalog } = request.places;
  return Object.fromEntries(
    followed(request, set).map((name) => {
      const declared = catalog.required(`${set.path}/{}/${name}`);
      const rows = view.related(declared, [String(row['id'])]);
      return [`${name}@delta`, rows.map((each) => ({ '@odata.type': each['@odata.type'], id: each['id'] }))];
    }),
  );
}

function referenceChanges(request: ReadRequest, set: EntitySet, since: number): ReadonlyMap<string, Row> {
  const { view, catalog } = request.places;
  const found = new Map<string, Row>();
  for (const name of followed(request, set)) {
    const { path } = catalog.required(`${set.path}/{}/${name}`);
    for (const place of view.changes.referencePlacesSince(since)) {
      const [changedPath, key = ''] = place.split('\n');
      if (changedPath !== path) continue;
      const entries = [...(view.changes.referencesAt(place) ?? [])].filter(([, { number }]) => number > since);
      const list = entries.map(([id, { isAdded }]) => (isAdded ? { id } : { id, '@removed': { reason: 'deleted' } }));
      found.set(key, { ...found.get(key), [`${name}@delta`]: list });
    }
  }
  return found;
}

/** What a token continues: a list of a tenant. */
const scopeOf = ({ places, located }: ReadRequest, set: EntitySet): string =>
  [places.view.tenantId, placeOf(set.path, located.keys)].join('\n');

const tokenOf = (request: ReadRequest, set: EntitySet, number: number): string =>
  Buffer.from(`delta:${number}:${scopeOf(request, set)}`).toString('base64url');

/** @throws GraphError 410 for a token of another tenant or list, or of a change that has not been made. */
function numberOf(request: ReadRequest, set: EntitySet, token: string): number {
  const [, number, scope] = /^delta:(\d{1,15}):(.*)$/s.exec(Buffer.from(token, 'base64url').toString('utf8')) ?? [];
  if (scope !== scopeOf(request, set) || Number(number) > request.places.view.changes.number) throw expired();
  return Number(number);
}

const expired = (): GraphError =>
  new GraphError(
    410,
    'SyncStateNotFound',
    'The sync state generation is not found; continue with a full synchronization.',
  );

/** Links keep what the first request selected. */
function reply(request: ReadRequest, value: readonly Row[], deltaToken?: string, skipToken?: string): Reply {
  const { address, query, root, located } = request;
  const kept = [...query].filter(([name]) => !/^\$?(?:skip|delta)token$/i.test(name));
  const link = (name: string, token: string): string =>
    `${address}?${new URLSearchParams([...kept, [name, token]]).toString().replaceAll('%24', '$')}`;
  return json(200, {
    '@odata.context': `${root}/$metadata#${contextOf(located)}`,
    ...(skipToken === undefined ? {} : { '@odata.nextLink': link('$skiptoken', skipToken) }),
    ...(deltaToken === undefined ? {} : { '@odata.deltaLink': link('$deltatoken', deltaToken) }),
    value,
  });
}

const contextOf = ({ context }: Located): string => context;
