import { createHash } from 'node:crypto';
import { parseTenantId, type TenantId } from '../core/identifiers.ts';
import { isoTime } from '../core/clock.ts';
import { parseJson } from '../core/outbound.ts';
import { isJsonObject } from '../microsoft/reply.ts';
import type { LogHead } from './event-log.ts';
import { type DerivedEvent, type EventDetails, type EventKind, eventKinds, type TenantEvent } from './tenant-event.ts';
import type { TenantState } from './tenant-state.ts';

/*
 * The table has one partition, so that the state of a tenant, its events and the head are one transaction:
 *   head            who writes, and the newest place
 *   s-TENANT        the state that the events of the tenant have told
 *   e-PLACE         an event; places count down, so that the newest comes first
 *   t-TENANT-PLACE  the same event again, for the page of a tenant
 */

export const partitionKey = 'events';
export const headKey = 'head';
export const statePrefix = 's-';

type Columns = Readonly<Record<string, unknown>>;

const highest = 999_999_999_999;
/** Sorts later places first. */
export const placeKey = (sequence: number): string => String(highest - sequence).padStart(12, '0');

const stateKey = (tenantId: TenantId): string => `${statePrefix}${tenantId}`;
export const eventKey = (sequence: number): string => `e-${placeKey(sequence)}`;
export const tenantEventKey = (tenantId: TenantId, sequence: number): string => `t-${tenantId}-${placeKey(sequence)}`;

export const stateRow = (tenantId: TenantId, state: TenantState) => ({
  partitionKey,
  rowKey: stateKey(tenantId),
  state: JSON.stringify(state),
});

export const tenantOfStateRow = (rowKey: string | undefined): TenantId | undefined =>
  parseTenantId(rowKey?.slice(statePrefix.length));

/** Undefined if the text is no state. Somebody may have changed it by hand. */
export function readState(text: unknown): TenantState | undefined {
  const value = typeof text === 'string' ? parseJson(text) : undefined;
  if (!isJsonObject(value)) return undefined;
  const { name, isListed, isExcluded, access } = value;
  const isState =
    typeof name === 'string' &&
    typeof isListed === 'boolean' &&
    typeof isExcluded === 'boolean' &&
    (access === 'never' || access === 'open' || access === 'lost');
  return isState ? (value as unknown as TenantState) : undefined;
}

/** The event at a place. Its id follows from what it says and from its place. */
export function placedEvent(
  derived: DerivedEvent,
  { tenantId, name, sequence, atMs }: { tenantId: TenantId; name: string; sequence: number; atMs: number },
): TenantEvent {
  const id = createHash('sha256')
    .update(JSON.stringify([tenantId, sequence, derived]))
    .digest('hex')
    .slice(0, 32);
  return { id, sequence, atMs, tenantId, tenantName: name, ...derived };
}

/** Both rows of an event. @param state after it, if no other event was written with it later. */
export function eventRows(event: TenantEvent, state: TenantState | undefined) {
  const { id, sequence, atMs, tenantId, tenantName, kind, ...details } = event;
  const columns = { id, sequence, at: isoTime(atMs), tenantId, tenantName, kind, details: JSON.stringify(details) };
  return [
    { partitionKey, rowKey: eventKey(sequence), ...columns, ...(state ? { state: JSON.stringify(state) } : {}) },
    { partitionKey, rowKey: tenantEventKey(tenantId, sequence), ...columns },
  ];
}

/** The keys of both rows of an event, that of the log last. Of a row that names no tenant, its own key. */
export function keysOfEvent({ rowKey, tenantId, sequence }: Columns & { readonly rowKey: string }): readonly string[] {
  const tenant = parseTenantId(tenantId);
  return [...(tenant && typeof sequence === 'number' ? [tenantEventKey(tenant, sequence)] : []), rowKey];
}

const kinds: ReadonlySet<string> = new Set(eventKinds);

/** Undefined if the row is no event, such as one of a later version with a kind that this one does not know. */
export function readEvent(row: Columns): TenantEvent | undefined {
  const { id, sequence, at, tenantId, tenantName, kind, details } = row;
  const [tenant, atMs] = [parseTenantId(tenantId), Date.parse(String(at))];
  const more = typeof details === 'string' ? parseJson(details) : undefined;
  const isEvent = typeof id === 'string' && typeof sequence === 'number' && typeof kind === 'string' && kinds.has(kind);
  if (!isEvent || tenant === undefined || Number.isNaN(atMs) || !isJsonObject(more)) return undefined;
  return {
    id,
    sequence,
    atMs,
    tenantId: tenant,
    tenantName: typeof tenantName === 'string' ? tenantName : tenant,
    kind: kind as EventKind,
    ...(more as EventDetails),
  };
}

/** Who may write until when, and the last write. */
export interface ClaimColumns {
  readonly claimId: string;
  readonly claimedUntilMs: number;
  readonly commitId: string;
}

export const headRow = (head: LogHead, claim: ClaimColumns) => ({
  partitionKey,
  rowKey: headKey,
  sequence: head.sequence,
  announced: head.announced,
  ...(head.baselineAtMs === undefined ? {} : { baselineAt: isoTime(head.baselineAtMs) }),
  ...(head.readAtMs === undefined ? {} : { readAt: isoTime(head.readAtMs) }),
  claimId: claim.claimId,
  claimedUntil: isoTime(claim.claimedUntilMs),
  commitId: claim.commitId,
});

export function readHead(row: Columns): LogHead & ClaimColumns {
  const number = (value: unknown): number => (typeof value === 'number' && value >= 0 ? value : 0);
  const text = (value: unknown): string => (typeof value === 'string' ? value : '');
  const time = (value: unknown): number | undefined => {
    const ms = typeof value === 'string' ? Date.parse(value) : Number.NaN;
    return Number.isNaN(ms) ? undefined : ms;
  };
  const [baselineAtMs, readAtMs] = [time(row['baselineAt']), time(row['readAt'])];
  return {
    sequence: number(row['sequence']),
    announced: number(row['announced']),
    ...(baselineAtMs === undefined ? {} : { baselineAtMs }),
    ...(readAtMs === undefined ? {} : { readAtMs }),
    claimId: text(row['claimId']),
    claimedUntilMs: time(row['claimedUntil']) ?? 0,
    commitId: text(row['commitId']),
  };
}
