import type { JWTPayload } from 'jose';
import { findMicrosoftResource } from '../directory/microsoft-resources.ts';
import { verifyAccessToken } from '../entra/verify.ts';
import type { CustomerTenant } from '../population/tenant.ts';
import { bearerOf, type CloudRequest } from '../web/http.ts';
import type { World } from '../world.ts';

/** The caller of a resource, as the access token describes it. */
export interface Caller {
  readonly tenantId: string;
  /** Absent for the partner's own tenant. */
  readonly customer: CustomerTenant | undefined;
  readonly clientId: string;
  /** Object id of the user, or of the application's service principal. */
  readonly objectId: string;
  readonly isApplication: boolean;
  readonly isAdmin: boolean;
  /** Scopes of a user's token, roles of an application's. */
  readonly permissions: ReadonlySet<string>;
  readonly hasMfa: boolean;
}

export type AccessProblem = 'missing' | 'invalid' | 'expired' | 'audience';

/** Verifies the bearer token of a request. Returns the caller, or the reason to reject the token. @param appId the resource. */
export async function callerOf(world: World, request: CloudRequest, appId: string): Promise<Caller | AccessProblem> {
  const token = bearerOf(request);
  if (token === undefined) return 'missing';
  const claims = await verifyAccessToken(world, token);
  if (typeof claims === 'string') return claims;
  if (findMicrosoftResource(String(claims.aud))?.appId !== appId) return 'audience';
  const caller = describe(world, claims);
  request.facts.tenantId = caller.tenantId;
  return caller;
}

function describe(world: World, claims: JWTPayload): Caller {
  const tenantId = String(claims['tid']);
  const objectId = String(claims['oid']);
  const roles = claims['roles'];
  const isApplication = claims['idtyp'] === 'app';
  const scopes = typeof claims['scp'] === 'string' ? claims['scp'].split(' ') : [];
  return {
    tenantId,
    customer: world.findCustomer(tenantId),
    clientId: String(claims['appid'] ?? claims['azp']),
    objectId,
    isApplication,
    isAdmin: world.partner.directory.users.get(objectId)?.isAdmin === true,
    permissions: new Set(isApplication ? (Array.isArray(roles) ? roles.map(String) : []) : scopes),
    hasMfa: Array.isArray(claims['amr']) && claims['amr'].includes('mfa'),
  };
}

/** Fills in the tenant that the token claims to be for. Unverified, which is enough for fault rules and the ledger. */
export function identifyByToken(request: CloudRequest): void {
  const tenantId = claimedTenant(request);
  if (tenantId !== undefined) request.facts.tenantId = tenantId;
}

function claimedTenant(request: CloudRequest): string | undefined {
  const payload = bearerOf(request)?.split('.')[1];
  if (payload === undefined) return undefined;
  return /"tid":"([0-9a-f-]{36})"/.exec(Buffer.from(payload, 'base64url').toString('utf8'))?.[1];
}
