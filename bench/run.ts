/**
 * `npm run bench [-- NAME]`: runs all benchmarks or one. Prints a table and writes bench/results.json, docs/benchmarks.md
 * with its charts, and the figures of the README.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { benches } from './benches.ts';
import { type BenchResult, type Results, shown } from './measure.ts';
import { writeReadme, writeReport } from './report.ts';

const wanted = process.argv[2];
const chosen = wanted === undefined ? benches : benches.filter(({ name }) => name === wanted);
if (chosen.length === 0) {
  console.error(`Unknown benchmark "${wanted}". Choose one of: ${benches.map(({ name }) => name).join(', ')}.`);
  process.exit(2);
}
const root = join(import.meta.dirname, '..');
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
    // The results of the other benchmarks are kept.
    failed = true;
    console.error(`\nThe benchmark ${bench.name} failed:`, error);
  }
  const all: Results = { machine, results };
  writeFileSync(file, `${JSON.stringify(all, null, 2)}\n`);
  writeReport(all, root);
}
if (!failed) writeReadme({ machine, results }, root);
// A failed benchmark may have left child processes that would keep this process alive.
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
