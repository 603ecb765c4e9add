import * as z from 'zod';
import { parseGuid, type TenantId } from '../../core/identifiers.ts';
import { type Caller, type CallerRole, callerRoles } from '../../core/caller.ts';
import { Refusal } from './compact-jwt.ts';
import type { Issuers } from './issuers.ts';
import { safeParse } from '../../core/json.ts';

/** The values that the claims of an accepted token must have. */
export interface ClaimExpectations {
  readonly issuers: Issuers;
  /** The broker application's client id and its `api://…` identifier. */
  readonly audiences: readonly string[];
  readonly tenantId: TenantId;
}

/** The result of {@link judgeClaims}. */
export interface JudgedClaims {
  readonly caller: Caller;
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
});
type Claims = z.output<typeof claimsSchema>;

/**
 * Checks the claims of an access token and returns the caller. Pure.
 * @param payload Claims of a token whose signature has been verified.
 * @throws Refusal for the first claim that differs from the expectation.
 */
export function judgeClaims(payload: unknown, expected: ClaimExpectations, nowMs: number): JudgedClaims {
  const parsed = safeParse(claimsSchema, payload);
  if (!parsed.success) throw new Refusal('claims', { cause: parsed.error });
  const claims = parsed.data;
  const now = nowMs / 1000;
  if (claims.exp + clockSkewSeconds <= now) throw new Refusal('expired');
  if (claims.nbf - clockSkewSeconds > now || claims.iat - clockSkewSeconds > now) throw new Refusal('not_yet_valid');
  if (claims.exp <= claims.nbf) throw new Refusal('claims');
  if (expected.issuers.get(claims.iss) !== claims.ver) throw new Refusal('issuer');
  if (claims.tid !== expected.tenantId) throw new Refusal('tenant');
  if (!expected.audiences.includes(claims.aud)) throw new Refusal('audience');
  return { caller: callerOf(claims, expected.tenantId), expiresAtMs: claims.exp * 1000 };
}

function callerOf(claims: Claims, tenantId: TenantId): Caller {
  // Only access tokens name the requesting application. An ID token is refused here, because it does not.
  const applicationId = claims.ver === '2.0' ? claims.azp : claims.appid;
  if (applicationId === undefined) throw new Refusal('claims');
  // A token with `scp` was issued for a user. `idtyp` is an optional claim; if present, it must agree.
  const kind = claims.scp === undefined ? 'application' : 'user';
  if (claims.idtyp !== undefined && claims.idtyp !== (kind === 'application' ? 'app' : 'user'))
    throw new Refusal('claims');
  return {
    applicationId,
    objectId: claims.oid,
    kind,
    roles: callerRoles.filter((role: CallerRole) => claims.roles?.includes(role)),
    tenantId,
    name: printable(claims.preferred_username ?? claims.upn ?? claims.app_displayname ?? applicationId),
  };
}

/** Limits a name to one line of at most 100 characters: users choose it, and the log contains it. */
const printable = (name: string): string => name.toWellFormed().replaceAll(/\p{C}/gu, ' ').slice(0, 100);
