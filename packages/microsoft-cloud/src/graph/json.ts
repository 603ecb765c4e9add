import { isoTime } from '../clock.ts';
import type {
  Application,
  Credential,
  KeyCredential,
  PasswordCredential,
  PermissionGrant,
  RoleAssignment,
  ServicePrincipal,
} from '../directory/records.ts';
import type { TenantDirectory } from '../directory/tenant-directory.ts';
import { findMicrosoftResource } from '../directory/microsoft-resources.ts';
import { offeredByMicrosoft, type OfferedPermissions } from '../directory/offered-permissions.ts';
import type { World } from '../world.ts';

/** An object of a reply. */
type Item = Readonly<Record<string, unknown>>;

const time = (ms: number): string => isoTime(ms).replace(/\.\d+Z$/, 'Z');

const credential = ({ keyId, displayName, startMs, endMs }: Credential): Item => ({
  customKeyIdentifier: null,
  displayName,
  endDateTime: time(endMs),
  keyId,
  startDateTime: time(startMs),
});

export const passwordJson = (password: PasswordCredential): Item => ({
  ...credential(password),
  hint: password.hint,
  secretText: null,
});

const keyJson = (key: KeyCredential): Item => ({
  ...credential(key),
  customKeyIdentifier: key.thumbprint,
  type: key.type,
  usage: key.usage,
  // Graph returns the certificate only for a single object, and only if selected.
  key: null,
});

export const applicationJson = (application: Application): Item => ({
  id: application.id,
  deletedDateTime: null,
  appId: application.appId,
  createdDateTime: time(application.createdMs),
  displayName: application.displayName,
  description: application.description,
  notes: application.notes,
  tags: application.tags,
  identifierUris: application.identifierUris,
  isFallbackPublicClient: application.isFallbackPublicClient,
  publisherDomain: null,
  signInAudience: application.signInAudience,
  api: {
    acceptMappedClaims: null,
    knownClientApplications: [],
    requestedAccessTokenVersion: application.requestedAccessTokenVersion,
    oauth2PermissionScopes: application.scopes,
    preAuthorizedApplications: application.preAuthorized,
  },
  appRoles: application.appRoles,
  optionalClaims: application.optionalClaims,
  servicePrincipalLockConfiguration: application.lock,
  keyCredentials: application.keys.map(keyJson),
  passwordCredentials: application.passwords.map(passwordJson),
  publicClient: { redirectUris: application.redirectUris.publicClient },
  requiredResourceAccess: application.requiredResourceAccess,
  spa: { redirectUris: application.redirectUris.spa },
  web: {
    homePageUrl: null,
    logoutUrl: null,
    redirectUris: application.redirectUris.web,
    implicitGrantSettings: { enableAccessTokenIssuance: false, enableIdTokenIssuance: false },
  },
});

/** The permissions that a resource offers, as its service principal lists them. */
function offeredPermissions(world: World, appId: string): OfferedPermissions {
  const known = findMicrosoftResource(appId);
  const application = [...world.partner.directory.applications.values()].find((each) => each.appId === appId);
  if (known === undefined)
    return {
      appRoles: (application?.appRoles ?? []).map((role) => ({ ...role })),
      oauth2PermissionScopes: (application?.scopes ?? []).map((scope) => ({ ...scope })),
    };
  return offeredByMicrosoft(world.permissionsOf(known));
}

export const servicePrincipalJson = (world: World, principal: ServicePrincipal): Item => ({
  id: principal.id,
  deletedDateTime: null,
  accountEnabled: principal.accountEnabled,
  appDisplayName: principal.displayName,
  appId: principal.appId,
  appOwnerOrganizationId: principal.ownerTenantId,
  appRoleAssignmentRequired: principal.appRoleAssignmentRequired,
  createdDateTime: time(principal.createdMs),
  displayName: principal.displayName,
  servicePrincipalNames: [principal.appId, ...(findMicrosoftResource(principal.appId)?.identifiers ?? [])],
  servicePrincipalType: principal.type,
  tags: principal.tags,
  ...offeredPermissions(world, principal.appId),
  keyCredentials: [],
  passwordCredentials: [],
});

export const permissionGrantJson = ({
  id,
  clientId,
  consentType,
  principalId,
  resourceId,
  scope,
}: PermissionGrant): Item => ({
  clientId,
  consentType,
  id,
  principalId,
  resourceId,
  scope,
});

export function roleAssignmentJson(directory: TenantDirectory, assignment: RoleAssignment): Item {
  const principal = directory.servicePrincipals.get(assignment.principalId);
  return {
    id: assignment.id,
    deletedDateTime: null,
    appRoleId: assignment.appRoleId,
    createdDateTime: time(assignment.createdMs),
    principalDisplayName: principal?.displayName ?? directory.users.get(assignment.principalId)?.displayName ?? null,
    principalId: assignment.principalId,
    principalType: principal === undefined ? 'User' : 'ServicePrincipal',
    resourceDisplayName: directory.servicePrincipals.get(assignment.resourceId)?.displayName ?? null,
    resourceId: assignment.resourceId,
  };
}
