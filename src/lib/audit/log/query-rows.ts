import type { TransactionAction } from '@azure/data-tables';
import * as z from 'zod';
import type { Clock } from '../../core/clock.ts';
import { BrokerError } from '../../core/errors.ts';
import { parseGuid } from '../../core/identifiers.ts';
import { safeParse } from '../../core/json.ts';
import type { Logger } from '../../core/log.ts';
import { parseJson } from '../../core/outbound.ts';
import { type AuditEntry, type AuditOutcome, auditOutcomes, type AuditPage, type AuditQuery } from '../audit-log.ts';
import { fromRow, partitionKeyAt, rowKeyAt } from './audit-row.ts';
import { type AuditTable, maxTransaction, refusalOf } from './insert-rows.ts';

/*
 * The position at which a query continues. The SDK's token is a JSON object in base64. The API uses base64url, because
 * the token is part of a URL. Callers send it back, so only the expected properties are passed to the SDK.
 */

const maxLength = 1024;
const tokenSchema = z.strictObject({ nextPartitionKey: z.string(), nextRowKey: z.string().optional() });

export const encodeContinuation = (sdkToken: string): string => Buffer.from(sdkToken, 'base64').toString('base64url');

/**
 * The SDK's token for a continuation of the API.
 * @throws BrokerError request_invalid if `encodeContinuation` cannot have returned it.
 */
export function decodeContinuation(continuation: string): string {
  const json = continuation.length <= maxLength ? Buffer.from(continuation, 'base64url').toString('utf8') : '';
  const parsed = safeParse(tokenSchema, parseJson(json));
  if (!parsed.success)
    throw new BrokerError('request_invalid', 'The continuation is not valid. Send the one from the previous page.');
  return Buffer.from(JSON.stringify(parsed.data)).toString('base64');
}

/**
 * The time of storage, milliseconds, to the second; undefined if it does not tell. Instances differ, and one whose clock is
 * ahead must not sign a time that has not come.
 * @throws the storage SDK's error.
 */
export async function storageTimeMs(table: AuditTable): Promise<number | undefined> {
  let date: string | undefined;
  // No row has such a key, so the answer is empty.
  const options = { queryOptions: { filter: "PartitionKey eq ''" } };
  await table
    .listEntities({ ...options, onResponse: ({ headers }) => (date = headers.get('date')) })
    .byPage({ maxPageSize: 1 })
    .next();
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
 * @throws BrokerError request_invalid for an invalid filter or continuation; otherwise the storage SDK's error.
 */
export async function queryRows(
  deps: { readonly table: AuditTable; readonly clock: Clock; readonly log: Logger },
  query: AuditQuery,
): Promise<AuditPage> {
  const { tenantIds } = query;
  if (tenantIds?.size === 0) return { entries: [] };
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
      if (entry !== undefined) {
        // Storage counts the row against the page even if it is not returned, so the continuation stays exact.
        if (isWanted(entry, query)) entries.push(entry);
      } else deps.log.log('warn', 'audit.row_unreadable', { partitionKey: row.partitionKey, rowKey: row.rowKey });
    }
    continuation = reply.value.continuationToken;
    if (continuation === undefined) return { entries };
    if (entries.length >= limit || deps.clock.nowMs() - startMs >= lastRequestMs) break;
  }
  return continuation === undefined ? { entries } : { entries, continuation: encodeContinuation(continuation) };
}

/** Conditions that storage cannot check: many tenants, and a column that older rows lack. */
const isWanted = ({ tenantId, kind }: AuditEntry, query: AuditQuery): boolean =>
  (query.tenantIds === undefined || (tenantId !== undefined && query.tenantIds.has(tenantId))) &&
  (query.kind === undefined || (kind ?? 'token') === query.kind);

function filterOf(query: AuditQuery): string {
  const { fromMs, toMs, caller, tenantId, tenantIds, outcome, kind, breakGlass, approvalId } = query;
  // Keys count down, so later times come first. `fromMs` is inclusive, `toMs` exclusive.
  const conditions = [
    `PartitionKey ge '${partitionKeyAt(toMs)}'`,
    `PartitionKey le '${partitionKeyAt(fromMs)}'`,
    `RowKey ge '${rowKeyAt(toMs - 1)}'`,
    `RowKey lt '${rowKeyAt(fromMs - 1)}'`,
  ];
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
 * @throws the storage SDK's error. Rows deleted before the failure stay deleted.
 */
export async function purgeRows(table: AuditTable, beforeMs: number): Promise<number> {
  const partition = partitionKeyAt(beforeMs);
  // First the hour of `beforeMs`, then all older hours: two key ranges, so that storage does not scan the table.
  return (
    (await purgeRange(table, `PartitionKey eq '${partition}' and RowKey ge '${rowKeyAt(beforeMs - 1)}'`)) +
    (await purgeRange(table, `PartitionKey gt '${partition}'`))
  );
}

async function purgeRange(table: AuditTable, filter: string): Promise<number> {
  const pages = table
    .listEntities({ queryOptions: { filter, select: ['PartitionKey', 'RowKey'] } })
    .byPage({ maxPageSize: 1000 });
  let deleted = 0;
  for await (const page of pages) {
    const addresses = page.flatMap(({ partitionKey, rowKey }) =>
      partitionKey === undefined || rowKey === undefined ? [] : [{ partitionKey, rowKey }],
    );
    for (const rows of Object.values(Object.groupBy(addresses, (row) => row.partitionKey))) {
      for (const batch of slices(rows ?? [], maxTransaction)) deleted += await deleteRows(table, batch);
    }
  }
  return deleted;
}

const slices = <T>(items: readonly T[], size: number): T[][] =>
  Array.from({ length: Math.ceil(items.length / size) }, (_, index) => items.slice(index * size, (index + 1) * size));

type RowAddress = { readonly partitionKey: string; readonly rowKey: string };

async function deleteRows(table: AuditTable, rows: readonly RowAddress[]): Promise<number> {
  try {
    await table.submitTransaction(rows.map((row): TransactionAction => ['delete', row]));
    return rows.length;
  } catch (error) {
    if (refusalOf(error).code !== 'ResourceNotFound') throw error;
    // Another instance may purge too. One missing row fails the whole transaction, so halve it to isolate the row.
    if (rows.length === 1) return 0;
    const middle = rows.length >> 1;
    return (await deleteRows(table, rows.slice(0, middle))) + (await deleteRows(table, rows.slice(middle)));
  }
}
