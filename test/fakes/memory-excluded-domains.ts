import { BrokerError } from '../../src/lib/core/errors.ts';
import type { DomainName, TenantId } from '../../src/lib/core/identifiers.ts';
import type { ExcludedDomains } from '../../src/lib/tenants/excluded-domains.ts';

/** Excluded domains in memory. test/contract/excluded-domains.test.ts runs against it and the real ones. */
export class MemoryExcludedDomains implements ExcludedDomains {
  /** While true every call fails with storage_unavailable. */
  broken = false;
  /** Number of calls of `add`. */
  additions = 0;
  readonly #tenants = new Map<DomainName, Set<TenantId>>();

  async tenantsOf(domain: DomainName): Promise<ReadonlySet<TenantId>> {
    this.#touch();
    return new Set(this.#tenants.get(domain));
  }

  async add(domain: DomainName, tenantId: TenantId): Promise<void> {
    this.#touch();
    this.additions += 1;
    this.#tenants.set(domain, new Set([...(this.#tenants.get(domain) ?? []), tenantId]));
  }

  #touch(): void {
    if (this.broken) throw new BrokerError('storage_unavailable', 'Storage is away.');
  }
}
