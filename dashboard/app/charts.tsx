import { goTo } from './route.ts';
import type { RunSummaryAnswer } from '../../src/lib/api/answers/runs.ts';
import { outcomeWord } from '../../src/lib/core/outcomes.ts';
import { count } from './format.ts';
import type { ComponentChildren, HTMLAttributes } from 'preact';
import { type NumberScale, numberText, scaleOf } from './history-points.ts';

/** A bar of a chart: one night, or one of several equal parts of a run. */
export interface Bar {
  readonly key: string;
  /** What it says, with its day. */
  readonly title: string;
  /** Undefined: there is no number, which is not zero. */
  readonly value: number | undefined;
  /** What is neither, above it. */
  readonly between?: number;
  /** What went well, above both. */
  readonly others?: number;
  readonly href?: string;
  /** The day that begins with it, in a few letters. */
  readonly day?: string | undefined;
}

const height = 88;
/** Width of a bar, in units of which a bar with its gap has 20. */
const width = 12;

/** A drawing that stretches to its place. @param props.label says it in words. Absent: words beside it do. */
export function Drawing(props: {
  readonly class: string;
  /** Its own units: left, top, width and height. */
  readonly box: readonly [number, number, number, number];
  readonly height?: number;
  readonly label?: string | undefined;
  readonly children: ComponentChildren;
}) {
  const { class: name, box, height, label, children } = props;
  const role =
    label === undefined ? ({ 'aria-hidden': true } as const) : ({ role: 'img', 'aria-label': label } as const);
  return (
    <svg class={name} viewBox={box.join(' ')} height={height} preserveAspectRatio="none" {...role}>
      {children}
    </svg>
  );
}

/** Where a number is in a drawing of this height. */
export const placeOf =
  ({ min, max }: NumberScale, height: number) =>
  (number: number): number =>
    height - ((number - min) / (max - min)) * height;

interface Axes {
  /** The chart in a sentence. */
  readonly label?: string | undefined;
  /** What stands below the first value, the last one, and any between. */
  readonly ends: readonly ComponentChildren[];
}

interface Note {
  readonly at: number;
  readonly text: string;
  readonly href?: string;
}

/** A chart between its axes: numbers at the side, lines at them, and the ends below. */
export function Plot(
  props: {
    readonly scale: NumberScale;
    readonly width: number;
    readonly height: number;
    /** Makes it a control. */
    readonly control?: HTMLAttributes<HTMLDivElement>;
    /** Between the drawing and the ends. */
    readonly below?: ComponentChildren;
    /** A word at a place, in a hundredth of the width, and where it leads. */
    readonly note?: Note | undefined;
    readonly children: ComponentChildren;
  } & Axes,
) {
  const { scale, width, height, label, ends, control, below, note, children } = props;
  const placed = placeOf(scale, height);
  return (
    <div class="plot">
      <div class="y" aria-hidden="true">
        {scale.ticks.toReversed().map((tick) => (
          <span key={tick}>{numberText(tick)}</span>
        ))}
      </div>
      <div class={note && 'noted'} {...control}>
        {note === undefined ? null : (
          <span
            class={note.at > 50 ? 'mark before' : 'mark'}
            title={note.text}
            style={
              note.at > 50
                ? { right: `${100 - note.at}%`, maxWidth: `${note.at}%` }
                : { left: `${note.at}%`, maxWidth: `${100 - note.at}%` }
            }
          >
            {note.href === undefined ? note.text : <a href={note.href}>{note.text}</a>}
          </span>
        )}
        <Drawing class="chart" box={[0, 0, width, height]} height={height} label={label}>
          {scale.ticks.map((tick) => (
            <path key={tick} class={tick === 0 ? 'c-axis' : 'c-grid'} d={`M0 ${placed(tick)}H${width}`} />
          ))}
          {children}
        </Drawing>
      </div>
      {below}
      <div class="x" aria-hidden="true">
        {ends.map((end, index) => (
          <span key={index}>{end}</span>
        ))}
      </div>
    </div>
  );
}

/**
 * Failures night by night. The last one is strong, the others are pale; a night without a number is a grey line.
 * @param props.note a word at one of the bars, by its place. @param props.areAllNow none is pale.
 */
