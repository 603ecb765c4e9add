import { BrokerError } from '../../src/lib/core/errors.ts';
import type { TenantId } from '../../src/lib/core/identifiers.ts';
import type { StoredTags, TagChange, TagList, TenantTags } from '../../src/lib/tenants/tags.ts';

/** Tags in memory. test/contract/tenant-tags.test.ts runs against them and the real ones. */
export class MemoryTenantTags implements TenantTags {
  /** While true every call fails with storage_unavailable. */
  broken = false;
  /** Tags that were stored for each tenant. */
  readonly byTenant = new Map<TenantId, readonly string[]>();
  #version = 0;
  readonly #etags = new Map<TenantId, string>();

  constructor(tags: Readonly<Record<string, readonly string[]>> = {}) {
    for (const [tenantId, own] of Object.entries(tags)) this.#put(tenantId as TenantId, own);
  }

  async current(): Promise<TagList> {
    this.#touch();
    return { byTenant: new Map(this.byTenant) };
  }

  async stored(tenantId: TenantId): Promise<StoredTags> {
    this.#touch();
    return { tags: this.byTenant.get(tenantId) ?? [], etag: this.#etags.get(tenantId) };
  }

  async replace({ tenantId, tags }: TagChange, etag: string | undefined): Promise<boolean> {
    this.#touch();
    if (this.#etags.get(tenantId) !== etag) return false;
    this.#put(tenantId, tags);
    return true;
  }

  #put(tenantId: TenantId, tags: readonly string[]): void {
    this.#version += 1;
    this.#etags.set(tenantId, String(this.#version));
    this.byTenant.set(tenantId, tags);
  }

  #touch(): void {
    if (this.broken) throw new BrokerError('storage_unavailable', 'Storage is away.');
  }
}
