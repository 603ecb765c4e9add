/**
 * `npm run bench [-- NAME]`: every benchmark, or one, side by side in one run. Prints a table, writes bench/results.json
 * and, from that, docs/benchmarks.md with its charts.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { benches } from './benches.ts';
import { type BenchResult, type Results, shown } from './measure.ts';
import { withFigures } from './readme.ts';
import { writeReport } from './report.ts';

const wanted = process.argv[2];
const chosen = wanted === undefined ? benches : benches.filter(({ name }) => name === wanted);
if (chosen.length === 0) {
  console.error(`There is no benchmark "${wanted}". There are: ${benches.map(({ name }) => name).join(', ')}.`);
  process.exit(2);
}
const file = join(import.meta.dirname, 'results.json');
const machine = {
  node: process.version,
  cpu: cpus()[0]?.model ?? 'unknown',
  cores: cpus().length,
  memoryGiB: Math.round(totalmem() / 2 ** 30),
};
const results: Record<string, BenchResult> = wanted === undefined ? {} : earlier();
let failed = false;
for (const bench of chosen) {
  try {
    const result = await bench.run();
    results[bench.name] = result;
    print(result);
  } catch (error) {
    // The others' minutes are not to be lost.
    failed = true;
    console.error(`\nThe benchmark ${bench.name} failed:`, error);
  }
  const all: Results = { machine, results };
  writeFileSync(file, `${JSON.stringify(all, null, 2)}\n`);
  writeReport(all, join(import.meta.dirname, '../docs'));
}
const readme = join(import.meta.dirname, '../README.md');
if (!failed) writeFileSync(readme, withFigures(readFileSync(readme, 'utf8'), results));
// Processes that a failed one left behind must not keep this one.
process.exit(failed ? 1 : 0);

function earlier(): Record<string, BenchResult> {
  try {
    return { ...(JSON.parse(readFileSync(file, 'utf8')) as Results).results };
  } catch {
    return {};
  }
}

function print({ title, setting, figures, goals }: BenchResult): void {
  console.log(`\n${title}\n${setting}`);
  const width = Math.max(...figures.map(({ name }) => name.length));
  for (const { name, unit, median, min, max } of figures) {
    console.log(`  ${name.padEnd(width)}  ${shown(median).padStart(9)} ${unit}   (${shown(min)} to ${shown(max)})`);
  }
  for (const { goal, reached, value } of goals) console.log(`  ${reached ? 'reached' : 'MISSED '}  ${goal}: ${value}`);
}
