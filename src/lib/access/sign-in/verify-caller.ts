import { hash } from 'node:crypto';
import { compactVerify } from 'jose';
import { LRUCache } from 'lru-cache';
import * as z from 'zod';
import { type Caller, type CallerRole, callerRoles, type CallerVerifier, identityOf } from '../../core/caller.ts';
import { hourMs, isoTime } from '../../core/clock.ts';
import { BrokerError } from '../../core/errors.ts';
import { parseGuid, type TenantId } from '../../core/identifiers.ts';
import { duplicateKey, safeParse } from '../../core/json.ts';
import { isObject, type JsonObject } from '../../core/objects.ts';
import type { CloudName } from '../../core/resources.ts';
import { createSigningKeys, type SigningKeys, type SigningKeysDeps } from './signing-keys.ts';

/** Maximum length of the Authorization header, bytes: Node's default limit for all headers of a request. */
const maxAuthorizationBytes = 16 * 1024;

/** Why a token is refused, for the log, and what the caller is told. */
const details = {
  missing: 'The request has no Authorization header.',
  too_large: 'The Authorization header is longer than 16 KiB.',
  malformed: 'The Authorization header does not contain a well-formed bearer token.',
  duplicate_claim: 'The token contains a claim or a header field twice.',
  algorithm: 'The token is not signed with RS256.',
  key_unknown: 'The token is not signed with a key of this Entra tenant.',
  signature: 'The signature of the token is invalid.',
  expired: 'The token has expired.',
  not_yet_valid: 'The token is not valid yet.',
  issuer: 'The issuer of the token is not the Entra tenant of the broker.',
  audience: 'The token was issued for another application. Request a token for the broker.',
  tenant: 'The token was issued in another tenant than that of the broker.',
  claims: 'The token lacks a claim of an Entra access token, or its claims contradict each other.',
  agent_form:
    'A claim of the token about an agent is not as Entra writes it: xms_act_fct and xms_sub_fct are texts of numbers with one space between them, and xms_par_app_azp is a GUID.',
  agent_contradiction:
    'The claims of the token about an agent (xms_act_fct, xms_sub_fct, xms_par_app_azp) contradict each other or what it says about a person or application.',
} as const;

type RefusalReason = keyof typeof details;

interface RefusalOptions extends ErrorOptions {
  /** What the caller is told besides. */
  readonly more?: string;
}

/** The token is refused, for {@link Refusal.reason}. */
class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly reason: RefusalReason;
  /** What the caller is told. */
  readonly detail: string;
  constructor(reason: RefusalReason, { more, ...options }: RefusalOptions = {}) {
    super(reason, options);
    this.reason = reason;
    this.detail = more === undefined ? details[reason] : `${details[reason]} ${more}`;
  }
}

/**
 * Returns the token of `Authorization: Bearer …` (RFC 6750 section 2.1). The scheme is case-insensitive.
 * @throws Refusal `missing`, `too_large` or `malformed`.
 */
function bearerToken(authorization: string | null): string {
  if (authorization === null || authorization === '') throw new Refusal('missing');
  if (authorization.length > maxAuthorizationBytes) throw new Refusal('too_large');
  const token = /^bearer +([A-Za-z0-9_.-]+)$/i.exec(authorization)?.[1];
  if (token === undefined) throw new Refusal('malformed');
  return token;
}

// Entra's key ids are base64url of 20 to 32 bytes. Other texts (paths, quotes, URLs) must not cause a request for keys.
const keyIdPattern = /^[A-Za-z0-9_-]{1,128}$/;

/**
 * Splits a signed JWT (RFC 7519, RFC 7515 section 7.1) and checks its form. The signature is not verified.
 * @throws Refusal if the algorithm is not RS256, if header or payload is not a JSON object in canonical base64url, or if
 * an object contains a key twice.
 */
function parseCompactJwt(token: string): { readonly keyId: string; readonly payload: JsonObject } {
  const [header, payload, signature, ...rest] = token.split('.');
  if (header === undefined || payload === undefined || !signature || rest.length > 0) throw new Refusal('malformed');
  const { alg, typ, kid, crit } = jsonObject(header);
  decode(signature);
  // RFC 8725 section 3.1: the verifier determines the algorithm, not the token.
  if (alg !== 'RS256') throw new Refusal('algorithm');
  if (typ !== 'JWT' || crit !== undefined) throw new Refusal('malformed');
  if (typeof kid !== 'string' || !keyIdPattern.test(kid)) throw new Refusal('key_unknown');
  return { keyId: kid, payload: jsonObject(payload) };
}

