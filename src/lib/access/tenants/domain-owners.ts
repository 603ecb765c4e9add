import { toBrokerError } from '../../core/errors.ts';
import type { DomainName, TenantId } from '../../core/identifiers.ts';
import type { TenantDirectory } from '../../tenants/directory.ts';

/** The tenants of some domains. */
export interface DomainOwners {
  /** Undefined for a domain that no tenant has. */
  readonly byDomain: ReadonlyMap<DomainName, TenantId | undefined>;
  /** Domains whose tenant cannot be found out now. */
  readonly unresolved: ReadonlySet<DomainName>;
  /** The failure of the first of these. */
  readonly failure: unknown;
}

/** Concurrent lookups. Lower than the domain resolver's concurrency, so that a long list does not delay other callers. */
const concurrency = 4;

/** Finds out which tenants own domains. Entra decides; its answers are cached for an hour. Throws only what is a fault. */
export async function ownersOf(
  directory: Pick<TenantDirectory, 'tenantOf'>,
  domains: readonly DomainName[],
  callerId?: string,
): Promise<DomainOwners> {
  const byDomain = new Map<DomainName, TenantId | undefined>();
  const unresolved = new Set<DomainName>();
  let failure: unknown;
  for (let first = 0; first < domains.length; first += concurrency) {
    const few = domains.slice(first, first + concurrency);
    const found = await Promise.allSettled(few.map((domain) => directory.tenantOf(domain, undefined, callerId)));
    for (const [index, domain] of few.entries()) {
      const each = found[index];
      if (each?.status === 'fulfilled') byDomain.set(domain, each.value);
      else {
        if (toBrokerError(each?.reason).code === 'internal') throw each?.reason;
        unresolved.add(domain);
        failure ??= each?.reason;
      }
    }
  }
  return { byDomain, unresolved, failure };
}
