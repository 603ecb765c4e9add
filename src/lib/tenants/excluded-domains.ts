import type { TableClient } from '@azure/data-tables';
import { type Clock, dayMs, isoTime, minuteMs } from '../core/clock.ts';
import { type DomainName, parseDomainName, parseTenantId, type TenantId } from '../core/identifiers.ts';
import { KeptCopy } from '../core/kept-copy.ts';
import { isTableDeleted, Table } from '../core/rows/table.ts';

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

type Known = Map<DomainName, Set<TenantId>>;

export const excludedDomainsTable = 'ExcludedDomains';
/** How soon an instance sees what another one has remembered. The lists of customers are read as often. */
const freshMs = 10 * minuteMs;

/** Stores one row per domain and tenant: partition key domain, row key tenant id. Reads the table into memory. */
export class TableExcludedDomains implements ExcludedDomains {
  readonly #clock: Clock;
  readonly #table: Table;
  readonly #copy: KeptCopy<Known>;
  /** Whether somebody has deleted the table, and this instance has not written again what it knows. */
  #isDeleted = false;

  constructor(open: () => Promise<TableClient>, deps: { readonly clock: Clock }) {
    this.#clock = deps.clock;
    this.#table = new Table(open);
    this.#copy = new KeptCopy(deps, {
      freshMs: () => freshMs,
      usableMs: dayMs,
      pauseMs: (_failure, isCopyServed) => (isCopyServed ? minuteMs : 0),
    });
  }

  async tenantsOf(domain: DomainName): Promise<ReadonlySet<TenantId>> {
    return new Set((await this.#known()).get(domain));
  }

  async add(domain: DomainName, tenantId: TenantId): Promise<void> {
    await this.#put(domain, tenantId);
    remember(await this.#known(), domain, tenantId);
  }

  async #put(domain: DomainName, tenantId: TenantId): Promise<void> {
    const entity = { partitionKey: domain, rowKey: tenantId, seenAt: isoTime(this.#clock.nowMs()) };
    await this.#table.put(entity, 'Merge');
  }

  async #known(): Promise<Known> {
    return (await this.#copy.get(() => this.#read())).value;
  }

  async #read(): Promise<Known> {
    const known: Known = new Map();
    try {
      for await (const { partitionKey, rowKey } of this.#table.rows()) {
        const domain = parseDomainName(partitionKey);
        const tenantId = parseTenantId(rowKey);
        if (domain !== undefined && tenantId !== undefined) remember(known, domain, tenantId);
      }
    } catch (thrown) {
      this.#isDeleted ||= isTableDeleted(thrown);
      throw thrown;
    }
    if (!this.#isDeleted) return known;
    for (const [domain, tenants] of this.#copy.peek()?.value ?? [])
      for (const tenantId of tenants) {
        await this.#put(domain, tenantId);
        remember(known, domain, tenantId);
      }
    this.#isDeleted = false;
    return known;
  }
}

function remember(known: Known, domain: DomainName, tenantId: TenantId): void {
  const tenants = known.get(domain) ?? new Set<TenantId>();
  tenants.add(tenantId);
  known.set(domain, tenants);
}
