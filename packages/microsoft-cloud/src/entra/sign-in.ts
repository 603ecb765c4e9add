import type { User } from '../directory/records.ts';
import { assignRole, grantScopes } from '../directory/tenant-directory.ts';
import type { World } from '../world.ts';
import type { ClientApplication } from './client-authentication.ts';
import { consentIn } from './consent.ts';
import { Refusal } from './refusal.ts';
import { findTargetResource, type TargetResource } from './requested-access.ts';
import type { SignIn } from './sign-ins.ts';

/** The choice of the person at the sign-in page. */
export interface SignInChoice {
  readonly username: string;
  /** Completes MFA. Has no effect for an account without an MFA method. */
  readonly mfa: boolean;
  /** Consents for the organization if consent is missing. Takes an administrator. */
  readonly consent: boolean;
}

interface SignInRequest {
  readonly client: ClientApplication;
  readonly target: TargetResource;
  readonly isSinglePage: boolean;
}

export function findUser(world: World, username: string): User | undefined {
  const wanted = username.trim().toLowerCase();
  return [...world.partner.directory.users.values()].find((user) => user.userPrincipalName === wanted);
}

/** @throws Refusal AADSTS50034 unknown account, 50057 disabled account, 90094 or 65004 where consent stays missing. */
export function signInUser(
  world: World,
  { client, target, isSinglePage }: SignInRequest,
  { username, mfa, consent }: SignInChoice,
): SignIn {
  const user = findUser(world, username);
  const clientId = client.appId;
  const values = { user: username, tenant: world.partner.name, client: clientId, app: client.displayName };
  if (user === undefined) throw new Refusal(50034, values);
  if (!user.accountEnabled) throw new Refusal(50057, values);
  const { scopes } = consentIn(world, { clientId, target, customer: undefined, userId: user.id });
  if (scopes.length === 0 || target.namedScopes.some((value) => !scopes.includes(value))) {
    if (!user.isAdmin) throw new Refusal(90094, values);
    if (!consent) throw new Refusal(65004, values);
    grantAdminConsent(world, client);
    grantNamedScopes(world, client, target);
  }
  const amr = mfa && user.methods.length > 0 ? ['pwd', 'mfa'] : ['pwd'];
  return world.signIns.begin({ user, clientId, amr, isSinglePage });
}

/** Version 2.0 grants the scopes that the sign-in names, whether or not the registration lists them. */
function grantNamedScopes(
  world: World,
  { appId }: ClientApplication,
  { appId: resourceAppId, namedScopes }: TargetResource,
): void {
  const { directory } = world.partner;
  const principal = directory.servicePrincipalOf(appId);
  const resource = directory.servicePrincipalOf(resourceAppId);
  if (principal === undefined || resource === undefined || namedScopes.length === 0) return;
  grantScopes(directory, { clientId: principal.id, resourceId: resource.id, scopes: namedScopes }, world.clock.nowMs());
}

/** Grants every permission that the application's registration lists, in the partner tenant. */
export function grantAdminConsent(world: World, { application }: ClientApplication): void {
  const { directory } = world.partner;
  const principal = application && directory.servicePrincipalOf(application.appId);
  if (application === undefined || principal === undefined) return;
  const nowMs = world.clock.nowMs();
  for (const { resourceAppId, resourceAccess } of application.requiredResourceAccess) {
    const resource = directory.servicePrincipalOf(resourceAppId);
    if (resource === undefined) continue;
    const ids = { clientId: principal.id, resourceId: resource.id };
    const offered = Object.entries(findTargetResource(world, resourceAppId)?.scopes ?? {});
    const requested = new Set(resourceAccess.filter(({ type }) => type === 'Scope').map(({ id }) => id));
    const scopes = offered.filter(([, id]) => requested.has(id)).map(([value]) => value);
    if (scopes.length > 0) grantScopes(directory, { ...ids, scopes }, nowMs);
    for (const { id, type } of resourceAccess) {
      const role = { principalId: principal.id, resourceId: resource.id, appRoleId: id };
      const isAssigned = [...directory.roleAssignments.values()].some(
        (each) => each.principalId === principal.id && each.resourceId === resource.id && each.appRoleId === id,
      );
      if (type === 'Role' && !isAssigned) assignRole(directory, role, nowMs);
    }
  }
}
