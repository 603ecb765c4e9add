import { overlapMs } from '../../lib/audit/chain/checkpoint.ts';
import { countBefore, type RecordTable, recordState } from './record-table.ts';
import type { Limits } from './period.ts';
import { type SequenceRange, Ranges, type SignedChain } from './signed-chains.ts';

/**
 * Why there is no record at some sequences of a chain. `unknown`: they lie at or beyond a limit of the period. `undated`: the
 * record was there, and nothing says when it was written. `perhapsPurged`: retention may have purged it since the last
 * checkpoint.
 */
export interface Gap {
  readonly why: 'removed' | 'truncated' | 'crash' | 'lost' | 'purged' | 'perhapsPurged' | 'undated' | 'unknown';
  readonly first: number;
  readonly last: number;
  /** When the records were written, as far as it is known. Milliseconds; infinite if it is not. */
  readonly afterMs: number;
  readonly beforeMs: number;
}

/** The records of a chain, as they were found. */
export interface FoundChain {
  readonly table: RecordTable;
  /** All its records, by sequence. */
  readonly rows: Uint32Array;
  /** Those that belong to it, by sequence. */
  readonly kept: Uint32Array;
}

/** Explains all sequences without a record, between the first and the last that are known to have been used. */
export function judgeGaps(found: FoundChain, signed: SignedChain, limits: Limits): readonly Gap[] {
  const { table, rows } = found;
  const claims = [new Claims(found, isVouched), new Claims(found, () => true)];
  const [, anybody] = claims;
  const lastUsed = rows.length === 0 ? 0 : table.seq(rows.at(-1) ?? 0);
  const end = Math.max(signed.lastSeq, lastUsed, anybody?.settled ?? 0);
  const cuts = cutsOf(
    [signed.absent, signed.described, ...claims.map(({ lost }) => lost)],
    [...signed.steps.map(({ seq }) => seq), ...claims.map(({ settled }) => settled)],
  );
  const times = new SequenceTimes(found, signed, limits);
  const isTail = (first: number): boolean => first > lastUsed && first > 1 && lastUsed > 0;
  return missingRanges(found, end, cuts).map(([first, last]): Gap => {
    const [afterMs, beforeMs] = times.of(first, last);
    const wasDurable =
      (signed.described.covers(first) && !signed.absent.covers(first)) || claims.some((claim) => claim.names(first));
    const otherwise = anybody?.lost.covers(first) === true ? 'lost' : 'crash';
    const why = timeWhy(afterMs, beforeMs, limits) ?? (wasDurable ? durableWhy(afterMs, limits) : otherwise);
    return { first, last, afterMs, beforeMs, why: why === 'removed' && isTail(first) ? 'truncated' : why };
  });
}

const isVouched = ({ table }: FoundChain, row: number): boolean => table.state(row) === recordState.vouched;

/** What the time alone explains. */
function timeWhy(afterMs: number, beforeMs: number, { requested, purge }: Limits): Gap['why'] | undefined {
  if (beforeMs <= purge.beforeMs) return 'purged';
  return beforeMs <= requested.fromMs || afterMs >= requested.toMs || beforeMs > requested.toMs ? 'unknown' : undefined;
}

/** Why a record that was there once is gone. */
function durableWhy(afterMs: number, { requested, purge }: Limits): Gap['why'] {
  if (afterMs === Number.NEGATIVE_INFINITY) return 'undated';
  if (afterMs < purge.beforeMs) return 'purged';
  if (afterMs < requested.fromMs) return 'unknown';
  return afterMs < purge.perhapsBeforeMs ? 'perhapsPurged' : 'removed';
}

/**
 * What records of a chain say about the sequences before them. What a record without a signature says can accuse, but does not
 * excuse what signed ones say.
 */
class Claims {
  /** Up to here all writes had ended. */
  readonly settled: number;
  readonly lost: Ranges;

