import { goTo } from './route.ts';

/** A bar of a chart: one night, or one of several equal parts of a run. */
export interface Bar {
  readonly key: string;
  /** What it says, with its day. */
  readonly title: string;
  /** Undefined: there is no number, which is not zero. */
  readonly value: number | undefined;
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

/** Failures night by night. The last one is strong, the others are pale; a night without a number is a grey line. */
export function FailureBars({ bars, label, from, to }: BarsProps) {
  const top = topOf(bars.flatMap(({ value }) => value ?? []));
  const y = (value: number): number => height - (value / top) * height;
  const end = bars.length * 20 - (20 - width);
  return (
    <div class="plot">
      <div class="y" aria-hidden="true">
        {[top, top / 2, 0].map((tick) => (
          <span key={tick}>{tick.toLocaleString('en')}</span>
        ))}
      </div>
      <svg
        class="chart"
        viewBox={`0 0 ${end} ${height}`}
        height={height}
        preserveAspectRatio="none"
        role="img"
        aria-label={label}
      >
        <path class="c-grid" d={`M0 0H${end}M0 ${height / 2}H${end}`} />
        {bars.map(({ key, title, value, href }, index) => {
          const drawn =
            value === undefined ? (
              <rect class="rest" x={index * 20} y={height - 3} width={width} height={3} />
            ) : (
              <rect
                class={index === bars.length - 1 ? 'bad' : 'bad before'}
                x={index * 20}
                // One failure among thousands still shows.
                y={Math.min(y(value), value > 0 ? height - 2 : height)}
                width={width}
                height={Math.max(height - y(value), value > 0 ? 2 : 0)}
              />
            );
          // For the mouse: the list of runs leads to the same pages.
          return (
            <g key={key} class={href === undefined ? undefined : 'goes'} onClick={() => href && goTo(href)}>
              <title>{title}</title>
              <rect x={index * 20 - 4} width={20} height={height} fill="transparent" />
              {drawn}
            </g>
          );
        })}
        <path class="c-axis" d={`M0 ${height}H${end}`} />
      </svg>
      <div class="x" aria-hidden="true">
        <span>{from}</span>
        <span>{to}</span>
      </div>
    </div>
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

/** A line without numbers, beside the last of its values. It is red if that grew. @param props.label says it in words. */
export function Spark({ values, label }: { readonly values: readonly number[]; readonly label: string }) {
  if (values.length < 2) return <span />;
  const most = Math.max(1, ...values);
  const line = values
    .map((value, at) => `${((at / (values.length - 1)) * 80).toFixed(1)} ${(18 - (value / most) * 18).toFixed(1)}`)
    .join('L');
  const grows = (values.at(-1) ?? 0) > Math.max(...values.slice(-8, -1));
  return (
    <svg
      class={grows ? 'spark up' : 'spark'}
      viewBox="0 -1 80 20"
      preserveAspectRatio="none"
      role="img"
      aria-label={label}
    >
      <path class="c-area" d={`M0 18L${line}L80 18z`} />
      <path class="c-line" d={`M${line}`} />
    </svg>
  );
}

/** What one visit brought. */
export interface Mark {
  readonly tone: string;
  readonly title: string;
}

/**
 * One mark a visit, oldest first: the last one is strong. Few paths draw all of them, because lists of thousands show a row
 * of them in each cell.
 * @param props.label says it in words.
 */
export function Marks({ tones, label }: { readonly tones: readonly string[]; readonly label: string }) {
  // Until the nights before are known, the last one stands at the end.
  const width = Math.max(7, tones.length) * 8;
  const byClass = new Map<string, string>();
  for (const [index, tone] of tones.entries()) {
    const name = classOf(tone, index === tones.length - 1);
    byClass.set(name, `${byClass.get(name) ?? ''}M${index * 8} ${isDone(tone) ? '0h6v14' : '6h6v2'}h-6z`);
  }
  return (
    <svg
      class="marks"
      viewBox={`${tones.length * 8 - width} 0 ${width} 14`}
      preserveAspectRatio="none"
      role="img"
      aria-label={label}
    >
      {[...byClass].map(([name, d]) => (
        <path key={name} class={name} d={d} />
      ))}
    </svg>
  );
}

/** The same over the whole width, each mark with its title. */
export function WideMarks({ marks, label }: { readonly marks: readonly Mark[]; readonly label: string }) {
  return (
    <svg
      class="marks wide"
      viewBox={`0 0 ${Math.max(1, marks.length) * 8} 14`}
      preserveAspectRatio="none"
      role="img"
      aria-label={label}
    >
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
    </svg>
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
  const { values, label, from, to } = props;
  const top = Math.max(...values) < 2 ? Math.max(0.1, ...values) : topOf(values);
  const line = values
    .map(
      (value, at) =>
        `${((at / Math.max(1, values.length - 1)) * 1000).toFixed(1)} ${(72 - (value / top) * 72).toFixed(1)}`,
    )
    .join('L');
  return (
    <div class="plot">
      <div class="y" aria-hidden="true">
        {[top, top / 2, 0].map((tick) => (
          <span key={tick}>{tick.toLocaleString('en', { maximumFractionDigits: 2 })}</span>
        ))}
      </div>
      <svg class="chart" viewBox="0 0 1000 72" height={72} preserveAspectRatio="none" role="img" aria-label={label}>
        <path class="c-grid" d="M0 0H1000M0 36H1000" />
        <path class="c-area" d={`M0 72L${line}L1000 72z`} />
        <path class="c-line" d={`M${line}`} />
        <path class="c-axis" d="M0 72H1000" />
      </svg>
      <div class="x" aria-hidden="true">
        <span>{from}</span>
        <span>{to}</span>
      </div>
    </div>
  );
}
