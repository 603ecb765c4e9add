import { setDigest } from '../checkpoint.ts';
import type { Finding } from './finding.ts';
import type { GapLimits } from './judge-gaps.ts';
import type { SignedCheckpoint } from './read-checkpoints.ts';
import type { KnownRecord } from './record-index.ts';

/** Compares the records without a chain with what the checkpoint of their time says about all of them. */
export function judgeUnchained(
  checkpoints: readonly SignedCheckpoint[],
  records: readonly KnownRecord[],
  { fromMs, toMs, purgedBeforeMs }: GapLimits,
): readonly Finding[] {
  const sorted = records.toSorted((one, other) => one.atMs - other.atMs);
  let next = 0;
  return checkpoints.flatMap(({ number, from, to, unchained }): Finding[] => {
    const [afterMs, untilMs] = [Date.parse(from), Date.parse(to)];
    while ((sorted[next]?.atMs ?? Number.POSITIVE_INFINITY) <= afterMs) next += 1;
    const found: KnownRecord[] = [];
    for (let each = sorted[next]; each !== undefined && each.atMs <= untilMs; each = sorted[next]) {
      found.push(each);
      next += 1;
    }
    if (afterMs < fromMs || untilMs >= toMs || afterMs < purgedBeforeMs) return [];
    if (setDigest(found.map(({ hash }) => hash)) === unchained.digest) return [];
    const difference = found.length - unchained.records;
    const kind = difference > 0 ? 'inserted' : difference < 0 ? 'removed' : 'changed';
    const detail = `Of the records without a chain there were ${unchained.records}, and ${found.length} are there.`;
    return [{ kind, checkpoint: number, between: [from, to], detail }];
  });
}
