import type { AuditEntry, AuditLog } from '../audit/audit-log.ts';
import { type Caller, callerIdOf, identityOf } from '../core/caller.ts';
import type { Clock } from '../core/clock.ts';
import { BrokerError, type ErrorCode, toBrokerError } from '../core/errors.ts';
import type { TenantId } from '../core/identifiers.ts';
import { errorFields, type Logger } from '../core/log.ts';
import { untilWritten } from '../core/rows/table.ts';
import { nameOfTag, readTags, type TenantTags } from './tags.ts';

/** How tags change: `tags` replaces them all; `add` and `remove` change some. */
export interface TagRequest {
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
export async function changeTags(deps: ChangeTagsDeps, request: TagRequest, by: TagChanger): Promise<ChangedTags> {
  checkRequest(request);
  const attempt = async (): Promise<ChangedTags | undefined> => {
    const { tags: before, etag } = await deps.tenantTags.stored(by.tenantId);
    const tags = changed(before, request);
    const added = tags.filter((tag) => !before.includes(tag));
    const removed = before.filter((tag) => !tags.includes(tag));
    const result = { tags, added, removed };
    if (added.length === 0 && removed.length === 0) return result;
    if (!(await replaceRecorded(deps, result, by, etag))) return undefined;
    by.log.log('info', 'tags.changed', { tenantId: by.tenantId, added: added.length, removed: removed.length });
    return result;
  };
  return untilWritten(maxAttempts, attempt, () => {
    throw new BrokerError('busy', 'Others are changing the tags of this tenant.', { retryAfterSeconds: 1 });
  });
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
    caller: identityOf(caller),
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

function checkRequest({ tags, add = [], remove = [] }: TagRequest): void {
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

function changed(before: readonly string[], { tags, add = [], remove = [] }: TagRequest): readonly string[] {
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
