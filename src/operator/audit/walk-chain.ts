import { type RecordTable, recordState } from './record-table.ts';
import type { SequenceRange, SignedChain } from './signed-chains.ts';

/** A sequence whose record is known by its hash, and what is there instead. */
export interface Misplaced {
  readonly seq: number;
  /** The hash that the record had. */
  readonly expected: Buffer;
  /** Rows of the records that are there. */
  readonly rows: readonly number[];
  /** Whether signed hashes contradict each other: the record was another one when a checkpoint was signed. */
  readonly isContradicted: boolean;
}

/** What walking a chain has found. Each record of the chain has its state in the table now. */
export interface WalkedChain {
  readonly changed: readonly Misplaced[];
  /** Rows of records that are there in addition to the right one, or where there was none. */
  readonly extra: readonly number[];
  /** Records of which nothing signed speaks, but which agree with those after them: ranges of sequences. */
  readonly agreeing: readonly SequenceRange[];
  /** Signed sequences whose hash a record that is not signed contradicts. */
  readonly doubted: readonly number[];
  /** Rows of the records that belong to the chain, by sequence. */
  readonly kept: Uint32Array;
}

/** What the records after a sequence say about it. */
interface Expected {
  readonly hashes: readonly Buffer[];
  readonly isSigned: boolean;
}

/**
 * Walks from the last record of a chain to the first. A signed hash vouches for a record, a vouched record for the one
 * before it. After a record that is missing or changed, the next signed hash is needed.
 * @param rows the records of the chain by their sequence.
 */
export function walkChain(table: RecordTable, rows: Uint32Array, signed: SignedChain): WalkedChain {
  const walk = new Walk(table, rows.length, signed);
  for (let end = rows.length; end > 0; ) {
    const seq = table.seq(rows[end - 1] ?? 0);
    let start = end - 1;
    while (start > 0 && table.seq(rows[start - 1] ?? 0) === seq) start -= 1;
    walk.visit(seq, [...rows.subarray(start, end)]);
    end = start;
  }
  return walk;
}

class Walk implements WalkedChain {
  readonly changed: Misplaced[] = [];
  readonly extra: number[] = [];
  readonly agreeing: SequenceRange[] = [];
  readonly doubted: number[] = [];
  readonly #table: RecordTable;
  readonly #signed: SignedChain;
  readonly #expected = new Map<number, Expected>();
  /** Filled from its end. */
  readonly #kept: Uint32Array;
  #keptFrom: number;

  constructor(table: RecordTable, count: number, signed: SignedChain) {
    this.#table = table;
    this.#signed = signed;
    this.#kept = new Uint32Array(count);
    this.#keptFrom = count;
  }

  get kept(): Uint32Array {
    return this.#kept.subarray(this.#keptFrom);
  }

  visit(seq: number, rows: readonly number[]): void {
    const linked = this.#expected.get(seq);
    this.#expected.delete(seq);
    const heads = this.#signed.hashes.get(seq) ?? [];
    const hashes = linked?.isSigned === true ? distinct([...linked.hashes, ...heads]) : heads;
    const [first] = hashes;
    if (first === undefined) this.#visitUnsigned(seq, rows, linked?.hashes[0]);
    else {
      // The record after it comes first: its author knew the record, a checkpoint only what the table held.
      const right = this.#find(rows, hashes);
      const isContradicted = hashes.length > 1;
      if (isContradicted || right === undefined) this.changed.push({ seq, expected: first, rows, isContradicted });
      if (linked?.isSigned === false && !linked.hashes.every((hash) => hash.equals(first))) this.doubted.push(seq);
      this.#judge(rows, right, { isExpected: true, isSigned: true });
    }
  }

  #visitUnsigned(seq: number, rows: readonly number[], expected: Buffer | undefined): void {
    const isFree = expected === undefined && (rows.length > 1 || this.#signed.absent.covers(seq));
    const right = isFree ? undefined : expected === undefined ? rows[0] : this.#find(rows, [expected]);
    if (expected !== undefined && right === undefined)
      this.changed.push({ seq, expected, rows, isContradicted: false });
    this.#judge(rows, right, { isExpected: expected !== undefined, isSigned: false });
  }

  /** The row with one of these hashes, the first of them if possible. */
  #find(rows: readonly number[], hashes: readonly Buffer[]): number | undefined {
    for (const hash of hashes) {
      const row = rows.find((each) => this.#table.hash(each).equals(hash));
      if (row !== undefined) return row;
    }
    return undefined;
  }

  #judge(
    rows: readonly number[],
    right: number | undefined,
    { isExpected, isSigned }: { readonly isExpected: boolean; readonly isSigned: boolean },
  ): void {
    for (const row of rows) {
      const isChanged = right === undefined && isExpected;
      if (row === right) this.#keep(row, isSigned);
      else {
        this.#table.mark(row, isChanged ? recordState.changed : recordState.extra);
        if (!isChanged) this.extra.push(row);
      }
    }
  }

  #keep(row: number, isSigned: boolean): void {
    const seq = this.#table.seq(row);
    this.#keptFrom -= 1;
    this.#kept[this.#keptFrom] = row;
    const isUncovered = seq > this.#signed.lastSeq;
    this.#table.mark(row, isUncovered ? recordState.uncovered : isSigned ? recordState.vouched : recordState.agreeing);
    if (!isUncovered && !isSigned) this.#addAgreeing(seq);
    this.#expect(seq - 1, this.#table.previous(row), isSigned);
    for (const { first, before } of this.#table.lost.get(row) ?? [])
      this.#expect(first - 1, Buffer.from(before, 'base64url'), isSigned);
  }

  #expect(seq: number, hash: Buffer, isSigned: boolean): void {
    if (seq < 1 || hash.length === 0) return;
    const known = this.#expected.get(seq);
    if (known === undefined || (isSigned && !known.isSigned)) this.#expected.set(seq, { hashes: [hash], isSigned });
    else if (known.isSigned === isSigned)
      this.#expected.set(seq, { hashes: distinct([...known.hashes, hash]), isSigned });
  }

  #addAgreeing(seq: number): void {
    const last = this.agreeing.at(-1);
    if (last !== undefined && last[0] === seq + 1) this.agreeing[this.agreeing.length - 1] = [seq, last[1]];
    else this.agreeing.push([seq, seq]);
  }
}

const distinct = (hashes: readonly Buffer[]): Buffer[] =>
  hashes.filter((hash, index) => hashes.findIndex((each) => each.equals(hash)) === index);
