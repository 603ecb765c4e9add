import { overlapMs, setDigest } from '../../lib/audit/chain/checkpoint.ts';
import { isoTime } from '../../lib/core/clock.ts';
import { type Gap, judgeGaps } from './judge-gaps.ts';
import { includes, isWithin, type Limits } from './period.ts';
import type { RowFinding, SignedCheckpoint, Tally } from './read-checkpoints.ts';
import { type RecordTable, recordState } from './record-table.ts';
import type { SignedChain } from './signed-chains.ts';
import { type Misplaced, walkChain, type WalkedChain } from './walk-chain.ts';

/**
 * How a record stands for which no signature vouches.
 * - `newer`: after what the last checkpoint covers.
 * - `earlier`: before what the first checkpoint covers.
 * - `outside`: beyond what was requested.
 * - `late`: checkpoints cover its time and do not know it.
 * - `uncovered`: the checkpoints of its time are not at hand.
 * - `backdated`: its key has a time that is not signed yet, and it shows one that is.
 * - `future`: after the export.
 */
type Unsigned = 'newer' | 'earlier' | 'outside' | 'late' | 'uncovered' | 'backdated' | 'future';

function unsignedState(table: RecordTable, row: number, limits: Limits): Unsigned {
  const { requested, covered, exportedMs } = limits;
  const atMs = table.atMs(row);
  const shownMs = table.shownMs.get(row) ?? atMs;
  const [first] = covered;
  if (isWithin(covered, atMs)) return 'late';
  if (isWithin(covered, shownMs)) return 'backdated';
  if (!includes(requested, atMs)) return includes(requested, shownMs) ? 'backdated' : 'outside';
  if (atMs > exportedMs + overlapMs) return 'future';
  if (first === undefined || atMs > limits.signedUntilMs) return 'newer';
  return atMs <= first.fromMs ? 'earlier' : 'uncovered';
}

/**
 * How a record stands for which a signature vouches. Of the time before the first checkpoint only such records are known
 * that the chains of that checkpoint name, so `proven` cannot be said of it.
 */
function signedState(atMs: number, limits: Limits): 'proven' | 'newer' | 'earlier' | 'outside' {
  const { requested, covered, proven, signedUntilMs } = limits;
  if (proven !== undefined && includes(proven, atMs)) return 'proven';
  if (atMs >= signedUntilMs) return 'newer';
  return includes(requested, atMs) && atMs < (covered[0]?.fromMs ?? atMs) ? 'earlier' : 'outside';
}

/**
 * An instance has at most four writes of 100 records under way. A chain that lacks more records has lost them in other ways:
 * storage did not work for a while, or somebody moved the end of the chain and removed what came then.
 */
const largestCrash = 400;

/** What was found about one chain. */
export interface ChainFindings {
  readonly findings: readonly RowFinding[];
  readonly changed: readonly Misplaced[];
  /** Sequences without a record. */
  readonly lost: number;
  readonly crashed: number;
  readonly purged: number;
  readonly beyond: number;
}

export interface ChainEvidence {
  readonly table: RecordTable;
  readonly limits: Limits;
  /** Counts the records. */
  readonly tally: Tally;
}

/** Judges one chain. */
export function judgeChain(evidence: ChainEvidence, chain: string, signed: SignedChain): ChainFindings {
  const { table, limits } = evidence;
  const rows = table.inOrder(chain);
  const walked = walkChain(table, rows, signed);
  const gaps = judgeGaps({ table, rows, kept: walked.kept }, signed, limits);
  const sizeOf = (...whys: readonly Gap['why'][]): number =>
    gaps.reduce((sum, { why, first, last }) => sum + (whys.includes(why) ? last - first + 1 : 0), 0);
  const isTooMuch = sizeOf('crash', 'lost') > largestCrash;
  return {
    findings: [
      ...walked.changed.flatMap((seq) => changedFindings(table, seq)),
      ...walked.extra.map((row) => ({ kind: 'inserted' as const, row, detail: 'It has a place that is not free.' })),
      ...walked.doubted.map((seq) => ({ kind: 'unproven' as const, first: seq, last: seq, detail: doubtedDetail })),
      ...signed.revived.map((seq) => ({ kind: 'inserted' as const, first: seq, last: seq, detail: revivedDetail })),
      ...judgeRows(evidence, rows),
      ...gaps.flatMap((gap) => gapFinding(gap, isTooMuch)),
      ...agreeingFindings(walked, evidence),
    ].map((finding: RowFinding) => {
      const seq = finding.row === undefined ? undefined : table.seq(finding.row);
      return { ...finding, chain, ...(seq === undefined ? {} : { first: seq, last: seq }) };
    }),
    changed: walked.changed,
    lost: sizeOf('lost'),
    crashed: sizeOf('crash'),
    purged: sizeOf('purged'),
    beyond: sizeOf('unknown'),
  };
}

const revivedDetail = 'The chain had ended hours before, and no instance continues such a chain.';
const doubtedDetail =
  'A record after it, which is not signed yet, names another hash for it. The next checkpoint will tell which is right.';

