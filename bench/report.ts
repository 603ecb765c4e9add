/** docs/benchmarks.md and its charts from bench/results.json. Run alone, it writes them anew without measuring. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { drawChart } from './charts.ts';
import { type BenchResult, type Figure, type Goal, type Results, shown } from './measure.ts';

const head = `# Benchmarks

Produced by \`npm run bench\`; do not edit. \`npm run bench -- NAME\` measures one of them anew.

Each figure is a median, beside it the range of its samples. What is simulated, and with which delays, stands with
each. What is compared ran in the same minutes on the same machine, in turns where the machine's mood could matter.
`;

/** @param docsFolder gets benchmarks.md, and the charts in benchmarks/. */
export function writeReport(all: Results, docsFolder: string): void {
  const charts = join(docsFolder, 'benchmarks');
  rmSync(charts, { recursive: true, force: true });
  mkdirSync(charts, { recursive: true });
  for (const result of Object.values(all.results)) {
    for (const chart of result.charts ?? []) writeFileSync(join(charts, `${chart.file}.svg`), drawChart(chart, result));
  }
  writeFileSync(join(docsFolder, 'benchmarks.md'), reportText(all));
}

export function reportText({ machine, results }: Results): string {
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

function section(name: string, { title, setting, figures, goals, charts = [] }: BenchResult): string {
  return [
    `## ${title}\n`,
    `${setting} (\`npm run bench -- ${name}\`)\n`,
    ...charts.map((chart) => `![${chart.title}](benchmarks/${chart.file}.svg)\n`),
    '| measured | median | range | samples |',
    '|---|--:|--:|--:|',
    ...figures.map(row),
    '',
    '| goal | | value |',
    '|---|---|--:|',
    ...goals.map(goalRow),
    '',
  ].join('\n');
}

function row({ name, unit, median, min, max, samples }: Figure): string {
  const range = samples > 1 ? `${shown(min)} to ${shown(max)}` : '';
  return `| ${name} | ${shown(median)} ${unit} | ${range} | ${samples} |`;
}

const goalRow = ({ goal, reached, value, reason }: Goal): string =>
  `| ${goal} | ${reached ? 'reached' : `**missed**${reason === undefined ? '' : `: ${reason}`}`} | ${value} |`;

if (import.meta.main) {
  const results = JSON.parse(readFileSync(join(import.meta.dirname, 'results.json'), 'utf8')) as Results;
  writeReport(results, join(import.meta.dirname, '../docs'));
}
