import { createHash, randomBytes, randomUUID } from 'node:crypto';
import type { JWTPayload } from 'jose';
import type { User } from '../directory/records.ts';
import type { World } from '../world.ts';
import { agentClaims } from './agents.ts';
import { assignedRoles } from './assigned-roles.ts';
import type { AuthenticatedClient } from './client-authentication.ts';
import type { TargetResource } from './requested-access.ts';
import type { LoggedSignIn } from './sign-in-log.ts';

/** Entra chooses a random lifetime in this range. Source: "Access tokens in the Microsoft identity platform". */
const shortestLifetimeSeconds = 60 * 60;
const longestLifetimeSeconds = 90 * 60;

interface Subject {
  readonly user: User;
  readonly amr: readonly string[];
  readonly authTimeMs: number;
}

interface AccessTokenRequest {
  readonly client: AuthenticatedClient;
  readonly target: TargetResource;
  readonly tenantId: string;
  /** Absent for a token of the application itself. */
  readonly subject: Subject | undefined;
  /** Scopes of a user's token, roles of an application's token. */
  readonly permissions: readonly string[];
}

export interface IssuedToken {
  readonly token: string;
  readonly expiresInSeconds: number;
  readonly expiresOnSeconds: number;
  readonly notBeforeSeconds: number;
}

export const issuerV1 = (tenantId: string): string => `https://sts.windows.net/${tenantId}/`;
export const issuerV2 = (world: World, tenantId: string): string => `${world.addresses().entra}/${tenantId}/v2.0`;

const opaque = (): string => randomBytes(16).toString('base64url');

/** The same `sub` for the same user and client; it reveals neither. */
export const pairwise = (userId: string, clientId: string): string =>
  createHash('sha256').update(`${userId}|${clientId}`).digest('base64url');

export async function issueAccessToken(world: World, request: AccessTokenRequest): Promise<IssuedToken> {
  const nowSeconds = Math.floor(world.clock.nowMs() / 1000);
  const lifetime =
    world.settings.accessTokenLifetimeSeconds ??
    shortestLifetimeSeconds + Math.floor(Math.random() * (longestLifetimeSeconds - shortestLifetimeSeconds));
  const notBefore = nowSeconds - 5;
  const expires = nowSeconds + lifetime;
  const times = { iat: notBefore, nbf: notBefore, exp: expires };
  const claims = request.target.tokenVersion === 2 ? claimsV2(world, request) : claimsV1(world, request);
  const uti = opaque();
  const token = await world.keys.sign({ ...claims, ...times, aio: opaque(), uti, rh: `1.A${opaque()}.` });
  world.signInLog.add(signInOf(world, request, uti));
  return { token, expiresInSeconds: lifetime, expiresOnSeconds: expires, notBeforeSeconds: notBefore };
}

function signInOf(world: World, { client, target, tenantId, subject }: AccessTokenRequest, uti: string): LoggedSignIn {
  const isForeign = subject !== undefined && !world.isPartner(tenantId);
  return {
    id: randomUUID(),
    createdDateTime: new Date(world.clock.nowMs()).toISOString(),
    appId: client.appId,
    appDisplayName: client.displayName,
    userPrincipalName: subject?.user.userPrincipalName ?? '',
    userId: subject?.user.id ?? '',
    ipAddress: '198.51.100.7',
    resourceId: target.appId,
    resourceTenantId: tenantId,
    homeTenantId: world.partner.tenantId,
    crossTenantAccessType: isForeign ? 'serviceProvider' : 'none',
    signInEventTypes: [subject === undefined ? 'servicePrincipal' : 'nonInteractiveUser'],
    uniqueTokenIdentifier: uti,
    status: { errorCode: 0 },
  };
}

function principalId(world: World, clientId: string, tenantId: string): string {
  const customer = world.findCustomer(tenantId);
  const directory = customer === undefined ? world.partner.directory : world.directoryOf(customer);
  return directory.servicePrincipalOf(clientId)?.id ?? world.seeded.guid('principal', tenantId, clientId);
}

