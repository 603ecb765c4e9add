import type { AppRole, PermissionScope } from './records.ts';
import type { PermissionTable } from './microsoft-permissions.ts';

/** The permissions of a resource as its service principal lists them. */
export interface OfferedPermissions {
  readonly appRoles: readonly AppRole[];
  readonly oauth2PermissionScopes: readonly PermissionScope[];
}

const lists = new WeakMap<PermissionTable, OfferedPermissions>();

/** The lists are kept, because Microsoft Graph has hundreds of permissions. Names and texts repeat the value. */
export function offeredByMicrosoft(table: PermissionTable): OfferedPermissions {
  const known = lists.get(table);
  if (known !== undefined) return known;
  const made: OfferedPermissions = {
    appRoles: Object.entries(table.roles).map(([value, id]) => ({
      id,
      allowedMemberTypes: ['Application'],
      displayName: value,
      description: value,
      value,
      isEnabled: true,
    })),
    oauth2PermissionScopes: Object.entries(table.scopes).map(([value, id]) => ({
      id,
      type: table.userConsent?.has(value) === true ? 'User' : 'Admin',
      adminConsentDisplayName: value,
      adminConsentDescription: value,
      value,
      isEnabled: true,
    })),
  };
  lists.set(table, made);
  return made;
}
