import { type IdentityTrust, identityTrust } from '../../lib/tokens/credential/identity-trust.ts';
import { renewBeforeMs } from '../../lib/tokens/credential/renew-client-credential.ts';
import { BrokerError } from '../../lib/core/errors.ts';
import { adminAgentsName, applicationTag, type DirectoryState } from '../../lib/consent/directory-state.ts';
import { graphAppId, type ResourcePermissions, signInScopes } from '../../lib/consent/permissions.ts';
import { isExactly } from '../../lib/consent/profile-file.ts';
import { redirectUri, type ServiceAccount, type SetupOptions, signInAudience, type StepRunner } from './apply.ts';

/** One change. Steps are applied in order, so a step may use what an earlier one created. */
export interface Step {
  /** For the plan that an operator reads. */
  readonly text: string;
  readonly apply: (run: StepRunner) => Promise<void>;
}

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
    ...(renewsItself && !state.isOwner ? [ownItself] : []),
    ...planAssignment(options.serviceAccount, state),
    ...(state.isAdminAgent ? [] : [joinAdminAgents(state.adminAgentsId)]),
    ...planCredential(options, state, nowMs),
  ];
}

const ownItself: Step = {
  text: 'Make the application its own owner, so that it can renew its client credential',
  apply: (run) => run.join(`${run.path}/owners`),
};

/** Otherwise every colleague can be made to sign in to the application, and so to hand over a refresh token for it. */
function planAssignment(
  account: ServiceAccount | undefined,
  { requiresAssignment, assignedIds }: DirectoryState,
): Step[] {
  if (account === undefined || (requiresAssignment && assignedIds.includes(account.objectId))) return [];
  const text = `Let only users who are assigned to the application sign in to it, and assign ${account.name}`;
  return [{ text, apply: (run) => run.requireAssignment(account) }];
}

const joinAdminAgents = (groupId: string): Step => ({
  text: `Add the service principal to the group ${adminAgentsName}, for customers that still have DAP instead of GDAP`,
  apply: (run) => run.join(`/groups/${groupId}/members`),
});

const createPrincipal: Step = {
  text: 'Create its service principal in the partner tenant',
  apply: (run) => run.createPrincipal(),
};

function planApplication(options: SetupOptions, state: DirectoryState): Step[] {
  const { application } = state;
  if (application === undefined) {
    const text = `Create the multi-tenant application "${options.displayName}" with the permissions of the profile ${options.profile.name}`;
    return [{ text, apply: (run) => run.createApplication() }, createPrincipal];
  }
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
    ...(application.isLocked ? [] : ['lock the keys of its service principals']),
    ...(application.tags.includes(applicationTag(options.application)) ? [] : ['tag it as managed by setup']),
  ];
  const update: Step = {
    text: `Change the application: ${differences.join(', ')}`,
    apply: (run) => run.updateApplication(),
  };
  return [...(differences.length === 0 ? [] : [update]), ...(state.principalId === undefined ? [createPrincipal] : [])];
}

function planResource(resource: ResourcePermissions, state: DirectoryState): Step[] {
  const { appId, name } = resource;
  const resourceId = state.resourceIds.get(appId);
  const grant = state.scopeGrants.find((each) => each.resourceId === resourceId);
  const scopes = scopesOf(resource);
  const create: Step = {
    text: `Create the service principal of ${name} in the partner tenant`,
    apply: (run) => run.createResourcePrincipal(appId),
  };
  const consent: Step = {
    text: `Consent for all users: ${name}: ${scopes.join(' ')}`,
    apply: (run) => run.grantScopes(appId, scopes, grant?.id),
  };
  return [
    ...(resourceId === undefined ? [create] : []),
    ...(scopes.length === 0 || (grant !== undefined && sameSet(grant.scopes, scopes)) ? [] : [consent]),
    ...resource.roles
      .filter(({ id }) => !state.roleGrants.some((each) => each.resourceId === resourceId && each.roleId === id))
      .map(
        ({ id, value }): Step => ({
          text: `Consent for the application: ${name}: ${value}`,
          apply: (run) => run.grantRole(appId, id),
        }),
      ),
  ];
}

/** The sign-in scopes belong to Microsoft Graph. */
const scopesOf = ({ appId, scopes }: ResourcePermissions): readonly string[] => [
  // A list may name the scopes of sign-in itself.
  ...new Set([...scopes.map(({ value }) => value), ...(appId === graphAppId ? signInScopes : [])]),
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
    ...scopes.map(
      ({ id }): Step => ({
        text: 'Withdraw a consent that the profile does not include',
        apply: (run) => run.writer.remove(`/oauth2PermissionGrants/${id}`),
      }),
    ),
    ...roles.map(
      ({ id }): Step => ({
        text: 'Withdraw an application permission that the profile does not include',
        apply: (run) => run.writer.remove(`${run.principalPath}/appRoleAssignments/${id}`),
      }),
    ),
  ];
}

const addSecret: Step = {
  text: 'Create a client secret and store it in Key Vault',
  apply: (run) => run.addClientCredential('secret'),
};
const addCertificate: Step = {
  text: 'Create a certificate, store it in Key Vault and register it with the application',
  apply: (run) => run.addClientCredential('certificate'),
};
const trustIdentity = (trust: IdentityTrust): Step => ({
  text: `Trust the managed identity ${trust.subject} instead of a secret`,
  apply: (run) => run.trust(trust),
});
const useIdentity: Step = {
  text: 'Use the managed identity as the client credential, once Entra accepts it',
  apply: (run) => run.useManagedIdentity(),
};

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
      return usable && application.secrets.some(({ keyId }) => keyId === stored.keyId) ? [] : [addSecret];
    case 'certificate': {
      const known = application?.keyCredentials.some(({ keyId }) => keyId === stored?.keyId);
      return usable && known ? [] : [addCertificate];
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
      return [...(trusted ? [] : [trustIdentity(trust)]), ...(usable || waits ? [] : [useIdentity])];
    }
  }
}

function sameSet(left: readonly string[], right: readonly string[]): boolean {
  const [a, b] = [new Set(left), new Set(right)];
  return a.size === b.size && [...a].every((item) => b.has(item));
}
