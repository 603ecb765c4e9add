import type { CollectionRules, Row } from '../declaration.ts';
import { badRequest, GraphError } from '../graph-error.ts';
import { compileFilter, compileValue, type CompileContext } from '../odata/compile.ts';
import { orderOf } from '../odata/compare.ts';
import type { OrderBy, QueryOptions } from '../odata/expression.ts';
import { compileSearch } from '../odata/search.ts';
import { QueryError } from '../odata/tokens.ts';
import type { TypeInfo } from '../schema/schema.ts';

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

/**
 * Cuts a page. The token names the position and the last object, so that a page does not skip objects when others are
 * deleted meanwhile.
 * @param maxPage of the request, if it is smaller than that of the list.
 * @throws GraphError 400
 */
export function pageOf(
  rows: readonly Row[],
  { top, skip = 0, skipToken }: QueryOptions,
  rules: ListRules,
  maxPage?: number,
): Page {
  const { defaultTop = 100, maxTop = 999 } = rules;
  if (top !== undefined && (top > maxTop || (top < 1 && rules.isDirectory)))
    throw badRequest(`Invalid page size specified: '${top}'. Must be between 1 and ${maxTop} inclusive.`);
  const size = Math.min(top ?? defaultTop, rules.maxPage ?? maxTop, maxPage ?? maxTop);
  const from = skipToken === undefined ? skip : positionOf(skipToken, rows);
  const page = rows.slice(from, from + size);
  const isLast = from + size >= rows.length || page.length === 0;
  return { rows: page, nextToken: isLast ? undefined : tokenOf(from + size, page.at(-1)) };
}

// Opaque to clients, as in Graph.
const tokenOf = (position: number, last: Row | undefined): string =>
  Buffer.from(JSON.stringify([position, last?.['id'] ?? null])).toString('base64url');

function positionOf(token: string, rows: readonly Row[]): number {
  const [position, lastId] = readToken(token);
  if (lastId === null || rows[position - 1]?.['id'] === lastId) return position;
  const at = rows.findIndex(({ id }) => id === lastId);
  return at === -1 ? position : at + 1;
}

function readToken(token: string): readonly [number, unknown] {
  try {
    const read: unknown = JSON.parse(Buffer.from(token, 'base64url').toString('utf8'));
    if (Array.isArray(read) && typeof read[0] === 'number' && Number.isInteger(read[0]) && read[0] >= 0)
      return [read[0], read[1] as unknown];
  } catch {
    // Reported below.
  }
  throw new GraphError(
    400,
    'Directory_ExpiredPageToken',
    'The specified page token value has expired and can no longer be included in your request.',
  );
}
