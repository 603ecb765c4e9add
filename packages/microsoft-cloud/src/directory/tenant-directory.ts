import { createHash, randomBytes, randomUUID, X509Certificate } from 'node:crypto';
import { microsoftResources } from './microsoft-resources.ts';
import type { Seeded } from '../seeded.ts';
import type {
  Application,
  Group,
  KeyCredential,
  PasswordCredential,
  PermissionGrant,
  RoleAssignment,
  ServicePrincipal,
  User,
} from './records.ts';

/** The directory of one tenant. Maps are keyed by object id. */
export interface TenantDirectory {
  readonly tenantId: string;
  readonly applications: Map<string, Application>;
  readonly servicePrincipals: Map<string, ServicePrincipal>;
  readonly groups: Map<string, Group>;
  readonly users: ReadonlyMap<string, User>;
  readonly permissionGrants: Map<string, PermissionGrant>;
  readonly roleAssignments: Map<string, RoleAssignment>;
  servicePrincipalOf(appId: string): ServicePrincipal | undefined;
}

/** The tenant that owns Microsoft's own applications. */
const microsoftTenantId = 'f8cdef31-a31e-4b4a-93e4-5f571e91255a';

/** Creates a directory with the service principals of all of Microsoft's resources. */
export function createTenantDirectory(
  tenantId: string,
  seeded: Seeded,
  users: readonly User[],
  nowMs: number,
): TenantDirectory {
  const servicePrincipals = new Map<string, ServicePrincipal>();
  for (const { appId } of microsoftResources) {
    const principal = resourcePrincipal(tenantId, appId, seeded, nowMs);
    servicePrincipals.set(principal.id, principal);
  }
  return {
    tenantId,
    applications: new Map(),
    servicePrincipals,
    groups: new Map(),
    users: new Map(users.map((user) => [user.id, user])),
    permissionGrants: new Map(),
    roleAssignments: new Map(),
    servicePrincipalOf: (appId) => [...servicePrincipals.values()].find((principal) => principal.appId === appId),
  };
}

/** The service principal of one of Microsoft's resources. @throws RangeError for another application. */
export function resourcePrincipal(tenantId: string, appId: string, seeded: Seeded, nowMs: number): ServicePrincipal {
  const resource = microsoftResources.find((each) => each.appId === appId);
  if (resource === undefined) throw new RangeError(`${appId} is not one of Microsoft's resources.`);
  return {
    id: seeded.guid('service-principal', tenantId, appId),
    appId,
    displayName: resource.displayName,
    createdMs: nowMs,
    ownerTenantId: microsoftTenantId,
    type: 'Application',
    accountEnabled: true,
    appRoleAssignmentRequired: false,
    tags: [],
  };
}

export const sha256Hex = (text: string): string => createHash('sha256').update(text).digest('hex');

/** Creates an application that has only a name. */
export function newApplication(
  tenantId: string,
  displayName: string,
  nowMs: number,
  ids?: { readonly id: string; readonly appId: string },
): Application {
  return {
    id: ids?.id ?? randomUUID(),
    appId: ids?.appId ?? randomUUID(),
    tenantId,
    displayName,
    createdMs: nowMs,
    description: null,
    notes: null,
    tags: [],
    signInAudience: 'AzureADMyOrg',
    identifierUris: [],
    requiredResourceAccess: [],
    redirectUris: { web: [], publicClient: [], spa: [] },
    isFallbackPublicClient: null,
    requestedAccessTokenVersion: null,
    appRoles: [],
    scopes: [],
    preAuthorized: [],
    optionalClaims: null,
    lock: null,
    passwords: [],
    keys: [],
    federated: new Map(),
    owners: new Set(),
  };
}

/** Creates the service principal that represents an application in a tenant. */
export function newServicePrincipal(
  application: Application,
  nowMs: number,
  id: string = randomUUID(),
): ServicePrincipal {
  return {
    id,
    appId: application.appId,
    displayName: application.displayName,
    createdMs: nowMs,
    ownerTenantId: application.tenantId,
    type: 'Application',
    accountEnabled: true,
    appRoleAssignmentRequired: false,
    tags: [],
  };
}

/** Creates a client secret in Entra's format: 40 characters, some of which a form must escape. */
export function newClientSecret(): string {
  return `${randomBytes(3).toString('base64url').slice(0, 3)}8Q~${randomBytes(24).toString('base64url').slice(0, 32)}+~`;
}

export function newPassword(
  secret: string,
  displayName: string | null,
  startMs: number,
  endMs: number,
): PasswordCredential {
  return { keyId: randomUUID(), displayName, startMs, endMs, hint: secret.slice(0, 3), hash: sha256Hex(secret) };
}

/**
 * Creates a key credential from a certificate.
 * @param key base64 of a DER or PEM certificate.
 * @param times start and end; those of the certificate by default.
 * @throws Error for a key that is no certificate.
 * @throws RangeError for times outside the validity of the certificate.
 */
export function newKey(
  key: string,
  displayName: string | null,
  keyId: string = randomUUID(),
  times: { readonly startMs?: number | undefined; readonly endMs?: number | undefined } = {},
): KeyCredential {
  const certificate = new X509Certificate(Buffer.from(key, 'base64'));
  const [validFromMs, validToMs] = [Date.parse(certificate.validFrom), Date.parse(certificate.validTo)];
  const { startMs = validFromMs, endMs = validToMs } = times;
  if (startMs < validFromMs || endMs > validToMs || endMs <= startMs)
    throw new RangeError('The key credential must be valid within the validity of its certificate.');
  return {
    keyId,
    displayName: displayName ?? certificate.subject,
    startMs,
    endMs,
    type: 'AsymmetricX509Cert',
    usage: 'Verify',
    key: certificate.raw.toString('base64'),
    thumbprint: createHash('sha1').update(certificate.raw).digest('hex').toUpperCase(),
  };
}

/** The same objects give the same id, so that clouds of the same seed are equal. */
const derivedId = (...words: readonly string[]): string =>
  createHash('sha256').update(words.join(' ')).digest().subarray(0, 24).toString('base64url');

interface ScopeGrant {
  /** Object id of the client's service principal. */
  readonly clientId: string;
  /** Object id of the resource's service principal. */
  readonly resourceId: string;
  readonly scopes: readonly string[];
}

/** Grants scopes to a client for all users. Extends an existing grant. */
export function grantScopes(
  directory: TenantDirectory,
  { clientId, resourceId, scopes }: ScopeGrant,
  nowMs: number,
): PermissionGrant {
  for (const grant of directory.permissionGrants.values()) {
    if (grant.clientId !== clientId || grant.resourceId !== resourceId || grant.consentType !== 'AllPrincipals')
      continue;
    grant.scope = [...new Set([...grant.scope.split(' ').filter(Boolean), ...scopes])].join(' ');
    return grant;
  }
  const id = derivedId(directory.tenantId, clientId, resourceId);
  const grant = {
    id,
    clientId,
    resourceId,
    consentType: 'AllPrincipals',
    principalId: null,
    createdMs: nowMs,
    scope: scopes.join(' '),
  };
  directory.permissionGrants.set(id, grant);
  return grant;
}

/** Assigns an application role of a resource to a principal. */
export function assignRole(
  directory: TenantDirectory,
  role: Pick<RoleAssignment, 'principalId' | 'resourceId' | 'appRoleId'>,
  nowMs: number,
): RoleAssignment {
  const id = derivedId(directory.tenantId, role.principalId, role.resourceId, role.appRoleId);
  const assignment = { ...role, id, createdMs: nowMs };
  directory.roleAssignments.set(id, assignment);
  return assignment;
}
