import { createHash } from 'node:crypto';
import { dayMs, isoTime, minuteMs } from '../../core/clock.ts';
import { inTurns, sortSteps, longWork, itemsAtOnce } from '../../core/turns.ts';
import { timeOfKeys } from '../log/audit-row.ts';
import {
  canonicalText,
  type ChainHead,
  chainLifeMs,
  type Checkpoint,
  hashOf,
  overlapMs,
  readLink,
  settleMs,
  type StoredRecord,
} from './checkpoint.ts';
import { ChainReading, type CoveredPeriod } from './chain-head.ts';

/** Longest time that one checkpoint is the first to cover. After an outage several follow each other. */
export const longestMs = 10 * minuteMs;
/** Shortest. Two timers that fire together write one. */
const shortestMs = minuteMs;
/** Shortest AUDIT_RETENTION_DAYS. No checkpoint says that later records may be missing, whatever the one before says. */
const shortestRetentionMs = dayMs;

/** A checkpoint as it is stored, with its hash. */
export interface PreviousCheckpoint {
  readonly checkpoint: Checkpoint;
  readonly hash: string;
}

export interface Collecting {
  /** Undefined for the first. */
  readonly previous: PreviousCheckpoint | undefined;
  readonly nowMs: number;
  /** Records before this time may be purged from now on. */
  readonly purgedBeforeMs: number;
  /** Reads the records of a time: from inclusive, to exclusive. */
  readonly read: (fromMs: number, toMs: number) => AsyncIterable<StoredRecord>;
  /** Gets each record that is read, for the accounts of the tenants. */
  readonly see?: (record: StoredRecord) => void;
}

/**
 * What the next checkpoint says. Reads the records that it is the first to cover, and some around them: those that were
 * written later with an earlier time, and those that fill places between covered ones.
 * @returns undefined if the previous one is so recent that nothing is left to cover.
 */
export async function collectCheckpoint(collecting: Collecting): Promise<Checkpoint | undefined> {
  const { previous, nowMs } = collecting;
  const before = previous?.checkpoint;
  const latestMs = nowMs - settleMs;
  const fromMs = before === undefined ? latestMs - longestMs : Date.parse(before.to);
  const toMs = Math.min(latestMs, fromMs + longestMs);
  if (toMs - fromMs < shortestMs) return undefined;
  // Nothing names a record without a chain later, so those of an instance whose clock is behind need some time.
  const unchainedFromMs = Date.parse(before?.unchained.to ?? before?.to ?? isoTime(fromMs - overlapMs));
  const unchained = { fromMs: unchainedFromMs, toMs: Math.max(unchainedFromMs, toMs - overlapMs) };
  const found = await readRecords(seen(collecting, [fromMs - overlapMs, toMs + settleMs]), before, {
    fromMs,
    toMs,
    unchained,
  });
  const purgedBeforeMs = Math.max(collecting.purgedBeforeMs, Date.parse(before?.purgedBefore ?? isoTime(0)));
  return {
    v: 1,
    number: (before?.number ?? 0) + 1,
    at: isoTime(nowMs),
    from: isoTime(fromMs),
    to: isoTime(toMs),
    previous: previous?.hash ?? null,
    purgedBefore: isoTime(Math.min(purgedBeforeMs, nowMs - shortestRetentionMs)),
    chains: await headsOf(found.chains, before, toMs),
    unchained: {
      records: found.unchained.length,
      digest: await inTurns(digestSteps(found.unchained)),
      from: isoTime(unchained.fromMs),
      to: isoTime(unchained.toMs),
    },
  };
}

async function* seen(
  { read, see }: Collecting,
  [fromMs, toMs]: readonly [number, number],
): AsyncIterable<StoredRecord> {
  for await (const record of read(fromMs, toMs)) {
    see?.(record);
    yield record;
  }
}

interface Periods extends CoveredPeriod {
  readonly unchained: CoveredPeriod;
}

interface FoundRecords {
  readonly chains: ReadonlyMap<string, ChainReading>;
  /** Hashes of the records without a chain. */
  readonly unchained: readonly string[];
}

async function readRecords(
  records: AsyncIterable<StoredRecord>,
  before: Checkpoint | undefined,
  periods: Periods,
): Promise<FoundRecords> {
  const chains = new Map(before?.chains.map((head) => [head.id, new ChainReading(head.id, head, periods)]));
  const unchained: string[] = [];
  for await (const record of records) {
    if (longWork.isOver()) await longWork.take();
    const atMs = timeOfKeys(record.PartitionKey, record.RowKey);
    // No version writes such keys. Verification names the record.
    if (atMs === undefined) continue;
    const text = record['chain'];
    if (text === undefined) {
      if (atMs > periods.unchained.fromMs && atMs <= periods.unchained.toMs)
        unchained.push(hashOf(canonicalText(record)));
      continue;
    }
    const link = readLink(text);
    if (link === undefined) continue;
    const reading = chains.get(link.id) ?? new ChainReading(link.id, undefined, periods);
    chains.set(link.id, reading);
    const { seq, previous } = link;
    reading.add({ seq, previous, hash: hashOf(canonicalText(record)), atMs }, record['chainLost']);
  }
  return { chains, unchained };
}

async function headsOf(
  chains: ReadonlyMap<string, ChainReading>,
  before: Checkpoint | undefined,
  toMs: number,
): Promise<ChainHead[]> {
  const heads: ChainHead[] = [];
  for (const reading of chains.values()) {
    if (longWork.isOver()) await longWork.take();
    const head = reading.head(before === undefined);
    if (head !== undefined && Date.parse(head.at) > toMs - chainLifeMs) heads.push(head);
  }
  return heads;
}

/** The digest of a set of hashes, the same as `setDigest`, in steps. */
function* digestSteps(hashes: readonly string[]): Generator<void, string> {
  const digest = createHash('sha256');
  let separator = '';
  const sorted = yield* sortSteps(hashes, byText);
  for (let at = 0; at < sorted.length; at += itemsAtOnce) {
    digest.update(separator + sorted.slice(at, at + itemsAtOnce).join('\n'));
    separator = '\n';
    yield;
  }
  return digest.digest('base64url');
}

const byText = (one: string, other: string): number => (one < other ? -1 : one > other ? 1 : 0);
