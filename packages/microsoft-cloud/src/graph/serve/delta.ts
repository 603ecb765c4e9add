import { json, type Reply } from '../../web/http.ts';
import type { EntitySet, Row } from '../declaration.ts';
import { GraphError, notFound } from '../graph-error.ts';
import type { Expression, QueryOptions } from '../odata/expression.ts';
import { createShaper, placeOf as locationOf, type Shaper } from './expand.ts';
import type { RowChange } from './changes.ts';
import { type DeltaState, stateOf, writeToken } from './delta-token.ts';
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
  if (options.deltaToken?.toLowerCase() === 'latest')
    return reply(request, set, { value: [], number: places.view.changes.number });
  // An empty token starts again.
  return (options.deltaToken ?? '') === ''
    ? all(request, set, { shape, only })
    : changes(request, set, { shape, only });
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
  const state = options.skipToken === undefined ? undefined : continuedState(request, set, options.skipToken);
  const number = state?.number ?? view.changes.number;
  const rows = view.related(set, located.keys).filter(({ id }) => isWanted(only, id));
  const page = pageOf(rows, { ...options, skipToken: state?.page }, listRules(set, target.type), pageContext(request));
  const value = page.rows.map((row) => ({
    ...shape(row, locationOf(located, row, places)),
    ...membersOf(request, set, row),
  }));
  return reply(request, set, { value, number, page: page.nextToken });
}

/** Objects and references that clients wrote since a link was given out. */
function changes(request: ReadRequest, set: EntitySet, { shape, only }: Shown): Reply {
  const { located, options, places } = request;
  const { view } = places;
  const { number: since } = continuedState(request, set, options.deltaToken ?? '');
  const names = options.select?.map(([first = '']) => first.toLowerCase());
  const changed = new Set<string>();
  const removed: Row[] = [];
  for (const change of view.changes.rowsAt(placeOf(set.path, located.keys))?.values() ?? []) {
    if (change.number <= since) continue;
    if (change.row === undefined) removed.push(removedRow(change));
    else if (isChanged(change, names, since)) changed.add(change.key);
  }
  const memberChanges = referenceChanges(request, set, since);
  for (const id of memberChanges.keys()) changed.add(id.toLowerCase());
  const value = [...changed].flatMap((key) => {
    const row = view.find(set, located.keys, key);
    if (row === undefined) return [];
    return [{ ...shape(row, locationOf(located, row, places)), ...memberChanges.get(String(row['id'])) }];
  });
  const shown = [...value, ...removed].filter(({ id }) => isWanted(only, id));
  return reply(request, set, { value: shown, number: view.changes.number });
}

/** `changed` as long as the object can be restored ("Resource representation in the delta query response"). */
const removedRow = ({ key, original, removed }: RowChange): Row => ({
  id: original?.['id'] ?? key,
  '@removed': { reason: removed === undefined ? 'deleted' : 'changed' },
});

/** Whether an object has changed in a selected property ("Optional query parameters"). @param names in lower case. */
const isChanged = ({ changedAt }: RowChange, names: readonly string[] | undefined, since: number): boolean =>
  [...changedAt].some(
    ([name, number]) =>
      number > since &&
      (name === '' || names === undefined || names.includes('*') || names.includes(name.toLowerCase())),
  );

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

/** The list of a tenant, in one version. */
const scopeOf = ({ root, places, located }: ReadRequest, set: EntitySet): string =>
  [root, places.view.tenantId, placeOf(set.path, located.keys)].join('\n');

const nowOf = ({ places }: ReadRequest): number => places.view.world.clock.nowMs();

/** @throws GraphError 410 for a token that does not belong to the request. */
const continuedState = (request: ReadRequest, set: EntitySet, token: string): DeltaState =>
  stateOf(token, {
    run: request.runId,
    scope: scopeOf(request, set),
    nowMs: nowOf(request),
    address: request.address,
  });

interface Continued {
  readonly value: readonly Row[];
  readonly number: number;
  /** Token of the next page. Undefined: the list ends. */
  readonly page?: string | undefined;
}

/** The links hold the options of the first request. */
function reply(request: ReadRequest, set: EntitySet, { value, number, page }: Continued): Reply {
  const { address, query, root, located, runId: run } = request;
  const kept = new URLSearchParams([...query].filter(([name]) => !/^\$?(?:skip|delta)token$/i.test(name)));
  const state = { run, scope: scopeOf(request, set), number, atMs: nowOf(request), query: kept.toString() };
  return json(200, {
    '@odata.context': `${root}/$metadata#${located.context}`,
    ...(page === undefined
      ? { '@odata.deltaLink': `${address}?$deltatoken=${writeToken(state)}` }
      : { '@odata.nextLink': `${address}?$skiptoken=${writeToken({ ...state, page })}` }),
    value,
  });
}
