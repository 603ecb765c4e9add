/** What a checkpoint needs to know of a record with a place in a chain. */
export interface PlacedRecord {
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
export interface Run {
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
export class ChainRuns {
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
export const rightOf = (hashes: readonly string[], named: readonly string[] = []): string => {
  const wanted = new Set(named);
  const right = hashes.find((hash) => wanted.has(hash)) ?? hashes[0];
  if (right === undefined) throw new TypeError('a place without records');
  return right;
};
