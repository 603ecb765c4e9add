import type { ClientCredential } from '../../lib/core/secrets.ts';
import {
  type IdentityTrust,
  identityTrust,
  type IdentityTrustOptions,
} from '../../lib/tokens/credential/identity-trust.ts';
import { renewBeforeMs } from '../../lib/tokens/credential/renew-client-credential.ts';
import { BrokerError } from '../../lib/core/errors.ts';
import { adminAgentsName, applicationTag, type DirectoryState } from '../../lib/consent/directory-state.ts';
import {
  graphAppId,
  type PermissionProfile,
  type ResourcePermissions,
  signInScopes,
} from '../../lib/consent/permissions.ts';
import { isExactly } from '../../lib/consent/profile-file.ts';

/** The desired state. */
export interface SetupOptions extends IdentityTrustOptions {
  /** Name of the application in Key Vault and in policies. */
  readonly application: string;
  /** Its name in Entra. */
  readonly displayName: string;
  readonly profile: PermissionProfile;
  readonly credential: ClientCredential['kind'];
  /** Object id of the managed identity that a federated credential trusts. */
  readonly managedIdentityObjectId?: string | undefined;
}

/** One change. Steps are applied in order, so a step may use what an earlier one created. */
export type Step =
  | { readonly kind: 'create_application' }
  | { readonly kind: 'update_application'; readonly differences: readonly string[] }
  | { readonly kind: 'create_principal' }
  | { readonly kind: 'create_resource_principal'; readonly resource: Resource }
  | {
      readonly kind: 'grant_scopes';
      readonly resource: Resource;
      readonly scopes: readonly string[];
      readonly grantId?: string;
    }
  | { readonly kind: 'withdraw_scopes'; readonly grantId: string }
  | { readonly kind: 'grant_role'; readonly resource: Resource; readonly roleId: string; readonly value: string }
  | { readonly kind: 'withdraw_role'; readonly roleGrantId: string }
  | { readonly kind: 'own_itself' }
  | { readonly kind: 'join_admin_agents'; readonly groupId: string }
  | { readonly kind: 'add_secret' }
  | { readonly kind: 'add_certificate' }
  | { readonly kind: 'trust_managed_identity'; readonly trust: IdentityTrust }
  | { readonly kind: 'store_federated' };

type Resource = Pick<ResourcePermissions, 'appId' | 'name'>;

export const redirectUri = 'http://localhost';
export const signInAudience = 'AzureADMultipleOrgs';

/** `Application.ReadWrite.OwnedBy`: lets the application change itself. */
const ownedApplicationsRole = '18a4783c-866b-4cc7-a460-3d5e5662c884';

/**
 * Plans the changes from the current state to the desired one. Returns none if an earlier run did them all. Pure.
 * @throws BrokerError config_invalid when the tenant is not a partner tenant, or an option is missing.
 */
export function planSteps(options: SetupOptions, state: DirectoryState, nowMs: number): Step[] {
  if (state.adminAgentsId === undefined) {
    const detail = `The tenant ${options.partnerTenantId} has no group ${adminAgentsName}, so it is not a partner tenant. Check PARTNER_TENANT_ID.`;
    throw new BrokerError('config_invalid', detail);
  }
  const roles = options.profile.resources.flatMap((resource) => resource.roles);
  const renewsItself = roles.some(({ id }) => id === ownedApplicationsRole);
  return [
    ...planApplication(options, state),
    ...options.profile.resources.flatMap((resource) => planResource(resource, state)),
    // A profile without permissions for Microsoft Graph needs the sign-in scopes, too.
    ...(options.profile.resources.some(({ appId }) => appId === graphAppId)
      ? []
      : planResource({ appId: graphAppId, name: 'Microsoft Graph', scopes: [], roles: [] }, state)),
    ...planWithdrawals(options, state),
    ...(renewsItself && !state.isOwner ? [{ kind: 'own_itself' } as const] : []),
    ...(state.isAdminAgent ? [] : [{ kind: 'join_admin_agents', groupId: state.adminAgentsId } as const]),
    ...planCredential(options, state, nowMs),
  ];
}

function planApplication(options: SetupOptions, state: DirectoryState): Step[] {
  const { application } = state;
  if (application === undefined) return [{ kind: 'create_application' }, { kind: 'create_principal' }];
  const differences = [
    ...(application.signInAudience === signInAudience ? [] : ['make it multi-tenant']),
    ...(application.redirectUris.includes(redirectUri) ? [] : [`add the redirect address ${redirectUri}`]),
    // Refresh tokens of the single-page platform live 24 hours, and a public client may not authenticate with a credential.
    ...(Object.values(application.otherRedirectUris).some((addresses) => addresses.includes(redirectUri))
      ? [`remove ${redirectUri} from the other platforms, so that refresh tokens live 90 days`]
      : []),
    ...(isExactly(application.permissions, options.profile)
      ? []
      : [`set the permissions of the profile ${options.profile.name}`]),
    ...(application.tags.includes(applicationTag(options.application)) ? [] : ['tag it as managed by setup']),
  ];
  return [
    ...(differences.length === 0 ? [] : [{ kind: 'update_application', differences } as const]),
    ...(state.principalId === undefined ? [{ kind: 'create_principal' } as const] : []),
  ];
}