/** What is wrong with a record for which no signature vouches. */
const unsignedFindings: Readonly<Partial<Record<Unsigned, Pick<RowFinding, 'kind' | 'detail'>>>> = {
  late: {
    kind: 'inserted',
    detail: 'The checkpoints of its time do not know it. It was added later, or the clock of an instance was wrong.',
  },
  uncovered: { kind: 'unproven', detail: 'The checkpoints of its time are not here, so nothing signed speaks of it.' },
  backdated: { kind: 'unproven', detail: 'It shows a time of this period, and no checkpoint knows it.' },
  future: { kind: 'unproven', detail: 'Its time is after the export.' },
};

const misfitDetail = 'Its keys are none that a version has written: they have no time, or two that differ.';

/** Counts the records of a chain after its walk, and names those that nothing signed knows. */
function* judgeRows({ table, limits, tally }: ChainEvidence, rows: Uint32Array): Iterable<RowFinding> {
  for (const row of rows) {
    const known = table.state(row);
    if (known === recordState.changed || known === recordState.extra) tally.tampered += 1;
    else if (table.misfits.has(row)) {
      tally.tampered += 1;
      yield { kind: 'inserted', row, detail: misfitDetail };
    } else if (known === recordState.vouched) tally[signedState(table.atMs(row), limits)] += 1;
    else if (known === recordState.agreeing) tally[isOpen(table.atMs(row), limits) ? 'unsigned' : 'outside'] += 1;
    else yield* countUnsigned({ table, limits, tally }, row);
  }
}

/** Counts a record that nothing signed knows, and says what is wrong with it. */
function* countUnsigned({ table, limits, tally }: ChainEvidence, row: number): Iterable<RowFinding> {
  const found = unsignedState(table, row, limits);
  const finding = unsignedFindings[found];
  if (finding !== undefined) yield { ...finding, row };
  if (found === 'late') tally.tampered += 1;
  else if (found === 'newer' || found === 'earlier' || found === 'outside') tally[found] += 1;
  else tally.unsigned += 1;
}

function changedFindings(table: RecordTable, { rows, isContradicted }: Misplaced): RowFinding[] {
  const kept = rows.find((row) => table.state(row) === recordState.vouched);
  if (isContradicted && kept !== undefined)
    return [{ kind: 'changed', row: kept, detail: 'Checkpoints and later records knew different contents of it.' }];
  return rows.map((row, index) => ({
    kind: index === 0 ? 'changed' : 'inserted',
    row,
    detail: 'Its content is not what was written.',
  }));
}

/**
 * Whether a record should be signed whose next one is not there. If the period has an end, so have the chains: then the next
 * record lies beyond it.
 */
const isOpen = (atMs: number, { requested, proven }: Limits): boolean =>
  includes(requested, atMs) &&
  (proven === undefined || requested.toMs === Number.POSITIVE_INFINITY || atMs < proven.toMs);

/** Records after which one is missing or changed. */
function agreeingFindings({ agreeing, kept }: WalkedChain, { table, limits }: ChainEvidence): RowFinding[] {
  if (agreeing.length === 0) return [];
  const open = new Set<number>();
  for (const row of kept)
    if (table.state(row) === recordState.agreeing && isOpen(table.atMs(row), limits)) open.add(table.seq(row));
  return agreeing
    .filter(([first, last]) => hasAny(open, first, last))
    .map(([first, last]) => ({
      kind: 'unproven',
      first,
      last,
      detail: 'The record after them is missing or changed, so nothing signed vouches for their content.',
    }));
}

function hasAny(seqs: ReadonlySet<number>, first: number, last: number): boolean {
  for (let seq = first; seq <= last; seq += 1) if (seqs.has(seq)) return true;
  return false;
}

const gapDetails: Readonly<Partial<Record<Gap['why'], Pick<RowFinding, 'kind' | 'detail'>>>> = {
  removed: { kind: 'removed', detail: 'They were written and are missing.' },
  truncated: { kind: 'truncated', detail: 'The end of the chain was written and is missing.' },
  crash: {
    kind: 'crash',
    detail: 'The instance ended, or storage failed, while it wrote them. Nobody got what they were for.',
  },
  undated: { kind: 'unproven', detail: 'They were written, are missing, and nothing signed says when that was.' },
  perhapsPurged: {
    kind: 'unproven',
    detail: 'They are missing and old enough to be purged, but only since the last checkpoint: nothing signed says so.',
  },
};

const tooMuchDetail = `More than ${largestCrash} records of this chain were not written. Nothing signed tells a failure of storage from records that somebody kept from being signed, and removed.`;

function gapFinding({ why, first, last, afterMs, beforeMs }: Gap, isTooMuch: boolean): RowFinding[] {
  const isFailure = why === 'crash' || why === 'lost';
  const finding = isFailure && isTooMuch ? ({ kind: 'unproven', detail: tooMuchDetail } as const) : gapDetails[why];
  if (finding === undefined) return [];
  const isKnown = Number.isFinite(afterMs) && Number.isFinite(beforeMs);
  const between = isKnown ? { between: [isoTime(afterMs), isoTime(beforeMs)] as const } : {};
  return [{ ...finding, first, last, ...between }];
}

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
    findings.push({ kind: 'inserted', row, detail: misfitDetail });
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
    for (const row of rows) tally[signedState(table.atMs(row), limits)] += 1;
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
const isAtEdge = ({ requested, purge }: Limits, afterMs: number, untilMs: number): boolean =>
  afterMs < requested.fromMs || untilMs >= requested.toMs || afterMs < purge.beforeMs;
