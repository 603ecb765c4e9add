import { type ChainHead, overlapMs, settleMs } from '../../lib/audit/chain/checkpoint.ts';
import type { SignedCheckpoint } from './read-checkpoints.ts';
import { countBefore } from './record-table.ts';

/** First and last sequence, both inclusive. */
export type SequenceRange = readonly [first: number, last: number];

/** A set of sequences, as ranges that neither touch nor overlap, in order. */
export class Ranges {
  readonly list: readonly SequenceRange[];

  /** @param ranges in any order; they may overlap. One whose end is before its start is empty. */
  constructor(ranges: Iterable<SequenceRange>) {
    const list: [number, number][] = [];
    const sorted = [...ranges].filter(([first, last]) => first <= last).toSorted(([one], [other]) => one - other);
    for (const [first, last] of sorted) {
      const before = list.at(-1);
      if (before !== undefined && first <= before[1] + 1) before[1] = Math.max(before[1], last);
      else list.push([first, last]);
    }
    this.list = list;
  }

  covers(seq: number): boolean {
    const index = countBefore(this.list.length, (each) => (this.list[each]?.[0] ?? 0) <= seq) - 1;
    return (this.list[index]?.[1] ?? Number.NEGATIVE_INFINITY) >= seq;
  }

  /** These sequences but those of other ranges. */
  without(others: Ranges): Ranges {
    if (others.list.length === 0) return this;
    const rest: SequenceRange[] = [];
    let index = 0;
    for (const [first, last] of this.list) {
      let next = first;
      while ((others.list[index]?.[1] ?? Number.POSITIVE_INFINITY) < first) index += 1;
      for (let each = index; (others.list[each]?.[0] ?? Number.POSITIVE_INFINITY) <= last; each += 1) {
        const [from = next, to = last] = others.list[each] ?? [];
        rest.push([next, from - 1]);
        next = Math.max(next, to + 1);
      }
      rest.push([next, last]);
    }
    return new Ranges(rest);
  }
}

/** One step of a chain from checkpoint to checkpoint. */
interface SignedStep {
  /** Last sequence of the chain in that checkpoint. */
  readonly seq: number;
  /** No record of the step was there before this time. Infinite if that is not known. */
  readonly afterMs: number;
  /** All its records were there by this time. */
  readonly beforeMs: number;
}

/** What all checkpoints at hand say about one chain. */
export interface SignedChain {
  /**
   * Hashes that were signed for a sequence: of heads, and of the records before holes. More than one means that what the table
   * held was changed between two checkpoints.
   */
  readonly hashes: ReadonlyMap<number, readonly Buffer[]>;
  /** Sequences about which a checkpoint says whether there was a record. */
  readonly described: Ranges;
  /** Those of them without one. A later checkpoint may say that a record came late, but not that a signed one is gone. */
  readonly absent: Ranges;
  /** Last sequence that is signed; 0 if none is. */
  readonly lastSeq: number;
  /** Steps that went on, in order. */
  readonly steps: readonly SignedStep[];
  /** The first record that a checkpoint has read: its sequence, and a time before which no record was there. */
  readonly first: number;
  readonly sinceMs: number;
  /** Heads of the chain after checkpoints had forgotten it, which takes two hours. An instance starts a new chain after one. */
  readonly revived: readonly number[];
}

export const unsignedChain: SignedChain = {
  hashes: new Map(),
  described: new Ranges([]),
  absent: new Ranges([]),
  lastSeq: 0,
  steps: [],
  first: Number.POSITIVE_INFINITY,
  sinceMs: Number.NEGATIVE_INFINITY,
  revived: [],
};

/** The chains that the checkpoints name, by id. */
export function signedChains(checkpoints: readonly SignedCheckpoint[]): ReadonlyMap<string, SignedChain> {
  const chains = new Map<string, ChainReader>();
  let before: SignedCheckpoint | undefined;
  for (const checkpoint of checkpoints) {
    const isNext = before?.number === checkpoint.number - 1;
    const describesAll = isNext || (before === undefined && checkpoint.number === 1);
    const moment = {
      number: checkpoint.number,
      describesAll,
      afterMs: before === undefined ? Number.NEGATIVE_INFINITY : Date.parse(before.to) - overlapMs,
      beforeMs: Date.parse(checkpoint.to) + settleMs,
    };
    for (const head of checkpoint.chains) {
      const chain = chains.get(head.id) ?? new ChainReader(head);
      chains.set(head.id, chain);
      chain.read(head, moment);
    }
    before = checkpoint;
  }
  return new Map([...chains].map(([id, chain]) => [id, chain.result()]));
}

interface Moment extends Omit<SignedStep, 'seq'> {
  /** Number of the checkpoint. */
  readonly number: number;
  /** Whether the head describes all sequences since the one before, because the checkpoint before is at hand. */
  readonly describesAll: boolean;
}

class ChainReader {
  readonly #hashes = new Map<number, Buffer[]>();
  readonly #described: SequenceRange[] = [];
  readonly #absent: SequenceRange[] = [];
  readonly #late: SequenceRange[] = [];
  readonly #steps: SignedStep[] = [];
  readonly #first: number;
  readonly #sinceMs: number;
  readonly #revived: number[] = [];
  #last: ChainHead | undefined;
  #lastSeq = 0;
  #lastNumber = 0;

  constructor({ first, since }: ChainHead) {
    this.#first = first;
    this.#sinceMs = Date.parse(since) - overlapMs;
  }

  read(head: ChainHead, { number, describesAll, afterMs, beforeMs }: Moment): void {
    if (describesAll && this.#last !== undefined && this.#lastNumber < number - 1) this.#revived.push(head.seq);
    this.#lastNumber = number;
    const isSame = this.#last?.seq === head.seq && this.#last.head === head.head;
    this.#last = head;
    for (const [first, last, hash] of head.late ?? []) {
      this.#addHash(last, hash);
      this.#late.push([first, last]);
    }
    if (isSame) return;
    this.#addHash(head.seq, head.head);
    for (const [first, , before] of head.holes ?? []) if (before !== '') this.#addHash(first - 1, before);
    if (head.seq <= this.#lastSeq) return;
    // A chain that was forgotten starts with holes where earlier checkpoints have signed records.
    const from = describesAll ? Math.max(this.#lastSeq + 1, head.first) : head.seq;
    this.#described.push([from, head.seq]);
    for (const [first, last] of head.holes ?? [])
      this.#absent.push([Math.max(first, from), Math.min(last, head.seq - 1)]);
    this.#steps.push({ afterMs, beforeMs, seq: head.seq });
    this.#lastSeq = head.seq;
  }

  result(): SignedChain {
    return {
      hashes: this.#hashes,
      described: new Ranges([...this.#described, ...this.#late]),
      absent: new Ranges(this.#absent).without(new Ranges(this.#late)),
      lastSeq: this.#lastSeq,
      steps: this.#steps,
      first: this.#first,
      sinceMs: this.#sinceMs,
      revived: this.#revived,
    };
  }

  #addHash(seq: number, text: string): void {
    const known = this.#hashes.get(seq) ?? [];
    this.#hashes.set(seq, known);
    const hash = Buffer.from(text, 'base64url');
    if (!known.some((each) => each.equals(hash))) known.push(hash);
  }
}
