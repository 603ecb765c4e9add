import { isoTime } from '../../runtime/clock.ts';
import type { Finding } from './finding.ts';
import { type Gap, type GapLimits, judgeGaps } from './judge-gaps.ts';
import type { ChainedRecord } from './record-index.ts';
import type { SignedHead } from './signed-chains.ts';
import { type Misplaced, walkChain } from './walk-chain.ts';

export interface ChainLimits extends GapLimits {
  /**
   * The time that the checkpoints cover. A record of that time that none of them covers was added later, or its instance had
   * the wrong time.
   */
  readonly coveredFromMs: number;
  readonly coveredToMs: number;
}

/** What was found about one chain. */
export interface ChainFindings {
  readonly findings: readonly Finding[];
  readonly changed: readonly (Misplaced & { readonly chain: string })[];
  readonly proven: number;
  readonly uncovered: number;
  readonly lost: number;
  readonly purged: number;
  readonly outside: number;
}

/** Judges one chain. @param places its records by place. */
export function judgeChain(
  chain: string,
  places: ReadonlyMap<number, readonly ChainedRecord[]>,
  heads: readonly SignedHead[],
  limits: ChainLimits,
): ChainFindings {
  const walked = walkChain(places, heads);
  const gaps = judgeGaps(walked, new Set(places.keys()), heads, limits);
  const late = walked.uncovered.filter(({ atMs }) => atMs > limits.coveredFromMs && atMs <= limits.coveredToMs);
  const sizeOf = (why: Gap['why']): number =>
    gaps.reduce((sum, gap) => sum + (gap.why === why ? gap.last - gap.first + 1 : 0), 0);
  return {
    findings: [
      ...walked.changed.flatMap(({ seq, records }) => changedFindings(chain, seq, records)),
      ...walked.extra.map((record) => recordFinding('inserted', record, 'It has a place that is not free.')),
      ...late.map((record) => recordFinding('inserted', record, lateDetail)),
      ...gaps.flatMap((gap) => gapFinding(chain, gap)),
      ...walked.unproven.map(
        ([first, last]): Finding => ({ kind: 'unproven', chain, first, last, detail: unprovenDetail }),
      ),
    ],
    changed: walked.changed.map((misplaced) => ({ ...misplaced, chain })),
    proven: walked.proven,
    uncovered: walked.uncovered.length - late.length,
    lost: sizeOf('lost'),
    purged: sizeOf('purged'),
    outside: sizeOf('unknown'),
  };
}

const lateDetail =
  'The checkpoints of its time do not know it. It was added later, or the clock of its instance was behind.';
const unprovenDetail = 'The record after them is missing or changed, so nothing signed vouches for their content.';

function changedFindings(chain: string, seq: number, records: readonly ChainedRecord[]): Finding[] {
  const [one, ...others] = records.map((record) =>
    recordFinding('changed', record, 'Its content is not what was written.'),
  );
  if (one === undefined) return [];
  return [{ ...one, chain, first: seq, last: seq }, ...others.map((each) => ({ ...each, kind: 'inserted' as const }))];
}

const recordFinding = (
  kind: 'changed' | 'inserted',
  { partitionKey, rowKey, link: { id, seq } }: ChainedRecord,
  detail: string,
): Finding => ({ kind, chain: id, first: seq, last: seq, record: { partitionKey, rowKey }, detail });

const gapDetails = {
  removed: 'They were written and are missing.',
  truncated: 'The end of the chain was written and is missing.',
  crash: 'The instance ended, or storage failed, while it wrote them. Nobody got what they were for.',
} as const;

function gapFinding(chain: string, { why, first, last, afterMs, beforeMs }: Gap): Finding[] {
  if (why === 'lost' || why === 'purged' || why === 'unknown') return [];
  const isKnown = Number.isFinite(afterMs) && Number.isFinite(beforeMs);
  const between = isKnown ? { between: [isoTime(afterMs), isoTime(beforeMs)] as const } : {};
  return [{ kind: why, chain, first, last, ...between, detail: gapDetails[why] }];
}
