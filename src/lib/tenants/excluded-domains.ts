import type { DomainName, TenantId } from '../core/identifiers.ts';

/**
 * Remembers the tenants that the domains of TENANTS_EXCLUDE have belonged to, for all instances and later starts. A
 * customer can remove a domain from its tenant; the tenant must stay excluded.
 */
export interface ExcludedDomains {
  /** The tenants that the domain has belonged to. @throws BrokerError storage_unavailable. */
  tenantsOf(domain: DomainName): Promise<ReadonlySet<TenantId>>;
  /** Idempotent. @throws BrokerError storage_unavailable. */
  add(domain: DomainName, tenantId: TenantId): Promise<void>;
}
