import { BrokerError } from '../model/errors.ts';
import { type OutboundReply, parseJson, retryAfterSeconds } from '../runtime/outbound.ts';

/** A JSON object as it came: nothing in it is known yet. */
export type JsonObject = Readonly<Record<string, unknown>>;

export const isJsonObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The text at a property, or undefined when there is none or it is no text. */
export function textOf(object: JsonObject | undefined, name: string): string | undefined {
  const value = object?.[name];
  return typeof value === 'string' ? value : undefined;
}

/** The object at a property, or undefined. */
export function objectOf(object: JsonObject | undefined, name: string): JsonObject | undefined {
  const value = object?.[name];
  return isJsonObject(value) ? value : undefined;
}

/** The objects in a list; empty for what is no list. */
export const objectsIn = (value: unknown): readonly JsonObject[] =>
  Array.isArray(value) ? value.filter(isJsonObject) : [];

/** Who answered, as it appears in details and logs. */
export type Peer = 'Microsoft Graph' | 'Partner Center' | 'Exchange Online' | 'Azure Resource Manager';

/** Answers after which the same request may succeed: throttling and server faults (RFC 9110 section 15.6, Graph "throttling"). */
export const isTransientStatus = (status: number): boolean =>
  status === 429 || status === 500 || status === 502 || status === 503 || status === 504;

/**
 * Texts and codes with which Graph says that the tenant has no licence for the feature. They come as 400 or 403 and
 * are not a matter of access (partner.md section 1; "Authentication methods usage report", error
 * Authentication_RequestFromNonPremiumTenantOrB2CTenant).
 */
const licenceMissing =
  /not applicable to target tenant|NonPremiumTenant|does not have a[n]? .{0,40}licen[cs]e|tenant is not (?:premium|licensed)|AadPremiumLicenseRequired/i;

/** What an error body says, in either of the two forms: Graph's `{error:{code,message}}`, Partner Center's `{code,description}`. */
function errorOf(body: unknown): { code: string; message: string } {
  const outer = isJsonObject(body) ? body : undefined;
  const inner = objectOf(outer, 'error') ?? outer;
  const number = inner?.['code'];
  const code = typeof number === 'number' ? String(number) : (textOf(inner, 'code') ?? '');
  return {
    code: code.slice(0, 100),
    message: (textOf(inner, 'message') ?? textOf(inner, 'description') ?? '').slice(0, 300),
  };
}

/** The failure that a status and an error body stand for. Pure; used for whole replies and for the items of a batch. */
export function failureOf(peer: Peer, status: number, body: unknown, retryAfter: number | undefined): BrokerError {
  const { code, message } = errorOf(body);
  const logFields = { peer, status, resourceCode: code || undefined, resourceMessage: message || undefined };
  const said = code ? `${status} ${code}` : `${status}`;
  if (status === 429) {
    return new BrokerError('throttled', `${peer} throttles the requests for this tenant.`, {
      logFields,
      retryAfterSeconds: retryAfter ?? 60,
    });
  }
  if (isTransientStatus(status)) {
    return new BrokerError('resource_error', `${peer} answers ${said}.`, { logFields, retryAfterSeconds: retryAfter });
  }
  if ((status === 400 || status === 403) && licenceMissing.test(`${code} ${message}`)) {
    return new BrokerError(
      'resource_unavailable',
      `${peer} answers that the tenant has no licence for this (${said}).`,
      { logFields },
    );
  }
  if (status === 401 || status === 403) {
    return new BrokerError('access_denied', `${peer} refuses access (${said}).`, { logFields });
  }
  if (status >= 400 && status < 500) {
    // The request itself is wrong or asks for what is not there: repeating it helps nobody.
    return new BrokerError('job_failed', `${peer} refuses the request (${said}).`, { logFields });
  }
  return new BrokerError('resource_error', `${peer} answers ${said}, which nobody expects.`, { logFields });
}

/**
 * The value that a reply carries, undefined for 204.
 * @throws BrokerError access_denied, resource_unavailable, throttled, job_failed or resource_error.
 */
export function valueOf(peer: Peer, reply: OutboundReply, nowMs: number): unknown {
  if (reply.status === 204) return undefined;
  // Partner Center starts its bodies with a byte order mark.
  const body = parseJson(reply.body.replace(/^\uFEFF/, ''));
  if (reply.status < 200 || reply.status > 299) {
    throw failureOf(peer, reply.status, body, retryAfterSeconds(reply.headers, nowMs));
  }
  if (body === undefined) {
    throw new BrokerError('resource_error', `${peer} sends a reply that is not JSON.`, {
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
