import type { CollectionRules, QueryOption, Row } from '../declaration.ts';
import { badRequest, GraphError } from '../graph-error.ts';
import { acceptsFilter, acceptsOrder, operatorsOfLists } from '../filter-operators.ts';
import { optionsOfLists } from '../query-options.ts';
import { namesIn } from './property-rules.ts';
import { compileFilter, compileValue, type CompileContext } from '../odata/compile.ts';
import { orderOf } from '../odata/compare.ts';
import type { OrderBy, QueryOptions } from '../odata/expression.ts';
import { compileSearch } from '../odata/search.ts';
import { QueryError } from '../odata/tokens.ts';
import type { TypeInfo } from '../schema/schema.ts';
import type { Walks } from './walks.ts';

/** How a list answers queries. */
export interface ListRules extends CollectionRules {
  readonly isDirectory: boolean;
}

/** Directory objects have limits of their own. The default follows from the type. */
export const listRules = (rules: CollectionRules, type: TypeInfo): ListRules => ({
  ...rules,
  isDirectory:
    rules.queries === undefined
      ? type.isA('directoryObject') || ['appRoleAssignment', 'oAuth2PermissionGrant'].includes(type.name)
      : rules.queries === 'directory',
});

/**
 * @param path of the declaration of the list.
 * @throws QueryError for an option that the page of the list does not name. The message was seen at one list.
 */
export function checkAllowed(options: QueryOptions, path: string | undefined): void {
  const { allowed, filtered } = optionsOfLists.get(path ?? '') ?? {};
  if (allowed === undefined) return;
  const used: Readonly<Record<QueryOption, boolean>> = {
    select: options.select !== undefined,
    filter: options.filter !== undefined,
    orderby: options.orderBy.length > 0,
    search: options.search !== undefined,
    top: options.top !== undefined,
    skip: options.skip !== undefined,
    count: options.count,
    expand: options.expand.length > 0,
  };
  for (const [name, isUsed] of Object.entries(used))
    if (isUsed && !allowed.some((each) => each === name))
      throw new QueryError(`Query option '${name.charAt(0).toUpperCase()}${name.slice(1)}' is not allowed.`);
  const other = options.filter && namesIn(options.filter).find((name) => filtered?.has(name) === false);
  if (other !== undefined) throw new QueryError(`Invalid filter clause: The property '${other}' cannot be filtered.`);
  checkOperators(options, path);
}

/**
 * @throws QueryError for an operator that the list does not have. Source of the text about filters: issues 5676, 6778 and
 * 17309 of microsoftgraph/microsoft-graph-docs. The other one is chosen.
 */
function checkOperators({ filter, orderBy }: QueryOptions, path: string | undefined): void {
  const operators = operatorsOfLists.get(path ?? '');
  if (operators === undefined) return;
  if (filter !== undefined && !acceptsFilter(filter, operators)) throw new QueryError('Invalid filter clause');
  if (!acceptsOrder(orderBy, operators)) throw new QueryError('Invalid orderby clause');
}

/** Applies `$filter`, `$search` and `$orderby`. @throws QueryError */
export function queried(
  rows: readonly Row[],
  options: QueryOptions,
  context: CompileContext,
  rules: ListRules,
): readonly Row[] {
  let found = rows;
  if (options.filter !== undefined) {
    const { filter } = options;
    found = found.filter(prefixed('Invalid filter clause', () => compileFilter(filter, context)));
  }
  if (options.search !== undefined) {
    const searched = searchedOf(rules, context.type);
    if (searched.length === 0) throw new QueryError("The query option '$search' is not supported.");
    found = found.filter(compileSearch(options.search, { type: context.type, searched, named: rules.isDirectory }));
  }
  return sorted(found, options.orderBy, context);
}

const searchedOf = (rules: ListRules, type: TypeInfo): readonly string[] =>
  rules.searched ??
  type
    .properties()
    .filter(({ searched }) => searched)
    .map(({ name }) => name);

