import * as z from 'zod';
import { BrokerError, type ErrorCode, type LogFields } from '../core/errors.ts';
import { safeParse } from '../core/json.ts';
import { defined, isObject } from '../core/objects.ts';
import { type OutboundReply, parseJson, retryAfterSeconds } from '../core/outbound.ts';
import { type AccessToken, Secret } from '../core/secrets.ts';
import { meaningOf, type Reach } from './aadsts.ts';

/**
 * The claims of an access token. Microsoft documents access tokens as opaque to clients ("Access tokens in the Microsoft
 * identity platform"), so every field may be absent. The claims authenticate nobody: they show whether the token is for
 * the right tenant, which scopes it has and whether it has the MFA claim.
 */
export interface TokenClaims {
  readonly tenantId?: string;
  /** `aud`: the resource that the token is for. */
  readonly audience?: string;
  readonly objectId?: string;
  readonly username?: string;
  readonly clientId?: string;
  /** `uti`: `uniqueTokenIdentifier` in the tenant's sign-in and audit logs. */
  readonly tokenIdentifier?: string;
  /** `exp`, by Entra's clock. */
  readonly expiresAtMs?: number;
  /**
   * `scp` and `roles`. A delegated token has both if app roles of the resource are assigned to the service account
   * ("Access token claims reference").
   */
  readonly scopes?: readonly string[];
  /** `amr`: how the user signed in. Partner Center requires `mfa`. */
  readonly authenticationMethods?: readonly string[];
}

/** The claims of a JWT; an empty object if the token is not a readable JWT. Never throws. */
export function readClaims(token: string): TokenClaims {
  const [, payload, signature] = token.split('.');
  if (payload === undefined || signature === undefined) return {};
  const read = parseJson(Buffer.from(payload, 'base64url').toString('utf8'));
  if (!isObject(read)) return {};
  const [scp, roles] = [words(read['scp']), words(read['roles'])];
  // A resource may authorize by either, so a rule must name both.
  const scopes =
    scp === undefined && roles === undefined ? undefined : [...new Set([...(scp ?? []), ...(roles ?? [])])];
  return defined({
    tenantId: text(read['tid'])?.toLowerCase(),
    audience: text(read['aud']),
    objectId: text(read['oid']),
    username: text(read['upn']) ?? text(read['unique_name']) ?? text(read['preferred_username']),
    clientId: text(read['appid']) ?? text(read['azp']),
    tokenIdentifier: text(read['uti']),
    expiresAtMs: typeof read['exp'] === 'number' ? read['exp'] * 1000 : undefined,
    scopes,
    authenticationMethods: words(read['amr']),
  });
}

const text = (value: unknown): string | undefined =>
  typeof value === 'string' && value.length <= 1024 ? value : undefined;

function words(value: unknown): readonly string[] | undefined {
  if (typeof value === 'string') return value.split(' ').filter((word) => word !== '');
  if (Array.isArray(value)) return value.filter((word): word is string => typeof word === 'string');
  return undefined;
}

/** By token, because a cached token is used many times. */
const tokenIdentifiers = new WeakMap<Secret, string>();

/** The id of a token in the logs of its tenant. */
export function utiOf({ secret }: Pick<AccessToken, 'secret'>): string | undefined {
  const known = tokenIdentifiers.get(secret);
  if (known !== undefined) return known;
  const { tokenIdentifier } = readClaims(secret.reveal());
  if (tokenIdentifier !== undefined) tokenIdentifiers.set(secret, tokenIdentifier);
  return tokenIdentifier;
}

/** A token that Entra issued. */
export interface RedeemedToken {
  readonly accessToken: Secret;
  /** The new refresh token, if the grant returns one. */
  readonly refreshToken: Secret | undefined;
  /** Computed from the time at which the request was sent, so that it is never too late. */
  readonly expiresAtMs: number;
  readonly scopes: readonly string[];
  readonly claims: TokenClaims;
}

/** Why Entra issued no token. */
export interface EntraFailure {
  readonly code: ErrorCode;
  readonly reach: Reach;
  /** A sentence that callers may see. */
  readonly detail: string;
  readonly retryAfterSeconds: number | undefined;
  /** The AADSTS number, the error and the trace id, for the log. */
  readonly logFields: LogFields;
}

/** The failure as an error, for requests of the broker itself. For callers' requests, tokens/credential-state.ts decides. */
export const errorOf = ({ code, detail, logFields, retryAfterSeconds }: EntraFailure): BrokerError =>
  new BrokerError(code, detail, { logFields, retryAfterSeconds });

export type TokenReply =
  | { readonly ok: true; readonly token: RedeemedToken }
  | { readonly ok: false; readonly failure: EntraFailure };

// Version 1.0 endpoints return numbers as strings. `expires_in` is used and not `expires_on`, because it does not depend
// on Entra's clock.
const seconds = z
  .union([
    z.number(),
    z
      .string()
      .regex(/^\d{1,9}$/)
      .transform(Number),
  ])
  .pipe(
    z
      .number()
      .positive()
      .max(31 * 86_400),
  );

const successSchema = z.object({
  // RFC 6749 section 5.1 requires access_token and token_type. MSAL accepts replies without them.
  access_token: z.string().min(1).max(1_000_000),
  expires_in: seconds,
  token_type: z.string().regex(/^bearer$/i),
  refresh_token: z.string().min(1).optional(),
  scope: z.string().optional(),
});

