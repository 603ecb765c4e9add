import { isoTime } from '../../lib/core/clock.ts';
import type { RowFinding } from './finding.ts';
import { type Gap, judgeGaps } from './judge-gaps.ts';
import { includes, type Limits } from './period.ts';
import { type RecordTable, standing } from './record-table.ts';
import type { SignedChain } from './signed-chains.ts';
import { signedStanding, type Unsigned, unsignedStanding } from './standing-of.ts';
import type { Tally } from './tally.ts';
import { type Misplaced, type WalkedChain, walkChain } from './walk-chain.ts';

/**
 * An instance has at most four writes of 100 records under way. A chain that lacks more records has lost them in other ways:
 * storage did not work for a while, or somebody moved the end of the chain and removed what came then.
 */
const largestCrash = 400;

/** What was found about one chain. */
export interface ChainFindings {
  readonly findings: readonly RowFinding[];
  readonly changed: readonly Misplaced[];
  /** Places without a record. */
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
      ...walked.changed.flatMap((place) => changedFindings(table, place)),
      ...walked.extra.map((row) => ({ kind: 'inserted' as const, row, detail: 'It has a place that is not free.' })),
      ...walked.doubted.map((seq) => ({ kind: 'unproven' as const, first: seq, last: seq, detail: doubtedDetail })),
      ...signed.revived.map((seq) => ({ kind: 'inserted' as const, first: seq, last: seq, detail: revivedDetail })),
      ...judgeRows(evidence, rows),
      ...gaps.flatMap((gap) => gapFinding(gap, isTooMuch)),
      ...agreeingFindings(walked, evidence),
    ].map((finding) => withPlace(table, chain, finding)),
    changed: walked.changed,
    lost: sizeOf('lost'),
    crashed: sizeOf('crash'),
    purged: sizeOf('purged'),
    beyond: sizeOf('unknown'),
  };
}

function withPlace(table: RecordTable, chain: string, finding: RowFinding): RowFinding {
  if (finding.row === undefined) return { ...finding, chain };
  const seq = table.seq(finding.row);
  return { ...finding, chain, first: seq, last: seq };
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
    const known = table.standing(row);
    if (known === standing.changed || known === standing.extra) tally.tampered += 1;
    else if (table.misfits.has(row)) {
      tally.tampered += 1;
      yield { kind: 'inserted', row, detail: misfitDetail };
    } else if (known === standing.vouched) tally[signedStanding(table.atMs(row), limits)] += 1;
    else if (known === standing.agreeing) tally[isOpen(table.atMs(row), limits) ? 'unsigned' : 'outside'] += 1;
    else yield* countUnsigned({ table, limits, tally }, row);
  }
}

/** Counts a record that nothing signed knows, and says what is wrong with it. */
export function* countUnsigned({ table, limits, tally }: ChainEvidence, row: number): Iterable<RowFinding> {
  const found = unsignedStanding(table, row, limits);
  const finding = unsignedFindings[found];
  if (finding !== undefined) yield { ...finding, row };
  if (found === 'late') tally.tampered += 1;
  else if (found === 'newer' || found === 'earlier' || found === 'outside') tally[found] += 1;
  else tally.unsigned += 1;
}

export const misfitFinding = (row: number): RowFinding => ({ kind: 'inserted', row, detail: misfitDetail });

function changedFindings(table: RecordTable, { rows, isContradicted }: Misplaced): RowFinding[] {
  const kept = rows.find((row) => table.standing(row) === standing.vouched);
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
const isOpen = (atMs: number, { asked, proven }: Limits): boolean =>
  includes(asked, atMs) && (proven === undefined || asked.toMs === Number.POSITIVE_INFINITY || atMs < proven.toMs);

/** Records after which one is missing or changed. */
function agreeingFindings({ agreeing, kept }: WalkedChain, { table, limits }: ChainEvidence): RowFinding[] {
  if (agreeing.length === 0) return [];
  const open = new Set<number>();
  for (const row of kept)
    if (table.standing(row) === standing.agreeing && isOpen(table.atMs(row), limits)) open.add(table.seq(row));
  return agreeing
    .filter(([first, last]) => hasAny(open, first, last))
    .map(([first, last]) => ({
      kind: 'unproven',
      first,
      last,
      detail: 'The record after them is missing or changed, so nothing signed vouches for their content.',
    }));
}

function hasAny(places: ReadonlySet<number>, first: number, last: number): boolean {
  for (let place = first; place <= last; place += 1) if (places.has(place)) return true;
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
