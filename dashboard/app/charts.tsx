import { goTo } from './route.ts';
import type { RunSummaryAnswer } from '../../src/lib/api/answers/runs.ts';
import { type Outcome, outcomeWord } from '../../src/lib/core/outcomes.ts';
import { nightsOf } from './nights.ts';
import { count } from './format.ts';
import type { ComponentChildren } from 'preact';

/** A bar of a chart: one night, or one of several equal parts of a run. */
export interface Bar {
  readonly key: string;
  /** What it says, with its day. */
  readonly title: string;
  /** Undefined: there is no number, which is not zero. */
  readonly value: number | undefined;
  /** What went well, above it. */
  readonly others?: number;
  readonly href?: string;
}

const height = 88;
/** Width of a bar, in units of which a bar with its gap has 20. */
const width = 12;

/** The smallest of 2, 4, 6, 10, 20, 30, 40, 60, 100 … that is not less than the highest value. It can be halved. */
export function topOf(values: readonly number[]): number {
  const most = Math.max(2, ...values);
  for (let power = 1; ; power *= 10) for (const step of [2, 4, 6, 10]) if (step * power >= most) return step * power;
}

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

/** A chart between its axes: numbers at the side, and what stands below the first and the last value. */
function Plot(props: {
  readonly top: number;
  readonly width: number;
  readonly height: number;
  readonly label: string;
  readonly from: string;
  readonly to: string;
  readonly children: ComponentChildren;
}) {
  const { top, width, height, label, from, to, children } = props;
  return (
    <div class="plot">
      <div class="y" aria-hidden="true">
        {[top, top / 2, 0].map((tick) => (
          <span key={tick}>{tick.toLocaleString('en', { maximumFractionDigits: 2 })}</span>
        ))}
      </div>
      <Drawing class="chart" box={[0, 0, width, height]} height={height} label={label}>
        <path class="c-grid" d={`M0 0H${width}M0 ${height / 2}H${width}`} />
        {children}
        <path class="c-axis" d={`M0 ${height}H${width}`} />
      </Drawing>
      <div class="x" aria-hidden="true">
        <span>{from}</span>
        <span>{to}</span>
      </div>
    </div>
  );
}

/** Failures night by night. The last one is strong, the others are pale; a night without a number is a grey line. */
export function FailureBars({ bars, ...axes }: BarsProps) {
  const top = topOf(bars.flatMap(({ value, others = 0 }) => (value === undefined ? [] : value + others)));
  return (
    <Plot top={top} width={bars.length * 20 - (20 - width)} height={height} {...axes}>
      {bars.map(({ key, title, value, others = 0, href }, index) => {
        // One failure among thousands still shows.
        const tall = value === undefined ? 3 : value === 0 ? 0 : Math.max(2, (value / top) * height);
        const tone = value === undefined ? 'rest' : index === bars.length - 1 ? 'bad' : 'bad before';
        // For the mouse: the list of runs leads to the same pages.
        return (
          <g key={key} class={href === undefined ? undefined : 'goes'} onClick={() => href && goTo(href)}>
            <title>{title}</title>
            <rect x={index * 20 - 4} width={20} height={height} fill="transparent" />
            <rect class={tone} x={index * 20} y={height - tall} width={width} height={tall} />
            {others === 0 ? null : (
              <rect
                class={index === bars.length - 1 ? 'ok' : 'before'}
                x={index * 20}
                y={height - tall - (others / top) * height}
                width={width}
                height={(others / top) * height}
              />
            )}
          </g>
        );
      })}
    </Plot>
  );
}

interface BarsProps {
  /** Oldest first. */
  readonly bars: readonly Bar[];
  /** The chart in a sentence. */
  readonly label: string;
  /** What stands below the first and the last bar. */
  readonly from: string;
  readonly to: string;
}

/** The points of a line through values, between `L`. */
const lineOf = (values: readonly number[], width: number, height: number, top: number): string =>
  values
    .map((value, at) =>
      [(at / Math.max(1, values.length - 1)) * width, height - (value / top) * height]
        .map((n) => n.toFixed(1))
        .join(' '),
    )
    .join('L');

/** A line without numbers, beside the last of its values. It is red if that grew. @param props.label says it in words. */
export function Spark({ values, label }: { readonly values: readonly number[]; readonly label: string }) {
  if (values.length < 2) return <span />;
  const most = Math.max(1, ...values);
  const line = lineOf(values, 80, 18, most);
  const grows = (values.at(-1) ?? 0) > Math.max(...values.slice(-8, -1));
  return (
    <Drawing class={grows ? 'spark up' : 'spark'} box={[0, -1, 80, 20]} label={label}>
      <path class="c-area" d={`M0 18L${line}L80 18z`} />
      <path class="c-line" d={`M${line}`} />
    </Drawing>
  );
}

