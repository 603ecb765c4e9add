import { hash } from 'node:crypto';
import {
  canonicalText,
  hashOf,
  type LostRange,
  overlapMs,
  readLink,
  readLost,
  type StoredRecord,
} from '../../lib/audit/chain/checkpoint.ts';
import { endOfTimeMs, lastHour } from '../../lib/audit/log/audit-row.ts';
import { hourMs } from '../../lib/core/clock.ts';

/*
 * Growing columns outside the heap of JavaScript objects: an audit log has millions of records, and an object for each
 * would need ten times as much memory.
 */

const rowsPerChunk = 2 ** 15;

/** Numbers by row. */
class NumberColumn {
  readonly #create: (length: number) => Record<number, number>;
  readonly #chunks: Record<number, number>[] = [];

  constructor(create: (length: number) => Record<number, number>) {
    this.#create = create;
  }

  /** Zero for a row that was not set. */
  get(row: number): number {
    return this.#chunks[Math.floor(row / rowsPerChunk)]?.[row % rowsPerChunk] ?? 0;
  }

  set(row: number, value: number): void {
    const index = Math.floor(row / rowsPerChunk);
    for (let next = this.#chunks.length; next <= index; next += 1) this.#chunks.push(this.#create(rowsPerChunk));
    const chunk = this.#chunks[index];
    if (chunk !== undefined) chunk[row % rowsPerChunk] = value;
  }
}

const hashBytes = 32;

/** SHA-256 hashes by row. */
class HashColumn {
  readonly #chunks: Buffer[] = [];

  set(row: number, value: Buffer): void {
    const index = Math.floor(row / rowsPerChunk);
    for (let next = this.#chunks.length; next <= index; next += 1)
      this.#chunks.push(Buffer.alloc(rowsPerChunk * hashBytes));
    const chunk = this.#chunks[index];
    if (chunk !== undefined) value.copy(chunk, (row % rowsPerChunk) * hashBytes, 0, hashBytes);
  }

  /** A view, not a copy. All zero for a row that was not set. */
  get(row: number): Buffer {
    const start = (row % rowsPerChunk) * hashBytes;
    return this.#chunks[Math.floor(row / rowsPerChunk)]?.subarray(start, start + hashBytes) ?? Buffer.alloc(hashBytes);
  }
}

/** Numbers of rows, in the order in which they were added. */
class RowList {
  #rows = new Uint32Array(16);
  #count = 0;

