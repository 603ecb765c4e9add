import { BrokerError } from '../../core/errors.ts';
import type { TenantId } from '../../core/identifiers.ts';
import type { TenantDirectory } from '../../tenants/directory.ts';
import type { DelegatedTenant } from '../../tenants/tenant.ts';

/** Concurrent lookups. Lower than the domain resolver's concurrency, so that a long list does not delay other callers. */
const concurrency = 4;

/**
 * The tenants that a caller names, without duplicates, in the order of the directory.
 * @throws BrokerError tenant_unknown for the first reference that the directory does not know, or the directory's error
 * for it. Later references are not looked up.
 */
export async function selectTenants(
  directory: TenantDirectory,
  references: readonly string[],
  signal?: AbortSignal,
  callerId?: string,
): Promise<readonly DelegatedTenant[]> {
  const wanted = new Set<TenantId>();
  for (let first = 0; first < references.length; first += concurrency) {
    const few = references.slice(first, first + concurrency);
    const found = await Promise.allSettled(few.map((reference) => directory.find(reference, signal, callerId)));
    for (const [index, each] of found.entries()) {
      if (each.status === 'rejected') throw each.reason;
      if (each.value === undefined)
        throw new BrokerError('tenant_unknown', `"${few[index]?.slice(0, 100)}" is not among the customer tenants.`);
      wanted.add(each.value.tenantId);
    }
  }
  return (await directory.list(signal)).filter(({ tenantId }) => wanted.has(tenantId));
}
