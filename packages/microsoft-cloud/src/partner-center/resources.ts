import { type CloudRequest, headerOf, json, type Reply } from '../web/http.ts';
import { PartnerCenterError } from './partner-center-error.ts';

export type Resource = Readonly<Record<string, unknown>>;

interface Link {
  readonly uri: string;
  readonly method: 'GET';
  readonly headers: readonly { readonly key: string; readonly value: string }[];
}

/** Addresses are relative to the version: `/customers/ID`. */
export const link = (uri: string, headers: Link['headers'] = []): Link => ({ uri, method: 'GET', headers });

/** Adds what every resource has: its own address, and its type. */
export const resource = (objectType: string, uri: string, properties: Resource): Resource => ({
  ...properties,
  links: { self: link(uri) },
  attributes: { objectType },
});

interface PageRules {
  readonly maxSize: number;
  /** Pages are addressed with `offset`, the zero-based index of the first item, and have no continuation token. */
  readonly byOffset?: true;
}

/**
 * Replies with one page of a list. The next page has the same address with `seekOperation=Next`, and a continuation token
 * in a header, or the next `offset`.
 * @throws PartnerCenterError 400 for a size or an offset out of range, and without the token of the page.
 */
export function pageOf<T>(
  request: CloudRequest,
  items: readonly T[],
  toJson: (item: T) => Resource,
  { maxSize, byOffset }: PageRules,
): Reply {
  const invalid = (description: string): PartnerCenterError => new PartnerCenterError(400, 2000, description);
  // Published examples send size=0 for the default.
  const asked = Number(request.query.get('size') ?? 0);
  if (!Number.isInteger(asked) || asked < 0 || asked > maxSize) throw invalid(`The size must be 1 to ${maxSize}.`);
  const size = asked === 0 ? maxSize : asked;
  const from = byOffset === true ? offsetOf(request) : positionOf(request, items.length);
  if (from === undefined)
    throw invalid(byOffset === true ? 'The offset is not valid.' : 'The continuation token is missing or not valid.');
  const page = items.slice(from, from + size);
  const path = request.path.replace(/^(?:\/auditactivity)?\/v1(?=\/)/i, '');
  const query = new URLSearchParams(request.query);
  query.delete('seekOperation');
  const self = query.size === 0 ? path : `${path}?${query.toString()}`;
  const next = byOffset === true ? offsetLink(path, query, from + size) : seekLink(path, query, from + size);
  return json(200, {
    totalCount: page.length,
    items: page.map(toJson),
    links: { self: link(self), ...(from + size < items.length ? { next } : {}) },
    attributes: { objectType: 'Collection' },
  });
}

function offsetLink(path: string, query: URLSearchParams, offset: number): Link {
  query.set('offset', String(offset));
  return link(`${path}?${query.toString()}`);
}

function seekLink(path: string, query: URLSearchParams, position: number): Link {
  query.set('seekOperation', 'Next');
  const token = Buffer.from(String(position)).toString('base64url');
  return link(`${path}?${query.toString()}`, [{ key: 'MS-ContinuationToken', value: token }]);
}

function offsetOf({ query }: CloudRequest): number | undefined {
  const offset = Number(query.get('offset') ?? 0);
  return Number.isInteger(offset) && offset >= 0 ? offset : undefined;
}

function positionOf(request: CloudRequest, length: number): number | undefined {
  if (request.query.get('seekOperation')?.toLowerCase() !== 'next') return 0;
  const token = headerOf(request, 'ms-continuationtoken');
  const position = Number(Buffer.from(token ?? '', 'base64url').toString('utf8'));
  return token !== undefined && Number.isInteger(position) && position > 0 && position < length ? position : undefined;
}

/** Replies with a whole list. */
export const listOf = (request: CloudRequest, items: readonly Resource[]): Reply =>
  json(200, {
    totalCount: items.length,
    items,
    links: { self: link(request.path.replace(/^\/v1(?=\/)/i, '')) },
    attributes: { objectType: 'Collection' },
  });