  add(row: number): void {
    if (this.#count === this.#rows.length) {
      const larger = new Uint32Array(this.#count * 2);
      larger.set(this.#rows);
      this.#rows = larger;
    }
    this.#rows[this.#count] = row;
    this.#count += 1;
  }

  /** A view of the rows so far. Rows that are added later are not in it. */
  get rows(): Uint32Array {
    return this.#rows.subarray(0, this.#count);
  }
}

/** How many of `count` ordered items are before a limit, by bisection. */
export function countBefore(count: number, isBefore: (index: number) => boolean): number {
  let [low, high] = [0, count];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (isBefore(middle)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** More changed records than this are not compared with each other. */
export const maxCompared = 100;

/** Parts of a record that can be exchanged with another one: its keys, its time, its sequence. What is left is its content. */
const exchangeable = [['PartitionKey', 'RowKey'], ['at'], ['chain', 'chainLost']] as const;

/**
 * Whether a record with the hash `expected` results from these two, if they exchange some of their parts. Then nobody
 * wrote anything new: records were put into each other's places.
 */
export function isExchanged(record: StoredRecord, other: StoredRecord, expected: string): boolean {
  for (let choice = 1; choice < 2 ** exchangeable.length; choice += 1) {
    const taken = new Set(exchangeable.flatMap((names, index) => ((choice >> index) & 1 ? names : [])));
    if (mix(record, other, taken) === expected || mix(other, record, taken) === expected) return true;
  }
  return hashOf(canonicalText(other)) === expected;
}

/** The hash of `record` with the columns `taken` from `other`. */
function mix(record: StoredRecord, other: StoredRecord, taken: ReadonlySet<string>): string {
  const columns = Object.entries(record).filter(([name]) => !taken.has(name));
  const others = Object.entries(other).filter(([name]) => taken.has(name));
  return hashOf(canonicalText(Object.fromEntries([...columns, ...others])));
}

/** What is known about a record after its chain was walked. */
export const recordState = {
  unknown: 0,
  /** A signature vouches for its content and sequence. */
  vouched: 1,
  /** It agrees with the record after it, for which no signature vouches. */
  agreeing: 2,
  /** It is after the last record of its chain that is signed. */
  uncovered: 3,
  changed: 4,
  /** It is there in addition to the right one, or where there was none. */
  extra: 5,
} as const;

const largest = 2 ** 32 - 1;

/** What verification keeps of the records: about 90 bytes of each. A row is the number of the record in the export, from 0. */
export class RecordTable {
  count = 0;
  /** Rows of each chain. */
  readonly chains = new Map<string, RowList>();
  /** Records without the column `chain`. */
  readonly unchained = new RowList();
  /** Records with a column `chain` that no version has written. */
  readonly unreadable: number[] = [];
  /** Sequences that a record says were not written. */
  readonly lost = new Map<number, readonly LostRange[]>();
  /** Time that the record shows, where that differs from the time in its key by more than two minutes. */
  readonly shownMs = new Map<number, number>();
  /** Records whose keys no version has written: the row key has no time, or the partition key is not that of its hour. */
  readonly misfits = new Set<number>();
  /** Time of the oldest record. Infinite if there is none. */
  oldestMs = Number.POSITIVE_INFINITY;
  readonly #hash = new HashColumn();
  readonly #previous = new HashColumn();
  readonly #seq = new NumberColumn((length) => new Float64Array(length));
  readonly #behind = new NumberColumn((length) => new Uint32Array(length));
  readonly #atMs = new NumberColumn((length) => new Float64Array(length));
  readonly #state = new NumberColumn((length) => new Uint8Array(length));

  add(record: StoredRecord): void {
    const row = this.count;
    this.count += 1;
    this.#hash.set(row, hash('sha256', canonicalText(record), 'buffer'));
    this.#addTime(row, record);
    if (record['chain'] === undefined) {
      this.unchained.add(row);
      return;
    }
    const link = readLink(record['chain']);
    if (link === undefined) {
      this.unreadable.push(row);
      return;
    }
    const rows = this.chains.get(link.id) ?? new RowList();
    this.chains.set(link.id, rows);
    rows.add(row);
    this.#seq.set(row, link.seq);
    this.#behind.set(row, Math.min(largest, Math.max(0, link.seq - 1 - link.settled)));
    this.#previous.set(row, Buffer.from(link.previous, 'base64url'));
    const lost = readLost(record['chainLost']);
    if (lost.length > 0) this.lost.set(row, lost);
  }

  #addTime(row: number, { PartitionKey, RowKey, at }: StoredRecord): void {
    const atMs = timeOf(RowKey);
    this.#atMs.set(row, atMs);
    if (Number.isNaN(atMs) || PartitionKey !== partitionOf(atMs)) this.misfits.add(row);
    if (Number.isNaN(atMs)) return;
    this.oldestMs = Math.min(this.oldestMs, atMs);
    const shownMs = typeof at === 'string' ? Date.parse(at) : Number.NaN;
    if (Math.abs(shownMs - atMs) > overlapMs) this.shownMs.set(row, shownMs);
  }

  /** SHA-256 of the record. A view. */
  hash(row: number): Buffer {
    return this.#hash.get(row);
  }

  /** Hash of the record before it, as it says. All zero for none. A view. */
  previous(row: number): Buffer {
    return this.#previous.get(row);
  }

  seq(row: number): number {
    return this.#seq.get(row);
  }

  /** The sequence up to which all writes had ended, as the record says. Never the sequence of the record or a later one. */
  settled(row: number): number {
    return this.#seq.get(row) - 1 - this.#behind.get(row);
  }

  /** Time in its row key, milliseconds. NaN if the key has none. */
  atMs(row: number): number {
    return this.#atMs.get(row);
  }

  state(row: number): number {
    return this.#state.get(row);
  }

  mark(row: number, value: (typeof recordState)[keyof typeof recordState]): void {
    this.#state.set(row, value);
  }

  /** Rows at a sequence of the chain to which `row` belongs. Looks at all its rows. */
  rowsAt(row: number, seq: number): number[] {
    for (const { rows } of this.chains.values())
      if (rows.includes(row)) return [...rows].filter((each) => this.seq(each) === seq);
    return [];
  }

  /** Rows of a chain by their sequence. Several rows may have one sequence. */
  inOrder(chain: string): Uint32Array {
    const rows = this.chains.get(chain)?.rows ?? new Uint32Array(0);
    // Storage returns the newest first.
    const reversed = rows.toReversed();
    const isOrdered = reversed.every(
      (row, index) => index === 0 || this.seq(reversed[index - 1] ?? 0) <= this.seq(row),
    );
    return isOrdered ? reversed : rows.toSorted((one, other) => this.seq(one) - this.seq(other) || one - other);
  }
}

function timeOf(rowKey: string): number {
  const [, digits] = /^(\d{13})-/.exec(rowKey) ?? [];
  return digits === undefined ? Number.NaN : endOfTimeMs - Number(digits);
}

const partitionOf = (atMs: number): string => String(lastHour - Math.floor(atMs / hourMs)).padStart(7, '0');
