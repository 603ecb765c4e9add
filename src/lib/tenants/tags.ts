import type { AuditEntry, AuditLog } from '../audit/audit-log.ts';
import { type Caller, callerIdOf } from '../core/caller.ts';
import type { Clock } from '../core/clock.ts';
import { BrokerError, type ErrorCode, toBrokerError } from '../core/errors.ts';
import type { TenantId } from '../core/identifiers.ts';
import { errorFields, type Logger } from '../core/log.ts';

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

/** How tags change: `tags` replaces them all; `add` and `remove` change some. */
export interface TagOrder {
  readonly tags?: readonly string[] | undefined;
  /** A tag with the same name and another value is replaced. */
  readonly add?: readonly string[] | undefined;
  /** By name, whatever the value, or with the value. */
  readonly remove?: readonly string[] | undefined;
}

/** The tags after a change. */
interface ChangedTags {
  readonly tags: readonly string[];
  readonly added: readonly string[];
  readonly removed: readonly string[];
}

interface ChangeTagsDeps {
  readonly tenantTags: Pick<TenantTags, 'stored' | 'replace'>;
  readonly audit: Pick<AuditLog, 'record'>;
  readonly clock: Clock;
  readonly newId: () => string;
}

/** Who changes the tags of which tenant. */
interface TagChanger {
  readonly tenantId: TenantId;
  readonly caller: Caller;
  readonly correlationId: string;
  readonly log: Logger;
}

/** Attempts while others change the same tenant. */
const maxAttempts = 5;

/**
 * Changes the tags of a tenant. The audit record is written before the change, because a tag may grant access. If the
 * change then fails, a second record says so.
 * @throws BrokerError request_invalid, audit_unavailable, storage_unavailable; busy while others change the same tenant.
 */
export async function changeTags(deps: ChangeTagsDeps, order: TagOrder, by: TagChanger): Promise<ChangedTags> {
  checkOrder(order);
  for (let attempt = 0; attempt < maxAttempts; attempt += 1) {
    const { tags: before, etag } = await deps.tenantTags.stored(by.tenantId);
    const tags = changed(before, order);
    const added = tags.filter((tag) => !before.includes(tag));
    const removed = before.filter((tag) => !tags.includes(tag));
    const result = { tags, added, removed };
    if (added.length === 0 && removed.length === 0) return result;
    if (await replaceRecorded(deps, result, by, etag)) {
      by.log.log('info', 'tags.changed', { tenantId: by.tenantId, added: added.length, removed: removed.length });
      return result;
    }
  }
  throw new BrokerError('busy', 'Others are changing the tags of this tenant.', { retryAfterSeconds: 1 });
}

async function replaceRecorded(
  deps: ChangeTagsDeps,
  { tags, added, removed }: ChangedTags,
  { tenantId, caller, correlationId, log }: TagChanger,
  etag: string | undefined,
): Promise<boolean> {
  const tokenId = deps.newId();
  const entry = (outcome: 'changed' | 'failed', code?: ErrorCode): AuditEntry => ({
    atMs: deps.clock.nowMs(),
    correlationId,
    tokenId,
    kind: 'tags',
    outcome,
    ...(code === undefined ? {} : { code }),
    caller: { applicationId: caller.applicationId, objectId: caller.objectId, kind: caller.kind },
    tenantId,
    scopes: [],
    tagsAdded: added,
    tagsRemoved: removed,
  });
  const recordFailure = (code: ErrorCode): Promise<void> =>
    deps.audit
      .record(entry('failed', code))
      .catch((failure: unknown) => log.log('error', 'audit.failure_not_recorded', errorFields(failure)));
  await deps.audit.record(entry('changed'));
  try {
    const isStored = await deps.tenantTags.replace({ tenantId, tags, changedBy: callerIdOf(caller) }, etag);
    if (!isStored) await recordFailure('busy');
    return isStored;
  } catch (thrown) {
    await recordFailure(toBrokerError(thrown).code);
    throw thrown;
  }
}

function checkOrder({ tags, add = [], remove = [] }: TagOrder): void {
  const refuse = (detail: string): never => {
    throw new BrokerError('request_invalid', detail);
  };
  if (tags === undefined && add.length === 0 && remove.length === 0)
    refuse('Nothing is asked for: send `tags`, or `add` or `remove`.');
  if (tags !== undefined && (add.length > 0 || remove.length > 0))
    refuse('`tags` replaces all tags, so it excludes `add` and `remove`.');
  const added = new Set(parsed(add).map(nameOfTag));
  const both = parsed(remove).find((tag) => added.has(nameOfTag(tag)));
  if (both !== undefined) refuse(`\`add\` and \`remove\` both name the tag "${nameOfTag(both)}".`);
}

function changed(before: readonly string[], { tags, add = [], remove = [] }: TagOrder): readonly string[] {
  if (tags !== undefined) return parsed(tags);
  const removed = new Set(parsed(remove));
  const kept = before.filter((tag) => !removed.has(tag) && !removed.has(nameOfTag(tag)));
  const added = parsed(add);
  const names = new Set(added.map(nameOfTag));
  return parsed([...kept.filter((tag) => !names.has(nameOfTag(tag))), ...added]);
}

/** @throws BrokerError request_invalid */
function parsed(texts: readonly string[]): readonly string[] {
  const read = readTags(texts);
  if ('tags' in read) return read.tags;
  throw new BrokerError('request_invalid', read.problems.slice(0, 5).join(' '));
}