function permissionClaims(world: World, request: AccessTokenRequest): JWTPayload {
  const { subject, permissions } = request;
  if (subject !== undefined) {
    const roles = assignedRoles(world, request.target, subject.user);
    return { scp: permissions.join(' '), ...(roles.length === 0 ? {} : { roles }) };
  }
  return permissions.length === 0 ? {} : { roles: [...permissions] };
}

function identityClaims(world: World, { client, subject, tenantId }: AccessTokenRequest): JWTPayload {
  if (subject === undefined) {
    const id = principalId(world, client.appId, tenantId);
    return { oid: id, sub: id, idtyp: 'app' };
  }
  const { user } = subject;
  return {
    oid: user.id,
    sub: pairwise(user.id, client.appId),
    name: user.displayName,
    idtyp: 'user',
    // In another tenant, the home tenant is the identity provider.
    ...(world.isPartner(tenantId) ? {} : { idp: issuerV1(world.partner.tenantId) }),
  };
}

function claimsV1(world: World, request: AccessTokenRequest): JWTPayload {
  const { client, subject, target, tenantId } = request;
  const common = {
    aud: target.identifier,
    iss: issuerV1(tenantId),
    tid: tenantId,
    appid: client.appId,
    appidacr: String(client.proof),
    app_displayname: client.displayName,
    ver: '1.0',
    ...identityClaims(world, request),
    ...permissionClaims(world, request),
    ...agentClaims(world, client, target, subject !== undefined),
  };
  if (subject === undefined) return { ...common, idp: issuerV1(tenantId) };
  const { user, amr } = subject;
  return {
    ...common,
    acct: world.isPartner(tenantId) ? 0 : 1,
    acr: '1',
    amr: [...amr],
    given_name: user.givenName,
    family_name: user.surname,
    unique_name: user.userPrincipalName,
    upn: user.userPrincipalName,
    wids: user.isAdmin ? ['62e90394-69f5-4237-9190-012177145e10'] : ['b79fbf4d-3ef9-4689-8143-76b194e85509'],
  };
}

function claimsV2(world: World, request: AccessTokenRequest): JWTPayload {
  const { client, subject, target, tenantId } = request;
  return {
    aud: target.appId,
    iss: issuerV2(world, tenantId),
    tid: tenantId,
    azp: client.appId,
    azpacr: String(client.proof),
    ver: '2.0',
    ...identityClaims(world, request),
    ...permissionClaims(world, request),
    ...agentClaims(world, client, target, subject !== undefined),
    ...(subject === undefined
      ? {}
      : { preferred_username: subject.user.userPrincipalName, name: subject.user.displayName }),
  };
}

interface IdTokenRequest {
  readonly client: AuthenticatedClient;
  readonly subject: Subject;
  readonly tenantId: string;
  readonly version: 1 | 2;
  readonly nonce: string | undefined;
}

/** OpenID Connect Core 1.0 section 2: tells the client who signed in. */
export function issueIdToken(world: World, request: IdTokenRequest): Promise<string> {
  const { client, subject, tenantId, version, nonce } = request;
  const nowSeconds = Math.floor(world.clock.nowMs() / 1000);
  const { user } = subject;
  const versioned: JWTPayload =
    version === 2
      ? { iss: issuerV2(world, tenantId), ver: '2.0', preferred_username: user.userPrincipalName }
      : { iss: issuerV1(tenantId), ver: '1.0', upn: user.userPrincipalName, unique_name: user.userPrincipalName };
  return world.keys.sign({
    ...versioned,
    aud: client.appId,
    iat: nowSeconds,
    nbf: nowSeconds,
    exp: nowSeconds + 3600,
    tid: tenantId,
    oid: user.id,
    sub: pairwise(user.id, client.appId),
    name: user.displayName,
    amr: [...subject.amr],
    auth_time: Math.floor(subject.authTimeMs / 1000),
    ...(nonce === undefined ? {} : { nonce }),
    uti: opaque(),
    rh: `1.A${opaque()}.`,
  });
}

/** The account of a token response. MSAL keys its cache by it. */
export const clientInfo = (world: World, user: User): string =>
  Buffer.from(JSON.stringify({ uid: user.id, utid: world.partner.tenantId })).toString('base64url');
