import type { JWK } from 'jose';
import { isoTime } from '../../runtime/clock.ts';
import type { StoredRecord } from '../canonical-row.ts';
import { overlapMs } from '../checkpoint.ts';
import type { Finding } from './finding.ts';
import { type ChainFindings, judgeChain } from './judge-chain.ts';
import { judgeCheckpointTimes } from './judge-times.ts';
import { judgeUnchained } from './judge-unchained.ts';
import { readCheckpoints, type SignedCheckpoint } from './read-checkpoints.ts';
import { indexRecords, type KnownRecord, type RecordIndex } from './record-index.ts';
import { nameReordered } from './name-reordered.ts';
import { signedHeads } from './signed-chains.ts';

/** An export, as `ptb audit export` writes it. */
export interface Evidence {
  /** The period of its records: from inclusive, to exclusive. Infinite if it is not limited. */
  readonly fromMs: number;
  readonly toMs: number;
  readonly exportedMs: number;
  /** The checkpoints as they are stored, in any order. */
  readonly checkpoints: readonly string[];
  /** The public keys, each with its `kid`. */
  readonly keys: readonly JWK[];
  /** Reads all records, in any order. Called twice at most. */
  readonly records: () => AsyncIterable<StoredRecord>;
}

/** What verification says about an export. Times are ISO 8601. */
export interface Verification {
  readonly findings: readonly Finding[];
  readonly records: number;
  /** Records whose content and place a signature proves. */
  readonly proven: number;
  /** Records since the last checkpoint. */
  readonly uncovered: number;
  /** Records without a chain, which older versions write. */
  readonly unchained: { readonly records: number; readonly first?: string; readonly last?: string };
  /** Records that were being written when a write failed or an instance ended. */
  readonly lost: number;
  /** Places whose records retention has purged, or that lie at the edge of the export. */
  readonly purged: number;
  readonly outside: number;
  readonly chains: number;
  readonly withoutOutcome: number;
  readonly checkpoints: readonly Pick<SignedCheckpoint, 'number' | 'at' | 'keyId'>[];
  readonly purgedBefore?: string;
}

/** Checks an export. Pure but for reading it. @throws what reading the records throws. */
export async function verifyExport(evidence: Evidence): Promise<Verification> {
  const { checkpoints, findings: ofCheckpoints } = await readCheckpoints(evidence.checkpoints, evidence.keys);
  const index = await indexRecords(evidence.records());
  const heads = signedHeads(checkpoints);
  const limits = {
    ...evidence,
    purgedBeforeMs: purgeHorizon(checkpoints, evidence.exportedMs, index),
    coveredFromMs: timeOf(checkpoints[0]?.from) ?? Number.POSITIVE_INFINITY,
    // Later records of an instance whose clock is behind are covered by the next checkpoint.
    coveredToMs: (timeOf(checkpoints.at(-1)?.to) ?? Number.NEGATIVE_INFINITY) - overlapMs,
  };
  const ids = new Set([...index.chains.keys(), ...heads.keys()]);
  const chains = [...ids].map((id) => judgeChain(id, index.chains.get(id) ?? new Map(), heads.get(id) ?? [], limits));
  const unreadable = index.unreadable.map(
    (record): Finding => ({ kind: 'changed', ...about(record), detail: 'Its place in a chain cannot be read.' }),
  );
  const findings = [
    ...ofCheckpoints,
    ...chains.flatMap((chain) => chain.findings),
    ...unreadable,
    ...judgeUnchained(checkpoints, index.unchained, limits),
    ...judgeCheckpointTimes(checkpoints, evidence.exportedMs, limits),
  ];
  const total = (count: (chain: ChainFindings) => number): number => chains.reduce((sum, each) => sum + count(each), 0);
  return {
    findings: await nameReordered(
      findings,
      chains.flatMap(({ changed }) => changed),
      evidence.records,
    ),
    records: index.count,
    proven: total(({ proven }) => proven),
    uncovered: total(({ uncovered }) => uncovered),
    unchained: summaryOf(index.unchained),
    lost: total(({ lost }) => lost),
    purged: total(({ purged }) => purged),
    outside: total(({ outside }) => outside),
    chains: ids.size,
    withoutOutcome: index.withoutOutcome,
    checkpoints: checkpoints.map(({ number, at, keyId }) => ({ number, at, keyId })),
    ...(checkpoints.length === 0 ? {} : { purgedBefore: isoTime(limits.purgedBeforeMs) }),
  };
}

const timeOf = (text: string | undefined): number | undefined => (text === undefined ? undefined : Date.parse(text));

/**
 * Records before this time may have been purged. It moves on with time after the last checkpoint. Without checkpoints
 * nothing says what was purged, but a purge leaves nothing that is older than the oldest record.
 */
function purgeHorizon(
  checkpoints: readonly SignedCheckpoint[],
  exportedMs: number,
  { chains, unchained }: RecordIndex,
): number {
  const last = checkpoints.at(-1);
  if (last !== undefined) return Date.parse(last.purgedBefore) + Math.max(0, exportedMs - Date.parse(last.at));
  let oldest = Number.POSITIVE_INFINITY;
  for (const places of chains.values())
    for (const records of places.values()) for (const { atMs } of records) oldest = Math.min(oldest, atMs);
  for (const { atMs } of unchained) oldest = Math.min(oldest, atMs);
  return oldest;
}

function summaryOf(records: readonly KnownRecord[]): Verification['unchained'] {
  const times = records.map(({ atMs }) => atMs).filter(Number.isFinite);
  if (times.length === 0) return { records: records.length };
  const [first, last] = [times.reduce((a, b) => Math.min(a, b)), times.reduce((a, b) => Math.max(a, b))];
  return { records: records.length, first: isoTime(first), last: isoTime(last) };
}

const about = ({ partitionKey, rowKey }: KnownRecord): Pick<Finding, 'record'> => ({
  record: { partitionKey, rowKey },
});
