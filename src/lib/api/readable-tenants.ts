import type { PolicyStore } from '../callers/policy-store.ts';
import { readsOf } from '../callers/reads.ts';
import type { Caller } from '../model/caller.ts';
import { BrokerError } from '../model/errors.ts';
import { parseDomainName, parseTenantId, type TenantId } from '../model/identifiers.ts';
import type { ReadableTenants } from '../model/readable-tenants.ts';
import type { TenantDirectory } from '../tenants/directory.ts';

/** What {@link readableTenants} needs. */
export interface ReadingDeps {
  readonly callers: { readonly policy: PolicyStore };
  readonly directory: Pick<TenantDirectory, 'tenantOf'>;
}

/** Concurrent lookups of domains, as few as for the tenants of a run. Answers are cached for an hour. */
const concurrency = 4;

/** Whether nothing limits what the caller may see. False while no policy is in force, because it may have a limit. */
export async function mayReadEveryTenant(policies: PolicyStore, caller: Caller): Promise<boolean> {
  const { policy, state } = await policies.current();
  return state !== 'deny-all' && readsOf(policy, caller) === '*';
}

/**
 * Returns the tenants whose data the caller may see according to `reads` in the policy. Entra says which tenant owns a
 * domain in `reads`; a domain that nobody owns opens nothing.
 * @throws BrokerError `caller_forbidden` while no policy is in force, because it may have limited the caller;
 * `entra_unavailable` if the tenant of a domain cannot be found out.
 */
export async function readableTenants({ callers, directory }: ReadingDeps, caller: Caller): Promise<ReadableTenants> {
  const { policy, state } = await callers.policy.current();
  if (state === 'deny-all')
    throw new BrokerError('caller_forbidden', 'No access policy is in force, so nobody may read data of customers.');
  const reads = readsOf(policy, caller);
  if (reads === '*') return '*';
  const patterns = [...reads];
  const readable = new Set<TenantId>(patterns.flatMap((pattern) => parseTenantId(pattern) ?? []));
  const domains = patterns.flatMap((pattern) => parseDomainName(pattern) ?? []);
  for (let first = 0; first < domains.length; first += concurrency) {
    const owners = await Promise.all(
      domains.slice(first, first + concurrency).map((domain) => directory.tenantOf(domain)),
    );
    for (const tenantId of owners) if (tenantId !== undefined) readable.add(tenantId);
  }
  return readable;
}