/**
 * Entra's error classes and ids consist of these characters. A proxy that echoes the request may put anything there, and
 * the log must not contain it. The field alone is dropped, because the rest of the reply still tells what happened.
 */
const isWord = (text: string): boolean => /^[\w-]*$/.test(text);

/** A field that is only logged. */
const capped = z.string().transform((text) => (isWord(text) ? text.slice(0, 100) : undefined));

const failureSchema = z.object({
  error: z.string().min(1).max(200),
  error_description: z.string().optional(),
  error_codes: z.array(z.number().int()).optional(),
  suberror: capped.optional(),
  trace_id: capped.optional(),
  correlation_id: capped.optional(),
});

/** The meaning of `error` if the AADSTS number is unknown (RFC 6749 section 5.2, and the classes that Entra documents). */
const errorClasses: Readonly<Record<string, { code: ErrorCode; reach: Reach }>> = {
  invalid_grant: { code: 'interaction_required', reach: 'ambiguous' },
  interaction_required: { code: 'interaction_required', reach: 'ambiguous' },
  consent_required: { code: 'consent_required', reach: 'tenant' },
  invalid_client: { code: 'client_credential_rejected', reach: 'ambiguous' },
  unauthorized_client: { code: 'consent_required', reach: 'ambiguous' },
  invalid_resource: { code: 'resource_unavailable', reach: 'tenant' },
  access_denied: { code: 'blocked_by_policy', reach: 'ambiguous' },
  invalid_request: { code: 'entra_request_rejected', reach: 'request' },
  invalid_scope: { code: 'entra_request_rejected', reach: 'request' },
  unsupported_grant_type: { code: 'entra_request_rejected', reach: 'request' },
  temporarily_unavailable: { code: 'entra_unavailable', reach: 'transient' },
  server_error: { code: 'entra_unavailable', reach: 'transient' },
};

/**
 * Interprets a reply of the token endpoint. A pure function that never throws, whatever the body is.
 * @param sentAtMs when the request was sent.
 */
export function judgeTokenReply(reply: OutboundReply, sentAtMs: number): TokenReply {
  const body = parseJson(reply.body);
  if (reply.status === 200) {
    const success = safeParse(successSchema, body);
    if (success.success) return { ok: true, token: redeemed(success.data, sentAtMs) };
  }
  const failure = safeParse(failureSchema, body);
  return { ok: false, failure: judgeFailure(reply, failure.success ? failure.data : undefined, sentAtMs) };
}

function redeemed(body: z.output<typeof successSchema>, sentAtMs: number): RedeemedToken {
  const claims = readClaims(body.access_token);
  // The token's own scopes count. For an opaque token, the reply's `scope` has them, prefixed by the resource.
  const scopes =
    claims.scopes ??
    (body.scope ?? '')
      .split(' ')
      .filter((scope) => scope !== '')
      .map((scope) => scope.slice(scope.lastIndexOf('/') + 1));
  return {
    accessToken: new Secret(body.access_token),
    refreshToken: body.refresh_token === undefined ? undefined : new Secret(body.refresh_token),
    expiresAtMs: sentAtMs + body.expires_in * 1000,
    scopes,
    claims,
  };
}

function judgeFailure(
  reply: OutboundReply,
  body: z.output<typeof failureSchema> | undefined,
  nowMs: number,
): EntraFailure {
  const aadsts = body === undefined ? undefined : (body.error_codes?.[0] ?? numberIn(body.error_description));
  const wait = retryAfterSeconds(reply.headers, nowMs);
  const logFields = {
    httpStatus: reply.status,
    aadsts,
    ...(body
      ? { entraError: isWord(body.error) ? body.error : 'not understood' }
      : { entraReply: reply.body.trimStart().startsWith('<') ? 'html' : 'not understood' }),
    suberror: body?.suberror || undefined,
    traceId: body?.trace_id || undefined,
    entraCorrelationId: body?.correlation_id || undefined,
  };
  const failure = (code: ErrorCode, reach: Reach, detail: string): EntraFailure => ({
    code,
    reach,
    detail,
    retryAfterSeconds: wait,
    logFields,
  });
  const named = aadsts === undefined ? '' : ` (AADSTS${aadsts})`;

  if (reply.status === 429)
    return {
      ...failure('throttled', 'transient', `Entra throttles the requests${named}.`),
      retryAfterSeconds: wait ?? 60,
    };
  // A known AADSTS number overrides the status: Entra sends the same bodies with 4xx and, rarely, 5xx.
  const known =
    body === undefined || aadsts === undefined
      ? undefined
      : meaningOf(aadsts, { error: body.error, description: body.error_description ?? '' });
  if (known !== undefined) return failure(known.code, known.reach, `${known.meaning.slice(0, -1)}${named}.`);
  if (reply.status >= 500 || body === undefined)
    return failure('entra_unavailable', 'transient', `Entra sent an unusable reply (HTTP ${reply.status})${named}.`);
  if (body.suberror === 'consent_required')
    return failure('consent_required', 'tenant', `The application has no consent in this tenant${named}.`);
  const byClass = Object.hasOwn(errorClasses, body.error) ? errorClasses[body.error] : undefined;
  if (byClass !== undefined) return failure(byClass.code, byClass.reach, `Entra answered ${body.error}${named}.`);
  return failure('entra_request_rejected', 'ambiguous', `Entra answered with an unknown error${named}.`);
}

function numberIn(description: string | undefined): number | undefined {
  const match = /^AADSTS(\d{3,9})\b/.exec(description ?? '');
  return match?.[1] === undefined ? undefined : Number(match[1]);
}
