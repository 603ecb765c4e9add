import { overlapMs } from '../checkpoint.ts';
import type { ChainedRecord } from './record-index.ts';
import type { SignedHead } from './signed-chains.ts';
import type { WalkedChain } from './walk-chain.ts';

/** Why there is no record at some places of a chain. */
export interface Gap {
  readonly why: 'removed' | 'truncated' | 'crash' | 'lost' | 'purged' | 'unknown';
  readonly first: number;
  readonly last: number;
  /** When the records were written, as far as it is known. Milliseconds; infinite if it is not. */
  readonly afterMs: number;
  readonly beforeMs: number;
}

export interface GapLimits {
  /** The period of the export. Records outside it are not in it. */
  readonly fromMs: number;
  readonly toMs: number;
  /** Older records may have been purged. */
  readonly purgedBeforeMs: number;
}

/** Explains all places without a record, between the first and the last that are known to have been used. */
export function judgeGaps(
  walked: WalkedChain,
  occupied: ReadonlySet<number>,
  heads: readonly SignedHead[],
  limits: GapLimits,
): readonly Gap[] {
  const kept = [...walked.kept.values()].toSorted((one, other) => one.link.seq - other.link.seq);
  const lost = kept.flatMap((record) => record.lost);
  const claimed = kept.reduce((most, { link }) => Math.max(most, link.settled), 0);
  const lastSigned = heads.at(-1)?.seq ?? 0;
  const lastUsed = [...occupied].reduce((most, seq) => Math.max(most, seq), 0);
  const end = Math.max(lastSigned, lastUsed, claimed);
  const holes = heads.flatMap(({ holes: found = [] }) => found.map(([first, last]) => ({ first, last })));
  const cuts = cutsOf(
    [...lost, ...holes],
    [...heads.map(({ seq }) => seq), claimed, lastSigned, (heads[0]?.describedFrom ?? 1) - 1],
  );
  const times = new PlaceTimes(kept, heads);
  const covers = (ranges: readonly { first: number; last: number }[], seq: number): boolean =>
    ranges.some(({ first, last }) => first <= seq && seq <= last);
  const describedFrom = heads[0]?.describedFrom ?? Number.POSITIVE_INFINITY;
  /** Whether the record was there once: a checkpoint or a later record says so. */
  const wasDurable = (seq: number): boolean => {
    const isDescribed = seq >= describedFrom && seq <= lastSigned;
    if (isDescribed && !covers(holes, seq)) return true;
    return seq <= claimed && !covers(lost, seq);
  };
  return missingRanges(occupied, end, cuts).map(([first, last]) => {
    const [afterMs, beforeMs] = times.of(first, last);
    const gap = { first, last, afterMs, beforeMs };
    if (!wasDurable(first)) return { ...gap, why: covers(lost, first) ? 'lost' : 'crash' };
    if (afterMs < limits.purgedBeforeMs) return { ...gap, why: 'purged' };
    if (afterMs < limits.fromMs || beforeMs >= limits.toMs) return { ...gap, why: 'unknown' };
    return { ...gap, why: first > lastUsed && first > 1 && lastUsed > 0 ? 'truncated' : 'removed' };
  });
}

/** The places after which another explanation may hold. */
function cutsOf(ranges: readonly { first: number; last: number }[], ends: readonly number[]): readonly number[] {
  const cuts = new Set([...ends, ...ranges.flatMap(({ first, last }) => [first - 1, last])]);
  return [...cuts].toSorted((one, other) => one - other);
}

/** The places from 1 to `end` without a record, cut into ranges. */
function missingRanges(occupied: ReadonlySet<number>, end: number, cuts: readonly number[]): [number, number][] {
  const ranges: [number, number][] = [];
  const used = [...occupied].toSorted((one, other) => one - other);
  let next = 1;
  let cut = 0;
  for (const seq of [...used, end + 1]) {
    while (next < seq) {
      while ((cuts[cut] ?? Number.POSITIVE_INFINITY) < next) cut += 1;
      const last = Math.min(seq - 1, cuts[cut] ?? Number.POSITIVE_INFINITY);
      ranges.push([next, last]);
      next = last + 1;
    }
    next = Math.max(next, seq + 1);
  }
  return ranges;
}

/** When the records at places without one were written. */
class PlaceTimes {
  readonly #kept: readonly ChainedRecord[];
  readonly #heads: readonly SignedHead[];

  constructor(kept: readonly ChainedRecord[], heads: readonly SignedHead[]) {
    this.#kept = kept;
    this.#heads = heads;
  }

  of(first: number, last: number): readonly [number, number] {
    const { NEGATIVE_INFINITY: never, POSITIVE_INFINITY: always } = Number;
    const next = countBefore(this.#kept, first);
    const [below, above] = [this.#kept[next - 1], this.#kept[next]];
    const named = this.#heads[0];
    const since = named !== undefined && named.first <= first ? Date.parse(named.since) - overlapMs : never;
    const cover = this.#heads.find(({ seq }) => seq >= first);
    const end = this.#heads.find(({ seq }) => seq >= last);
    // The order of a chain is that of its writes, which differs from that of its times by seconds.
    return [
      Math.max(below === undefined ? never : below.atMs - overlapMs, cover?.afterMs ?? never, since),
      Math.min(above === undefined ? always : above.atMs + overlapMs, end?.beforeMs ?? always),
    ];
  }
}

/** How many records have an earlier place, by bisection. */
function countBefore(kept: readonly ChainedRecord[], seq: number): number {
  let [low, high] = [0, kept.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((kept[middle]?.link.seq ?? 0) < seq) low = middle + 1;
    else high = middle;
  }
  return low;
}