function planResource(resource: ResourcePermissions, state: DirectoryState): Step[] {
  const { appId, name } = resource;
  const resourceId = state.resourceIds.get(appId);
  const named = { appId, name };
  const grant = state.scopeGrants.find((each) => each.resourceId === resourceId);
  const scopes = scopesOf(resource);
  return [
    ...(resourceId === undefined ? [{ kind: 'create_resource_principal', resource: named } as const] : []),
    ...(scopes.length === 0 || (grant !== undefined && sameSet(grant.scopes, scopes))
      ? []
      : [{ kind: 'grant_scopes', resource: named, scopes, ...(grant ? { grantId: grant.id } : {}) } as const]),
    ...resource.roles
      .filter(({ id }) => !state.roleGrants.some((each) => each.resourceId === resourceId && each.roleId === id))
      .map(({ id, value }) => ({ kind: 'grant_role', resource: named, roleId: id, value }) as const),
  ];
}

/** The sign-in scopes belong to Microsoft Graph. */
const scopesOf = ({ appId, scopes }: ResourcePermissions): readonly string[] => [
  ...scopes.map(({ value }) => value),
  ...(appId === graphAppId ? signInScopes : []),
];

/** Withdraws permissions that are not in the profile, whether from an earlier profile or granted by hand. */
function planWithdrawals(options: SetupOptions, state: DirectoryState): Step[] {
  const wanted = new Map(
    options.profile.resources.map((resource) => [state.resourceIds.get(resource.appId), resource]),
  );
  const graphId = state.resourceIds.get(graphAppId);
  const scopes = state.scopeGrants.filter(({ resourceId }) => {
    const resource = wanted.get(resourceId);
    return resource === undefined ? resourceId !== graphId : scopesOf(resource).length === 0;
  });
  const roles = state.roleGrants.filter(
    ({ resourceId, roleId }) => !wanted.get(resourceId)?.roles.some(({ id }) => id === roleId),
  );
  return [
    ...scopes.map(({ id }) => ({ kind: 'withdraw_scopes', grantId: id }) as const),
    ...roles.map(({ id }) => ({ kind: 'withdraw_role', roleGrantId: id }) as const),
  ];
}

/** Creates a new client credential only if the stored one is missing, of another kind, unknown to Entra or expiring soon. */
function planCredential(options: SetupOptions, state: DirectoryState, nowMs: number): Step[] {
  const { application, stored } = state;
  const usable =
    stored !== undefined &&
    stored.clientId === application?.clientId &&
    stored.credential.kind === options.credential &&
    (stored.endsAtMs === undefined || stored.endsAtMs - nowMs > renewBeforeMs);
  switch (options.credential) {
    case 'secret':
      return usable && application.secrets.some(({ keyId }) => keyId === stored.keyId) ? [] : [{ kind: 'add_secret' }];
    case 'certificate': {
      const known = application?.keyCredentials.some(({ keyId }) => keyId === stored?.keyId);
      return usable && known ? [] : [{ kind: 'add_certificate' }];
    }
    case 'federated': {
      if (options.managedIdentityObjectId === undefined) {
        const detail = "a federated credential needs the function app's user-assigned managed identity.";
        throw new BrokerError('config_invalid', `MANAGED_IDENTITY_CLIENT_ID: ${detail}`);
      }
      const trust = identityTrust(options, options.managedIdentityObjectId);
      const trusted = state.federatedTrusts.some(
        ({ issuer, subject, audiences }) =>
          issuer === trust.issuer && subject === trust.subject && audiences.includes(trust.audience),
      );
      const waits = state.isProposed && stored !== undefined && (stored.endsAtMs ?? Number.POSITIVE_INFINITY) > nowMs;
      return [
        ...(trusted ? [] : [{ kind: 'trust_managed_identity', trust } as const]),
        ...(usable || waits ? [] : [{ kind: 'store_federated' } as const]),
      ];
    }
  }
}

function sameSet(left: readonly string[], right: readonly string[]): boolean {
  const [a, b] = [new Set(left), new Set(right)];
  return a.size === b.size && [...a].every((item) => b.has(item));
}
