import { Drawing, Keys, partWord, placeOf, Plot } from './charts.tsx';
import { useState } from 'preact/hooks';
import { outcomeWord } from '../../src/lib/core/outcomes.ts';
import { localDate, localTime } from './format.ts';
import {
  countedWords,
  type HistoryPoint,
  type NumberScale,
  numberText,
  scaleOf,
  summaryOf,
  unbroken,
} from './history-points.ts';
import { runLink } from './route.ts';

interface ChartProps {
  /** Oldest first. At least one. */
  readonly points: readonly HistoryPoint[];
  /** What the numbers are. */
  readonly title: string;
  /** Of its numbers, if they have one. */
  readonly unit?: string | undefined;
  readonly since: string;
  readonly until: string;
}

/** Of the drawing, whose width has 100 units. */
const height = 160;

/** Where a time is. */
type Place = (iso: string) => number;

/** The numbers of runs over time; of a single run its number alone. The arrow keys lead from run to run; the line below says what is marked. */
export function HistoryChart({ points, title, unit, since, until }: ChartProps) {
  const [chosen, setChosen] = useState<number>();
  const at = Math.min(chosen ?? points.length - 1, points.length - 1);
  const marked = points[at];
  const [fromMs, toMs] = [Date.parse(since), Date.parse(until)];
  // Marks at the edges stay whole.
  const x: Place = (iso) =>
    Math.min(99.6, Math.max(0.4, ((Date.parse(iso) - fromMs) / Math.max(1, toMs - fromMs)) * 100));
  const numbers = points.flatMap(({ number }) => number ?? []);
  const scale = scaleOf(numbers, numbers.every(Number.isInteger));
  const move = (to: number): void => setChosen(Math.min(points.length - 1, Math.max(0, to)));
  const onPointer = ({ clientX, currentTarget }: { clientX: number; currentTarget: HTMLElement }): void => {
    const { left, width } = currentTarget.getBoundingClientRect();
    if (width > 0) move(nearest(points, x, ((clientX - left) / width) * 100));
  };
  return (
    <figure class="history-chart">
      <figcaption class="visually-hidden">
        {[title, unit ?? []].flat().join(' ')}: {summaryOf(points)}
      </figcaption>
      <div class="x">
        {marked === undefined ? null : <Marked {...{ title, unit }} point={marked} />}
        <ChartLegend points={points} />
      </div>
      {points.length === 1 ? null : (
        <Plot
          scale={scale}
          width={100}
          height={height}
          ends={[since, new Date((fromMs + toMs) / 2).toISOString(), until].map(localDate)}
          control={{
            class: 'chart-area',
            role: 'slider',
            tabIndex: 0,
            'aria-label': `Run of the chart ${title}`,
            'aria-valuemin': 1,
            'aria-valuemax': points.length,
            'aria-valuenow': at + 1,
            'aria-valuetext': marked && pointText(marked),
            onKeyDown: (event) => {
              const to = movesTo(event.key, at, points.length);
              if (to === undefined) return;
              event.preventDefault();
              move(to);
            },
            onPointerMove: onPointer,
            onPointerDown: onPointer,
          }}
          below={<RunBars points={points} x={x} />}
        >
          <Points points={points} scale={scale} x={x} marked={marked} />
        </Plot>
      )}
    </figure>
  );
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

function nearest(points: readonly HistoryPoint[], x: Place, wanted: number): number {
  const distances = points.map(({ startedAt }) => Math.abs(x(startedAt) - wanted));
  return distances.indexOf(Math.min(...distances));
}

const pointText = ({ startedAt, number, sum, about }: HistoryPoint): string =>
  `${localTime(startedAt)}: ${number === undefined ? 'no number' : numberText(number)}, ${sum === undefined ? '' : `${numberText(sum)} `}${about}`;

/** The runs and the lines between them, with the marker. */
function Points(props: {
  readonly points: readonly HistoryPoint[];
  readonly scale: NumberScale;
  readonly x: Place;
  readonly marked: HistoryPoint | undefined;
}) {
  const { points, scale, x, marked } = props;
  const y = placeOf(scale, height);
  const at = ({ startedAt, number = 0 }: HistoryPoint): string => `${x(startedAt)} ${y(number)}`;
  const parts = unbroken(points);
  return (
    <>
      {marked === undefined ? null : <path class="marker" d={`M${x(marked.startedAt)} 0V${height}`} />}
      {parts.map((part) => {
        const line = part.map(at).join('L');
        const [from = 0, to = 0] = [part[0], part.at(-1)].map((end) => end && x(end.startedAt));
        return (
          <g key={part[0]?.runId}>
            <path class="c-area" d={`M${from} ${y(0)}L${line}L${to} ${y(0)}z`} />
            <path class="c-line" d={`M${line}`} />
          </g>
        );
      })}
      <path
        class="dots"
        d={parts
          .flatMap((part) => (part.length === 1 ? part : []))
          .map((point) => `M${at(point)}h0`)
          .join('')}
      />
      {points.map(({ runId, startedAt, number, tone }) =>
        number === undefined ? <path key={runId} class={`gap ${tone}`} d={`M${x(startedAt)} ${height}v-11`} /> : null,
      )}
      {marked?.number === undefined ? null : <path class="dots marked" d={`M${at(marked)}h0`} />}
    </>
  );
}

/** What the marker stands at. The slider says the same to people who do not see it. */
function Marked({ point, title, unit }: { readonly point: HistoryPoint } & Pick<ChartProps, 'title' | 'unit'>) {
  const { runId, startedAt, number, sum, about } = point;
  return (
    <p class="chart-marked">
      {number === undefined ? (
        `${title}: no number`
      ) : (
        <>
          <strong>{numberText(number)}</strong> {[countedWords(title), unit ?? []].flat().join(' ')}
        </>
      )}{' '}
      on <a href={runLink(runId)}>{localTime(startedAt)}</a>
      {sum === undefined ? '' : `: ${numberText(sum)} in all`}
      {/* That there is a number says it. */}
      {about === outcomeWord('succeeded') ? '' : `, ${about}`}
    </p>
  );
}

/** Not those that were skipped: they are as many each night. */
const parts = ['failed', 'notAttempted'] as const;

const missedOf = ({ tenants }: HistoryPoint): number =>
  parts.reduce((sum, part) => sum + (tenants?.[part] ?? 0), 0) / Math.max(1, tenants?.total ?? 0);

/**
 * Below a chart: the tenants of the last run of each day in which it failed. The highest bar is the run with most of them: five of a thousand
 * would be no pixel high. The table says the same. Nothing for one tenant.
 */
function RunBars({ points, x }: { readonly points: readonly HistoryPoint[]; readonly x: Place }) {
  const days = [...new Map(points.map((point) => [localDate(point.startedAt), point])).values()];
  const most = Math.max(...days.map(missedOf));
  if (most === 0) return null;
  const width = Math.min(0.8, 40 / days.length);
  return (
    <Drawing class="chart chart-bars" box={[0, 0, 100, 1]} height={16}>
      {days.map(({ runId, startedAt, tenants }) => {
        let y = 1;
        return parts.map((part) => {
          const share = (tenants?.[part] ?? 0) / Math.max(1, tenants?.total ?? 0) / most;
          if (share === 0) return null;
          y -= share;
          const bar = { x: x(startedAt) - width / 2, y, width, height: share };
          return <rect key={`${runId} ${part}`} class={part} {...bar} />;
        });
      })}
    </Drawing>
  );
}

/** Says what the marks without a number and the bars are, where there are any. */
function ChartLegend({ points }: { readonly points: readonly HistoryPoint[] }) {
  const shown = parts.filter((part) => points.some(({ tenants }) => tenants !== undefined && tenants[part] > 0));
  const most = (part: (typeof parts)[number]): number => Math.max(...points.map(({ tenants }) => tenants?.[part] ?? 0));
  const gaps = new Set(
    points.flatMap(({ number, tone }) => (number === undefined ? (tone === 'bad' ? 'failed' : 'rest') : [])),
  );
  if (shown.length === 0 && gaps.size === 0) return null;
  return (
    <p class="keys">
      {gaps.size === 0 ? null : (
        <Keys of={[...gaps].map((gap) => [gap, `${gap === 'failed' ? 'failed run' : 'run'}, without a number`])} />
      )}
      <Keys of={shown.map((part) => [part, `tenants ${partWord(part)}, ${most(part).toLocaleString('en')} at most`])} />
    </p>
  );
}