  constructor(found: FoundChain, isHeard: (found: FoundChain, row: number) => boolean) {
    const { table, kept } = found;
    let settled = 0;
    const lost: SequenceRange[] = [];
    for (const row of kept) {
      if (!isHeard(found, row)) continue;
      settled = Math.max(settled, table.settled(row));
      for (const { first, last } of table.lost.get(row) ?? []) if (last < table.seq(row)) lost.push([first, last]);
    }
    this.settled = settled;
    this.lost = new Ranges(lost);
  }

  /** Whether they say that the record of a sequence was durable. */
  names(seq: number): boolean {
    return seq <= this.settled && !this.lost.covers(seq);
  }
}

/** The sequences after which another explanation may hold. */
function cutsOf(ranges: readonly Ranges[], ends: readonly number[]): readonly number[] {
  const edges = ranges.flatMap(({ list }) => list.flatMap(([first, last]) => [first - 1, last]));
  return [...new Set([...ends, ...edges])].toSorted((one, other) => one - other);
}

/** The sequences from 1 to `end` without a record, cut into ranges. */
function missingRanges({ table, rows }: FoundChain, end: number, cuts: readonly number[]): [number, number][] {
  const ranges: [number, number][] = [];
  let next = 1;
  let cut = 0;
  const close = (seq: number): void => {
    while (next < seq) {
      while ((cuts[cut] ?? Number.POSITIVE_INFINITY) < next) cut += 1;
      const last = Math.min(seq - 1, cuts[cut] ?? Number.POSITIVE_INFINITY);
      ranges.push([next, last]);
      next = last + 1;
    }
    next = Math.max(next, seq + 1);
  };
  for (const row of rows) close(table.seq(row));
  close(end + 1);
  return ranges;
}

/** When the records at sequences without one were written. */
class SequenceTimes {
  readonly #found: FoundChain;
  readonly #signed: SignedChain;
  readonly #signedUntilMs: number;

  constructor(found: FoundChain, signed: SignedChain, { signedUntilMs }: Limits) {
    this.#found = found;
    this.#signed = signed;
    this.#signedUntilMs = signedUntilMs;
  }

  of(first: number, last: number): readonly [number, number] {
    const { steps, first: firstRead, sinceMs } = this.#signed;
    const stepOf = (seq: number) => steps[countBefore(steps.length, (index) => (steps[index]?.seq ?? 0) < seq)];
    const signedAfterMs = Math.max(stepOf(first)?.afterMs ?? this.#signedUntilMs, firstRead <= first ? sinceMs : never);
    const signedBeforeMs = stepOf(last)?.beforeMs ?? always;
    // The order of a chain is that of its writes, which differs from that of its times by seconds.
    const [below, above] = this.#neighbours(first);
    const afterMs = (below ?? never) - overlapMs;
    const beforeMs = (above ?? always) + overlapMs;
    const narrowed = [Math.max(signedAfterMs, afterMs), Math.min(signedBeforeMs, beforeMs)] as const;
    // The time of a record that somebody has added does not count against what is signed.
    return narrowed[0] < narrowed[1] ? narrowed : [signedAfterMs, signedBeforeMs];
  }

  /**
   * Times of the nearest records, below and above a sequence without one. Among signed sequences only records count for which a
   * signature vouches.
   */
  #neighbours(seq: number): readonly [number | undefined, number | undefined] {
    const { table, kept } = this.#found;
    const next = countBefore(kept.length, (index) => table.seq(kept[index] ?? 0) < seq);
    const isHeard = (row: number): boolean =>
      !table.misfits.has(row) && (seq > this.#signed.lastSeq || isVouched(this.#found, row));
    const atMs = (row: number | undefined): number | undefined =>
      row !== undefined && isHeard(row) ? table.atMs(row) : undefined;
    return [atMs(kept[next - 1]), atMs(kept[next])];
  }
}

const { NEGATIVE_INFINITY: never, POSITIVE_INFINITY: always } = Number;
