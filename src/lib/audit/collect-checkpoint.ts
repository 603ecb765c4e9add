import { minuteMs } from '../model/durations.ts';
import { isoTime } from '../runtime/clock.ts';
import type { StoredRecord } from './canonical-row.ts';
import { type ChainHead, type Checkpoint, chainLifeMs, overlapMs, setDigest, settleMs } from './checkpoint.ts';
import { type ChainedRecord, indexRecords } from './verify/record-index.ts';

/** Longest time that one checkpoint is the first to cover. After an outage several follow each other. */
const longestMs = 10 * minuteMs;
/** Shortest. Two timers that fire together write one. */
const shortestMs = minuteMs;

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
}

/**
 * What the next checkpoint says. Reads the records that it is the first to cover, and some around them: those that were
 * written later with an earlier time, and those that fill places between covered ones.
 * @returns undefined if the previous one is so recent that nothing is left to cover.
 */
export async function collectCheckpoint(collecting: Collecting): Promise<Checkpoint | undefined> {
  const { previous, nowMs, read } = collecting;
  const before = previous?.checkpoint;
  const latestMs = nowMs - settleMs;
  const fromMs = before === undefined ? latestMs - longestMs : Date.parse(before.to);
  const toMs = Math.min(latestMs, fromMs + longestMs);
  if (toMs - fromMs < shortestMs) return undefined;
  const index = await indexRecords(read(fromMs - overlapMs, toMs + settleMs));
  const unchained = index.unchained.filter(({ atMs }) => atMs > fromMs && atMs <= toMs).map(({ hash }) => hash);
  const purgedBeforeMs = Math.max(collecting.purgedBeforeMs, Date.parse(before?.purgedBefore ?? isoTime(0)));
  return {
    v: 1,
    number: (before?.number ?? 0) + 1,
    at: isoTime(nowMs),
    from: isoTime(fromMs),
    to: isoTime(toMs),
    previous: previous?.hash ?? null,
    purgedBefore: isoTime(purgedBeforeMs),
    chains: headsOf(index.chains, before, toMs),
    unchained: { records: unchained.length, digest: setDigest(unchained) },
  };
}

type Places = ReadonlyMap<number, readonly ChainedRecord[]>;

function headsOf(chains: ReadonlyMap<string, Places>, before: Checkpoint | undefined, toMs: number): ChainHead[] {
  const known = new Map(before?.chains.map((head) => [head.id, head]));
  const heads = [...new Set([...known.keys(), ...chains.keys()])].map((id) =>
    headOf(id, chains.get(id) ?? new Map(), { last: known.get(id), isFirst: before === undefined, toMs }),
  );
  return heads.filter((head) => head !== undefined && Date.parse(head.at) > toMs - chainLifeMs) as ChainHead[];
}

interface Known {
  readonly last: ChainHead | undefined;
  /** Whether there is no checkpoint that would name the start of older chains. */
  readonly isFirst: boolean;
  readonly toMs: number;
}

/** The head of a chain, or undefined if none of its records is old enough. */
function headOf(id: string, places: Places, { last, isFirst, toMs }: Known): ChainHead | undefined {
  const { holes: _, ...kept } = last ?? {};
  const found = [...places.values()]
    .map((records) => rightOf(records, places))
    .filter((record) => record.link.seq > (last?.seq ?? 0))
    .toSorted((one, other) => one.link.seq - other.link.seq);
  const head = found.findLast(({ atMs }) => atMs <= toMs);
  const [oldest] = found;
  if (head === undefined || oldest === undefined) return last === undefined ? undefined : (kept as ChainHead);
  const first = last?.first ?? (isFirst ? oldest.link.seq : 1);
  const covered = found.filter(({ link }) => link.seq <= head.link.seq);
  const holes = holesOf(covered, last ?? { seq: first - 1, head: '' });
  return {
    id,
    seq: head.link.seq,
    head: head.hash,
    at: isoTime(head.atMs),
    first,
    since: last?.since ?? isoTime(oldest.atMs),
    records: (last?.records ?? 0) + covered.length,
    ...(holes.length === 0 ? {} : { holes }),
  };
}

/** The record of a place. If there are several, the one that the next record names, for only one was written by the app. */
function rightOf(records: readonly ChainedRecord[], places: Places): ChainedRecord {
  const [one] = records;
  if (one === undefined) throw new TypeError('a place without records');
  const next = places.get(one.link.seq + 1) ?? [];
  return records.find(({ hash }) => next.some(({ link }) => link.previous === hash)) ?? one;
}

/** The places without a record between these, which are in order and follow `last`. */
function holesOf(records: readonly ChainedRecord[], last: Pick<ChainHead, 'seq' | 'head'>): [number, number, string][] {
  const holes: [number, number, string][] = [];
  let before = last;
  for (const { link, hash } of records) {
    if (link.seq > before.seq + 1) holes.push([before.seq + 1, link.seq - 1, before.head]);
    before = { seq: link.seq, head: hash };
  }
  return holes;
}
