import { Drawing as Stretched } from './charts.tsx';
import { useState } from 'preact/hooks';
import { localDate, localTime } from './format.ts';
import { type Axes, type HistoryPoint, type NumberScale, scaleOf, summaryOf, unbroken } from './history-points.ts';
import { runLink } from './route.ts';

interface ChartProps {
  /** Oldest first. At least one. */
  readonly points: readonly HistoryPoint[];
  /** What the numbers are. */
  readonly title: string;
  readonly since: string;
  readonly until: string;
}

/** The numbers of runs over time. The arrow keys lead from run to run; the line below says what is marked. */
export function HistoryChart({ points, title, since, until }: ChartProps) {
  const [chosen, setChosen] = useState<number>();
  const at = Math.min(chosen ?? points.length - 1, points.length - 1);
  const marked = points[at];
  const scale = scaleOf(points.flatMap(({ number }) => number ?? []));
  const axes = axesOf(scale, Date.parse(since), Date.parse(until));
  const move = (to: number): void => setChosen(Math.min(points.length - 1, Math.max(0, to)));
  const onKeyDown = (event: KeyboardEvent): void => {
    const to = movesTo(event.key, at, points.length);
    if (to === undefined) return;
    event.preventDefault();
    move(to);
  };
  const onPointer = ({ clientX, currentTarget }: { clientX: number; currentTarget: HTMLElement }): void => {
    const { left, width } = currentTarget.getBoundingClientRect();
    if (width > 0) move(nearest(points, axes, ((clientX - left) / width) * 100));
  };
  return (
    <figure class="history-chart">
      <figcaption class="visually-hidden">
        {title}: {summaryOf(points)}
      </figcaption>
      <NumberAxis scale={scale} axes={axes} />
      <div
        class="chart-area"
        role="slider"
        tabIndex={0}
        aria-label={`Run of the chart ${title}`}
        aria-valuemin={1}
        aria-valuemax={points.length}
        aria-valuenow={at + 1}
        aria-valuetext={marked && pointText(marked)}
        onKeyDown={onKeyDown}
        onPointerMove={onPointer}
        onPointerDown={onPointer}
      >
        <Drawing points={points} scale={scale} axes={axes} marked={marked} />
      </div>
      <RunBars points={points} axes={axes} />
      <div class="x" aria-hidden="true">
        <span>{localDate(since)}</span>
        <span>{localDate(until)}</span>
      </div>
      {marked === undefined ? null : <Marked point={marked} />}
      <ChartLegend points={points} />
    </figure>
  );
}

function axesOf({ min, max }: NumberScale, fromMs: number, toMs: number): Axes {
  const span = Math.max(1, toMs - fromMs);
  return {
    // Marks at the edges stay whole.
    x: (iso) => Math.min(99.6, Math.max(0.4, ((Date.parse(iso) - fromMs) / span) * 100)),
    y: (number) => 100 - ((number - min) / (max - min)) * 100,
  };
}

function movesTo(key: string, at: number, length: number): number | undefined {
  const moves: Readonly<Record<string, number>> = {
    ArrowLeft: at - 1,
    ArrowDown: at - 1,
    ArrowRight: at + 1,
    ArrowUp: at + 1,
    PageDown: at - 10,
    PageUp: at + 10,
    Home: 0,
    End: length - 1,
  };
  return moves[key];
}

function nearest(points: readonly HistoryPoint[], { x }: Axes, wanted: number): number {
  const distances = points.map(({ startedAt }) => Math.abs(x(startedAt) - wanted));
  return distances.indexOf(Math.min(...distances));
}

const numberText = (number: number): string => number.toLocaleString('en');

const pointText = ({ startedAt, number, about }: HistoryPoint): string =>
  `${localTime(startedAt)}: ${number === undefined ? 'no number' : numberText(number)}, ${about}`;

function NumberAxis({ scale, axes }: { readonly scale: NumberScale; readonly axes: Axes }) {
  return (
    <div class="chart-y" aria-hidden="true">
      {scale.ticks.map((tick) => (
        <span key={tick} style={{ top: `${axes.y(tick)}%` }}>
          {numberText(tick)}
        </span>
      ))}
    </div>
  );
}

interface DrawingProps {
  readonly points: readonly HistoryPoint[];
  readonly scale: NumberScale;
  readonly axes: Axes;
  readonly marked: HistoryPoint | undefined;
}

function Drawing({ points, scale, axes, marked }: DrawingProps) {
  const { x, y } = axes;
  const dot = ({ startedAt, number = 0 }: HistoryPoint): string => `M${x(startedAt)} ${y(number)}h0`;
  const parts = unbroken(points);
  return (
    <Stretched class="" box={[0, 0, 100, 100]}>
      {scale.ticks.map((tick) => (
        <path key={tick} class={tick === 0 ? 'c-axis' : 'c-grid'} d={`M0 ${y(tick)}H100`} />
      ))}
      {marked === undefined ? null : <path class="marker" d={`M${x(marked.startedAt)} 0V100`} />}
      {parts.map((part) => (
        <path key={part[0]?.runId} class="c-line" d={lineOf(part, axes)} />
      ))}
      <path class="dots" d={parts.flat().map(dot).join('')} />
      {points.map((point) =>
        point.number === undefined ? (
          <path key={point.runId} class={`gap ${point.tone}`} d={`M${x(point.startedAt)} 100v-7`} />
        ) : null,
      )}
      {marked?.number === undefined ? null : <path class="dots marked" d={dot(marked)} />}
    </Stretched>
  );
}

const lineOf = (part: readonly HistoryPoint[], { x, y }: Axes): string =>
  part.map(({ startedAt, number = 0 }, at) => `${at === 0 ? 'M' : 'L'}${x(startedAt)} ${y(number)}`).join('');

/** What the marker stands at. The slider says the same to people who do not see it. */
function Marked({ point }: { readonly point: HistoryPoint }) {
  const { runId, startedAt, number, about } = point;
  return (
    <p class="chart-marked">
      {number === undefined ? <span>No number</span> : <strong>{numberText(number)}</strong>}{' '}
      <span>
        <a href={runLink(runId)}>{localTime(startedAt)}</a> <span class="quiet">{about}</span>
      </span>
    </p>
  );
}

const parts = ['failed', 'notAttempted', 'skipped', 'succeeded'] as const;
const words = { failed: 'failed', notAttempted: 'not attempted', skipped: 'skipped', succeeded: 'succeeded' };

/** Below a chart: what became of the tenants of each run. The table says the same. Nothing for one tenant. */
function RunBars({ points, axes }: { readonly points: readonly HistoryPoint[]; readonly axes: Axes }) {
  if (points.every(({ tenants }) => tenants === undefined)) return null;
  const width = Math.min(1.6, 70 / points.length);
  return (
    <Stretched class="chart-bars" box={[0, 0, 100, 100]}>
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
    </Stretched>
  );
}

/** Says what the marks without a number and the bars are, where there are any. */
function ChartLegend({ points }: { readonly points: readonly HistoryPoint[] }) {
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
