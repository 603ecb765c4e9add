import { isoTime } from '../../core/clock.ts';
import { type ChainHead, longestJump, type LostRange, readLost } from './checkpoint.ts';

/** What a checkpoint needs to know of a record with a place in a chain. */
interface PlacedRecord {
  readonly seq: number;
  readonly hash: string;
  /** Hash of the record before. */
  readonly previous: string;
  readonly atMs: number;
}

/** The last record of a run that is old enough to be covered. */
interface Top {
  readonly seq: number;
  /** Several if there are several records at the place, of which the app wrote one. */
  readonly hashes: string[];
  readonly atMs: number;
  /** What the records at the next place say about it. */
  readonly next: string[];
}

/** Records at consecutive places. Only those at its ends are kept. */
interface Run {
  first: number;
  last: number;
  /** Time of the record at its first place. */
  firstMs: number;
  /** What the records at its first place say about the one before. */
  firstPrevious: string[];
  lastHashes: string[];
  /** Undefined while none is old enough. */
  top: Top | undefined;
}

/**
 * The records of one chain, in any order, as runs. Its size grows with the places without a record, not with the records:
 * thus a checkpoint over a million of them takes little memory, and no step of its work is long.
 */
class ChainRuns {
  readonly #byFirst = new Map<number, Run>();
  readonly #byLast = new Map<number, Run>();

  /** @param isDue whether the record is old enough to be covered. */
  add(record: PlacedRecord, isDue: boolean): void {
    const { seq, hash, previous, atMs } = record;
    if (this.#isDouble(record, isDue)) return;
    const above = this.#byFirst.get(seq + 1);
    const below = this.#byLast.get(seq - 1);
    const top = isDue ? { seq, hashes: [hash], atMs, next: [...(above?.firstPrevious ?? [])] } : undefined;
    let run: Run = { first: seq, last: seq, firstMs: atMs, firstPrevious: [previous], lastHashes: [hash], top };
    if (above !== undefined) run = this.#joined(run, above);
    if (below !== undefined) run = this.#joined(below, run);
    this.#byFirst.set(run.first, run);
    this.#byLast.set(run.last, run);
  }

  /** In their order. They neither overlap nor touch. */
  sorted(): readonly Run[] {
    const runs: Run[] = [];
    for (const run of [...this.#byFirst.values()].toSorted((one, other) => one.first - other.first)) {
      const before = runs.at(-1);
      if (before === undefined || run.first > before.last) runs.push(run);
      // Further records at places in the middle of a run are known to none of its ends.
      else if (run.last > before.last) runs[runs.length - 1] = overlapped(before, run);
    }
    return runs;
  }

  /** Takes a further record at a place that is the end of a run. */
  #isDouble({ seq, hash, previous, atMs }: PlacedRecord, isDue: boolean): boolean {
    const ending = this.#byLast.get(seq);
    const beginning = this.#byFirst.get(seq);
    const run = ending ?? beginning;
    if (run === undefined) return false;
    ending?.lastHashes.push(hash);
    beginning?.firstPrevious.push(previous);
    const known = run.top;
    if (isDue && known?.seq === seq) known.hashes.push(hash);
    else if (isDue && (known === undefined || known.seq < seq)) run.top = { seq, hashes: [hash], atMs, next: [] };
    else if (known?.seq === seq - 1) known.next.push(previous);
    return true;
  }

  #joined(low: Run, high: Run): Run {
    this.#byLast.delete(low.last);
    this.#byFirst.delete(high.first);
    if (low.top?.seq === low.last) low.top.next.push(...high.firstPrevious);
    low.last = high.last;
    low.lastHashes = high.lastHashes;
    low.top = high.top ?? low.top;
    return low;
  }
}

function overlapped(low: Run, high: Run): Run {
  const top = (high.top?.seq ?? 0) > (low.top?.seq ?? 0) ? high.top : low.top;
  return { ...low, last: high.last, lastHashes: high.lastHashes, top };
}

/** The one of several hashes that a later record names, otherwise the first. */
const rightOf = (hashes: readonly string[], named: readonly string[] = []): string => {
  const wanted = new Set(named);
  const right = hashes.find((hash) => wanted.has(hash)) ?? hashes[0];
  if (right === undefined) throw new TypeError('a place without records');
  return right;
};

/** The period that a checkpoint is the first to cover: after, up to. Milliseconds. */
export interface CoveredPeriod {
  readonly fromMs: number;
  readonly toMs: number;
}

/** What one checkpoint reads of one chain. */
export class ChainReading {
  readonly #id: string;
  readonly #last: ChainHead | undefined;
  readonly #period: CoveredPeriod;
  /** Records after the last head. */
  readonly #ahead = new ChainRuns();
  /** Records of the period before the last head. */
  readonly #late = new ChainRuns();
  readonly #lost = new Set<string>();

  /** @param last its head in the checkpoint before. */
  constructor(id: string, last: ChainHead | undefined, period: CoveredPeriod) {
    this.#id = id;
    this.#last = last;
    this.#period = period;
  }

