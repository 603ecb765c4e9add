import type { TenantId } from '../../lib/core/identifiers.ts';
import { type JsonObject, objectOf, textOf, textsIn } from '../../lib/core/objects.ts';
import type { GraphClient } from '../../lib/microsoft/graph.ts';
import { type Check, ok, unread } from './checks.ts';

const path = '/identity/conditionalAccess/policies?$select=displayName,state,conditions';

/** Microsoft's rollout of 15 June 2026 (Entra release notes). */
const coverage = 'Since 15 June 2026, a policy for all resources covers the sign-in even if it excludes some of them';

/**
 * Names the policies of the partner tenant that meet the service account's sign-in although they exclude resources.
 * @param graph as the service account (Policy.Read.All).
 * @param scopes of its token.
 */
export async function signInPoliciesCheck(graph: Pick<GraphClient, 'list'>, scopes: readonly string[]): Promise<Check> {
  const check = 'Conditional Access';
  return withPolicies(check, { graph, scopes }, (policies) => {
    const found = policies.filter(excludesResources);
    if (found.length === 0) return ok(check, 'No policy of the partner tenant for all resources has exclusions.');
    return {
      check,
      status: 'notice',
      message: `${coverage}: ${namesOf(found)}.`,
      remedy: 'Check that the service account meets them, or exclude the account.',
    };
  });
}

/**
 * Names the policies of a customer that apply to the service account there, which is a service provider user ("Conditional
 * Access: users and groups").
 * @param graph as the service account in the customer (Policy.Read.All).
 */
export async function customerPoliciesCheck(
  {
    name,
    partnerTenantId,
    scopes,
  }: { readonly name: string; readonly partnerTenantId: TenantId; readonly scopes: readonly string[] },
  graph: Pick<GraphClient, 'list'>,
): Promise<Check> {
  const check = 'Customer policies';
  return withPolicies(check, { graph, scopes }, (policies) => {
    const found = policies.filter((policy) => meetsServiceProviders(policy, partnerTenantId));
    if (found.length === 0) return ok(check, `No policy of ${name} applies to service provider users of your tenant.`);
    const wide = found.filter(excludesResources);
    const more = wide.length === 0 ? '' : ` ${coverage}: ${namesOf(wide)}.`;
    return {
      check,
      status: 'notice',
      message: `Policies of ${name} apply to service provider users, and block the broker where its sign-in does not meet them: ${namesOf(found)}.${more}`,
      remedy: 'If the customer blocks the broker, ask it to exclude service provider users of your tenant there.',
    };
  });
}

async function withPolicies(
  check: string,
  { graph, scopes }: { readonly graph: Pick<GraphClient, 'list'>; readonly scopes: readonly string[] },
  judge: (enabled: readonly JsonObject[]) => Check,
): Promise<Check> {
  try {
    const policies = await Array.fromAsync(graph.list(path));
    return judge(policies.filter(({ state }) => state === 'enabled'));
  } catch (thrown) {
    // Microsoft's page of the list asks for both.
    const lacking = scopes.includes('Policy.Read.All')
      ? 'The service account needs a directory role that reads policies, such as Security Reader.'
      : 'Reading policies needs Policy.Read.All.';
    return unread(check, thrown, ` ${lacking}`);
  }
}

const conditionOf = (policy: JsonObject, name: string): JsonObject =>
  objectOf(objectOf(policy, 'conditions'), name) ?? {};

function excludesResources(policy: JsonObject): boolean {
  const { includeApplications, excludeApplications } = conditionOf(policy, 'applications');
  return textsIn(includeApplications).includes('All') && textsIn(excludeApplications).length > 0;
}

const everyGuest = 'GuestsOrExternalUsers';

function meetsServiceProviders(policy: JsonObject, partnerTenantId: TenantId): boolean {
  const users = conditionOf(policy, 'users');
  const names = (which: string): boolean => {
    const guests = objectOf(users, `${which}${everyGuest}`);
    const types = textOf(guests, 'guestOrExternalUserTypes')?.split(',') ?? [];
    const tenants = objectOf(guests, 'externalTenants');
    const listed = textsIn(tenants?.['members']).map((id) => id.toLowerCase());
    const isOfTenant = textOf(tenants, 'membershipKind') !== 'enumerated' || listed.includes(partnerTenantId);
    return textsIn(users[`${which}Users`]).includes(everyGuest) || (types.includes('serviceProvider') && isOfTenant);
  };
  return (textsIn(users['includeUsers']).includes('All') || names('include')) && !names('exclude');
}

const namesOf = (policies: readonly JsonObject[]): string =>
  policies.map((policy) => `"${textOf(policy, 'displayName')}"`).join(', ');
