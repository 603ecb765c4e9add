import type { RunSummaryAnswer } from '../../src/lib/api/answers/runs.ts';
import { type Outcome, outcomeWord } from '../../src/lib/core/outcomes.ts';

type Counts = RunSummaryAnswer['tenants'];

const parts = ['succeeded', 'failed', 'skipped', 'notAttempted'] as const;
const outcomes = {
  succeeded: 'succeeded',
  failed: 'failed',
  skipped: 'skipped',
  notAttempted: 'not_attempted',
} as const satisfies Readonly<Record<string, Outcome>>;

/** The counts as a bar that is 100 units wide. */
export function CountsBar({ counts }: { readonly counts: Counts }) {
  const total = Math.max(1, counts.total);
  let from = 0;
  const pieces = parts.map((part) => {
    const width = (counts[part] / total) * 100;
    const piece = <rect key={part} class={part} x={from} y={0} width={width} height={8} />;
    from += width;
    return piece;
  });
  return (
    <svg class="bar" viewBox="0 0 100 8" preserveAspectRatio="none" role="img" aria-label={countsText(counts)}>
      <rect class="rest" x={0} y={0} width={100} height={8} />
      {pieces}
    </svg>
  );
}

/** Counts of the tenants, in words. The total is 0 until the tenants have been listed. */
export function countsText(counts: Counts): string {
  if (counts.total === 0) return 'no tenants';
  const texts = parts
    .filter((part) => counts[part] > 0)
    .map((part) => `${counts[part]} ${outcomeWord(outcomes[part])}`);
  return `${texts.join(', ') || 'none done'} of ${counts.total}`;
}
