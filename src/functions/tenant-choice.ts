import type { Services } from '../composition.ts';
import {
  type AskedTenants,
  candidatesOf,
  choiceAsked,
  knowTenants,
  knowTenantsForLimited,
} from '../lib/access/tenants/selected-tenants.ts';
import {
  choiceOf,
  chooses,
  createSetCompiler,
  noGroups,
  type TenantChoice,
  type TenantGroups,
} from '../lib/access/tenants/tenant-set.ts';
import { type Caller, callerIdOf } from '../lib/core/caller.ts';
import type { TenantId } from '../lib/core/identifiers.ts';
import type { ReadableTenants } from '../lib/access/tenants/visible-tenants.ts';

/**
 * The groups of the policy that a caller may know about: all, or those that contain a tenant that it may read.
 * @throws BrokerError if what the groups contain cannot be found out.
 */
async function visibleGroups(services: Services, readable: ReadableTenants): Promise<TenantGroups> {
  const { groups } = (await services.callers.policy.current()).policy;
  if (readable === '*' || groups.size === 0) return groups;
  if (readable.size === 0) return noGroups;
  const compile = createSetCompiler(groups);
  const none = compile([]);
  const choices = [...groups.keys()].map(
    (group) => [group, choiceOf(compile([{ kind: 'group', group }]), none)] as const,
  );
  const known = await knowTenants(
    services,
    choices.map(([, choice]) => choice),
  );
  const facts = [...readable].map((tenantId) => known.factsOf(tenantId));
  const visible = new Set(
    choices.filter(([, choice]) => facts.some((tenant) => chooses(choice, tenant))).map(([group]) => group),
  );
  return new Map([...groups].filter(([group]) => visible.has(group)));
}

/**
 * What a caller asks for, by the groups of the policy in force.
 * @throws BrokerError request_invalid for wrong entries and unknown groups, or as `visibleGroups` does.
 */
export async function chosenBy(
  services: Services,
  readable: ReadableTenants,
  asked: AskedTenants,
): Promise<TenantChoice> {
  const { groups } = (await services.callers.policy.current()).policy;
  const namesGroup = [...(asked.tenants ?? []), ...(asked.except ?? [])].some((entry) => entry.startsWith('group:'));
  return choiceAsked(asked, groups, namesGroup ? await visibleGroups(services, readable) : groups);
}

/** The tenants that a caller asks for. */
export interface ChosenTenants {
  readonly isChosen: (tenantId: TenantId) => boolean;
  /** Contains all of them. Undefined: any customer may be one. */
  readonly among: ReadonlySet<TenantId> | undefined;
}

/**
 * The tenants that a caller asks for.
 * @throws BrokerError as {@link chosenBy} does; storage_unavailable, or a failure to find out the tenant of a domain.
 */
export async function choosing(
  services: Services,
  { caller, readable }: { readonly caller: Caller; readonly readable: ReadableTenants },
  asked: AskedTenants,
): Promise<ChosenTenants> {
  const choice = await chosenBy(services, readable, asked);
  const known =
    readable === '*'
      ? await knowTenants(services, [choice], callerIdOf(caller))
      : await knowTenantsForLimited(services, choice, callerIdOf(caller));
  return {
    isChosen: (tenantId) => chooses(choice, known.factsOf(tenantId)),
    among: choice.tenants.all ? undefined : new Set(candidatesOf(choice, known)),
  };
}
