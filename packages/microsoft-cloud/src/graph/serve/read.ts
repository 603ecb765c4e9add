import { empty, json, type Reply } from '../../web/http.ts';
import type { CollectionRules, Declaration, Row } from '../declaration.ts';
import { badRequest, GraphError, notFound } from '../graph-error.ts';
import type { CompileContext } from '../odata/compile.ts';
import { directoryProblem } from '../odata/directory-rules.ts';
import type { QueryOptions } from '../odata/expression.ts';
import { etagOf } from './etag.ts';
import { createShaper, placeOf } from './expand.ts';
import { type Located, type Places, rowsOf } from './locate.ts';
import { checkAllowed, type ListRules, listRules, type PageContext, pageOf, queried } from './page.ts';
import { openType } from './project.ts';
import { usedRules, uses } from './property-rules.ts';
import { isMixed, limited } from './sight.ts';
import type { Target } from './steps.ts';
import type { Walks } from './walks.ts';

/** A request for data, after its path and its query were read. */
export interface ReadRequest {
  readonly target: Target;
  readonly located: Located;
  readonly options: QueryOptions;
  /** The only properties that the caller may read, in lower case. Undefined: all. */
  readonly readable: ReadonlySet<string> | undefined;
  readonly places: Places;
  /** Address of the request without the query, and the query. */
  readonly address: string;
  readonly query: URLSearchParams;
  /** Address of the version: `https://…/v1.0`. */
  readonly root: string;
  /** Whether the request has `ConsistencyLevel: eventual`. */
  readonly isEventual: boolean;
  readonly walks: Walks;
  readonly runId: string;
}

/** Replies to GET. @throws GraphError, QueryError */
export function read(request: ReadRequest): Reply {
  const { target, located } = request;
  switch (target.ending.kind) {
    case 'count':
      return count(request);
    case 'property':
      return property(request, target.ending.property.name);
    case 'references':
      return references(request);
    case 'value':
      throw notFound('$value');
    default:
      return target.isList ? list(request) : object(request, located.row);
  }
}

const rulesOf = ({ located, target }: ReadRequest): ListRules =>
  listRules(collectionRules(located.declared), target.type);

const collectionRules = (declared: Declaration | undefined): CollectionRules =>
  declared === undefined || declared.kind === 'singleton' || declared.kind === 'report' ? {} : declared;

/** Refuses what the directory does not answer, before any row is read. */
function checkDirectory({ options, target, located, isEventual, places }: ReadRequest, rules: ListRules): void {
  // "List deletedItems". The text was seen in public logs of requests to Graph.
  if (rules.needsType === true && located.cast === undefined)
    throw new GraphError(
      400,
      'Request_UnsupportedQuery',
      'Searches against this resource are not supported. Only specific instances can be queried.',
    );
  const type = openType(target.type, places.schema);
  const isRelation = located.declared?.kind !== 'set';
  const problem = rules.isDirectory ? directoryProblem(options, { type, isRelation }, isEventual) : undefined;
  if (problem?.isGuess === true) places.guess();
  if (problem !== undefined) throw new GraphError(400, problem.code, problem.message);
}

const compileContext = ({
  located,
  target,
  places,
}: Pick<ReadRequest, 'located' | 'target' | 'places'>): CompileContext => ({
  schema: places.schema,
  type: openType(target.type, places.schema),
  nowMs: places.view.world.clock.nowMs(),
  navigate: (navigation) => {
    const declared = places.catalog.at(`${located.pattern}/{}/${navigation.name}`);
    if (declared === undefined) return undefined;
    return (row) => {
      const rows = places.view.related(declared, placeOf(located, row, places).keys);
      return navigation.isList ? rows : (rows[0] ?? null);
    };
  },
});

/** The row with its version, where clients can name it in `If-Match`. */
const tagged = (row: Row, declared: Declaration | undefined): Row =>
  (declared?.kind === 'set' || declared?.kind === 'singleton') && declared.writes?.etag === true
    ? { '@odata.etag': etagOf(row), ...row }
    : row;

