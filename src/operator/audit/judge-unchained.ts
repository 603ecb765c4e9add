import { setDigest } from '../../lib/audit/chain/checkpoint.ts';
import type { RowFinding } from './finding.ts';
import { type ChainEvidence, countUnsigned, misfitFinding } from './judge-chain.ts';
import type { Limits } from './period.ts';
import type { SignedCheckpoint } from './read-checkpoints.ts';
import { signedStanding } from './standing-of.ts';

/** The time of the records without a chain that a checkpoint covers: after, up to. Older ones cover what they cover. */
function coveredPeriod({ from, to, unchained }: SignedCheckpoint): readonly [number, number] {
  return [Date.parse(unchained.from ?? from), Date.parse(unchained.to ?? to)];
}

/** Compares the records without a chain with what the checkpoint of their time says about all of them. */
export function judgeUnchained(evidence: ChainEvidence, checkpoints: readonly SignedCheckpoint[]): RowFinding[] {
  const { table, tally } = evidence;
  const findings: RowFinding[] = [];
  const sorted = table.unchained.rows.filter((row) => !table.misfits.has(row));
  sorted.sort((one, other) => table.atMs(one) - table.atMs(other));
  for (const row of table.unchained.rows) {
    if (!table.misfits.has(row)) continue;
    tally.tampered += 1;
    findings.push(misfitFinding(row));
  }
  let next = 0;
  /** The rows up to a time, which no call before has returned. */
  const rowsUntil = (ms: number): Uint32Array => {
    const start = next;
    while (next < sorted.length && table.atMs(sorted[next] ?? 0) <= ms) next += 1;
    return sorted.subarray(start, next);
  };
  for (const checkpoint of checkpoints) {
    const [afterMs, untilMs] = coveredPeriod(checkpoint);
    for (const row of rowsUntil(afterMs)) findings.push(...countUnsigned(evidence, row));
    findings.push(...judgeSet(evidence, checkpoint, rowsUntil(untilMs)));
  }
  for (const row of rowsUntil(Number.POSITIVE_INFINITY)) findings.push(...countUnsigned(evidence, row));
  return findings;
}

function judgeSet(evidence: ChainEvidence, checkpoint: SignedCheckpoint, rows: Uint32Array): RowFinding[] {
  const { table, limits, tally } = evidence;
  const { number, unchained } = checkpoint;
  const [afterMs, untilMs] = coveredPeriod(checkpoint);
  if (isAtEdge(limits, afterMs, untilMs)) {
    tally.outside += rows.length;
    return [];
  }
  if (setDigest([...rows].map((row) => table.hash(row).toString('base64url'))) === unchained.digest) {
    for (const row of rows) tally[signedStanding(table.atMs(row), limits)] += 1;
    return [];
  }
  tally.tampered += rows.length;
  const difference = rows.length - unchained.records;
  const kind = difference > 0 ? 'inserted' : difference < 0 ? 'removed' : 'changed';
  const detail = `Of the records without a chain there were ${unchained.records}, and ${rows.length} are there.`;
  const between = [unchained.from ?? checkpoint.from, unchained.to ?? checkpoint.to] as const;
  return [{ kind, checkpoint: number, between, detail }];
}

/** Whether some of the records of a checkpoint are not in the export, or may have been purged. */
const isAtEdge = ({ asked, purge }: Limits, afterMs: number, untilMs: number): boolean =>
  afterMs < asked.fromMs || untilMs >= asked.toMs || afterMs < purge.beforeMs;
