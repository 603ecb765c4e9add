import * as z from 'zod';
import { parseTenantId } from '../core/identifiers.ts';
import { isoTime } from '../core/clock.ts';
import { type Notice, type NoticeKind, severities } from './notice.ts';
import { type Delivery, noticeId, type TargetState } from './outbox.ts';
import { type TargetName, targetNames } from './target.ts';

export const partitionKey = 'notices';

/** 13 digits until the year 2286, so that the order of texts is that of times. */
const sortable = (ms: number): string => String(Math.max(0, Math.trunc(ms))).padStart(13, '0');

const keyOf = (kind: string, target: TargetName, ms?: number, id?: string): string =>
  [kind, target, ...(ms === undefined ? [''] : [sortable(ms)]), ...(id === undefined ? [] : [id])].join('-');

export const noticeKey = (id: string): string => `n-${id}`;
export const stateKey = (target: TargetName): string => `t-${target}`;
/** The row key of a delivery, or the prefix of all. */
export const deliveryKey = (target: TargetName, addedAtMs?: number, id?: string): string =>
  keyOf('w', target, addedAtMs, id);
/** The row key of a delivery that was given up, or a prefix. */
export const givenUpKey = (target: TargetName, atMs?: number, id?: string): string => keyOf('g', target, atMs, id);

const time = z.iso.datetime().transform((text) => Date.parse(text));

const noticeSchema = z.object({
  // Another version of the app may know other kinds.
  kind: z.string().transform((kind) => kind as NoticeKind),
  key: z.string(),
  severity: z.enum(severities),
  tenantId: z.string().optional(),
  tenantName: z.string().optional(),
  at: time,
  title: z.string(),
  text: z.string(),
  facts: z
    .string()
    .transform((text): unknown => JSON.parse(text))
    .pipe(z.array(z.object({ name: z.string(), value: z.string() }))),
  link: z.string().optional(),
});

export const noticeRow = ({ atMs, facts, ...columns }: Notice, addedAtMs: number) => ({
  partitionKey,
  rowKey: noticeKey(noticeId(columns)),
  ...columns,
  at: isoTime(atMs),
  facts: JSON.stringify(facts),
  addedAt: isoTime(addedAtMs),
});

/** @returns undefined for a row that cannot be read. */
export function readNotice(row: object): Notice | undefined {
  try {
    const { at, tenantId, tenantName, link, ...notice } = noticeSchema.parse(row);
    const tenant = parseTenantId(tenantId);
    return {
      ...notice,
      atMs: at,
      ...(tenant === undefined ? {} : { tenantId: tenant }),
      ...(tenantName === undefined ? {} : { tenantName }),
      ...(link === undefined ? {} : { link }),
    };
  } catch {
    return undefined;
  }
}

const deliverySchema = z.object({
  target: z.enum(targetNames),
  noticeId: z.string(),
  kind: z.string().default(''),
  addedAt: time,
  attempts: z.number().int(),
  nextAt: time,
  claimedUntil: time,
  reason: z.string(),
  etag: z.string(),
});

export const deliveryRow = ({
  addedAtMs,
  nextAtMs,
  claimedUntilMs,
  target,
  noticeId: id,
  kind,
  attempts,
  reason,
}: Omit<Delivery, 'version'>) => ({
  partitionKey,
  rowKey: deliveryKey(target, addedAtMs, id),
  target,
  noticeId: id,
  kind,
  attempts,
  reason,
  addedAt: isoTime(addedAtMs),
  nextAt: isoTime(nextAtMs),
  claimedUntil: isoTime(claimedUntilMs),
});

/** @returns undefined for a row that this version cannot read. */
export function readDelivery(row: object): Delivery | undefined {
  const read = deliverySchema.safeParse(row);
  if (!read.success) return undefined;
  const { addedAt, nextAt, claimedUntil, etag, ...delivery } = read.data;
  return { ...delivery, addedAtMs: addedAt, nextAtMs: nextAt, claimedUntilMs: claimedUntil, version: etag };
}

const stateSchema = z.object({
  addressDigest: z.string(),
  stoppedAt: time.optional(),
  pausedUntil: time.optional(),
});

export const stateRow = (target: TargetName, { addressDigest, stoppedAtMs, pausedUntilMs }: TargetState) => ({
  partitionKey,
  rowKey: stateKey(target),
  addressDigest,
  ...(stoppedAtMs === undefined ? {} : { stoppedAt: isoTime(stoppedAtMs) }),
  ...(pausedUntilMs === undefined ? {} : { pausedUntil: isoTime(pausedUntilMs) }),
});

/** @returns undefined for a row that this version cannot read. */
export function readState(row: object): TargetState | undefined {
  const read = stateSchema.safeParse(row);
  if (!read.success) return undefined;
  const { addressDigest, stoppedAt, pausedUntil } = read.data;
  return {
    addressDigest,
    ...(stoppedAt === undefined ? {} : { stoppedAtMs: stoppedAt }),
    ...(pausedUntil === undefined ? {} : { pausedUntilMs: pausedUntil }),
  };
}