export function FailureBars({
  bars,
  note,
  areAllNow = false,
  ...axes
}: {
  readonly bars: readonly Bar[];
  readonly note?: Note | undefined;
  readonly areAllNow?: boolean;
} & Axes) {
  const scale = scaleOf(bars.map(({ value = 0, between = 0, others = 0 }) => value + between + others));
  const tallOf = (value: number): number => (value / scale.max) * height;
  const units = bars.length * 20 - (20 - width);
  const days = bars.flatMap(({ day }, index) => (day === undefined ? [] : [[index * 20 - 4, day] as const]));
  return (
    <Plot
      scale={scale}
      width={units}
      height={height}
      note={note && { ...note, at: ((note.at * 20) / units) * 100 }}
      below={
        days.length === 0 ? undefined : (
          <div class="days" aria-hidden="true">
            {days.map(([at, day]) => (
              <span key={day} style={{ left: `${(at / units) * 100}%` }}>
                {day}
              </span>
            ))}
          </div>
        )
      }
      {...axes}
    >
      {days.map(([at, day]) => (
        <path key={day} class="c-grid" d={`M${at} 0V${height}`} />
      ))}
      {bars.map(({ key, title, value, between = 0, others = 0, href }, index) => {
        // One failure among thousands still shows.
        const tall = value === undefined ? 3 : value === 0 ? 0 : Math.max(others + between > 0 ? 4 : 6, tallOf(value));
        const tallBetween = between === 0 ? 0 : Math.max(4, tallOf(between));
        // What is made to show does not lift the others out of the chart.
        const tallOthers = Math.min(tallOf(others), height - tall - tallBetween);
        const before = areAllNow || index === bars.length - 1 ? '' : ' before';
        const bar = { x: index * 20, width };
        // For the mouse: the list of runs leads to the same pages.
        return (
          <g key={key} class={href === undefined ? undefined : 'goes'} onClick={() => href && goTo(href)}>
            <title>{title}</title>
            <rect x={index * 20 - 4} width={20} height={height} fill="transparent" />
            <rect class={value === undefined ? 'rest' : `bad${before}`} {...bar} y={height - tall} height={tall} />
            {between === 0 ? null : <rect class="warn" {...bar} y={height - tall - tallBetween} height={tallBetween} />}
            {others === 0 ? null : (
              <rect class={`ok${before}`} {...bar} y={height - tall - tallBetween - tallOthers} height={tallOthers} />
            )}
          </g>
        );
      })}
    </Plot>
  );
}

/** The points of a line through the values that are known, between `L`. */
const lineOf = (values: Values, width: number, height: number, top: number): string =>
  values
    .flatMap((value, at) => (value === undefined ? [] : [[at / Math.max(1, values.length - 1), value / top] as const]))
    .map(([x, y]) => `${(x * width).toFixed(1)} ${(height - y * height).toFixed(1)}`)
    .join('L');

/** Nights without a number that a line leads over: more of them would look like a slow change. */
const longestGap = 7;

/**
 * A line without numbers, beside the last of its values. It is red if that grew. @param props.label says it in words.
 * @param props.values undefined: not known. The line begins after the last long gap.
 */
export function Spark({ values, label }: { readonly values: readonly (number | undefined)[]; readonly label: string }) {
  const isAfterGap = (at: number): boolean =>
    at > longestGap && values.slice(at - longestGap, at).every((value) => value === undefined);
  const from = values.findLastIndex((_, at) => isAfterGap(at));
  const shown = values.map((value, at) => (at < from ? undefined : value));
  const known = shown.flatMap((value) => value ?? []);
  if (known.length < 2) return <span class="spark" />;
  const line = lineOf(shown, 80, 18, Math.max(1, ...known));
  const grows = (known.at(-1) ?? 0) > Math.max(...known.slice(-8, -1));
  return (
    <Drawing class={grows ? 'spark up' : 'spark'} box={[0, -1, 80, 20]} label={label}>
      <path class="c-area" d={`M${line.split(' ')[0]} 18L${line}V18z`} />
      <path class="c-line" d={`M${line}`} />
    </Drawing>
  );
}

/** The colour of a mark, by its role in the style sheet. */
const colourOf = (tone: string, isLast: boolean): string =>
  ({ bad: isLast ? 'bad-fill' : 'bad-fill-2', warn: 'warn-fill', active: 'accent' })[tone] ??
  (isLast ? (isDone(tone) ? 'fill' : 'fill-none') : 'fill-2');

const backgrounds = new Map<string, { readonly background: string }>();