  /** @param lost the column `chainLost`. */
  add(record: PlacedRecord, lost: unknown): void {
    const { fromMs, toMs } = this.#period;
    const isDue = record.atMs <= toMs;
    if (record.seq > (this.#last?.seq ?? 0)) this.#ahead.add(record, isDue);
    else if (isDue && record.atMs > fromMs) this.#late.add(record, true);
    if (typeof lost === 'string') this.#lost.add(lost);
  }

  /**
   * Its head now; undefined if none of its records is old enough.
   * @param isFirst whether there is no checkpoint that would name the start of older chains.
   */
  head(isFirst: boolean): ChainHead | undefined {
    const last = this.#last;
    const lost = new LostPlaces([...this.#lost].flatMap((text) => readLost(text)));
    const runs = this.#ahead.sorted();
    const start = last ?? startOf(runs, isFirst, lost);
    const taken = plausible(runs, start.seq, lost);
    const top = taken.findLast((run) => run.top !== undefined)?.top;
    const late = this.#late
      .sorted()
      .map((run): [number, number, string] => [run.first, run.last, rightOf(run.lastHashes)]);
    const ofLate = late.length === 0 ? {} : { late };
    if (top === undefined) return last === undefined ? undefined : { ...unmoved(last), ...ofLate };
    const covered = taken.filter(({ first }) => first <= top.seq);
    const holes = holesOf(covered, start);
    const [oldest] = covered;
    return {
      id: this.#id,
      seq: top.seq,
      head: rightOf(top.hashes, top.next),
      at: isoTime(top.atMs),
      first: last?.first ?? start.seq + 1,
      since: last?.since ?? isoTime(oldest?.firstMs ?? top.atMs),
      records: covered.reduce((sum, run) => sum + Math.min(run.last, top.seq) - run.first + 1, last?.records ?? 0),
      ...(holes.length === 0 ? {} : { holes }),
      ...ofLate,
    };
  }
}

/** The head of a chain that did not go on. */
const unmoved = ({ id, seq, head, at, first, since, records }: ChainHead): ChainHead => ({
  id,
  seq,
  head,
  at,
  first,
  since,
  records,
});

type Start = Pick<ChainHead, 'seq' | 'head'>;

/**
 * Where a chain begins that no checkpoint has named lately. If too much is before its first record, that is not a failed
 * write: the start was before all checkpoints, or somebody added the record. Then nothing is said about it.
 */
function startOf(runs: readonly Run[], isFirst: boolean, lost: LostPlaces): Start {
  const first = runs[0]?.first ?? 1;
  const isStart = !isFirst && first - 1 - lost.within(1, first - 1) <= longestJump;
  return { seq: isStart ? 0 : first - 1, head: '' };
}

/**
 * The runs that continue the chain. A record that is further ahead than a process can be takes no part if others continue the
 * chain: it would hide them. If there are no others, those between were deleted, and the chain goes on there.
 */
function plausible(runs: readonly Run[], after: number, lost: LostPlaces): readonly Run[] {
  const taken: Run[] = [];
  let next = after + 1;
  for (const run of runs) {
    const missing = run.first - next;
    if (missing - lost.within(next, run.first - 1) > longestJump && taken.length > 0) break;
    taken.push(run);
    next = run.last + 1;
  }
  return taken;
}

/** The places without a record between these runs, and between `start` and the first. */
function holesOf(runs: readonly Run[], start: Start): [number, number, string][] {
  const holes: [number, number, string][] = [];
  let before = start;
  for (const { first, last, lastHashes, top } of runs) {
    if (first > before.seq + 1) holes.push([before.seq + 1, first - 1, before.head]);
    before = { seq: last, head: rightOf(lastHashes, top?.seq === last ? top.next : []) };
  }
  return holes;
}

/** Places whose write failed, as later records say. */
class LostPlaces {
  /** In their order, without overlap. */
  readonly #ranges: { readonly first: number; last: number }[] = [];

  constructor(ranges: readonly LostRange[]) {
    for (const { first, last } of ranges.toSorted((one, other) => one.first - other.first)) {
      const before = this.#ranges.at(-1);
      if (before !== undefined && first <= before.last + 1) before.last = Math.max(before.last, last);
      else this.#ranges.push({ first, last });
    }
  }

  /** How many of the places from `from` to `to` they are. */
  within(from: number, to: number): number {
    let sum = 0;
    for (let index = this.#indexOf(from); ; index += 1) {
      const range = this.#ranges[index];
      if (range === undefined || range.first > to) return sum;
      sum += Math.max(0, Math.min(range.last, to) - Math.max(range.first, from) + 1);
    }
  }

  /** Index of the first range that ends at `place` or later, by bisection. */
  #indexOf(place: number): number {
    let [low, high] = [0, this.#ranges.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#ranges[middle]?.last ?? 0) < place) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
