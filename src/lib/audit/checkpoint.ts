import { hash } from 'node:crypto';
import * as z from 'zod';
import { minuteMs } from '../core/clock.ts';
import { chainIdPattern } from './chain/checkpoint.ts';

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
  id: z.string().regex(chainIdPattern),
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
});
export type Checkpoint = z.output<typeof checkpointSchema>;

/** The media type in the header of a checkpoint, so that no other JWS of the same key passes for one. */
export const checkpointType = 'ptb-audit-checkpoint+jws';

/** The digest of a set of record hashes, in any order. */
export const setDigest = (hashes: readonly string[]): string =>
  hash('sha256', hashes.toSorted().join('\n'), 'base64url');
