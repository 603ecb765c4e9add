import type { JWK } from 'jose';
import type { StoredRecord } from '../../lib/audit/chain/checkpoint.ts';
import { isoTime } from '../../lib/core/clock.ts';
import { parseGuid } from '../../lib/core/identifiers.ts';
import { type ChainEvidence, type ChainFindings, judgeChain, judgeUnchained } from './judge-chain.ts';
import { judgeCheckpointTimes, type Limits, limitsOf } from './period.ts';
import {
  type Finding,
  isTampering,
  newTally,
  readCheckpoints,
  type RowFinding,
  type SignedCheckpoint,
  type Tally,
} from './read-checkpoints.ts';
import { isExchanged, maxCompared, RecordTable } from './record-table.ts';
import { signedChains, unsignedChain } from './signed-chains.ts';
import type { Misplaced } from './walk-chain.ts';

/** Counts requests through the gateway without an outcome. The records of one request share `tokenId`, in any order. */
class OpenRequests {
  readonly #sent = new Set<string>();
  readonly #ended = new Set<string>();

  see({ kind, outcome, tokenId }: StoredRecord): void {
    if (kind !== 'request' || typeof tokenId !== 'string') return;
    if (outcome === 'sent' && !this.#ended.delete(tokenId)) this.#sent.add(tokenId);
    if ((outcome === 'answered' || outcome === 'failed') && !this.#sent.delete(tokenId)) this.#ended.add(tokenId);
  }

  get count(): number {
    return this.#sent.size;
  }
}

interface Naming {
  readonly table: RecordTable;
  readonly changed: readonly Misplaced[];
  /** Reads all records again, because only their hashes were kept. */
  readonly records: () => AsyncIterable<StoredRecord>;
}

/**
 * Gives findings the keys of their records, and finds out which changed records are records of other sequences: those are
 * named reordered.
 */
async function nameRecords(findings: readonly RowFinding[], naming: Naming): Promise<readonly Finding[]> {
  const suspects = suspectsOf(findings, naming);
  const rows = new Set(findings.flatMap(({ row }) => (row === undefined ? [] : [row])));
  if (rows.size === 0 && suspects.size === 0) return findings;
  const keys = new Map<number, NonNullable<Finding['record']>>();
  const contents = new Map<number, StoredRecord>();
  let row = 0;
  for await (const record of naming.records()) {
    if (rows.has(row)) keys.set(row, { partitionKey: record.PartitionKey, rowKey: record.RowKey });
    if (suspects.has(row)) contents.set(row, record);
    row += 1;
  }
  const origins = originsOf(naming, contents);
  return findings.map(({ row: about, ...finding }): Finding => {
    const record = about === undefined ? undefined : keys.get(about);
    if (about === undefined || record === undefined) return finding;
    const origin = origins.get(about);
    return origin === undefined
      ? { ...finding, record }
      : { ...finding, record, kind: 'reordered', detail: reorderedDetail(origin) };
  });
}

const reorderedDetail = ({ PartitionKey, RowKey }: StoredRecord): string =>
  `It and the record ${PartitionKey} ${RowKey} were put into each other’s places.`;

/** Rows of records that may have been put into each other’s places. Empty if there are too many to compare. */
function suspectsOf(findings: readonly RowFinding[], { table, changed }: Naming): ReadonlySet<number> {
  if (changed.length === 0 || changed.length > maxCompared) return new Set();
  const suspects = new Set<number>();
  for (const { row, kind } of findings)
    if (row !== undefined && (kind === 'changed' || kind === 'inserted')) suspects.add(row);
  // Of two neighbours only the later one is known by its hash.
  for (const { seq, rows } of changed)
    for (const row of rows) for (const neighbour of table.rowsAt(row, seq - 1)) suspects.add(neighbour);
  return suspects.size > 2 * maxCompared ? new Set() : suspects;
}

/** The records with which changed ones were exchanged, by row. */
function originsOf(
  { table, changed }: Naming,
  contents: ReadonlyMap<number, StoredRecord>,
): ReadonlyMap<number, StoredRecord> {
  const origins = new Map<number, StoredRecord>();
  for (const { expected, rows } of changed) {
    for (const row of rows) {
      const content = contents.get(row);
      // The right record is there now, but was not when a checkpoint was signed.
      if (content === undefined || table.hash(row).equals(expected)) continue;
      for (const [other, candidate] of contents) {
        if (other === row || !isExchanged(content, candidate, expected.toString('base64url'))) continue;
        origins.set(row, candidate);
        break;
      }
    }
  }
  return origins;
}

/** An export, as `ptb audit export` writes it. */
export interface Evidence {
  /** Whose it claims to be. Absent: it does not say. */
  readonly broker?: string;
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
  /** The records by their state. Their sum is `records`. */
  readonly counts: Readonly<Tally>;
  /** Records without a chain, which older versions write. */
  readonly unchained: { readonly records: number; readonly first?: string; readonly last?: string };
  /** Sequences without a record. The instance ended or storage failed while it wrote them, and nobody got what they were for. */
  readonly lost: number;
  readonly crashed: number;
  /** Sequences whose records retention has purged, or that lie at or beyond the limits of the period. */
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
  const table = new RecordTable();
  const requests = new OpenRequests();
  for await (const record of evidence.records()) {
    table.add(record);
    requests.see(record);
  }
  const limits = limitsOf(read.checkpoints, { ...evidence, oldestMs: table.oldestMs });
  const { proven } = limits;
  const tally = newTally();
  const signed = signedChains(read.checkpoints);
  const ids = [...new Set([...table.chains.keys(), ...signed.keys()])];
  const chains = ids.map((id) => judgeChain({ table, limits, tally }, id, signed.get(id) ?? unsignedChain));
  const findings = [
    ...read.findings,
    ...judgeBroker(evidence, read.checkpoints),
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
    ...(proven && { period: { from: isoTime(proven.fromMs), to: isoTime(proven.toMs) } }),
    records: table.count,
    counts: tally,
    unchained: summaryOf(table),
    lost: total(({ lost }) => lost),
    crashed: total(({ crashed }) => crashed),
    purged: total(({ purged }) => purged),
    beyond: total(({ beyond }) => beyond),
    chains: chains.length,
    withoutOutcome: requests.count,
    checkpoints: read.checkpoints.map(({ number, at, keyId }) => ({ number, at, keyId })),
    ...(read.checkpoints.length === 0 ? {} : { purgedBefore: isoTime(limits.purge.beforeMs) }),
  };
}

/** Checkpoints say whose they are, and those of older versions nothing. */
function* judgeBroker({ broker }: Evidence, checkpoints: readonly SignedCheckpoint[]): Iterable<RowFinding> {
  const other = checkpoints.find((each) => each.broker !== undefined && each.broker !== broker);
  if (broker === undefined || other === undefined) return;
  if (parseGuid(broker) === undefined) {
    const older = `An older version of \`ptb\` has written whose export it is, and the checkpoints are signed for the partner ${other.broker}. Export again with this version.`;
    yield { kind: 'unproven', checkpoint: other.number, detail: older };
    return;
  }
  const detail = `It was signed for the broker of the partner ${other.broker}, and the export names another one.`;
  yield { kind: 'forged', checkpoint: other.number, detail };
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

/**
 * What verification amounts to.
 * - `tampered`: something is not as it was written.
 * - `unproven`: nothing speaks for tampering, but something in the period that was requested is not signed.
 * - `proven`: in the period of the verification each record is as it was written, and none is missing.
 */
type Verdict = 'tampered' | 'unproven' | 'proven';

export function verdictOf({ findings, period, counts }: Verification): Verdict {
  if (findings.some(isTampering)) return 'tampered';
  const isProven = period !== undefined && counts.proven > 0 && counts.earlier === 0 && counts.unsigned === 0;
  return isProven && !findings.some(({ kind }) => kind === 'unproven') ? 'proven' : 'unproven';
}
