import type { User } from '../directory/records.ts';
import { assignRole, grantScopes } from '../directory/tenant-directory.ts';
import type { World } from '../world.ts';
import type { Client } from './client-authentication.ts';
import { consentIn } from './consent.ts';
import { Refusal } from './refusal.ts';
import type { SignIn } from './sign-ins.ts';
import { findTarget, type Target } from './target.ts';

/** What the person at the sign-in page chose. */
export interface SignInChoice {
  readonly username: string;
  /** Whether MFA was done. An account without a method cannot. */
  readonly mfa: boolean;
  /** Whether an administrator consents where the application has no consent yet. */
  readonly consent: boolean;
}

export function findUser(world: World, username: string): User | undefined {
  const wanted = username.trim().toLowerCase();
  return [...world.partner.directory.users.values()].find((user) => user.userPrincipalName === wanted);
}

/** @throws Refusal AADSTS50034 unknown account, 50057 disabled, 90094 or 65004 where consent is missing and not given. */
export function signInWith(
  world: World,
  client: Omit<Client, 'proof'>,
  target: Target,
  choice: SignInChoice,
  singlePage: boolean,
): SignIn {
  const user = findUser(world, choice.username);
  const values = { user: choice.username, tenant: world.partner.name, client: client.appId, app: client.displayName };
  if (user === undefined) throw new Refusal(50034, values);
  if (!user.accountEnabled) throw new Refusal(50057, values);
  if (consentIn(world, client.appId, target, undefined, user.id).scopes.length === 0) {
    if (!user.isAdmin) throw new Refusal(90094, values);
    if (!choice.consent) throw new Refusal(65004, values);
    consentForAll(world, client);
  }
  const amr = choice.mfa && user.methods.length > 0 ? ['pwd', 'mfa'] : ['pwd'];
  return world.signIns.begin(user, client.appId, amr, singlePage);
}

/** Admin consent in the partner tenant for everything that the application's registration asks for. */
export function consentForAll(world: World, { application }: Omit<Client, 'proof'>): void {
  const { directory } = world.partner;
  const principal = application && directory.servicePrincipalOf(application.appId);
  if (application === undefined || principal === undefined) return;
  const nowMs = world.clock.nowMs();
  for (const { resourceAppId, resourceAccess } of application.requiredResourceAccess) {
    const resource = directory.servicePrincipalOf(resourceAppId);
    if (resource === undefined) continue;
    const known = Object.entries(findTarget(world, resourceAppId)?.scopes ?? {});
    const asked = new Set(resourceAccess.filter(({ type }) => type === 'Scope').map(({ id }) => id));
    const values = known.filter(([, id]) => asked.has(id)).map(([value]) => value);
    if (values.length > 0) grantScopes(directory, principal.id, resource.id, values, nowMs);
    for (const { id, type } of resourceAccess) {
      const isAssigned = [...directory.roleAssignments.values()].some(
        (each) => each.principalId === principal.id && each.resourceId === resource.id && each.appRoleId === id,
      );
      if (type === 'Role' && !isAssigned) assignRole(directory, principal.id, resource.id, id, nowMs);
    }
  }
}
