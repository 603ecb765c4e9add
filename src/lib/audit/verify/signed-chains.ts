import { type ChainHead, overlapMs, settleMs } from '../checkpoint.ts';
import type { SignedCheckpoint } from './read-checkpoints.ts';

/** What the checkpoints say about one chain, oldest first. */
export interface SignedHead extends ChainHead {
  readonly checkpoint: number;
  /** The places from here to `seq`, and those of earlier heads, are described by the checkpoints at hand. */
  readonly describedFrom: number;
  /** No record of the chain after the head before was there before this time. */
  readonly afterMs: number;
  /** All records up to the head were there by this time. */
  readonly beforeMs: number;
}

/** The heads of each chain whose place or record is new in that checkpoint. */
export function signedHeads(checkpoints: readonly SignedCheckpoint[]): ReadonlyMap<string, readonly SignedHead[]> {
  const heads = new Map<string, SignedHead[]>();
  let before: SignedCheckpoint | undefined;
  for (const checkpoint of checkpoints) {
    const isNext = before !== undefined && before.number + 1 === checkpoint.number;
    // Without the checkpoint before, nothing is known about when the records of this one were written.
    const afterMs = isNext && before !== undefined ? Date.parse(before.to) - overlapMs : Number.NEGATIVE_INFINITY;
    for (const head of checkpoint.chains) {
      const known = heads.get(head.id) ?? [];
      heads.set(head.id, known);
      const last = known.at(-1);
      if (last?.seq === head.seq && last.head === head.head) continue;
      // The first checkpoint at hand does not say which places the one before it has described.
      const describedFrom =
        last?.describedFrom ?? (before === undefined && checkpoint.number > 1 ? head.seq : head.first);
      known.push({
        ...head,
        describedFrom,
        checkpoint: checkpoint.number,
        afterMs,
        beforeMs: Date.parse(checkpoint.to) + settleMs,
      });
    }
    before = checkpoint;
  }
  return heads;
}
