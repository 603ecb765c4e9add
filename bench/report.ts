/**
 * Writes docs/benchmarks.md, its charts and the figures of the README from bench/results.json. Run `node bench/report.ts`
 * to write them without measuring again.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { drawChart } from './charts.ts';
import { type BenchResult, embeddedHost, type Figure, type Results, shown } from './measure.ts';
import { withFigures } from './readme.ts';

const head = `# Benchmarks

Written by \`npm run bench\`. \`bench/results.json\` has all figures.

Figures are medians; a range follows where the samples differ by more than a fifth of it. The cloud is simulated, and the
Functions host the embedded one. Microsoft's host (4.1037, DurableTask 3.19, Azurite) is slower: 21.3 s and 15.3 s for two runs
over 1,000 tenants, in place of 9.6 s and 4.0 s.
`;

/** @param root Folder of the project. */
export function writeReport(all: Results, root: string): void {
  const charts = join(root, 'docs/benchmarks');
  rmSync(charts, { recursive: true, force: true });
  mkdirSync(charts, { recursive: true });
  for (const result of Object.values(all.results)) {
    for (const chart of result.charts ?? []) writeFileSync(join(charts, `${chart.file}.svg`), drawChart(chart, result));
  }
  writeFileSync(join(root, 'docs/benchmarks.md'), reportText(all));
}

/** @throws Error if the results lack a figure that the README shows. */
export function writeReadme({ results }: Results, root: string): void {
  const readme = join(root, 'README.md');
  writeFileSync(readme, withFigures(readFileSync(readme, 'utf8'), results));
}

function reportText({ machine, results }: Results): string {
  const { node, cpu, cores, memoryGiB } = machine;
  const goals = Object.values(results).flatMap((result) => result.goals);
  const reached = goals.filter((goal) => goal.reached).length;
  return [
    head,
    `Machine: ${cpu}, ${cores} cores, ${memoryGiB} GiB, Node.js ${node}, shared by host, storage, simulated cloud and load. It is a virtual machine whose speed varies by the hour, so only figures of one benchmark compare.\n`,
    '## Goals\n',
    `${reached} of ${goals.length} are reached.\n`,
    ...Object.entries(results).flatMap(([name, result]) => goalLines(name, result)),
    '',
    ...Object.entries(results).map(([name, result]) => section(name, result)),
  ].join('\n');
}

/** One line for each goal. The first one links to the section of the benchmark. */
const goalLines = (name: string, { title, goals }: BenchResult): string[] =>
  goals.map(({ goal, reached, value }, index) => {
    const benchmark = index === 0 ? `[${name}](#${anchorOf(title)}): ` : '';
    return `- ${benchmark}${goal}: ${reached ? value : `**missed, ${value}**`}`;
  });

/** The anchor that GitHub gives a heading. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');

function section(name: string, result: BenchResult): string {
  const { title, setting, engine, goals, charts = [] } = result;
  const reasons = goals.flatMap(({ reason }) => (reason === undefined ? [] : [`Missed because ${reason}.\n`]));
  return [
    `## ${title}\n`,
    `\`${name}\`${samplesOf(result)}. ${setting}\n`,
    ...(engine === undefined || engine === embeddedHost ? [] : [`Functions host: ${engine}.\n`]),
    ...reasons,
    ...charts.map((chart) => `![${chart.title}](benchmarks/${chart.file}.svg)\n`),
    ...tables(result),
  ].join('\n');
}

/** More cases than this are rows of a table, with a column for each measure; fewer are columns. */
const widest = 4;

function samplesOf({ figures }: BenchResult): string {
  const counts = figures.map(({ samples }) => samples).filter((samples) => samples > 1);
  if (counts.length === 0) return '';
  const [least, most] = [Math.min(...counts), Math.max(...counts)];
  return `, ${least === most ? least : `${least} to ${most}`} samples`;
}

function tables({ figures, cases = [], unlisted = [] }: BenchResult): string[] {
  const cells = figures
    .map((each) => ({ ...splitName(each, cases), each }))
    .filter(({ measure }) => !unlisted.some((start) => measure.startsWith(start)));
  const single = cells.filter((cell) => cell.ofCase === undefined).map(({ each }) => each);
  const lines = single.map((each) => `- ${each.name}: ${withUnit(shown(each.median), each.unit)}${range(each)}`);
  return [...(cases.length === 0 ? [] : [...matrix(cells, cases), '']), ...(lines.length === 0 ? [] : [...lines, ''])];
}

interface Cell {
  readonly ofCase: string | undefined;
  readonly measure: string;
  readonly each: Figure;
}

function matrix(cells: readonly Cell[], cases: readonly string[]): string[] {
  const ofCases = cells.filter((cell) => cell.ofCase !== undefined);
  const measures = [...new Set(ofCases.map(({ measure }) => measure))];
  const text = (ofCase: string, measure: string): string => {
    const found = ofCases.find((cell) => cell.ofCase === ofCase && cell.measure === measure)?.each;
    return found === undefined ? '' : `${shown(found.median)}${range(found)}`;
  };
  const [rows, columns, textOf] =
    cases.length > widest
      ? [cases, measures, text]
      : [measures, cases, (measure: string, ofCase: string): string => text(ofCase, measure)];
  return [
    `| | ${columns.join(' | ')} |`,
    `|---|${'--:|'.repeat(columns.length)}`,
    ...rows.map((row) => `| ${row} | ${columns.map((column) => textOf(row, column)).join(' | ')} |`),
  ];
}

/** Takes the case out of the name of a figure, and adds the unit to the measure. */
function splitName({ name, unit }: Figure, cases: readonly string[]): Omit<Cell, 'each'> {
  const labelled = (measure: string): string => (isNamed(measure, unit) ? measure : `${measure}, ${unit}`);
  for (const ofCase of cases) {
    if (name.startsWith(`${ofCase}: `)) return { ofCase, measure: labelled(name.slice(ofCase.length + 2)) };
    if (name.endsWith(`, ${ofCase}`)) return { ofCase, measure: labelled(name.slice(0, -ofCase.length - 2)) };
  }
  return { ofCase: undefined, measure: name };
}

/** Whether the measure needs no unit, as in "requests per tenant" and for a share. */
const isNamed = (measure: string, unit: string): boolean =>
  unit === '' || unit === 'of 1' || ` ${measure} `.includes(` ${unit} `);

const withUnit = (value: string, unit: string): string => (unit === '' ? value : `${value} ${unit}`);

/** Empty if the samples differ by at most a fifth of the median. */
const range = ({ median, min, max }: Figure): string =>
  max - min <= median / 5 ? '' : ` (${shown(min)}–${shown(max)})`;

if (import.meta.main) {
  const all = JSON.parse(readFileSync(join(import.meta.dirname, 'results.json'), 'utf8')) as Results;
  const root = join(import.meta.dirname, '..');
  writeReport(all, root);
  writeReadme(all, root);
}
