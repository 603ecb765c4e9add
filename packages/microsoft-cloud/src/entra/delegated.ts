import { delegatedRolesOf } from '../resource/delegated-roles.ts';
import type { World } from '../world.ts';
import type { Authority } from './authority.ts';
import type { AuthenticatedClient } from './client-authentication.ts';
import { consentIn } from './consent.ts';
import { lacksAssignment } from './assigned-roles.ts';
import { Refusal, type RefusalValues } from './refusal.ts';
import type { TargetResource } from './requested-access.ts';
import type { SignIn } from './sign-ins.ts';
import { issuerV1 } from './tokens.ts';

interface DelegatedRequest {
  readonly client: AuthenticatedClient;
  readonly signIn: SignIn;
  readonly authority: Authority;
  readonly target: TargetResource;
}

/**
 * Decides whether a user may have a token for a resource in a tenant. Checks in the order that Entra uses: the account,
 * its access to the tenant, the policies of the tenant, consent, the service.
 * @returns every scope that is consented for the resource, whichever were requested. `scp` holds them all.
 * @throws Refusal with the number that the state of the tenant or account leads to.
 */
export function authorizeDelegated(world: World, request: DelegatedRequest): readonly string[] {
  const { client, signIn, authority, target } = request;
  const { customer } = authority;
  const { user } = signIn;
  const values: RefusalValues = {
    client: client.appId,
    app: client.displayName,
    user: user.userPrincipalName,
    idp: issuerV1(world.partner.tenantId),
    tenant: customer?.name ?? world.partner.name,
    resource: target.identifier,
    resourceApp: target.displayName,
  };
  if (!user.accountEnabled) throw new Refusal(50057, values);
  // Which of both is checked first is a guess.
  const isUnassigned = [client.appId, target.appId].some((appId) => lacksAssignment(world, appId, user));
  if (customer === undefined && isUnassigned) throw new Refusal(50105, values);
  if (customer !== undefined) {
    if (isDisabled(world, authority, client.appId)) throw new Refusal(7000112, values);
    if (customer.deletedApplications.has(client.appId)) throw new Refusal(700016, values);
    if (customer.state === 'gdap_expired') throw new Refusal(customer.refusal, values);
    if (delegatedRolesOf(world, user.id, customer).size === 0) throw new Refusal(50020, values);
    if (customer.state === 'conditional_access') throw new Refusal(customer.refusal, values);
    if (!signIn.amr.includes('mfa')) throw new Refusal(50076, values);
  }
  const { scopes, hasPrincipal } = consentIn(world, { clientId: client.appId, target, customer, userId: user.id });
  if (hasPrincipal && customer?.lacks.has(target.appId)) {
    throw new Refusal(customer.index % 2 === 0 ? 500011 : 650052, values);
  }
  if (isDisabled(world, authority, target.appId)) throw new Refusal(500014, values);
  if (scopes.length === 0 || target.namedScopes.some((value) => !scopes.includes(value)))
    throw consentRefusal(request, values);
  return scopes;
}

/** Whether the service principal of an application is disabled in the tenant. */
function isDisabled(world: World, { customer }: Authority, appId: string): boolean {
  const directory = customer === undefined ? world.partner.directory : world.directoryOf(customer);
  return directory.servicePrincipalOf(appId)?.accountEnabled === false;
}

function consentRefusal({ client, authority, target }: DelegatedRequest, values: RefusalValues): Refusal {
  const { customer } = authority;
  if (customer?.state === 'no_consent') return new Refusal(customer.refusal, values);
  // Microsoft's own clients have no permission list. "Microsoft Azure CLI" gets 65001 (Azure/azure-cli issue 15056).
  const listed = client.application?.requiredResourceAccess;
  const isListed = listed?.some((access) => access.resourceAppId === target.appId) ?? true;
  return new Refusal(isListed ? 65001 : 650057, values);
}
