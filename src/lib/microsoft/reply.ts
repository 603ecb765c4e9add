import { BrokerError, type ErrorCode } from '../core/errors.ts';
import { JsonTextError, parseSteps } from '../core/json.ts';
import { atOnce, inTurns, longWork, pieceLength } from '../core/turns.ts';
import { scrubReply } from '../core/log.ts';
import { asObject, isObject, type JsonObject, objectOf, textOf } from '../core/objects.ts';
import { type OutboundReply, retryAfterSeconds } from '../core/outbound.ts';

/** The API that answered, as details and logs name it. */
export type Peer = 'Microsoft Graph' | 'Partner Center' | 'Exchange Online' | 'Azure Resource Manager';

/** Whether the same request may succeed later: throttling and server errors (RFC 9110 section 15.6, Graph "throttling"). */
export const isTransientStatus = (status: number): boolean =>
  status === 429 || status === 500 || status === 502 || status === 503 || status === 504;

/**
 * Codes and messages of Graph for a tenant without a licence for the feature. Their status is 400 or 403, but access is not
 * the cause ("Authentication methods usage report", error Authentication_RequestFromNonPremiumTenantOrB2CTenant).
 */
const licenceMissing =
  /not applicable to target tenant|NonPremiumTenant|does not have a[n]? .{0,40}licen[cs]e|tenant is not (?:premium|licensed)|AadPremiumLicenseRequired/i;

/**
 * Texts of Exchange for an account whose roles do not allow a cmdlet, or not for this object. Their status may be 400
 * (OfficeDocs-O365ITPro issue 780).
 */
const roleMissing =
  /out of the current user's read scope|isn't within your current write scopes|CmdletAccessDeniedException/i;

/** Code and message of an error body: Graph's `{error:{code,message}}` or Partner Center's `{code,description}`. */
function errorOf(body: unknown): { code: string; message: string } {
  const outer = isObject(body) ? body : undefined;
  const inner = objectOf(outer, 'error') ?? outer;
  const number = inner?.['code'];
  const cause = exceptionOf(inner);
  const code = cause?.type ?? (typeof number === 'number' ? String(number) : (textOf(inner, 'code') ?? ''));
  return {
    // Scrubbed before they are cut, because half a secret is not recognized.
    code: scrubReply(code, 100),
    message: scrubReply(cause?.text ?? textOf(inner, 'message') ?? textOf(inner, 'description') ?? '', 300),
  };
}

/**
 * What a cmdlet threw, without its namespace: `message` of Exchange's errors says only that a cmdlet failed. The exception is
 * in a detail, `NUMBER|TYPE|TEXT`, or in the inner error.
 */