/** Only what the caller may read and the list returns, so that it cannot filter by the rest either. */
const visibleRows = (request: ReadRequest): readonly Row[] => {
  const { located, places, options } = request;
  const { declared } = located;
  const { listed } = collectionRules(declared);
  const more = declared?.kind === 'set' ? declared.more : undefined;
  const isAsked = more !== undefined && uses(options, more.property.toLowerCase());
  const all = [...rowsOf(located, places), ...(isAsked ? more.rows(places.view) : [])];
  const rows = all.map((row) => visible(request, row, declared));
  return listed === undefined ? rows : rows.map((row) => limited(row, listed));
};

/** @param from the list from which the path took the object. */
function visible({ target, places, readable }: ReadRequest, row: Row, from: Declaration | undefined): Row {
  const own = readable === undefined || !target.type.isA('user') ? row : limited(row, readable);
  return isMixed(from) ? places.sight(own, target.type) : own;
}

/** Checks the options of a list, and finds what they name. */
function found(request: ReadRequest, rules: ListRules): readonly Row[] {
  checkAllowed(request.options, request.located.declared?.path);
  checkDirectory(request, rules);
  return queried(visibleRows(request), request.options, compileContext(request), rules);
}

/** A page of what the query finds, and what the reply says about the whole list. */
function foundPage(request: ReadRequest, rules: ListRules): { readonly rows: readonly Row[]; readonly about: Row } {
  const { options } = request;
  const rows = found(request, rules);
  const page = pageOf(rows, options, rules, pageContext(request));
  // Without the header, the directory ignores the option.
  const counted = options.count && (!rules.isDirectory || request.isEventual);
  const about = {
    ...(counted ? { '@odata.count': rows.length } : {}),
    ...(page.nextToken === undefined ? {} : { '@odata.nextLink': nextLink(request, page.nextToken) }),
  };
  return { rows: page.rows, about };
}

/** A selected property that no row has is null in the reply, whatever Graph has there. */
function checkSelected({ options: { select = [] }, places }: ReadRequest, rows: readonly Row[]): void {
  if (rows.length === 0) return;
  const names = new Set(rows.flatMap((row) => Object.keys(row).map((name) => name.toLowerCase())));
  if (select.some(([name = '']) => name !== '*' && !names.has(name.toLowerCase()))) places.guess();
}

function list(request: ReadRequest): Reply {
  const { located, options, places, target, root } = request;
  const rules = rulesOf(request);
  const page = foundPage(request, rules);
  const shape = createShaper(options, target.type, places, rules.byDefault);
  checkSelected(request, page.rows);
  return json(200, {
    '@odata.context': `${root}/$metadata#${located.context}${selectedContext(options)}`,
    ...page.about,
    value: page.rows.map((row) => shape(tagged(row, located.declared), placeOf(located, row, places))),
  });
}

/** Refuses what only lists answer, and keys that a property does not allow. */
function checkObject(request: ReadRequest, row: Row): void {
  const { filter, search, orderBy, top, skip, count: isCounted } = request.options;
  if ([filter, search, top, skip].some((each) => each !== undefined) || orderBy.length > 0 || isCounted)
    throw new GraphError(
      400,
      'BadRequest',
      'The requested resource is not a collection. Query options $filter, $orderby, $search, $count, $skip, and $top can be applied only on collections.',
    );
  const last = request.target.steps.at(-1);
  const isOtherKey = last?.kind === 'key' && last.key.value.toLowerCase() !== String(row['id']).toLowerCase();
  if (isOtherKey && usedRules(request).some(({ byIdOnly }) => byIdOnly === true))
    throw new GraphError(400, '400', 'Get By Key only supports UserId and the key has to be a valid Guid');
}

