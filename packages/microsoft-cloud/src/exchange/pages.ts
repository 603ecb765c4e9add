import type { Row } from '../graph/declaration.ts';
import { jsonObjectOf } from '../web/http.ts';
import { expiredPage } from './exchange-error.ts';

/** Time for which a link to the next page works. Exchange names it in the error about an expired link. */
const lifetimeMs = 30 * 60_000;

interface PageRequest {
  /** The token of a link to a page, or null for the first page. */
  readonly token: string | null;
  readonly cmdlet: string;
  readonly size: number;
  /** Address of the request without the query. */
  readonly address: string;
  readonly query: URLSearchParams;
  readonly nowMs: number;
}

/** Cuts a page out of the rows. @throws ExchangeError for a token of another cmdlet, or one that is too old. */
export function pageOf(
  rows: readonly Row[],
  { token, cmdlet, size, address, query, nowMs }: PageRequest,
): { readonly page: readonly Row[]; readonly nextLink: string | undefined } {
  const from = token === null ? 0 : startOf(token, cmdlet, nowMs);
  const page = rows.slice(from, from + size);
  if (from + size >= rows.length) return { page, nextLink: undefined };
  const next = new URLSearchParams(query);
  next.delete('$skipToken');
  next.set('$skiptoken', Buffer.from(JSON.stringify({ cmdlet, from: from + size, at: nowMs })).toString('base64url'));
  return { page, nextLink: `${address}?${next.toString().replaceAll('%24', '$')}` };
}

function startOf(token: string, cmdlet: string, nowMs: number): number {
  const { cmdlet: of, from, at } = jsonObjectOf(Buffer.from(token, 'base64url').toString('utf8')) ?? {};
  if (of !== cmdlet || typeof from !== 'number' || typeof at !== 'number' || !Number.isInteger(from) || from < 0)
    throw expiredPage();
  if (nowMs - at > lifetimeMs) throw expiredPage();
  return from;
}