/** Rejects base64url that is not canonical: unused trailing bits would allow several spellings of one token. */
function decode(part: string): Buffer {
  const bytes = Buffer.from(part, 'base64url');
  if (bytes.toString('base64url') !== part) throw new Refusal('malformed');
  return bytes;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function jsonObject(part: string): JsonObject {
  const bytes = decode(part);
  let text: string;
  let value: unknown;
  try {
    text = utf8.decode(bytes);
    value = JSON.parse(text);
  } catch (cause) {
    throw new Refusal('malformed', { cause });
  }
  if (!isObject(value)) throw new Refusal('malformed');
  if (duplicateKey(text) !== undefined) throw new Refusal('duplicate_claim');
  return value;
}

/**
 * Base of the issuer of v1 tokens, per cloud. An application receives v1 tokens until its manifest sets
 * `requestedAccessTokenVersion` to 2 ("Access tokens", Microsoft identity platform). Azure Government uses the issuer of
 * the public cloud.
 */
const v1IssuerBase: Readonly<Record<CloudName, string>> = {
  public: 'https://sts.windows.net',
  usgovernment: 'https://sts.windows.net',
  china: 'https://sts.chinacloudapi.cn',
};

/** The values that the claims of an accepted token must have. */
interface ClaimExpectations {
  /** Accepted issuers, each with the token version that it issues. */
  readonly issuers: ReadonlyMap<string, '1.0' | '2.0'>;
  /** The broker application's client id and its `api://…` identifier. */
  readonly audiences: readonly string[];
  readonly tenantId: TenantId;
}

type Nameless = Omit<Caller, 'name'>;

/** Names in a token: the display name of the application, and the sign-in name of the user. */
interface TokenNames {
  readonly application: string | undefined;
  readonly user: string | undefined;
}

/** The result of {@link judgeClaims}. */
interface JudgedClaims {
  readonly caller: Nameless;
  readonly names: TokenNames;
  readonly expiresAtMs: number;
}

/** Accepted difference between the clocks of Entra and of this host, seconds. */
const clockSkewSeconds = 60;

const guid = z.string().transform((value, context) => {
  const parsed = parseGuid(value);
  if (parsed === undefined) context.addIssue('not a GUID');
  return parsed ?? z.NEVER;
});
const seconds = z.int().nonnegative();

/** Facets, in any order. Tokens of people and applications have some too ("Token claims reference for agents"). */
const facets = z
  .string()
  .max(200)
  .regex(/^[1-9]\d{0,3}(?: [1-9]\d{0,3})*$/)
  .transform((text): ReadonlySet<string> => new Set(text.split(' ')));

/** The facets that concern the broker. Microsoft documents these two, and that a reader ignores all others. */
const agentIdentity = '11';
const agentUser = '13';

// "Access token claims reference" (Microsoft identity platform). Other claims are ignored.
const claimsSchema = z.object({
  iss: z.string(),
  aud: z.string(),
  tid: guid,
  oid: guid,
  ver: z.enum(['1.0', '2.0']),
  iat: seconds,
  nbf: seconds,
  exp: seconds,
  azp: guid.optional(),
  appid: guid.optional(),
  idtyp: z.enum(['app', 'user']).optional(),
  scp: z.string().optional(),
  roles: z.array(z.string()).max(200).optional(),
  preferred_username: z.string().optional(),
  upn: z.string().optional(),
  app_displayname: z.string().optional(),
  // Of the actor (`azp` or `appid`) and the subject, and the parent of the actor. Optional claims: a token may have any of them.
  xms_act_fct: facets.optional(),
  xms_sub_fct: facets.optional(),
  xms_par_app_azp: guid.optional(),
});
type Claims = z.output<typeof claimsSchema>;

/**
 * Checks the claims of an access token and returns the caller. Pure.
 * @param payload Claims of a token whose signature has been verified.
 * @throws Refusal for the first claim that differs from the expectation.
 */
function judgeClaims(payload: unknown, expected: ClaimExpectations, nowMs: number): JudgedClaims {
  const parsed = safeParse(claimsSchema, payload);
  if (!parsed.success) {
    const isOfAgent = parsed.error.issues.some(({ path }) => String(path[0]).startsWith('xms_'));
    throw new Refusal(isOfAgent ? 'agent_form' : 'claims', { cause: parsed.error });
  }
  const claims = parsed.data;
  const now = nowMs / 1000;
  // Either clock may be wrong.
  const byClock = `by the clock of the broker, which says ${isoTime(nowMs)}. If that is wrong, tell its operator.`;
  if (claims.exp + clockSkewSeconds <= now)
    throw new Refusal('expired', { more: `It ended ${Math.round(now - claims.exp)} s ago ${byClock}` });
  const startsIn = Math.max(claims.nbf, claims.iat) - now;
  if (startsIn > clockSkewSeconds)
    throw new Refusal('not_yet_valid', { more: `It begins in ${Math.round(startsIn)} s ${byClock}` });
  if (claims.exp <= claims.nbf) throw new Refusal('claims');
  if (expected.issuers.get(claims.iss) !== claims.ver) throw new Refusal('issuer');
  if (claims.tid !== expected.tenantId) throw new Refusal('tenant');
  if (!expected.audiences.includes(claims.aud)) throw new Refusal('audience');
  const names = { application: claims.app_displayname, user: claims.preferred_username ?? claims.upn };
  return { caller: callerOf(claims, expected.tenantId), names, expiresAtMs: claims.exp * 1000 };
}

function callerOf(claims: Claims, tenantId: TenantId): Nameless {
  // Only access tokens name the requesting application. An ID token is refused here, because it does not.
  const applicationId = claims.ver === '2.0' ? claims.azp : claims.appid;
  if (applicationId === undefined) throw new Refusal('claims');
  // A token with scopes was issued for a user. `idtyp` is an optional claim; if present, it must agree.
  const isForUser = !unscoped.has(claims.scp);
  if (claims.idtyp !== undefined && claims.idtyp !== (isForUser ? 'user' : 'app')) throw new Refusal('claims');
  const rights = { roles: callerRoles.filter((role: CallerRole) => claims.roles?.includes(role)), tenantId };
  if (!isAgent(claims, isForUser))
    return { applicationId, objectId: claims.oid, kind: isForUser ? 'user' : 'application', ...rights };
  // Everything but the facet of an agent's own account says that the user is a person.
  const actsFor = isForUser && !claims.xms_sub_fct?.has(agentUser) ? claims.oid : undefined;
  return {
    ...identityOf({ applicationId, objectId: claims.oid, kind: 'agent', blueprint: claims.xms_par_app_azp, actsFor }),
    ...rights,
  };
}

/**
 * The name of a caller. Those of the policy come first. An application chooses its own name, even that of a person or of another
 * application, so the start of its id stands beside it.
 */
function nameOf(
  { kind, applicationId, objectId, actsFor }: Nameless,
  { application, user }: TokenNames,
  given: CallerNames = new Map(),
): string {
  const signInName = user === undefined ? undefined : printable(user);
  const person = given.get(objectId) ?? signInName;
  // Many people share an application, so its name is none of theirs.
  if (kind === 'user') return person ?? applicationId;
  const id = `${applicationId.slice(0, 8)}…`;
  const own = application === undefined ? applicationId : `${printable(application, maxOwnName)} (${id})`;
  if (actsFor !== undefined) return `agent ${given.get(applicationId) ?? own} for ${person ?? actsFor}`;
  const name = given.get(objectId) ?? given.get(applicationId);
  if (kind === 'agent') return `agent ${name ?? signInName ?? own}`;
  return name ?? (application === undefined ? applicationId : `application ${own}`);
}

/** The values of `scp` in a token of an application. Entra may give that of an agent an empty one or a slash. */
const unscoped: ReadonlySet<unknown> = new Set([undefined, '', '/']);

/**
 * Whether the actor is an agent identity, or the subject is one or the user account of one ("Token claims reference for
 * agents"). An absent claim says nothing, because each is optional.
 * @throws Refusal `agent_contradiction`.
 */
function isAgent(claims: Claims, isForUser: boolean): boolean {
  const { xms_act_fct: actor, xms_sub_fct: subject, xms_par_app_azp: parent, preferred_username, upn } = claims;
  const isAccount = subject?.has(agentUser) === true;
  const isIdentity = actor?.has(agentIdentity) === true || subject?.has(agentIdentity) === true || parent !== undefined;
  const contradictions = [
    // An application is no user account.
    actor?.has(agentUser),
    isIdentity && actor?.has(agentIdentity) === false,
    isForUser && subject?.has(agentIdentity),
    !isForUser && isAccount,
    // An agent on its own is the subject of its token, and no user is.
    !isForUser && isIdentity && (subject?.has(agentIdentity) === false || (preferred_username ?? upn) !== undefined),
  ];
  if (contradictions.includes(true)) throw new Refusal('agent_contradiction');
  return isIdentity || isAccount;
}

/** Limits a name to one line: users choose it, and the log contains it. @param most characters. */
const printable = (name: string, most = 100): string => name.toWellFormed().replaceAll(/\p{C}/gu, ' ').slice(0, most);

/** Characters of a name that an application gave itself: no more, so that what follows it is seen. */
const maxOwnName = 40;

/** Which tokens are accepted. */
export interface CallerVerifierSettings {
  /** Authority base without a trailing slash: `https://login.microsoftonline.com`. */
  readonly entraEndpoint: string;
  /** Determines the issuer of v1 tokens. Default: `public`. */
  readonly cloud?: CloudName;
  /** The tenant of the broker's application. Callers from other tenants are refused. */
  readonly tenantId: TenantId;
  /** The client id of the broker's application and its `api://…` identifier. At least one. */
  readonly audiences: readonly string[];
}

/** Names by application or object id, in lower case. */
type CallerNames = ReadonlyMap<string, string>;

interface CallerVerifierDeps extends SigningKeysDeps {
  /** The names that the policy gives now. Default: none. */
  readonly callerNames?: () => Promise<CallerNames | undefined>;
}

/** Maximum number of cached verified tokens, about 1 KiB each. */
const maxCachedTokens = 5_000;
/** Maximum time that a verified token is cached, and so stays accepted after Entra withdraws its key. */
const maxCachedMs = hourMs;

/**
 * Creates a verifier of callers' access tokens. It ignores the headers that App Service authentication sets, because a
 * caller can forge them where that feature is off.
 * @throws BrokerError `config_invalid` if `audiences` is empty.
 */
export function createCallerVerifier(deps: CallerVerifierDeps, settings: CallerVerifierSettings): CallerVerifier {
  const { entraEndpoint, cloud = 'public', tenantId, audiences } = settings;
  if (audiences.length === 0) throw new BrokerError('config_invalid', 'No audience is set for caller tokens.');
  const keys = createSigningKeys(deps, { url: `${entraEndpoint}/${tenantId}/discovery/v2.0/keys`, tenantId });
  const expected: ClaimExpectations = {
    issuers: new Map([
      [`${entraEndpoint}/${tenantId}/v2.0`, '2.0'],
      [`${v1IssuerBase[cloud]}/${tenantId}/`, '1.0'],
    ]),
    audiences,
    tenantId,
  };
  const verified = new LRUCache<string, JudgedClaims & { readonly untilMs: number }>({ max: maxCachedTokens });
  const named = async ({ caller, names }: JudgedClaims): Promise<Caller> => ({
    ...caller,
    name: nameOf(caller, names, await deps.callerNames?.()),
  });

  return {
    verify: async (authorization) => {
      try {
        const token = bearerToken(authorization);
        // Keyed by digest, so that the cache keeps no bearer token in memory.
        const digest = hash('sha256', token, 'base64');
        const nowMs = deps.clock.nowMs();
        const hit = verified.get(digest);
        if (hit !== undefined && nowMs < hit.untilMs) return await named(hit);
        const judged = await verifyToken(token, keys, expected, nowMs);
        verified.set(digest, { ...judged, untilMs: Math.min(judged.expiresAtMs, nowMs + maxCachedMs) });
        return await named(judged);
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        throw new BrokerError('caller_unauthenticated', error.detail, {
          cause: error.cause,
          logFields: { reason: error.reason },
        });
      }
    },
  };
}

async function verifyToken(
  token: string,
  keys: SigningKeys,
  expected: ClaimExpectations,
  nowMs: number,
): Promise<JudgedClaims> {
  const { keyId, payload } = parseCompactJwt(token);
  // Checked before the signature, so that tokens of other issuers cause no request for keys.
  if (typeof payload['iss'] !== 'string' || !expected.issuers.has(payload['iss'])) throw new Refusal('issuer');
  const key = await keys.find(keyId);
  if (key === undefined) throw new Refusal('key_unknown');
  try {
    await compactVerify(token, key, { algorithms: ['RS256'] });
  } catch (cause) {
    throw new Refusal('signature', { cause });
  }
  return judgeClaims(payload, expected, nowMs);
}