function object(request: ReadRequest, row: Row | undefined): Reply {
  const { located, options, places, target, root } = request;
  const shape = createShaper(options, target.type, places, collectionRules(located.declared).byDefault);
  if (row === undefined) throw notFound(located.context);
  checkObject(request, row);
  checkSelected(request, [ofOne(request, row)]);
  // The set of an object has its name without the key.
  const context = located.context.replace(/\('[^']*'\)$/, '');
  const isResult = target.steps.at(-1)?.kind === 'call';
  return json(200, {
    '@odata.context': `${root}/$metadata#${context}${selectedContext(options)}${isResult ? '' : '/$entity'}`,
    ...shape(
      tagged(visible(request, ofOne(request, row), located.from?.declared), located.set ?? located.declared),
      located,
    ),
  });
}

/** The row with the values that only a request for one object gets. */
function ofOne({ located, options, places }: ReadRequest, row: Row): Row {
  const rules = Object.entries(located.declared?.properties ?? {});
  const values = rules.flatMap(([name, { ofOne: read }]) =>
    read !== undefined && uses(options, name.toLowerCase()) ? [[name, read(places.view, row)] as const] : [],
  );
  return values.length === 0 ? row : { ...row, ...Object.fromEntries(values) };
}

/** `(id,displayName,manager())` */
function selectedContext({ select, expand }: QueryOptions): string {
  const names = [...(select ?? []).map((path) => path.join('/')), ...expand.map(({ navigation }) => `${navigation}()`)];
  return names.length === 0 ? '' : `(${names.join(',')})`;
}

/** The address of the next page. */
export function nextLink({ address, query }: Pick<ReadRequest, 'address' | 'query'>, token: string): string {
  const next = new URLSearchParams([...query].filter(([name]) => !/^\$?skip(?:token)?$/i.test(name)));
  next.set('$skiptoken', token);
  return `${address}?${next.toString().replaceAll('%24', '$')}`;
}

function count(request: ReadRequest): Reply {
  const rules = rulesOf(request);
  if (rules.isDirectory && !request.isEventual) throw badRequest('$count is not currently supported.');
  const rows = found({ ...request, options: { ...request.options, count: true } }, rules);
  return { status: 200, headers: { 'content-type': 'text/plain' }, body: String(rows.length) };
}

function property(request: ReadRequest, name: string): Reply {
  const { located, root } = request;
  const { row, context } = located;
  if (row === undefined) throw notFound(context);
  const value = visible(request, row, located.from?.declared)[name] ?? null;
  if (!(name in row)) request.places.guess();
  if (value === null) return empty(204);
  const about = { '@odata.context': `${root}/$metadata#${context}/${name}` };
  // A complex value is written as an object (OData JSON Format 4.01, section 10).
  return json(200, typeof value === 'object' && !Array.isArray(value) ? { ...about, ...value } : { ...about, value });
}

/** `groups/ID/members/$ref`. An address has nothing to select or expand (OData 4.01 Part 1, section 11.2.8). */
function references(request: ReadRequest): Reply {
  const { located, root, target, options } = request;
  if (options.select !== undefined || options.expand.length > 0)
    throw new GraphError(400, 'BadRequest', 'The query options $select and $expand cannot be used with $ref.');
  const idOf = (row: Row): { readonly '@odata.id': string } => ({
    '@odata.id': `${root}/directoryObjects/${String(row['id'])}`,
  });
  if (!target.isList) {
    if (located.row === undefined) throw notFound(located.context);
    checkObject(request, located.row);
    return json(200, { '@odata.context': `${root}/$metadata#$ref`, ...idOf(located.row) });
  }
  const page = foundPage(request, rulesOf(request));
  return json(200, {
    '@odata.context': `${root}/$metadata#Collection($ref)`,
    ...page.about,
    value: page.rows.map(idOf),
  });
}

/** What the pages of a request share. Options of a link may be in another order. */
export function pageContext(request: ReadRequest): PageContext {
  const { address, query, places, walks, located } = request;
  const kept = new URLSearchParams([...query].filter(([name]) => !/^\$?(?:skip|skiptoken|deltatoken)$/i.test(name)));
  kept.sort();
  return {
    walks,
    request: [places.view.tenantId, address.toLowerCase(), ...located.keys, kept.toString()].join('\n'),
    maxPage: smallestPage(request),
  };
}

const smallestPage = (request: ReadRequest): number | undefined => {
  const pages = usedRules(request).flatMap(({ maxPage }) => maxPage ?? []);
  return pages.length === 0 ? undefined : Math.min(...pages);
};
