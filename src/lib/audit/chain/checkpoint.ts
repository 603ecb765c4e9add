import { hash } from 'node:crypto';
import * as z from 'zod';
import { minuteMs } from '../../core/clock.ts';
import { parseGuid } from '../../core/identifiers.ts';

/*
 * The form in which a stored record is hashed (docs/audit.md): the JSON of RFC 8785 over both keys and all columns. A
 * record is flat, and JSON.stringify writes its strings, numbers and booleans as RFC 8785 demands, so only the order of the
 * names is left: by UTF-16 code units, which is the order of `sort`.
 */

/** A stored record with the names of storage: `PartitionKey`, `RowKey` and its columns. */
export type StoredRecord = Readonly<Record<string, unknown>> & {
  readonly PartitionKey: string;
  readonly RowKey: string;
};

/** The canonical JSON of a record. Columns that are undefined do not exist in storage, so they are left out. */
export const canonicalText = (record: Readonly<Record<string, unknown>>): string =>
  JSON.stringify(record, Object.keys(record).toSorted());

/** SHA-256 in base64url, 43 characters. @param text canonical. */
export const hashOf = (text: string): string => hash('sha256', text, 'base64url');

/** What storage adds to each record. It changes without the record. */
const ofStorage = /^(?:etag|timestamp|odata\..*)$/i;

/** The record of an entity as the SDK returns it. */
export function storedRecord(entity: Readonly<Record<string, unknown>>): StoredRecord {
  const record: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(entity))
    if (name !== 'partitionKey' && name !== 'rowKey' && !ofStorage.test(name)) record[name] = columnOf(value);
  return { ...record, PartitionKey: String(entity['partitionKey']), RowKey: String(entity['rowKey']) };
}

/**
 * The broker writes text, numbers and booleans. Whatever else somebody puts into a column becomes text that names its type,
 * so that it can be hashed and exported, and equals no value of the broker.
 */
function columnOf(value: unknown): unknown {
  if (typeof value === 'string' || typeof value === 'boolean' || value === null || value === undefined) return value;
  if (typeof value === 'number') return Number.isFinite(value) ? value : `Edm.Double:${value}`;
  if (typeof value === 'bigint') return `Edm.Int64:${value}`;
  if (value instanceof Uint8Array) return `Edm.Binary:${Buffer.from(value).toString('base64')}`;
  // Also an invalid date, which has no ISO form.
  if (value instanceof Date) return `Edm.DateTime:${value.getTime()}`;
  return `other:${JSON.stringify(value)}`;
}

/*
 * What a record says about its place in the chain of its instance, in two columns (docs/audit.md). Each process that writes
 * records has a chain of its own.
 */

/** The column `chain`. */
export interface ChainLink {
  /** Id of the chain: a random UUID. */
  readonly id: string;
  /** Place of the record in it, from 1, without gaps. */
  readonly seq: number;
  /** All places up to this one are settled: the record is durable, or its write has failed and {@link LostRange} says so. */
  readonly settled: number;
  /** Hash of the record before. Empty for the first. */
  readonly previous: string;
}

/** Places whose write failed. Nobody got what those records were for, and each of them may exist or not. */
export interface LostRange {
  readonly first: number;
  readonly last: number;
  /** Hash of the record before the first. Empty if that is the start of the chain. */
  readonly before: string;
}

export const writeLink = ({ id, seq, settled, previous }: ChainLink): string => `${id}.${seq}.${settled}.${previous}`;

/** Whether the id of a chain is as `randomUUID` writes it. A checkpoint accepts no other. */
const isChainId = (id: string): boolean => parseGuid(id) === id;

const linkPattern = /^([0-9a-f-]{36})\.([1-9]\d{0,14})\.(\d{1,15})\.([\w-]{43}|)$/;

/** The link in the column `chain`; undefined for text that no version has written. */
export function readLink(text: unknown): ChainLink | undefined {
  const [, id, seq, settled, previous] = (typeof text === 'string' ? linkPattern.exec(text) : null) ?? [];
  if (id === undefined || previous === undefined || !isChainId(id)) return undefined;
  return { id, seq: Number(seq), settled: Number(settled), previous };
}

export const writeLost = (ranges: readonly LostRange[]): string =>
  ranges.map(({ first, last, before }) => `${first}-${last}.${before}`).join(' ');

