import type { TenantId } from '../../core/identifiers.ts';
import { notPermitted, quoted, unreadable } from '../verdict.ts';
import { decode, encode, refuseEncodedSeparators } from './path.ts';
import { maximumUrlLength } from './target.ts';

/** The URL of a request to a resource without a permission map, read. */
interface NonGraphUrl {
  /** Decoded. */
  readonly segments: readonly string[];
  /** Without its question mark; '' without one. */
  readonly query: string;
}

/** RFC 3986 section 3.4, with the characters that senders leave as they are. */
const queryText = /^[\w.~!$&'()*+,;=:@/?%"<>[\]{}|^`-]*$/;

/**
 * Reads path and query of a request to a resource whose paths the broker does not know.
 * @param url Path and query, percent-encoded.
 * @throws Refusal for every form that two readers could understand differently.
 */
export function readNonGraphUrl(url: string): NonGraphUrl {
  if (url.length > maximumUrlLength)
    throw unreadable(`The URL is longer than ${maximumUrlLength} characters; send less.`);
  const [path = ''] = url.split('?', 1);
  refuseEncodedSeparators(path);
  if (/[;\\#]/.test(path)) throw unreadable('The path contains a semicolon, backslash or "#"; remove it.');
  const segments = path
    .replace(/(?<=[^/])\/$/, '')
    .slice(1)
    .split('/')
    .map(readSegment);
  if (segments.some((segment) => segment.startsWith('$') || segment === '')) {
    throw unreadable(
      'The path is empty, or has an empty segment or one that starts with "$", such as a batch; send single requests.',
    );
  }
  const query = url.slice(path.length + 1);
  refuseUnclearQuery(query);
  return { segments, query };
}

function readSegment(written: string): string {
  const segment = decode(written, 'URL');
  if (/^\.+$/.test(segment)) throw unreadable('The path contains a dot segment; send the path without it.');
  return segment;
}

function refuseUnclearQuery(query: string): void {
  if (!queryText.test(query))
    throw unreadable('The query contains characters that must be percent-encoded; encode them.');
  const seen = new Set<string>();
  for (const name of optionNames(query)) {
    if (seen.has(name.toLowerCase()))
      throw unreadable(`The query option ${quoted(name)} is given twice; give it once.`);
    seen.add(name.toLowerCase());
  }
}

/** The names of the options in a query, decoded. @throws Refusal for one that cannot be decoded. */
export const optionNames = (query: string): readonly string[] =>
  query === '' ? [] : query.split('&').map((pair) => decode(pair, 'URL').split('=', 1)[0] ?? '');

/** The path to send. */
export const pathOf = (segments: readonly string[]): string => `/${segments.map(encode).join('/')}`;

/**
 * Judges a GET to Partner Center for who may read about one customer.
 * @param url Path and query, percent-encoded.
 * @returns those to send. @throws Refusal
 */
export function judgeCustomerUrl(url: string, tenantId: TenantId): string {
  const { segments, query } = readNonGraphUrl(url);
  const [version, customers, customer = '', ...rest] = segments;
  if (version !== 'v1' || customers !== 'customers' || customer.toLowerCase() !== tenantId || rest.length === 0)
    throw notPermitted('The path does not lie below /v1/customers/TENANT; read only about the tenant itself.');
  return `${pathOf(segments)}${query === '' ? '' : `?${query}`}`;
}
