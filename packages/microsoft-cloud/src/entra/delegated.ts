import type { World } from '../world.ts';
import type { Authority } from './authority.ts';
import type { Client } from './client-authentication.ts';
import { consentIn } from './consent.ts';
import { Refusal, type RefusalValues } from './refusal.ts';
import { exchangeAppId } from '../directory/microsoft-resources.ts';
import type { SignIn } from './sign-ins.ts';
import type { Target } from './target.ts';
import { issuerV1 } from './tokens.ts';

/**
 * Whether this user may have a token for this resource in this tenant, in the order in which Entra looks: the account,
 * its access to the tenant, the tenant's policies, consent, the service itself.
 * @returns every scope consented for the resource, whatever was asked for: that is what `scp` holds.
 * @throws Refusal with the number that the state of tenant or account brings.
 */
export function authorizeDelegated(
  world: World,
  client: Client,
  signIn: SignIn,
  authority: Authority,
  target: Target,
): readonly string[] {
  const { customer } = authority;
  const { user } = signIn;
  const values: RefusalValues = {
    client: client.appId,
    app: client.displayName,
    user: user.userPrincipalName,
    idp: issuerV1(world.partner.tenantId),
    tenant: customer?.name ?? world.partner.name,
    resource: target.asked,
    resourceApp: target.displayName,
  };
  if (!user.accountEnabled) throw new Refusal(50057, values);
  if (customer !== undefined) {
    if (customer.state === 'gdap_expired') throw new Refusal(customer.refusal, values);
    if (!world.partner.adminAgents.members.has(user.id)) throw new Refusal(50020, values);
    if (customer.state === 'conditional_access') throw new Refusal(customer.refusal, values);
    if (!signIn.amr.includes('mfa')) throw new Refusal(50076, values);
  }
  const { scopes } = consentIn(world, client.appId, target, customer, user.id);
  if (scopes.length === 0) throw refusedConsent(client, authority, target, values);
  if (customer?.trait === 'no_exchange' && target.appId === exchangeAppId) {
    throw new Refusal(customer.index % 2 === 0 ? 500011 : 650052, values);
  }
  return scopes;
}

function refusedConsent(client: Client, { customer }: Authority, target: Target, values: RefusalValues): Refusal {
  if (customer?.state === 'no_consent') return new Refusal(customer.refusal, values);
  // Microsoft's own clients have no list here: "Microsoft Azure CLI" is refused with 65001 (Azure/azure-cli issue 15056).
  const listed = client.application?.requiredResourceAccess;
  const isListed = listed?.some((access) => access.resourceAppId === target.appId) ?? true;
  return new Refusal(isListed ? 65001 : 650057, values);
}
