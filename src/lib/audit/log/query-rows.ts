import type { Clock } from '../../core/clock.ts';
import { BrokerError } from '../../core/errors.ts';
import { parseGuid } from '../../core/identifiers.ts';
import type { Logger } from '../../core/log.ts';
import { storageCall, type Table } from '../../core/rows/table.ts';
import { type AuditEntry, type AuditOutcome, auditOutcomes, type AuditPage, type AuditQuery } from '../audit-log.ts';
import { fromRow, partitionKeyAt, rowKeyAt } from './audit-row.ts';

/** The detail of an error. */
export const unreadable = 'The audit log could not be read.';

/**
 * The time of storage, milliseconds, to the second; undefined if it does not tell. Instances differ, and one whose clock is
 * ahead must not sign a time that has not come.
 * @throws BrokerError storage_unavailable
 */
export async function storageTimeMs(table: Table): Promise<number | undefined> {
  let date: string | undefined;
  // No row has such a key, so the answer is empty.
  const queryOptions = { filter: "PartitionKey eq ''" };
  await storageCall(
    () =>
      table.use((client) =>
        client
          .listEntities({ queryOptions, onResponse: ({ headers }) => (date = headers.get('date')) })
          .byPage({ maxPageSize: 1 })
          .next(),
      ),
    unreadable,
  );
  const ms = Date.parse(date ?? '');
  return Number.isFinite(ms) ? ms : undefined;
}

/** Maximum replies per page. Storage replies after at most 5 s or 1,000 scanned rows, even if none matches. */
const maxReplies = 20;
/**
 * After this time no further reply is requested. It may take 5 s, and the timeout would lose the entries found so far and
 * the continuation.
 */
const lastRequestMs = 9_000;
const timeoutMs = 15_000;
/** A filter may have 15 comparisons ("Querying tables and entities", Azure Table storage), of which others take up to nine. */
const maxFilteredTenants = 6;

/**
 * One page of entries, newest first.
 * @throws BrokerError request_invalid for an invalid filter or continuation; storage_unavailable.
 */
export async function queryRows(
  deps: { readonly table: Table; readonly clock: Clock; readonly log: Logger },
  query: AuditQuery,
): Promise<AuditPage> {
  const { tenantIds } = query;
  if (tenantIds?.size === 0) return { entries: [] };
  const filter = filterOf(query);
  const startMs = deps.clock.nowMs();
  const signal = AbortSignal.timeout(timeoutMs);
  const limit = Math.min(1000, Math.max(1, query.limit));
  const entries: AuditEntry[] = [];
  let { continuation } = query;
  for (let replies = 0; replies < maxReplies; replies += 1) {
    const reply = await deps.table.page({ filter }, { size: limit - entries.length, continuation, signal });
    for (const row of reply.rows) {
      const entry = fromRow(row);
      if (entry !== undefined) {
        // Storage counts the row against the page even if it is not returned, so the continuation stays exact.
        if (isWanted(entry, query)) entries.push(entry);
      } else deps.log.log('warn', 'audit.row_unreadable', { partitionKey: row.partitionKey, rowKey: row.rowKey });
    }
    ({ continuation } = reply);
    if (continuation === undefined) return { entries };
    if (entries.length >= limit || deps.clock.nowMs() - startMs >= lastRequestMs) break;
  }
  return continuation === undefined ? { entries } : { entries, continuation };
}

/** Conditions that storage cannot check: many tenants, and a column that older rows lack. */
const isWanted = ({ tenantId, kind }: AuditEntry, query: AuditQuery): boolean =>
  (query.tenantIds === undefined || (tenantId !== undefined && query.tenantIds.has(tenantId))) &&
  (query.kind === undefined || (kind ?? 'token') === query.kind);

/** The records of a time: from inclusive, to exclusive. Keys count down, so later times come first. */
export const periodFilter = (fromMs: number, toMs: number): string =>
  [
    `PartitionKey ge '${partitionKeyAt(toMs)}'`,
    `PartitionKey le '${partitionKeyAt(fromMs)}'`,
    `RowKey ge '${rowKeyAt(toMs - 1)}'`,
    `RowKey lt '${rowKeyAt(fromMs - 1)}'`,
  ].join(' and ');

function filterOf({
  fromMs,
  toMs,
  caller,
  tenantId,
  tenantIds,
  outcome,
  kind,
  breakGlass,
  approvalId,
}: AuditQuery): string {
  const conditions = [periodFilter(fromMs, toMs)];
  if (caller !== undefined) conditions.push(`callerApplication eq '${guid(caller, 'caller')}'`);
  if (tenantId !== undefined) conditions.push(`tenantId eq '${guid(tenantId, 'tenant')}'`);
  else if (tenantIds !== undefined && tenantIds.size <= maxFilteredTenants)
    conditions.push(`(${[...tenantIds].map((id) => `tenantId eq '${guid(id, 'tenant')}'`).join(' or ')})`);
  if (outcome !== undefined) conditions.push(`outcome eq '${knownOutcome(outcome)}'`);
  // Rows of tokens lack the column, so they cannot be filtered by it.
  if (kind !== undefined && kind !== 'token') conditions.push(`kind eq '${kind}'`);
  if (breakGlass) conditions.push('breakGlass eq true');
  if (approvalId !== undefined) conditions.push(`approvalId eq '${plain(approvalId)}'`);
  return conditions.join(' and ');
}

/** A filter contains only GUIDs, ids and known outcomes, so nothing in it needs escaping. */
function guid(value: string, field: string): string {
  const parsed = parseGuid(value);
  if (parsed === undefined) throw new BrokerError('request_invalid', `The ${field} is not a GUID.`);
  return parsed;
}

/** An id of the broker. */
function plain(id: string): string {
  if (!/^[\w-]{1,64}$/.test(id)) throw new BrokerError('request_invalid', 'The id of the approval is not valid.');
  return id;
}

function knownOutcome(value: AuditOutcome): AuditOutcome {
  if (!auditOutcomes.includes(value)) throw new BrokerError('request_invalid', 'The outcome is unknown.');
  return value;
}

/**
 * Deletes the rows older than `beforeMs`, page by page.
 * @returns the number of deleted rows.
 * @throws BrokerError storage_unavailable. Rows deleted before the failure stay deleted.
 */
export async function purgeRows(table: Table, beforeMs: number): Promise<number> {
  const partition = partitionKeyAt(beforeMs);
  // First the hour of `beforeMs`, then all older hours: two key ranges, so that storage does not scan the table.
  return (
    (await table.removeRange(`PartitionKey eq '${partition}' and RowKey ge '${rowKeyAt(beforeMs - 1)}'`)) +
    (await table.removeRange(`PartitionKey gt '${partition}'`))
  );
}