function exceptionOf(error: JsonObject | undefined): { readonly type: string; readonly text: string } | undefined {
  const details: unknown = error?.['details'];
  const [detail]: readonly unknown[] = Array.isArray(details) ? details : [];
  const [, thrown, said] = /^[^|]*\|([\w.`]+)\|(.*)$/s.exec(textOf(asObject(detail), 'message') ?? '') ?? [];
  const inner = objectOf(objectOf(error, 'innererror'), 'internalexception');
  const type = (thrown ?? textOf(inner, 'type'))?.split('.').at(-1);
  return type === undefined ? undefined : { type, text: said ?? textOf(inner, 'message') ?? '' };
}

/**
 * The failure for a status and an error body, of a whole reply or of an item in a batch. A pure function.
 * @param retryAfter seconds.
 */
export function failureOf(peer: Peer, status: number, body: unknown, retryAfter: number | undefined): BrokerError {
  const { code, message } = errorOf(body);
  const logFields = { peer, status, resourceCode: code || undefined, resourceMessage: message || undefined };
  const answer = code ? `${status} ${code}` : `${status}`;
  const failed = (failure: ErrorCode, detail: string, retryAfterSeconds?: number): BrokerError =>
    new BrokerError(failure, `${peer} ${detail}`, { logFields, retryAfterSeconds });
  if (status === 429) return failed('throttled', 'throttles the requests for this tenant.', retryAfter ?? 60);
  if (isTransientStatus(status)) return failed('resource_error', `answers ${answer}.`, retryAfter);
  if ((status === 400 || status === 403) && licenceMissing.test(`${code} ${message}`))
    return failed('resource_unavailable', `reports that the tenant has no licence for this (${answer}).`);
  if (status === 401 || status === 403 || (status === 400 && roleMissing.test(`${code} ${message}`)))
    return failed('access_denied', `refuses access (${answer}).`);
  // The request is wrong or its object does not exist, so a retry cannot succeed.
  if (status >= 400 && status < 500) return failed('job_failed', `refuses the request (${answer}).`);
  return failed('resource_error', `answers with an unexpected status (${answer}).`);
}

/**
 * The JSON value of a reply, undefined for 204.
 * @throws BrokerError access_denied, resource_unavailable, throttled, job_failed or resource_error.
 */
export async function valueOf(peer: Peer, reply: OutboundReply, nowMs: number): Promise<unknown> {
  if (reply.status === 204) return undefined;
  // Partner Center's bodies start with a byte order mark.
  let why = 'that is not JSON';
  const text = reply.body.replace(/^\uFEFF/, '');
  const parsing = parseSteps(text);
  // Callers wait for some short replies, which need not wait behind long ones.
  const parse = async (): Promise<unknown> => (text.length > pieceLength ? inTurns(parsing) : atOnce(parsing));
  const body = await parse().catch((thrown: unknown) => {
    if (thrown instanceof JsonTextError && thrown.exceeds !== undefined) why = `that cannot be read: ${thrown.message}`;
  });
  if (reply.status < 200 || reply.status > 299) {
    throw failureOf(peer, reply.status, body, retryAfterSeconds(reply.headers, nowMs));
  }
  if (body === undefined) {
    throw new BrokerError('resource_error', `${peer} sends a reply ${why}.`, {
      logFields: {
        peer,
        status: reply.status,
        contentType: reply.headers.get('content-type') ?? undefined,
        bytes: reply.body.length,
      },
    });
  }
  return body;
}

/** Checks a value and returns it with its type. A zod schema fits, as do schemas of other libraries. */
export interface Shape<T> {
  parse(value: unknown): T;
}

/** The item with the type of the shape. @throws BrokerError resource_error if it does not match. */
export function shaped<T>(peer: Peer, shape: Shape<T>, item: JsonObject): T {
  try {
    return shape.parse(item);
  } catch (cause) {
    throw new BrokerError('resource_error', `${peer} sends an item that does not have the expected shape.`, { cause });
  }
}

/** 10,000 pages of 999 users are ten million users. A server that sends more pages is assumed to be in a loop. */
const maxPages = 10_000;

/** One page: its items, and the position of the next page. */
interface Page<Next> {
  readonly items: readonly JsonObject[];
  readonly next: Next | undefined;
}

/**
 * The items of all pages in order. A page is fetched only when its items are consumed.
 * @throws BrokerError resource_error if a page refers to itself or the pages do not end.
 */
export async function* pages<Next extends { readonly key: string }>(
  peer: Peer,
  first: Next,
  fetchPage: (from: Next) => Promise<Page<Next>>,
): AsyncGenerator<JsonObject, void, undefined> {
  let from = first;
  for (let count = 1; count <= maxPages; count += 1) {
    const page = await fetchPage(from);
    for (const item of page.items) {
      if (longWork.isOver()) await longWork.take();
      yield item;
    }
    if (page.next === undefined) return;
    if (page.next.key === from.key) break;
    from = page.next;
  }
  throw new BrokerError('resource_error', `${peer} sends pages that do not end.`);
}

/**
 * The objects in the list `property` of a page.
 * @throws BrokerError resource_error if the property is not a list.
 */
export function itemsOf(peer: Peer, page: unknown, property: string): readonly JsonObject[] {
  const items = isObject(page) ? page[property] : undefined;
  if (!Array.isArray(items)) throw new BrokerError('resource_error', `${peer} sends a page without a list.`);
  return items.filter(isObject);
}
