import { namesOfTags } from './tag.ts';
import type { TenantId } from '../core/identifiers.ts';

/** The tags of all tenants at one time. */
export interface TagList {
  /**
   * The tenants that have or had tags, each with its tags, sorted. Undefined for a tenant whose record cannot be read:
   * nothing that depends on its tags may be opened.
   */
  readonly byTenant: ReadonlyMap<TenantId, readonly string[] | undefined>;
}

/** The stored tags of one tenant. */
export interface StoredTags {
  readonly tags: readonly string[];
  /** The version of the record. Undefined if the tenant has none. */
  readonly etag: string | undefined;
}

/** Who changes tags, for the record of the tenant. */
export interface TagChange {
  readonly tenantId: TenantId;
  readonly tags: readonly string[];
  /** Application and object id. */
  readonly changedBy: string;
}

/** Stores the tags of tenants. A change is seen by every instance within 10 seconds. */
export interface TenantTags {
  /**
   * The tags as they were at most 10 seconds ago; 60 seconds while storage does not answer.
   * @throws BrokerError storage_unavailable.
   */
  current(): Promise<TagList>;
  /** The tags that are stored now. @throws BrokerError storage_unavailable, also for a record that cannot be read. */
  stored(tenantId: TenantId): Promise<StoredTags>;
  /**
   * Replaces the tags of a tenant. This instance sees the change at once.
   * @param etag of the record that the change was made from.
   * @returns false if the record has changed since.
   * @throws BrokerError storage_unavailable.
   */
  replace(change: TagChange, etag: string | undefined): Promise<boolean>;
}

/** The tags of a tenant; none for a tenant that never had any, undefined if they cannot be read. */
export const tagsOf = ({ byTenant }: TagList, tenantId: TenantId): readonly string[] | undefined =>
  byTenant.has(tenantId) ? byTenant.get(tenantId) : [];

/** What `tag:` entries may name of a tenant. */
export function tagNamesOf(list: TagList, tenantId: TenantId): ReadonlySet<string> | undefined {
  const tags = tagsOf(list, tenantId);
  return tags && namesOfTags(tags);
}
