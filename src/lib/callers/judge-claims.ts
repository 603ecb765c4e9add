import * as z from 'zod';
import { parseGuid, type TenantId } from '../model/identifiers.ts';
import { type Caller, type CallerRole, callerRoles } from '../model/caller.ts';
import { Refusal } from './compact-jwt.ts';
import type { Issuers } from './issuers.ts';
import { safeParse } from '../runtime/safe-parse.ts';

/** What a token must say to count here. */
export interface ClaimExpectations {
  readonly issuers: Issuers;
  /** The broker application's client id and its `api://…` identifier. */
  readonly audiences: readonly string[];
  readonly tenantId: TenantId;
}

export interface JudgedClaims {
  readonly caller: Caller;
  readonly expiresAtMs: number;
}

/** How far clocks may be apart, seconds. */
const clockSkewSeconds = 60;

const guid = z.string().transform((value, context) => {
  const parsed = parseGuid(value);
  if (parsed === undefined) context.addIssue('not a GUID');
  return parsed ?? z.NEVER;
});
const seconds = z.int().nonnegative();

// "Access token claims reference" (Microsoft identity platform). Claims that are not named here are not looked at.
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
 * The caller that these claims name. Pure.
 * @param payload Claims whose signature is proven.
 * @throws Refusal for the first thing that is not as expected.
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
  // Only access tokens name the application that asked; this is also what keeps an ID token from passing for one.
  const applicationId = claims.ver === '2.0' ? claims.azp : claims.appid;
  if (applicationId === undefined) throw new Refusal('claims');
  // `scp` means that a user delegated something. `idtyp` is an optional claim; where it is sent it must agree.
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

/** Names are the customer's text: one line, at most 100 characters, in the log. */
const printable = (name: string): string => name.toWellFormed().replaceAll(/\p{C}/gu, ' ').slice(0, 100);
