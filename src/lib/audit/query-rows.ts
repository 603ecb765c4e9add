import type { Clock } from '../runtime/clock.ts';
import { BrokerError } from '../model/errors.ts';
import { parseGuid } from '../model/identifiers.ts';
import type { Logger } from '../runtime/log.ts';
import { type AuditEntry, type AuditOutcome, auditOutcomes, type AuditPage, type AuditQuery } from './audit-log.ts';
import { fromRow, partitionKeyAt, rowKeyAt } from './audit-row.ts';
import type { AuditTable } from './audit-table.ts';
import { decodeContinuation, encodeContinuation } from './continuation.ts';

/** Storage answers at the latest after 5 s or 1,000 rows, found or not: so many answers make one page at most. */
const maxReplies = 20;
/**
 * After this no further answer is waited for: the next may take 5 s, and what was found, with the place to go on from,
 * must not be lost to the deadline.
 */
const enoughMs = 9_000;
const timeoutMs = 15_000;

/** One page of entries, newest first. */
export async function queryRows(
  deps: { readonly table: AuditTable; readonly clock: Clock; readonly log: Logger },
  query: AuditQuery,
): Promise<AuditPage> {
  const filter = filterOf(query);
  const startMs = deps.clock.nowMs();
  const abortSignal = AbortSignal.timeout(timeoutMs);
  const limit = Math.min(1000, Math.max(1, query.limit));
  const entries: AuditEntry[] = [];
  let continuation = query.continuation === undefined ? undefined : decodeContinuation(query.continuation);
  for (let replies = 0; replies < maxReplies; replies += 1) {
    const pages = deps.table.listEntities({ queryOptions: { filter }, abortSignal }).byPage({
      maxPageSize: limit - entries.length,
      ...(continuation === undefined ? {} : { continuationToken: continuation }),
    });
    const reply = await pages.next();
    if (reply.done === true) return { entries };
    for (const row of reply.value) {
      const entry = fromRow(row);
      if (entry !== undefined) entries.push(entry);
      else deps.log.log('warn', 'audit.row_unreadable', { partitionKey: row.partitionKey, rowKey: row.rowKey });
    }
    continuation = reply.value.continuationToken;
    if (continuation === undefined) return { entries };
    if (entries.length >= limit || deps.clock.nowMs() - startMs >= enoughMs) break;
  }
  return continuation === undefined ? { entries } : { entries, continuation: encodeContinuation(continuation) };
}

function filterOf({ fromMs, toMs, caller, tenantId, outcome }: AuditQuery): string {
  // Keys count down: later times lie in front. `fromMs` belongs to the range, `toMs` does not.
  const conditions = [
    `PartitionKey ge '${partitionKeyAt(toMs)}'`,
    `PartitionKey le '${partitionKeyAt(fromMs)}'`,
    `RowKey ge '${rowKeyAt(toMs - 1)}'`,
    `RowKey lt '${rowKeyAt(fromMs - 1)}'`,
  ];
  if (caller !== undefined) conditions.push(`callerApplication eq '${guid(caller, 'caller')}'`);
  if (tenantId !== undefined) conditions.push(`tenantId eq '${guid(tenantId, 'tenant')}'`);
  if (outcome !== undefined) conditions.push(`outcome eq '${knownOutcome(outcome)}'`);
  return conditions.join(' and ');
}

/** Nothing but GUIDs and the known outcomes go into a filter: there is no text in it to escape. */
function guid(value: string, what: string): string {
  const parsed = parseGuid(value);
  if (parsed === undefined) throw new BrokerError('request_invalid', `The ${what} is not a GUID.`);
  return parsed;
}

function knownOutcome(value: AuditOutcome): AuditOutcome {
  if (!auditOutcomes.includes(value)) throw new BrokerError('request_invalid', 'The outcome is not a known one.');
  return value;
}