/** Marks as one background: lists of thousands show them in each cell, and each element costs time while they scroll. */
function backgroundOf(tones: readonly string[], areAllNow: boolean): { readonly background: string } {
  const key = `${areAllNow} ${tones.join()}`;
  const known = backgrounds.get(key);
  if (known !== undefined) return known;
  // Until the nights before are known, the last one stands at the end.
  const unit = 100 / Math.max(7, tones.length);
  const layer = (wanted: boolean): string => {
    const stops = tones.flatMap((tone, index) => {
      if (tone === '' || isDone(tone) !== wanted) return [];
      const from = 100 - (tones.length - index) * unit;
      const [start, end] = [from.toFixed(2), (from + 0.75 * unit).toFixed(2)];
      return `#0000 ${start}%, var(--${colourOf(tone, areAllNow || index === tones.length - 1)}) ${start}% ${end}%, #0000 ${end}%`;
    });
    return `linear-gradient(90deg, ${['#0000 0%', ...stops].join(', ')}, #0000 100%)`;
  };
  const found = { background: `${layer(true)}, ${layer(false)} 0 50% / 100% 2px no-repeat` };
  backgrounds.set(key, found);
  return found;
}

/** What marks mean, on every page. */
export const marksLegend = 'One mark a night. Line: skipped, or only planned. Gap: it did not run.';

/** One mark a visit, oldest first: the last one is strong. An empty tone has no mark. @param props.label says it in words. */
export function Marks(props: {
  readonly tones: readonly string[];
  readonly label: string;
  /** They are of one night, so all of them are strong. */
  readonly areAllNow?: boolean;
}) {
  const { tones, label, areAllNow = false } = props;
  return <span class="marks" role="img" aria-label={label} style={backgroundOf(tones, areAllNow)} />;
}

/** A visit that did nothing is a line. */
const isDone = (tone: string): boolean => tone !== 'idle';

type Values = readonly (number | undefined)[];

/** A line over equal parts of time, from zero to its highest value. @param props.beside a second line, dashed. */
export function Flow({ values, beside = [], ...axes }: { readonly values: Values; readonly beside?: Values } & Axes) {
  const scale = scaleOf(
    [...values, ...beside].flatMap((value) => value ?? []),
    false,
  );
  const line = lineOf(values, 1000, 72, scale.max);
  return (
    <Plot scale={scale} width={1000} height={72} {...axes}>
      <path class="c-area" d={`M0 72L${line}L1000 72z`} />
      <path class="c-line" d={`M${line}`} />
      {beside.length === 0 ? null : <path class="c-line beside" d={`M${lineOf(beside, 1000, 72, scale.max)}`} />}
    </Plot>
  );
}

/** Parts of a whole, one after another. @param props.total is 100 units wide. Default: the sum of the parts. */
export function StackedBar(props: {
  readonly parts: readonly (readonly [name: string, share: number])[];
  readonly total?: number;
  readonly label?: string | undefined;
  /** From where to where the parts are, in a hundredth of the width. */
  readonly from?: number;
  readonly width?: number;
}) {
  const { parts, label, from = 0, width = 100 } = props;
  const total = Math.max(1, props.total ?? parts.reduce((sum, [, share]) => sum + share, 0));
  let x = from;
  return (
    <Drawing class="bar" box={[0, 0, 100, 8]} label={label}>
      <rect class="rest" width={100} height={8} />
      {parts.map(([name, share]) => {
        const piece = <rect key={name} class={name} x={x} width={(share / total) * width} height={8} />;
        x += (share / total) * width;
        return piece;
      })}
    </Drawing>
  );
}

type Counts = RunSummaryAnswer['tenants'];

const parts = ['succeeded', 'failed', 'skipped', 'notAttempted'] as const;
/** What became of a part of the tenants. */
export const partWord = (part: (typeof parts)[number]): string =>
  outcomeWord(part === 'notAttempted' ? 'not_attempted' : part);

/** The counts as a bar. */
export const CountsBar = ({ counts }: { readonly counts: Counts }) => (
  <StackedBar parts={parts.map((part) => [part, counts[part]])} total={counts.total} label={countsText(counts)} />
);

/** Counts of the tenants, in words. The total is 0 until the tenants have been listed. */
export function countsText(counts: Counts): string {
  if (counts.total === 0) return 'no tenants';
  const texts = parts.filter((part) => counts[part] > 0).map((part) => `${counts[part]} ${partWord(part)}`);
  return `${texts.join(', ') || 'none done'} of ${counts.total}`;
}

/** `5 of 25 failed`, or how many tenants there were. */
export const failedText = ({ total, failed }: Counts): string =>
  failed === 0 ? count(total, 'tenant') : `${failed.toLocaleString('en')} of ${total.toLocaleString('en')} failed`;

/** What the colours of a chart mean. */
export const Keys = ({ of }: { readonly of: readonly (readonly [tone: string, word: string])[] }) => (
  <span class="keys">
    {of.map(([tone, word]) => (
      <span key={word}>
        <span class={`key ${tone}`} />
        {word}
      </span>
    ))}
  </span>
);