const lostPattern = /^([1-9]\d{0,14})-([1-9]\d{0,14})\.([\w-]{43}|)$/;

/** The ranges in the column `chainLost`. Ignores what no version has written: it excuses nothing. */
export function readLost(text: unknown): readonly LostRange[] {
  if (typeof text !== 'string') return [];
  return text.split(' ').flatMap((part) => {
    const [, first, last, before] = lostPattern.exec(part) ?? [];
    return before === undefined ? [] : [{ first: Number(first), last: Number(last), before }];
  });
}

/*
 * A checkpoint is a signed statement about all chains (docs/audit-evidence.md). It is a JWS in compact form (RFC 7515), so
 * that any JWS library verifies it, and it contains the hash of the one before.
 */

/** A checkpoint covers records up to this long before it is written. By then every write has ended. */
export const settleMs = minuteMs;
/** How far a checkpoint looks back behind the one before, for records of instances whose clock is behind. */
export const overlapMs = 2 * minuteMs;
/** A chain without new records is named by checkpoints for this long. It starts anew after a pause of one hour. */
export const chainLifeMs = 120 * minuteMs;
/**
 * A process has at most four writes of 100 records under way, so no more places than this lack a record without a later one
 * that says their write failed.
 */
export const longestJump = 400;

const digest = z.string().regex(/^[\w-]{43}$/);
const digestOrNone = z.string().regex(/^(?:[\w-]{43})?$/);
const place = z.number().int().min(1);

const chainHeadSchema = z.object({
  /** Id of the chain. */
  id: z.string().refine(isChainId),
  /** Place and hash of its last record. */
  seq: place,
  head: digest,
  /** Time of that record. */
  at: z.iso.datetime(),
  /** Place and time of its first record that a checkpoint has read. */
  first: place,
  since: z.iso.datetime(),
  /** Records from `first` to `seq`, without holes. */
  records: z.number().int().min(0),
  /**
   * Places since the checkpoint before that have no record: first, last, and the hash of the record before the first (empty
   * at the start of the chain). The writes failed, or the instance ended during them.
   */
  holes: z.array(z.tuple([place, place, digestOrNone])).optional(),
  /**
   * Places before the head of the checkpoint before at which there are records of this period: first, last, and the hash of
   * the last record. Near that head this is usual, because writes run side by side. At a place that an earlier checkpoint
   * called a hole, it says that there is a record after all.
   */
  late: z.array(z.tuple([place, place, digest])).optional(),
});
export type ChainHead = z.output<typeof chainHeadSchema>;

export const checkpointSchema = z.object({
  v: z.literal(1),
  /** Tenant id of the partner. Versions before 2026-12 do not say it. */
  broker: z.string().optional(),
  /** From 1, without gaps. */
  number: place,
  /** When it was written. */
  at: z.iso.datetime(),
  /** The records that it is the first to cover: after `from`, up to `to`, by their time. */
  from: z.iso.datetime(),
  to: z.iso.datetime(),
  /** SHA-256 of the checkpoint before, as it is stored, in base64url. Null for the first. */
  previous: digest.nullable(),
  /** Records before this time may have been purged: AUDIT_RETENTION_DAYS at the time, never earlier than before. */
  purgedBefore: z.iso.datetime(),
  chains: z.array(chainHeadSchema),
  /**
   * The records without a chain after `from`, up to `to`, and {@link setDigest} of their hashes. Both times are those of the
   * checkpoint if they are absent. They are {@link overlapMs} behind it, because nothing else names such a record later.
   */
  unchained: z.object({
    records: z.number().int().min(0),
    digest,
    from: z.iso.datetime().optional(),
    to: z.iso.datetime().optional(),
  }),
  /** What it says about the accounts of the tenants: a JWS of its own (proof/layout.ts). Absent without a key for them. */
  tenants: z.string().optional(),
});
export type Checkpoint = z.output<typeof checkpointSchema>;

/** The media type in the header of a checkpoint, so that no other JWS of the same key passes for one. */
export const checkpointType = 'ptb-audit-checkpoint+jws';

/** The digest of a set of record hashes, in any order. */
export const setDigest = (hashes: readonly string[]): string =>
  hash('sha256', hashes.toSorted().join('\n'), 'base64url');
