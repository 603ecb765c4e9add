import { type CallerRole, callerKinds, callerRoles } from '../../core/caller.ts';
import { hourMs } from '../../core/clock.ts';
import { isErrorCode } from '../../core/errors.ts';
import { parseDomainName, parseTenantId } from '../../core/identifiers.ts';
import { scrub } from '../../core/log.ts';
import {
  type Column,
  column,
  Columns,
  flag,
  group,
  number,
  oneOf,
  type Properties,
  type Stored,
  text,
  time,
} from '../../core/rows/columns.ts';
import type { Keys } from '../../core/rows/table.ts';
import { grants } from '../../core/secrets.ts';
import { type AuditEntry, auditOutcomes } from '../audit-log.ts';

/*
 * The table row of an entry (docs/audit.md). A partition covers one hour of UTC, so that concurrent entries can share a
 * transaction. Both keys count down, so that the table's natural order is newest first ("Log tail pattern", Azure Table
 * storage design patterns).
 */

/** The largest number of 13 digits. As a time it is in November 2286. */
export const endOfTimeMs = 9_999_999_999_999;
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
/** The same for the names in a query. */
const maxNames = 1_500;
/**
 * Maximum characters of a list of scopes, which are ASCII (RFC 6749 section 3.3). The list of all Graph permissions has
 * about 6,000.
 */
const maxList = 8_000;

const clipped = (length: number): Column<string> => text.after((value) => clip(value, length));
/** Text of callers, of Microsoft or of the policy. */
const outside = clipped(maxText);
const name = clipped(maxName);
/** Joined by spaces, which a scope cannot contain. */
const list = column(
  (value): readonly string[] | undefined =>
    typeof value === 'string' ? value.split(' ').filter((item) => item !== '') : undefined,
  join,
);

const columns = new Columns({
  atMs: time,
  correlationId: outside,
  tokenId: outside,
  outcome: oneOf(auditOutcomes),
  // A code that this version does not know counts as none.
  code: column((value) => (isErrorCode(value) ? value : undefined)).lenient(),
  caller: group({
    applicationId: text.as('callerApplication'),
    objectId: text.as('callerObject'),
    kind: oneOf(callerKinds).as('callerKind'),
    // Of agents only.
    blueprint: text.as('callerBlueprint').optional(),
    actsFor: text.as('callerActsFor').optional(),
  }),
  rule: outside.optional(),
  tenantId: column(parseTenantId).lenient(),
  tenantAsked: outside.optional(),
  resource: outside.optional(),
  scopes: list,
  grant: oneOf(grants).optional(),
  route: text.optional(),
  application: outside.optional(),
  expiresAtMs: time.optional(),
  tokenFingerprint: text.optional(),
  fromCache: flag.optional(),
  excessScopes: list.optional(),
  approvalId: name.optional(),
  breakGlass: column((value) => (value === true ? value : undefined)).optional(),
  reason: outside.optional(),
  // Tokens have none of these.
  kind: oneOf(['request', 'approval', 'tags', 'tool'] as const).optional(),
  tool: text.optional(),
  client: name.optional(),
  method: name.optional(),
  path: outside.optional(),
  template: outside.optional(),
  query: clipped(maxNames).optional(),
  bodyNames: list.optional(),
  roles: column(
    (value): readonly CallerRole[] | undefined =>
      typeof value === 'string' ? callerRoles.filter((role) => value.split(' ').includes(role)) : undefined,
    join,
  ).optional(),
  requestedScopes: list.optional(),
  cmdlet: name.optional(),
  bodySha256: text.optional(),
  uti: name.optional(),
  status: number.optional(),
  requestId: name.optional(),
  bytes: number.optional(),
  run: name.optional(),
  plan: name.optional(),
  changeSha256: text.optional(),
  tagsAdded: list.optional(),
  tagsRemoved: list.optional(),
});
export type AuditRow = Keys & Readonly<Record<string, Stored>>;

/** @param id Never used for another row, so that a write can safely be repeated. */
export function toRow(entry: AuditEntry, id: string): AuditRow {
  const { atMs, writtenMs = atMs } = entry;
  const keys = { partitionKey: partitionKeyAt(writtenMs), rowKey: `${rowKeyAt(writtenMs)}-${id}` };
  return Object.assign(columns.encode(entry, keys), askedText(entry));
}

/** The aliases of the setting RESOURCES. */
const aliasPattern = /^[a-z][a-z0-9-]{0,31}$/i;

/**
 * Keeps what a caller sent as the tenant or the resource only in the form that these have. Any other text may be a secret
 * that was pasted by mistake, and readers of the audit log must not find it.
 */
function askedText({ tenantAsked, resource }: AuditEntry): Partial<Pick<AuditEntry, 'tenantAsked' | 'resource'>> {
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
export const fromRow = (row: Properties): AuditEntry | undefined => columns.decode(row);

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