function prefixed<T>(prefix: string, compile: () => T): T {
  try {
    return compile();
  } catch (error) {
    if (error instanceof QueryError) throw new QueryError(`${prefix}: ${error.message}`, { cause: error });
    throw error;
  }
}

function sorted(rows: readonly Row[], orderBy: readonly OrderBy[], context: CompileContext): readonly Row[] {
  if (orderBy.length === 0) return rows;
  const keys = orderBy.map(({ expression, descending }) => ({
    ...prefixed('Invalid $orderby clause', () => compileValue(expression, context)),
    sign: descending ? -1 : 1,
  }));
  return rows.toSorted((left, right) => {
    for (const { read, kind, sign } of keys) {
      const [first, second] = [read(left) ?? null, read(right) ?? null];
      // Null comes before all values (OData 4.01 Part 1, section 11.2.6.2).
      const order =
        first === null || second === null
          ? Number(second === null) - Number(first === null)
          : orderOf(first, second, kind);
      if (order !== undefined && order !== 0) return sign * order;
    }
    return 0;
  });
}

/** A page of a list, and how the next one is addressed. */
export interface Page {
  readonly rows: readonly Row[];
  /** Undefined for the last page. */
  readonly nextToken: string | undefined;
}

/** How the pages of one request hang together. */
export interface PageContext {
  readonly walks: Walks;
  /** Tenant, path and query: only the same request may use a token. */
  readonly request: string;
  /** Largest page of the request, if it is smaller than that of the list. */
  readonly maxPage?: number | undefined;
}

/**
 * Cuts a page. @param rows that the query finds now.
 * @throws GraphError 400
 */
export function pageOf(
  rows: readonly Row[],
  { top, skip = 0, skipToken }: QueryOptions,
  rules: ListRules,
  { walks, request, maxPage }: PageContext,
): Page {
  const { defaultTop = 100, maxTop = 999 } = rules;
  if (top !== undefined && (top > maxTop || (top < 1 && rules.isDirectory)))
    throw badRequest(`Invalid page size specified: '${top}'. Must be between 1 and ${maxTop} inclusive.`);
  const size = Math.min(top ?? defaultTop, rules.maxPage ?? maxTop, maxPage ?? maxTop);
  if (skipToken !== undefined) return continued(rows, size, { walks, request, skipToken });
  const page = rows.slice(skip, skip + size);
  if (page.length === 0 || skip + size >= rows.length) return { rows: page, nextToken: undefined };
  return { rows: page, nextToken: tokenOf(walks.begin(request, rows.map(nameOf)), skip + size) };
}

/** The objects that a list had at its first page and still has. */
function continued(
  rows: readonly Row[],
  size: number,
  { walks, request, skipToken }: Pick<PageContext, 'walks' | 'request'> & { readonly skipToken: string },
): Page {
  const [name = '', position] = /^([0-9a-f-]{36}):(\d{1,9})$/.exec(decoded(skipToken))?.slice(1) ?? [];
  const keys = walks.keysOf(name, request);
  if (keys === undefined) throw expired();
  const found = new Map(rows.map((row) => [nameOf(row), row]));
  const page: Row[] = [];
  let at = Number(position);
  for (; at < keys.length && page.length < size; at += 1) {
    const row = found.get(keys[at] ?? '');
    if (row !== undefined) page.push(row);
  }
  const hasMore = keys.slice(at).some((key) => found.has(key));
  return { rows: page, nextToken: hasMore ? tokenOf(name, at) : undefined };
}

const nameOf = ({ id }: Row): string => String(id);

// Opaque to clients, as in Graph.
const tokenOf = (name: string, position: number): string => Buffer.from(`${name}:${position}`).toString('base64url');
const decoded = (token: string): string => Buffer.from(token, 'base64url').toString('utf8');

const expired = (): GraphError =>
  new GraphError(
    400,
    'Directory_ExpiredPageToken',
    'The specified page token value has expired and can no longer be included in your request.',
  );
