import type { PolicyStore } from '../policy/policy-store.ts';
import { readsOf } from '../policy/reads.ts';
import type { Caller } from '../../core/caller.ts';
import { BrokerError } from '../../core/errors.ts';
import type { ReadableTenants } from './readable-tenants.ts';
import { tenantsOfChoices } from './chosen-tenants.ts';
import type { TenantDirectory } from '../../tenants/directory.ts';
import type { TenantTags } from '../../tenants/tenant-tags.ts';

/** What {@link readableTenants} needs. */
export interface ReadingDeps {
  readonly callers: { readonly policy: PolicyStore };
  readonly directory: Pick<TenantDirectory, 'tenantOf' | 'list'>;
  readonly tenantTags: Pick<TenantTags, 'current'>;
}

/** Whether nothing limits what the caller may see. False while no policy is in force, because it may have a limit. */
export async function mayReadEveryTenant(policies: PolicyStore, caller: Caller): Promise<boolean> {
  const { policy, state } = await policies.current();
  return state !== 'deny-all' && readsOf(policy, caller) === '*';
}

/**
 * Returns the tenants whose data the caller may see according to `reads` in the policy. Entra says which tenant owns a
 * domain in `reads` or `except`; a domain that nobody owns opens nothing. `"*"` with an `except` means the customers in the
 * directory.
 * @throws BrokerError `caller_forbidden` while no policy is in force, because it may have limited the caller;
 * `entra_unavailable` if the tenant of a domain cannot be found out; `storage_unavailable` if a rule names a tag and the
 * tags cannot be read; for `"*"` with an `except`, an error of the directory.
 */
export async function readableTenants(deps: ReadingDeps, caller: Caller): Promise<ReadableTenants> {
  const { policy, state } = await deps.callers.policy.current();
  if (state === 'deny-all')
    throw new BrokerError('caller_forbidden', 'No access policy is in force, so nobody may read data of customers.');
  const reads = readsOf(policy, caller);
  return reads === '*' ? reads : tenantsOfChoices(deps, reads);
}