/** How many tenants failed in each of the last nights. */
export function FailedNights({ runs, most }: { readonly runs: readonly RunSummaryAnswer[]; readonly most: number }) {
  const values = nightsOf(runs, most).flatMap(({ run }) => run?.tenants.failed ?? []);
  return <Spark values={values} label={`Failed in the last ${count(values.length, 'night')}: ${values.join(', ')}`} />;
}

/** What one visit brought. */
export interface Mark {
  readonly tone: string;
  readonly title: string;
}

/** The colour of a mark, by its role in the style sheet. */
const colourOf = (tone: string, isLast: boolean): string =>
  ({ bad: isLast ? 'bad-fill' : 'bad-fill-2', warn: 'warn-fill', active: 'accent' })[tone] ??
  (isLast ? (isDone(tone) ? 'fill' : 'fill-none') : 'fill-2');

const backgrounds = new Map<string, { readonly background: string }>();

/** Marks as one background: lists of thousands show them in each cell, and each element costs time while they scroll. */
function backgroundOf(tones: readonly string[]): { readonly background: string } {
  const key = tones.join();
  const known = backgrounds.get(key);
  if (known !== undefined) return known;
  // Until the nights before are known, the last one stands at the end.
  const unit = 100 / Math.max(7, tones.length);
  const layer = (wanted: boolean): string => {
    const stops = tones.flatMap((tone, index) => {
      if (isDone(tone) !== wanted) return [];
      const from = 100 - (tones.length - index) * unit;
      const [start, end] = [from.toFixed(2), (from + 0.75 * unit).toFixed(2)];
      return `#0000 ${start}%, var(--${colourOf(tone, index === tones.length - 1)}) ${start}% ${end}%, #0000 ${end}%`;
    });
    return `linear-gradient(90deg, ${['#0000 0%', ...stops].join(', ')}, #0000 100%)`;
  };
  const found = { background: `${layer(true)}, ${layer(false)} 0 50% / 100% 2px no-repeat` };
  backgrounds.set(key, found);
  return found;
}

/** One mark a visit, oldest first: the last one is strong. @param props.label says it in words. */
export const Marks = ({ tones, label }: { readonly tones: readonly string[]; readonly label: string }) => (
  <span class="marks" role="img" aria-label={label} style={backgroundOf(tones)} />
);

/** The same over the whole width, each mark with its title. */
export function WideMarks({ marks, label }: { readonly marks: readonly Mark[]; readonly label: string }) {
  return (
    <Drawing class="marks wide" box={[0, 0, Math.max(1, marks.length) * 8, 14]} label={label}>
      {marks.map(({ title, tone }, index) => (
        <rect
          key={index}
          class={classOf(tone, index === marks.length - 1)}
          x={index * 8}
          y={isDone(tone) ? 0 : 6}
          width={6}
          height={isDone(tone) ? 14 : 2}
        >
          <title>{title}</title>
        </rect>
      ))}
    </Drawing>
  );
}

/** A visit that was skipped or is waited for is a line. */
const isDone = (tone: string): boolean => tone !== 'idle';

const classOf = (tone: string, isLast: boolean): string => `${tone === 'good' ? 'ok' : tone}${isLast ? '' : ' before'}`;

/** A line over equal parts of time, from zero to its highest value. */
export function Flow(props: {
  readonly values: readonly number[];
  readonly label: string;
  /** What stands below the first and the last value. */
  readonly from: string;
  readonly to: string;
}) {
  const { values, ...axes } = props;
  const top = Math.max(...values) < 2 ? Math.max(0.1, ...values) : topOf(values);
  const line = lineOf(values, 1000, 72, top);
  return (
    <Plot top={top} width={1000} height={72} {...axes}>
      <path class="c-area" d={`M0 72L${line}L1000 72z`} />
      <path class="c-line" d={`M${line}`} />
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
const outcomes = {
  succeeded: 'succeeded',
  failed: 'failed',
  skipped: 'skipped',
  notAttempted: 'not_attempted',
} as const satisfies Readonly<Record<string, Outcome>>;

/** The counts as a bar. */
export const CountsBar = ({ counts }: { readonly counts: Counts }) => (
  <StackedBar parts={parts.map((part) => [part, counts[part]])} total={counts.total} label={countsText(counts)} />
);

/** Counts of the tenants, in words. The total is 0 until the tenants have been listed. */
export function countsText(counts: Counts): string {
  if (counts.total === 0) return 'no tenants';
  const texts = parts
    .filter((part) => counts[part] > 0)
    .map((part) => `${counts[part]} ${outcomeWord(outcomes[part])}`);
  return `${texts.join(', ') || 'none done'} of ${counts.total}`;
}
