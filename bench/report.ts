/**
 * Writes docs/benchmarks.md, its charts and the figures of the README from bench/results.json. Run `node bench/report.ts`
 * to write them without measuring again.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { drawChart } from './charts.ts';
import { type BenchResult, type Figure, type Goal, type Results, shown } from './measure.ts';
import { withFigures } from './readme.ts';

const head = `# Benchmarks

Written by \`npm run bench\`. Do not edit by hand. \`npm run bench -- NAME\` repeats one benchmark.

Each figure is the median of its samples, with their range. Each benchmark says what it simulates and with which delays.
Compared variants ran on the same machine within the same minutes, alternating where other load could matter.

Where a Functions host ran the app, its name is given. The embedded host runs the app in its own process. Microsoft's host
is slower: it talks to a Node.js worker and keeps its queues in the storage account. With host 4.1037, DurableTask 3.19 and
Azurite, two runs over 1,000 tenants took 21.3 s and 15.3 s, and 9.6 s and 4.0 s on the embedded host.
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
    `Machine: ${cpu}, ${cores} cores, ${memoryGiB} GiB, Node.js ${node}. Host, storage, simulated cloud and load share it.\n`,
    `Goals reached: ${reached} of ${goals.length}.\n`,
    ...Object.entries(results).map(([name, result]) => section(name, result)),
  ].join('\n');
}

function section(name: string, { title, setting, engine, figures, cases, goals, charts = [] }: BenchResult): string {
  return [
    `## ${title}\n`,
    `${setting} (\`npm run bench -- ${name}\`)\n`,
    ...(engine === undefined ? [] : [`Functions host: ${engine}.\n`]),
    ...charts.map((chart) => `![${chart.title}](benchmarks/${chart.file}.svg)\n`),
    ...(cases === undefined ? rows(figures) : rowsByCase(figures, cases)),
    '',
    '| goal | | value |',
    '|---|---|--:|',
    ...goals.map(goalRow),
    '',
  ].join('\n');
}

const rows = (figures: readonly Figure[]): string[] => [
  '| measured | median | range | samples |',
  '|---|--:|--:|--:|',
  ...figures.map(row),
];

/** A row for each case and a column for each measure, for benchmarks that take one sample of each. */
function rowsByCase(figures: readonly Figure[], cases: readonly string[]): string[] {
  const measureOf = (name: string): string => name.slice(name.indexOf(': ') + 2);
  const columns = new Map(figures.map(({ name, unit }) => [measureOf(name), unit]));
  const byName = new Map(figures.map((each) => [each.name, each]));
  const cell = (name: string): string => {
    const found = byName.get(name);
    return found === undefined ? '' : shown(found.median);
  };
  return [
    `| | ${[...columns].map(([measure, unit]) => (measure.includes(unit) ? measure : `${measure}, ${unit}`)).join(' | ')} |`,
    `|---|${'--:|'.repeat(columns.size)}`,
    ...cases.map(
      (one) => `| ${one} | ${[...columns.keys()].map((measure) => cell(`${one}: ${measure}`)).join(' | ')} |`,
    ),
  ];
}

function row({ name, unit, median, min, max, samples }: Figure): string {
  const range = samples > 1 ? `${shown(min)} to ${shown(max)}` : '';
  return `| ${name} | ${shown(median)} ${unit} | ${range} | ${samples} |`;
}

const goalRow = ({ goal, reached, value, reason }: Goal): string =>
  `| ${goal} | ${reached ? 'reached' : `**missed**${reason === undefined ? '' : `: ${reason}`}`} | ${value} |`;

if (import.meta.main) {
  const all = JSON.parse(readFileSync(join(import.meta.dirname, 'results.json'), 'utf8')) as Results;
  const root = join(import.meta.dirname, '..');
  writeReport(all, root);
  writeReadme(all, root);
}
