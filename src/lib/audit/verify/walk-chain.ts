import type { ChainedRecord } from './record-index.ts';
import type { SignedHead } from './signed-chains.ts';

/** A place whose record is known by its hash, and what is there instead. */
export interface Misplaced {
  readonly seq: number;
  /** The hash that the record had. */
  readonly expected: string;
  readonly records: readonly ChainedRecord[];
}

/** The records of one chain, judged by their hashes. */
export interface WalkedChain {
  /** Records whose hash a signature vouches for, through the records after them. */
  readonly proven: number;
  /** Records of which that cannot be said, but which agree with those after them. Ranges of places, newest first. */
  readonly unproven: readonly (readonly [number, number])[];
  /** Records after the last signed one. */
  readonly uncovered: readonly ChainedRecord[];
  readonly changed: readonly Misplaced[];
  /** Records that are there in addition to the right one, or where there was none. */
  readonly extra: readonly ChainedRecord[];
  /** Records that belong to the chain. */
  readonly kept: ReadonlyMap<number, ChainedRecord>;
}

type Trust = 'signed' | 'unsigned';
interface Expected {
  readonly hash: string;
  readonly trust: Trust;
}

/**
 * Walks from the last record of a chain to the first. A signed hash vouches for a record, a vouched record for the one
 * before it. After a record that is missing or changed, the next signed hash is needed.
 */
export function walkChain(
  places: ReadonlyMap<number, readonly ChainedRecord[]>,
  heads: readonly SignedHead[],
): WalkedChain {
  const signed = signedHashes(heads);
  const walk = new Walk(signed, heads);
  for (const seq of [...places.keys()].toSorted((one, other) => other - one)) walk.visit(seq, places.get(seq) ?? []);
  return walk;
}

/** Hashes by place: of heads, and of the records before holes. */
function signedHashes(heads: readonly SignedHead[]): ReadonlyMap<number, string> {
  const hashes = new Map<number, string>();
  for (const { seq, head, holes = [] } of heads) {
    hashes.set(seq, head);
    for (const [first, , before] of holes) if (before !== '') hashes.set(first - 1, before);
  }
  return hashes;
}

class Walk implements WalkedChain {
  proven = 0;
  readonly unproven: (readonly [number, number])[] = [];
  readonly uncovered: ChainedRecord[] = [];
  readonly changed: Misplaced[] = [];
  readonly extra: ChainedRecord[] = [];
  readonly kept = new Map<number, ChainedRecord>();
  readonly #signed: ReadonlyMap<number, string>;
  readonly #lastSigned: number;
  readonly #holes: readonly (readonly [number, number])[];
  /** What the records after it say about a place. */
  readonly #expected = new Map<number, Expected>();

  constructor(signed: ReadonlyMap<number, string>, heads: readonly SignedHead[]) {
    this.#signed = signed;
    this.#lastSigned = heads.at(-1)?.seq ?? 0;
    this.#holes = heads.flatMap(({ holes = [] }) => holes.map(([first, last]) => [first, last] as const));
  }

  visit(seq: number, records: readonly ChainedRecord[]): void {
    const signed = this.#signed.get(seq);
    const expected: Expected | undefined =
      signed === undefined ? this.#expected.get(seq) : { hash: signed, trust: 'signed' };
    this.#expected.delete(seq);
    const right = records.find(({ hash }) => expected === undefined || hash === expected.hash);
    const isAmbiguous = expected === undefined && (records.length > 1 || this.#isHole(seq));
    if (right === undefined || isAmbiguous) this.#judgeWrong(seq, records, expected?.hash);
    else {
      this.extra.push(...records.filter((record) => record !== right));
      this.#keep(right, expected?.trust ?? 'unsigned');
    }
  }

  #keep(record: ChainedRecord, trust: Trust): void {
    const { seq, previous } = record.link;
    this.kept.set(seq, record);
    if (seq > this.#lastSigned) this.uncovered.push(record);
    else if (trust === 'signed') this.proven += 1;
    else this.#addUnproven(seq);
    this.#expect(seq - 1, { hash: previous, trust });
    for (const { first, before } of record.lost) this.#expect(first - 1, { hash: before, trust });
  }

  /** The link of a changed record is still a hint, which vouches for nothing. */
  #judgeWrong(seq: number, records: readonly ChainedRecord[], expected: string | undefined): void {
    if (expected === undefined) this.extra.push(...records);
    else this.changed.push({ seq, expected, records });
  }

  #expect(seq: number, expected: Expected): void {
    if (seq < 1 || expected.hash === '') return;
    const known = this.#expected.get(seq);
    if (known === undefined || known.trust === 'unsigned') this.#expected.set(seq, expected);
  }

  /** Whether a checkpoint says that there was no record. */
  #isHole(seq: number): boolean {
    return this.#holes.some(([first, last]) => first <= seq && seq <= last);
  }

  #addUnproven(seq: number): void {
    const last = this.unproven.at(-1);
    if (last !== undefined && last[0] === seq + 1) this.unproven[this.unproven.length - 1] = [seq, last[1]];
    else this.unproven.push([seq, seq]);
  }
}
