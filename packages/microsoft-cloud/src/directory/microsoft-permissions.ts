import { publishedPermissions } from 'graph-permissions/permission-ids';

/**
 * Permissions of a resource: value → id. Scopes are delegated permissions, roles are application permissions. Those of
 * Microsoft Graph are all that Microsoft publishes; of the others, what partner applications request. Source: the service
 * principals of the resources.
 */
export interface PermissionTable {
  readonly scopes: Readonly<Record<string, string>>;
  readonly roles: Readonly<Record<string, string>>;
  /** Scopes to which users may consent themselves. */
  readonly userConsent?: ReadonlySet<string>;
  /** Scopes that Microsoft's own clients get although they name none. Default: all. */
  readonly usualScopes?: readonly string[];
}

/** A token with every scope of Microsoft Graph would be too long for a header, so Microsoft's clients get these. */
const usualGraphScopes = `
Application.Read.All Application.ReadWrite.All AppRoleAssignment.ReadWrite.All AuditLog.Read.All
CrossTenantInformation.ReadBasic.All DelegatedAdminRelationship.Read.All DelegatedAdminRelationship.ReadWrite.All
DelegatedPermissionGrant.ReadWrite.All Directory.AccessAsUser.All Directory.Read.All Directory.ReadWrite.All
Domain.Read.All Group.Read.All Group.ReadWrite.All GroupMember.Read.All GroupMember.ReadWrite.All Organization.Read.All
Organization.ReadWrite.All Policy.Read.All Reports.Read.All RoleManagement.Read.Directory
RoleManagement.ReadWrite.Directory SecurityEvents.Read.All User.Read User.Read.All User.ReadWrite.All
User.RevokeSessions.All UserAuthenticationMethod.Read.All email offline_access openid profile
`
  .trim()
  .split(/\s+/);

/** Scopes of OpenID Connect. Microsoft's published list does not contain them. */
const signInScopes = {
  email: '64a6cdd6-aab1-4aaf-94b8-3cc8405e90d0',
  offline_access: '7427e0e9-2fba-42fe-b0c0-848c9e6a8182',
  openid: '37f7f235-527c-4136-accd-4a02d197296e',
  profile: '14dad69e-099b-42c9-810b-d002981feec1',
};

/**
 * The permissions of Microsoft Graph.
 * @param more names that a permission map has, and an id for each that the published list lacks.
 */
export function createGraphPermissions(more?: {
  readonly scopes: Iterable<string>;
  readonly roles: Iterable<string>;
  readonly idOf: (name: string, kind: 'scope' | 'role') => string;
}): PermissionTable {
  const scopes: Record<string, string> = {};
  const roles: Record<string, string> = {};
  const userConsent = new Set(Object.keys(signInScopes));
  for (const [name, { scope, role, userConsent: byUsers }] of publishedPermissions()) {
    if (scope !== undefined) scopes[name] = scope;
    if (role !== undefined) roles[name] = role;
    if (byUsers) userConsent.add(name);
  }
  for (const name of more?.scopes ?? []) scopes[name] ??= more?.idOf(name, 'scope') ?? '';
  for (const name of more?.roles ?? []) roles[name] ??= more?.idOf(name, 'role') ?? '';
  return { scopes: { ...scopes, ...signInScopes }, roles, userConsent, usualScopes: usualGraphScopes };
}

export const graphPermissions: PermissionTable = createGraphPermissions();

export const aadGraphPermissions: PermissionTable = {
  scopes: {
    'Directory.AccessAsUser.All': 'a42657d6-7f20-40e3-b6f0-cee03008a62a',
    'Directory.Read.All': '5778995a-e1bf-45b8-affa-663a9f3f4d04',
    'User.Read': '311a71cc-e848-46a1-bdf8-97ff7156d8e6',
  },
  roles: { 'Directory.Read.All': '5778995a-e1bf-45b8-affa-663a9f3f4d04' },
};

export const exchangePermissions: PermissionTable = {
  // The ids of the second version are invented.
  scopes: {
    'Calendars.ReadWrite.All': 'bbd1ca91-75e0-4814-ad94-9c5dbbae3415',
    'Exchange.Manage': 'ab4f2b77-0b06-4fc1-a9de-02113fc2ab7c',
    'Exchange.ManageV2': 'e0000000-0b06-4fc1-a9de-02113fc2ab7c',
    'MailboxSettings.ReadWrite': '2e83d72d-8895-4b66-9eea-abb43449ab8b',
  },
  roles: {
    'Calendars.ReadWrite.All': 'ef54d2bf-783f-4e0f-bca1-3210c0444d99',
    'Exchange.ManageAsApp': 'dc50a0fb-09a3-484d-be87-e023b12c6440',
    'Exchange.ManageAsAppV2': 'e0000000-09a3-484d-be87-e023b12c6440',
    'MailboxSettings.ReadWrite': 'f9156939-25cd-4ba8-abfe-7fabcf003749',
  },
};

/** The permissions of a resource whose only permission is `user_impersonation`. */
export const userImpersonation = (id: string): PermissionTable => ({ scopes: { user_impersonation: id }, roles: {} });
