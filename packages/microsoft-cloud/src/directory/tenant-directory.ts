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

/** Everything that one tenant's directory holds, by object id. */
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

/** A directory with the service principals that every tenant has. */
export function createTenantDirectory(
  tenantId: string,
  seeded: Seeded,
  users: readonly User[],
  nowMs: number,
): TenantDirectory {
  const servicePrincipals = new Map<string, ServicePrincipal>();
  for (const { appId, displayName } of microsoftResources) {
    const id = seeded.guid('service-principal', tenantId, appId);
    servicePrincipals.set(id, {
      id,
      appId,
      displayName,
      createdMs: nowMs,
      ownerTenantId: microsoftTenantId,
      type: 'Application',
      accountEnabled: true,
      appRoleAssignmentRequired: false,
      tags: [],
    });
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

export const sha256Hex = (text: string): string => createHash('sha256').update(text).digest('hex');

/** An application with nothing but a name. */
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
    passwords: [],
    keys: [],
    federated: new Map(),
    owners: new Set(),
  };
}

/** The service principal that stands for an application in a tenant. */
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

/** A new client secret in the shape of Entra's: 40 characters, with some that a form must escape. */
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
 * A key credential from a certificate; it begins and ends with the certificate unless it says otherwise.
 * @throws Error when `key` is not the base64 of a DER or PEM certificate.
 * @throws RangeError when it would begin before the certificate or end after it.
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
  if (startMs < validFromMs || endMs > validToMs || endMs <= startMs) throw new RangeError('times');
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

/** Makes the permissions of a resource's values granted to a client, for every user. */
export function grantScopes(
  directory: TenantDirectory,
  clientId: string,
  resourceId: string,
  values: readonly string[],
  nowMs: number,
): PermissionGrant {
  for (const grant of directory.permissionGrants.values()) {
    if (grant.clientId !== clientId || grant.resourceId !== resourceId || grant.consentType !== 'AllPrincipals')
      continue;
    grant.scope = [...new Set([...grant.scope.split(' ').filter(Boolean), ...values])].join(' ');
    return grant;
  }
  const id = randomBytes(24).toString('base64url');
  const grant = {
    id,
    clientId,
    resourceId,
    consentType: 'AllPrincipals',
    principalId: null,
    createdMs: nowMs,
    scope: values.join(' '),
  };
  directory.permissionGrants.set(id, grant);
  return grant;
}

/** Assigns a resource's application role to a principal. */
export function assignRole(
  directory: TenantDirectory,
  principalId: string,
  resourceId: string,
  appRoleId: string,
  nowMs: number,
): RoleAssignment {
  const id = randomBytes(24).toString('base64url');
  const assignment = { id, principalId, resourceId, appRoleId, createdMs: nowMs };
  directory.roleAssignments.set(id, assignment);
  return assignment;
}
