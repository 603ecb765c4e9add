/** Charts as SVG without scripts, readable on light and dark pages. */
import { type BenchResult, type Chart, type Figure, shown } from './measure.ts';

const width = 760;
const colours = ['#2f6fde', '#c2571a', '#2d8a4e', '#8a4fbf', '#b03052'];
const style = `<style>
  text { font: 13px system-ui, sans-serif; fill: #24292f }
  .title { font-weight: 600; font-size: 14px }
  .faint { fill: #6e7781 }
  .grid { stroke: #d0d7de }
  @media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .faint { fill: #9198a1 } .grid { stroke: #3d444d } }
</style>`;

/** @throws Error if the chart names an unknown figure. */
export function drawChart(chart: Chart, { figures }: BenchResult): string {
  const find = (name: string): Figure => {
    const found = figures.find((figure) => figure.name === name);
    if (found === undefined) throw new Error(`the chart ${chart.file} names an unknown figure: ${name}`);
    return found;
  };
  return chart.kind === 'bars' ? drawBars(chart, find) : drawLines(chart, find);
}

const escape = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');

function page(height: number, title: string, shapes: readonly string[]): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">`,
    `<title>${escape(title)}</title>`,
    style,
    `<text class="title" x="12" y="24">${escape(title)}</text>`,
    ...shapes,
    '</svg>',
    '',
  ].join('\n');
}

function drawBars(chart: Extract<Chart, { kind: 'bars' }>, find: (name: string) => Figure): string {
  const left = 250;
  const rowHeight = 30;
  const rows = chart.bars.map(({ label, figure }) => ({ label, figure: find(figure) }));
  const most = Math.max(...rows.map(({ figure }) => figure.max));
  const place = (value: number): number => left + (value / most) * (width - left - 110);
  const shapes = rows.flatMap(({ label, figure: { median, min, max, unit } }, index) => {
    const y = 44 + index * rowHeight;
    const middle = y + 9;
    return [
      `<text x="${left - 10}" y="${middle + 4}" text-anchor="end">${escape(label)}</text>`,
      `<rect x="${left}" y="${y}" width="${(place(median) - left).toFixed(1)}" height="18" rx="2" fill="${colours[0]}"/>`,
      ...(max > min
        ? [
            `<line x1="${place(min).toFixed(1)}" x2="${place(max).toFixed(1)}" y1="${middle}" y2="${middle}" stroke="${colours[1]}" stroke-width="3"/>`,
          ]
        : []),
      `<text x="${(place(Math.max(median, max)) + 8).toFixed(1)}" y="${middle + 4}">${shown(median)} ${escape(unit)}</text>`,
    ];
  });
  return page(44 + rows.length * rowHeight + 8, chart.title, shapes);
}

interface Scale {
  readonly x: (value: number) => number;
  readonly y: (value: number) => number;
}

function drawLines(chart: Extract<Chart, { kind: 'lines' }>, find: (name: string) => Figure): string {
  const height = 360;
  const box = { left: 70, right: width - 260, top: 44, bottom: height - 40 };
  const series = chart.series.map(({ label, points }) => ({
    label,
    points: points.map(({ x, figure }) => ({ x, figure: find(figure) })),
  }));
  const values = series.flatMap(({ points }) => points.map(({ figure }) => figure.median));
  const xs = [...new Set(series.flatMap(({ points }) => points.map(({ x }) => x)))];
  const transform = chart.logarithmic ? Math.log10 : (value: number): number => value;
  const lowest = chart.logarithmic ? Math.floor(Math.log10(Math.min(...values))) : 0;
  const highest = chart.logarithmic ? Math.ceil(Math.log10(Math.max(...values))) : Math.max(...values);
  const [first, last] = [Math.log10(Math.min(...xs)), Math.log10(Math.max(...xs))];
  const scale: Scale = {
    x: (value) => box.left + ((Math.log10(value) - first) / (last - first)) * (box.right - box.left),
    y: (value) => box.bottom - ((transform(value) - lowest) / (highest - lowest)) * (box.bottom - box.top),
  };
  const marks = chart.logarithmic
    ? Array.from({ length: highest - lowest + 1 }, (_, index) => 10 ** (lowest + index))
    : [0, highest / 2, highest];
  return page(height, chart.title, [
    ...marks.flatMap((mark) => [
      `<line class="grid" x1="${box.left}" x2="${box.right}" y1="${scale.y(mark).toFixed(1)}" y2="${scale.y(mark).toFixed(1)}"/>`,
      `<text class="faint" x="${box.left - 8}" y="${(scale.y(mark) + 4).toFixed(1)}" text-anchor="end">${shown(mark)}</text>`,
    ]),
    ...xs.map(
      (x) =>
        `<text class="faint" x="${scale.x(x).toFixed(1)}" y="${box.bottom + 20}" text-anchor="middle">${shown(x)}</text>`,
    ),
    ...series.flatMap(({ label, points }, index) =>
      drawSeries(label, points, scale, colours[index % colours.length] ?? '', box.right),
    ),
  ]);
}

function drawSeries(
  label: string,
  points: readonly { readonly x: number; readonly figure: Figure }[],
  scale: Scale,
  colour: string,
  right: number,
): string[] {
  const places = points.map(({ x, figure }) => ({
    x: scale.x(x).toFixed(1),
    y: scale.y(figure.median).toFixed(1),
    figure,
  }));
  const end = places.at(-1);
  return [
    `<polyline fill="none" stroke="${colour}" stroke-width="2" points="${places.map(({ x, y }) => `${x},${y}`).join(' ')}"/>`,
    ...places.map(
      ({ x, y, figure }) =>
        `<circle cx="${x}" cy="${y}" r="3.5" fill="${colour}"><title>${shown(figure.median)} ${escape(figure.unit)}</title></circle>`,
    ),
    ...(end === undefined ? [] : [`<text x="${right + 10}" y="${Number(end.y) + 4}">${escape(label)}</text>`]),
  ];
}
