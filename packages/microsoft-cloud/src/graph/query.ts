import { json, type Reply } from '../web/http.ts';
import { type Item, parseFilter, textAt } from './filter.ts';
import { badRequest, GraphError } from './graph-error.ts';

export interface CollectionOptions {
  /** Address of the request, without the query. */
  readonly address: string;
  /** `@odata.context`, after `$metadata#`. */
  readonly context: string;
  readonly query: URLSearchParams;
  readonly defaultTop?: number;
  /** Highest `$top`. Source: the page of each API. */
  readonly maxTop?: number;
  /** Largest page, if it is smaller than the highest `$top`. */
  readonly maxPage?: number;
  /** Properties that are returned only if `$select` names them. */
  readonly onSelect?: readonly string[];
}

const known = new Set([
  '$select',
  '$filter',
  '$top',
  '$skip',
  '$skiptoken',
  '$count',
  '$orderby',
  '$expand',
  '$search',
]);

/** Replies with a list. Supports `$filter $orderby $select $top $skiptoken $count`. @throws GraphError 400 */
export function collection(items: readonly Item[], options: CollectionOptions): Reply {
  const { query, context, address } = options;
  refuseUnknown(query);
  const found = sorted(filtered(items, query.get('$filter')), query.get('$orderby'));
  const { defaultTop = 100, maxTop = 999, maxPage = maxTop } = options;
  const top = Math.min(topOf(query, defaultTop, maxTop), maxPage);
  const from = skipOf(query);
  const page = found
    .slice(from, from + top)
    .map((item) => selected(item, query.get('$select'), options.onSelect ?? []));
  const root = new URL(address).origin;
  const more = from + top < found.length;
  return json(200, {
    '@odata.context': `${root}/v1.0/$metadata#${context}`,
    ...(query.get('$count') === 'true' ? { '@odata.count': found.length } : {}),
    ...(more ? { '@odata.nextLink': nextLink(address, query, from + top) } : {}),
    value: page,
  });
}

/** Replies with one object. Supports `$select`. @throws GraphError 400 */
export function single(item: Item, { query, context, address, onSelect = [] }: CollectionOptions): Reply {
  refuseUnknown(query);
  const root = new URL(address).origin;
  return json(200, {
    '@odata.context': `${root}/v1.0/$metadata#${context}/$entity`,
    ...selected(item, query.get('$select'), onSelect),
  });
}

function refuseUnknown(query: URLSearchParams): void {
  for (const name of query.keys()) {
    if (name.startsWith('$') && !known.has(name.toLowerCase()))
      throw badRequest(`The query parameter '${name}' is not supported.`);
  }
}

function filtered(items: readonly Item[], filter: string | null): readonly Item[] {
  if (filter === null || filter === '') return items;
  try {
    return items.filter(parseFilter(filter));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new GraphError(
      400,
      'Request_UnsupportedQuery',
      `Unsupported or invalid query filter clause specified. ${error.message}.`,
    );
  }
}

function sorted(items: readonly Item[], orderBy: string | null): readonly Item[] {
  if (orderBy === null || orderBy === '') return items;
  const [path = '', direction = 'asc'] = orderBy.split(' ');
  const sign = direction === 'desc' ? -1 : 1;
  return items.toSorted((left, right) => sign * textAt(left, path).localeCompare(textAt(right, path)));
}

function topOf(query: URLSearchParams, defaultTop: number, maxTop: number): number {
  const text = query.get('$top');
  if (text === null) return defaultTop;
  const top = Number(text);
  if (!Number.isInteger(top) || top < 1 || top > maxTop) {
    throw badRequest(`Invalid page size specified: '${text}'. Must be between 1 and ${maxTop} inclusive.`);
  }
  return top;
}

// Opaque to clients, as in Graph.
const encodeSkip = (count: number): string => Buffer.from(`skip:${count}`).toString('base64url');

function skipOf(query: URLSearchParams): number {
  const token = query.get('$skiptoken') ?? query.get('$skipToken');
  if (token === null) return 0;
  const count = /^skip:(\d+)$/.exec(Buffer.from(token, 'base64url').toString('utf8'))?.[1];
  if (count === undefined)
    throw new GraphError(
      400,
      'Directory_ExpiredPageToken',
      'The specified page token value has expired and can no longer be included in your request.',
    );
  return Number(count);
}

function nextLink(address: string, query: URLSearchParams, from: number): string {
  const next = new URLSearchParams(query);
  next.delete('$skipToken');
  next.set('$skiptoken', encodeSkip(from));
  return `${address}?${next.toString().replaceAll('%24', '$')}`;
}

function selected(item: Item, select: string | null, onSelect: readonly string[]): Item {
  if (select === null || select === '') {
    return onSelect.length === 0
      ? item
      : Object.fromEntries(Object.entries(item).filter(([name]) => !onSelect.includes(name)));
  }
  const names = select.split(',').map((name) => name.trim().toLowerCase());
  const lower = new Set(Object.keys(item).map((name) => name.toLowerCase()));
  const unknown = names.find((name) => name !== 'id' && !lower.has(name));
  if (unknown !== undefined) throw badRequest(`Could not find a property named '${unknown}'.`);
  return Object.fromEntries(
    Object.entries(item).filter(([name]) => names.includes(name.toLowerCase()) || name.startsWith('@odata')),
  );
}
