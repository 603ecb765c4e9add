import type { RunAnswer, RunTenant } from '../../src/lib/api/answers/runs.ts';
import { outcomeWord } from '../../src/lib/core/outcomes.ts';
import { count, duration } from './format.ts';
import { type Round, roundsOf } from './run-rounds.ts';

/** The rounds of a run along the time that it took. The texts say the same as the bars. */
export function RunTimeline({ run, tenants }: { readonly run: RunAnswer; readonly tenants: readonly RunTenant[] }) {
  const rounds = roundsOf(tenants);
  const startMs = Date.parse(run.startedAt);
  const [first] = rounds;
  if (first === undefined) return null;
  const axis = { startMs, totalMs: Math.max(1, run.durationMs) };
  const listedMs = first.period === undefined ? 0 : Math.max(0, first.period.fromMs - startMs);
  return (
    <section aria-label="Timeline of rounds">
      <ol class="rounds">
        <li>
          <span class="round-name">Listing</span>
          <Bar axis={axis} fromMs={startMs} toMs={startMs + listedMs} parts={[['idle', 1]]} />
          <span class="quiet">{duration(listedMs)} to list the tenants and to start</span>
        </li>
        {rounds.map((round) => (
          <RoundLine key={round.number} round={round} axis={axis} />
        ))}
      </ol>
    </section>
  );
}

interface Axis {
  readonly startMs: number;
  readonly totalMs: number;
}

function RoundLine({ round, axis }: { readonly round: Round; readonly axis: Axis }) {
  const { number, counts, retried, period } = round;
  const parts = [
    ['succeeded', counts.succeeded],
    ['failed', counts.failed],
    ['skipped', counts.skipped],
    ['retried', retried],
  ] as const;
  return (
    <li>
      <span class="round-name">Round {number}</span>
      {period === undefined ? <span /> : <Bar axis={axis} {...period} parts={parts} />}
      <span>
        {roundText(round)}
        {period === undefined ? null : <span class="quiet"> in {duration(period.toMs - period.fromMs)}</span>}
      </span>
    </li>
  );
}

/** `3 tenants: 2 succeeded, 1 failed` */
export function roundText({ counts, retried }: Round): string {
  const tried = counts.succeeded + counts.failed + counts.skipped + retried;
  const words = (['succeeded', 'failed', 'skipped'] as const)
    .filter((part) => counts[part] > 0)
    .map((part) => `${counts[part]} ${outcomeWord(part)}`);
  const left = retried === 0 ? [] : [`${retried} left for a later round`];
  return `${count(tried, 'tenant')}: ${[...words, ...left].join(', ')}`;
}

/** Least width of a bar, in units of a hundredth of the axis. */
const minWidth = 0.6;

function Bar(props: {
  readonly axis: Axis;
  readonly fromMs: number;
  readonly toMs: number;
  /** Class and share of each part. */
  readonly parts: readonly (readonly [string, number])[];
}) {
  const { axis, fromMs, toMs, parts } = props;
  const at = (ms: number): number => Math.min(100, Math.max(0, ((ms - axis.startMs) / axis.totalMs) * 100));
  const width = Math.max(minWidth, at(toMs) - at(fromMs));
  const total = Math.max(
    1,
    parts.reduce((sum, [, share]) => sum + share, 0),
  );
  let x = Math.min(at(fromMs), 100 - width);
  return (
    <svg class="bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
      <rect class="rest" width={100} height={8} />
      {parts.map(([name, share]) => {
        const piece = <rect key={name} class={name} x={x} width={(share / total) * width} height={8} />;
        x += (share / total) * width;
        return piece;
      })}
    </svg>
  );
}
