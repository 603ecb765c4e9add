import type { TableEntity } from '@azure/data-tables';
import * as z from 'zod';
import { hourMs, isoTime } from '../../core/clock.ts';
import { grants } from '../../core/secrets.ts';
import { isErrorCode } from '../../core/errors.ts';
import { parseDomainName, parseTenantId } from '../../core/identifiers.ts';
import { scrub } from '../../core/log.ts';
import { defined } from '../../core/objects.ts';
import { type AuditEntry, auditOutcomes } from '../audit-log.ts';

/*
 * The table row of an entry (docs/audit.md). A partition covers one hour of UTC, so that concurrent entries can share a
 * transaction. Both keys count down, so that the table's natural order is newest first ("Log tail pattern", Azure Table
 * storage design patterns).
 */

/** The largest number of 13 digits. As a time it is in November 2286. */
export const endOfTimeMs = 9_999_999_999_999;
/** The hours until then. */
export const lastHour = Math.floor(endOfTimeMs / hourMs);

const clamp = (ms: number): number => Math.min(endOfTimeMs, Math.max(0, Math.floor(ms)));

/** The partition key of a time. A later time has a smaller key. */
export const partitionKeyAt = (ms: number): string =>
  String(lastHour - Math.floor(clamp(ms) / hourMs)).padStart(7, '0');

/** The prefix of the row keys of a time. A later time has a smaller prefix. */
export const rowKeyAt = (ms: number): string => String(endOfTimeMs - clamp(ms)).padStart(13, '0');

/** The time in the keys of a stored row, milliseconds; undefined if they have none, or two that differ. */
export function timeOfKeys(partitionKey: string, rowKey: string): number | undefined {
  const [, digits] = /^(\d{13})-/.exec(rowKey) ?? [];
  if (digits === undefined) return undefined;
  const ms = endOfTimeMs - Number(digits);
  return partitionKeyAt(ms) === partitionKey ? ms : undefined;
}

/** Maximum characters of text in one column: 100 rows must fit into one transaction of 4 MiB, whatever callers send. */
const maxText = 512;
/** The same for names that are shorter. */
const maxName = 128;
/**
 * Maximum characters of a list of scopes, which are ASCII (RFC 6749 section 3.3). The list of all Graph permissions has
 * about 6,000.
 */
const maxList = 8_000;

// Columns beside the keys. Lists are joined by spaces, which a scope cannot contain.
const rowSchema = z.object({
  at: z.iso.datetime(),
  correlationId: z.string(),
  tokenId: z.string(),
  outcome: z.enum(auditOutcomes),
  code: z.string().optional(),
  callerApplication: z.string(),
  callerObject: z.string(),
  callerKind: z.enum(['application', 'user']),
  rule: z.string().optional(),
  tenantId: z.string().optional(),
  tenantAsked: z.string().optional(),
  resource: z.string().optional(),
  scopes: z.string(),
  grant: z.enum(grants).optional(),
  route: z.string().optional(),
  application: z.string().optional(),
  expiresAt: z.iso.datetime().optional(),
  tokenFingerprint: z.string().optional(),
  fromCache: z.boolean().optional(),
  excessScopes: z.string().optional(),
  approvalId: z.string().optional(),
  breakGlass: z.literal(true).optional(),
  reason: z.string().optional(),
  // Tokens have none of these.
  kind: z.enum(['request', 'approval', 'tags', 'tool']).optional(),
  tool: z.string().optional(),
  client: z.string().optional(),
  method: z.string().optional(),
  path: z.string().optional(),
  cmdlet: z.string().optional(),
  bodySha256: z.string().optional(),
  uti: z.string().optional(),
  status: z.number().optional(),
  requestId: z.string().optional(),
  bytes: z.number().optional(),
  run: z.string().optional(),
  tagsAdded: z.string().optional(),
  tagsRemoved: z.string().optional(),
});
export type AuditRow = TableEntity<z.output<typeof rowSchema>>;

/** Columns with text of callers, of Microsoft or of the policy. */
const clipped = [
  ['resource', maxText],
  ['rule', maxText],
  ['tenantAsked', maxText],
  ['correlationId', maxText],
  ['tokenId', maxText],
  ['application', maxText],
  ['path', maxText],
  ['reason', maxText],
  ['approvalId', maxName],
  ['run', maxName],
  ['method', maxName],
  ['cmdlet', maxName],
  ['uti', maxName],
  ['requestId', maxName],
  ['client', maxName],
] as const;

