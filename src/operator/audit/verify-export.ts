import type { JWK } from 'jose';
import { isoTime } from '../../lib/core/clock.ts';
import type { StoredRecord } from '../../lib/audit/chain/canonical-row.ts';
import type { Finding, RowFinding } from './finding.ts';
import { type ChainEvidence, type ChainFindings, judgeChain } from './judge-chain.ts';
import { judgeCheckpointTimes } from './judge-times.ts';
import { judgeUnchained } from './judge-unchained.ts';
import { nameRecords } from './name-records.ts';
import { OpenRequests } from './open-requests.ts';
import { type Limits, limitsOf } from './period.ts';
import { type ReadCheckpoints, readCheckpoints, type SignedCheckpoint } from './read-checkpoints.ts';
import { RecordTable } from './record-table.ts';
import { signedChains, unsignedChain } from './signed-chains.ts';
import { newTally, type Tally } from './tally.ts';

/** An export, as `ptb audit export` writes it. */
export interface Evidence {
  /** The period of its records: from inclusive, to exclusive. Infinite if it is not limited. */
  readonly fromMs: number;
  readonly toMs: number;
  /** Not later than now. */
  readonly exportedMs: number;
  /** The checkpoints as they are stored, in any order. */
  readonly checkpoints: readonly string[];
  /** The public keys, each with its `kid`. */
  readonly keys: readonly JWK[];
  /** Reads all records, in any order. Called twice at most, and returns the same order then. */
  readonly records: () => AsyncIterable<StoredRecord>;
}

/** What verification says about an export. Times are ISO 8601. */
export interface Verification {
  readonly findings: readonly Finding[];
  /** The period about which `proven` can be said: start inclusive, end exclusive. Absent if no checkpoint covers any. */
  readonly period?: { readonly from: string; readonly to: string };
  readonly records: number;
  /** The records by their standing. Their sum is `records`. */
  readonly counts: Readonly<Tally>;
  /** Records without a chain, which older versions write. */
  readonly unchained: { readonly records: number; readonly first?: string; readonly last?: string };
  /** Places without a record. The instance ended or storage failed while it wrote them, and nobody got what they were for. */
  readonly lost: number;
  readonly crashed: number;
  /** Places whose records retention has purged, or that lie at or beyond the limits of the period. */
  readonly purged: number;
  readonly beyond: number;
  readonly chains: number;
  readonly withoutOutcome: number;
  readonly checkpoints: readonly Pick<SignedCheckpoint, 'number' | 'at' | 'keyId'>[];
  readonly purgedBefore?: string;
}

/** Checks an export. Pure but for reading it. @throws what reading the records throws. */
export async function verifyExport(evidence: Evidence): Promise<Verification> {
  const read = await readCheckpoints(evidence.checkpoints, evidence.keys);
  const { table, withoutOutcome } = await readRecords(evidence.records());
  const limits = limitsOf(read.checkpoints, { ...evidence, oldestMs: table.oldestMs });
  const tally = newTally();
  const chains = judgeChains({ table, limits, tally }, read);
  const findings = [
    ...read.findings,
    ...chains.flatMap((chain) => chain.findings),
    ...unreadable({ table, limits, tally }),
    ...judgeUnchained({ table, limits, tally }, read.checkpoints),
    ...judgeCheckpointTimes(read, limits),
    ...judgeEarlier(tally, limits),
  ];
  const total = (count: (chain: ChainFindings) => number): number => chains.reduce((sum, each) => sum + count(each), 0);
  const changed = chains.flatMap((chain) => chain.changed);
  return {
    findings: await nameRecords(findings, { table, changed, records: evidence.records }),
    ...periodOf(limits),
    records: table.count,
    counts: tally,
    unchained: summaryOf(table),
    lost: total(({ lost }) => lost),
    crashed: total(({ crashed }) => crashed),
    purged: total(({ purged }) => purged),
    beyond: total(({ beyond }) => beyond),
    chains: chains.length,
    withoutOutcome,
    checkpoints: read.checkpoints.map(({ number, at, keyId }) => ({ number, at, keyId })),
    ...(read.checkpoints.length === 0 ? {} : { purgedBefore: isoTime(limits.purge.beforeMs) }),
  };
}

async function readRecords(
  records: AsyncIterable<StoredRecord>,
): Promise<{ readonly table: RecordTable; readonly withoutOutcome: number }> {
  const table = new RecordTable();
  const requests = new OpenRequests();
  for await (const record of records) {
    table.add(record);
    requests.see(record);
  }
  return { table, withoutOutcome: requests.count };
}

function judgeChains(evidence: ChainEvidence, { checkpoints }: ReadCheckpoints): ChainFindings[] {
  const signed = signedChains(checkpoints);
  const ids = new Set([...evidence.table.chains.keys(), ...signed.keys()]);
  return [...ids].map((id) => judgeChain(evidence, id, signed.get(id) ?? unsignedChain));
}

function* unreadable({ table, tally }: ChainEvidence): Iterable<RowFinding> {
  tally.tampered += table.unreadable.length;
  for (const row of table.unreadable) yield { kind: 'changed', row, detail: 'Its place in a chain cannot be read.' };
}

/** Says what stands before the first checkpoint, and how to leave it out. */
function* judgeEarlier({ earlier }: Tally, { covered, proven }: Limits): Iterable<Finding> {
  const [first] = covered;
  if (earlier === 0 || first === undefined) return;
  const hint = proven === undefined ? '' : ` With --from ${isoTime(proven.fromMs)} only what it covers is judged.`;
  const detail = `${earlier} records are older than the first checkpoint that is here. Nothing signed says which records there were before, or earlier checkpoints were removed.${hint}`;
  yield { kind: 'unproven', detail };
}

const periodOf = ({ proven }: Limits): Pick<Verification, 'period'> =>
  proven === undefined ? {} : { period: { from: isoTime(proven.fromMs), to: isoTime(proven.toMs) } };

function summaryOf(table: RecordTable): Verification['unchained'] {
  const { rows } = table.unchained;
  let [first, last] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const row of rows) {
    if (Number.isNaN(table.atMs(row))) continue;
    first = Math.min(first, table.atMs(row));
    last = Math.max(last, table.atMs(row));
  }
  if (first > last) return { records: rows.length };
  return { records: rows.length, first: isoTime(first), last: isoTime(last) };
}
