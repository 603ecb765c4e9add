import type { TenantId } from '../core/identifiers.ts';

/** Maximum number of tags of one tenant. */
export const maxTags = 50;
/** Maximum length of a tag with its value, and of the name of a group, in characters. */
export const maxTagLength = 64;

/** A tag without regard to its length. */
export const tagPattern = /^[A-Za-z0-9][A-Za-z0-9._-]*(?:=[A-Za-z0-9._-]+)?$/;

/**
 * A tag in lower case, as `name` or `name=value`; undefined if the text is none. Case is ignored, because `Regulated`
 * must not be another tag than `regulated` in an `except`.
 */
export const parseTag = (text: string): string | undefined =>
  text.length <= maxTagLength && tagPattern.test(text) ? text.toLowerCase() : undefined;

/** Why a text is not a tag. Ends a sentence that begins with the text. */
export const tagRule = `is not a tag: use at most ${maxTagLength} letters, digits, "-", "_" and ".", start with a letter or digit, and write a value as NAME=VALUE`;

/** The name of a tag without its value. */
export function nameOfTag(tag: string): string {
  const end = tag.indexOf('=');
  return end < 0 ? tag : tag.slice(0, end);
}

/** What `tag:` entries may name of these tags: `tier=gold` is matched by `tag:tier=gold` and by `tag:tier`. */
export const namesOfTags = (tags: readonly string[]): ReadonlySet<string> =>
  new Set(tags.flatMap((tag) => [tag, nameOfTag(tag)]));

/**
 * Reads the tags of one tenant as somebody wrote them.
 * @returns the tags in lower case, sorted and without repetition; or the problems, one sentence each.
 */
export function readTags(
  texts: readonly string[],
): { readonly tags: readonly string[] } | { readonly problems: readonly string[] } {
  const problems: string[] = [];
  const byName = new Map<string, string>();
  for (const text of texts) {
    const tag = parseTag(text);
    if (tag === undefined) {
      problems.push(`"${text.slice(0, 100)}" ${tagRule}.`);
      continue;
    }
    const other = byName.get(nameOfTag(tag));
    if (other === undefined) byName.set(nameOfTag(tag), tag);
    else if (other !== tag) problems.push(`"${other}" and "${tag}" have the same name; a tenant has each name once.`);
  }
  if (byName.size > maxTags) problems.push(`A tenant has at most ${maxTags} tags; these are ${byName.size}.`);
  return problems.length > 0 ? { problems } : { tags: [...byName.values()].toSorted() };
}

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
