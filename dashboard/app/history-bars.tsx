import type { Axes, HistoryPoint } from './history-points.ts';

const parts = ['failed', 'notAttempted', 'skipped', 'succeeded'] as const;
const words = { failed: 'failed', notAttempted: 'not attempted', skipped: 'skipped', succeeded: 'succeeded' };

/** Below a chart: what became of the tenants of each run. The table says the same. Nothing for one tenant. */
export function RunBars({ points, axes }: { readonly points: readonly HistoryPoint[]; readonly axes: Axes }) {
  if (points.every(({ tenants }) => tenants === undefined)) return null;
  const width = Math.min(1.6, 70 / points.length);
  return (
    <svg class="chart-bars" viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true">
      {points.map(({ runId, startedAt, tenants }) => {
        if (tenants === undefined || tenants.total === 0) return null;
        let top = 0;
        return parts.map((part) => {
          const size = (tenants[part] / tenants.total) * 100;
          const bar =
            size === 0 ? null : (
              <rect
                key={`${runId} ${part}`}
                class={part === 'succeeded' ? 'before' : part}
                x={axes.x(startedAt) - width / 2}
                y={top}
                width={width}
                height={size}
              />
            );
          top += size;
          return bar;
        });
      })}
    </svg>
  );
}

/** Says what the marks without a number and the bars are, where there are any. */
export function ChartLegend({ points }: { readonly points: readonly HistoryPoint[] }) {
  const shown = parts.filter((part) => points.some(({ tenants }) => tenants !== undefined && tenants[part] > 0));
  const hasGap = points.some(({ number }) => number === undefined);
  if (shown.length === 0 && !hasGap) return null;
  return (
    <p class="keys">
      {hasGap ? (
        <span>
          <span class="key rest" aria-hidden="true" />
          run without a number
        </span>
      ) : null}
      {shown.length === 0 ? null : <span>Tenants of each run:</span>}
      {shown.toReversed().map((part) => (
        <span key={part}>
          <span class={`key ${part}`} aria-hidden="true" />
          {words[part]}
        </span>
      ))}
    </p>
  );
}