/** @param id Never used for another row, so that a write can safely be repeated. */
export function toRow(entry: AuditEntry, id: string): AuditRow {
  const { atMs, writtenMs = atMs, caller, scopes, excessScopes, tagsAdded, tagsRemoved, expiresAtMs, ...rest } = entry;
  const row: AuditRow = {
    partitionKey: partitionKeyAt(writtenMs),
    rowKey: `${rowKeyAt(writtenMs)}-${id}`,
    at: isoTime(atMs),
    ...rest,
    ...askedText(entry),
    callerApplication: caller.applicationId,
    callerObject: caller.objectId,
    callerKind: caller.kind,
    scopes: join(scopes),
    ...(excessScopes === undefined ? {} : { excessScopes: join(excessScopes) }),
    ...(tagsAdded === undefined ? {} : { tagsAdded: join(tagsAdded) }),
    ...(tagsRemoved === undefined ? {} : { tagsRemoved: join(tagsRemoved) }),
    ...(expiresAtMs === undefined ? {} : { expiresAt: isoTime(expiresAtMs) }),
  };
  for (const [column, length] of clipped) {
    const text = row[column];
    if (text !== undefined) row[column] = clip(text, length);
  }
  return row;
}

/** The aliases of the setting RESOURCES. */
const aliasPattern = /^[a-z][a-z0-9-]{0,31}$/i;

/**
 * Keeps what a caller sent as the tenant or the resource only in the form that these have. Any other text may be a secret
 * that was pasted by mistake, and readers of the audit log must not find it.
 */
function askedText({ tenantAsked, resource }: AuditEntry): Partial<Pick<AuditRow, 'tenantAsked' | 'resource'>> {
  const isTenant = (text: string): boolean => (parseTenantId(text) ?? parseDomainName(text)) !== undefined;
  const kept = (text: string, isKnownForm: boolean, otherwise: string): string =>
    isKnownForm && scrub(text) === text ? text : otherwise;
  return {
    ...(tenantAsked === undefined
      ? {}
      : { tenantAsked: kept(tenantAsked, isTenant(tenantAsked), '[neither a tenant id nor a domain]') }),
    ...(resource === undefined ? {} : { resource: kept(resource, aliasPattern.test(resource), '[not an alias]') }),
  };
}

/** The entry of a row, or undefined for a row that no version of the broker wrote. */
export function fromRow(row: unknown): AuditEntry | undefined {
  const parsed = rowSchema.safeParse(row);
  if (!parsed.success) return undefined;
  const { at, callerApplication, callerObject, callerKind, expiresAt, code, tenantId, ...rest } = parsed.data;
  const { scopes, excessScopes, tagsAdded, tagsRemoved } = rest;
  return defined({
    ...rest,
    atMs: Date.parse(at),
    caller: { applicationId: callerApplication, objectId: callerObject, kind: callerKind },
    scopes: split(scopes),
    excessScopes: excessScopes === undefined ? undefined : split(excessScopes),
    tagsAdded: tagsAdded === undefined ? undefined : split(tagsAdded),
    tagsRemoved: tagsRemoved === undefined ? undefined : split(tagsRemoved),
    expiresAtMs: expiresAt === undefined ? undefined : Date.parse(expiresAt),
    code: isErrorCode(code) ? code : undefined,
    tenantId: parseTenantId(tenantId),
  });
}

/** Matches nearly all text. The test is cheaper than the replacements below. */
const printableAscii = /^[\x20-\x7e]*$/;

/** Cuts a caller's text and replaces lone surrogates and control characters, so that any reader can display it. */
function clip(text: string, length: number): string {
  const short = text.slice(0, length);
  return printableAscii.test(short) ? short : short.toWellFormed().replaceAll(/\p{Cc}/gu, '\u{FFFD}');
}

function join(list: readonly string[]): string {
  const short = list.join(' ').slice(0, maxList);
  return printableAscii.test(short) ? short : short.replaceAll(/[^\x20-\x7e]/g, '?');
}

const split = (list: string): string[] => list.split(' ').filter((item) => item !== '');
