import { hourMs } from '../../core/clock.ts';
import type { AuditRow } from '../log/audit-row.ts';
import { canonicalText, hashOf, type LostRange, writeLink, writeLost } from './checkpoint.ts';

/** After this time without a record the next one starts a new chain, so that checkpoints can forget old ones. */
const longestPauseMs = hourMs;
/** Ranges in one column, which holds 32,000 characters. */
const maxLost = 200;

/** Records of one write, in their place. */
export interface LinkedRows {
  /** The canonical JSON of each record. */
  readonly texts: readonly string[];
  /** Tells the chain what became of the write. Called once. */
  settle(isDurable: boolean): void;
}

interface Write {
  readonly range: LostRange;
  readonly announced: readonly LostRange[];
}

/**
 * The chain of this process: gives each record its place and the hash of the record before it, when its write begins.
 * Writes run side by side and may fail, so a record also says up to which place all are settled. A reader who misses a
 * record can thus tell whether it ever was durable.
 */
export class RecordChain {
  readonly #newId: () => string;
  #id = '';
  #seq = 0;
  #head = '';
  #lastMs = Number.NEGATIVE_INFINITY;
  /** Writes that are not settled, oldest first. */
  readonly #open = new Set<Write>();
  /** Failed writes that no durable record announces yet, oldest first. */
  #lost: LostRange[] = [];

  /** @param newId returns a new UUID. */
  constructor(newId: () => string) {
    this.#newId = newId;
  }

  /** Gives the records of one write their places, in this order. */
  link(rows: readonly AuditRow[], nowMs: number): LinkedRows {
    if (nowMs - this.#lastMs > longestPauseMs) this.#start();
    this.#lastMs = nowMs;
    const [oldest] = this.#open;
    const settled = (oldest?.range.first ?? this.#seq + 1) - 1;
    const announced = this.#lost;
    const before = this.#head;
    const first = this.#seq + 1;
    const texts = rows.map((row, index) => this.#place(row, settled, index === 0 ? announced : []));
    const write: Write = { range: { first, last: this.#seq, before }, announced };
    const id = this.#id;
    this.#open.add(write);
    return { texts, settle: (isDurable) => this.#settle(id, write, isDurable) };
  }

  #start(): void {
    this.#id = this.#newId();
    this.#seq = 0;
    this.#head = '';
    this.#open.clear();
    this.#lost = [];
  }

  #place({ partitionKey, rowKey, ...columns }: AuditRow, settled: number, announced: readonly LostRange[]): string {
    this.#seq += 1;
    const chain = writeLink({ id: this.#id, seq: this.#seq, settled, previous: this.#head });
    const chainLost = announced.length === 0 ? undefined : writeLost(announced);
    const text = canonicalText({ PartitionKey: partitionKey, RowKey: rowKey, ...columns, chain, chainLost });
    this.#head = hashOf(text);
    return text;
  }

  #settle(id: string, write: Write, isDurable: boolean): void {
    if (id !== this.#id || !this.#open.delete(write)) return;
    if (isDurable) this.#lost = this.#lost.filter((range) => !write.announced.includes(range));
    else this.#lost = merged([...this.#lost, write.range]);
  }
}

/** Joins neighbours, and if there are too many, also the oldest two with what is between them. */
function merged(ranges: readonly LostRange[]): LostRange[] {
  const joined: LostRange[] = [];
  for (const range of ranges.toSorted((one, other) => one.first - other.first)) {
    const last = joined.at(-1);
    if (last !== undefined && last.last + 1 === range.first) joined[joined.length - 1] = { ...last, last: range.last };
    else joined.push(range);
  }
  const [oldest, next] = joined;
  if (joined.length <= maxLost || oldest === undefined || next === undefined) return joined;
  return [{ ...oldest, last: next.last }, ...joined.slice(2)];
}
