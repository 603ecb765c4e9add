/**
 * `npm run mutation`: changes the code in many small ways (mutants) and counts, per folder, how many changes the tests
 * detect. Fails if a folder is below its threshold in thresholds.json.
 *
 *     npm run mutation -- [FOLDER ...] [--since REF] [--sample PERCENT] [--raise] [--concurrency N] [--survivors]
 *
 * Without FOLDER it mutates every folder. `--since` mutates only the files that differ from the Git ref; `--sample`
 * mutates a share of the functions, stores nothing and compares with no threshold; `--raise` raises the thresholds to the
 * scores; `--survivors` lists undetected mutants.
 *
 * A report is stored for each folder, also if the run is interrupted. The next run adds to it: it repeats no mutant whose
 * code and tests are the same.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { projectRoot } from '../paths.ts';
import { dataTables, mutatedFolders, needsIsolation, testsOf } from './folders.ts';
import { raised, type Report, type Score, scoreOf, shortfalls, type Thresholds, untested } from './scores.ts';

const reports = join(projectRoot, '.local/mutation');
const thresholdsFile = join(import.meta.dirname, 'thresholds.json');

const readJson = (file: string): unknown => JSON.parse(readFileSync(file, 'utf8'));

/** Files that differ from the ref, committed or not. */
function changedSince(ref: string): string[] {
  const git = (...args: string[]): string[] =>
    execFileSync('git', args, { cwd: projectRoot, encoding: 'utf8' }).split('\n');
  const base = git('merge-base', ref, 'HEAD')[0] ?? ref;
  const changed = [
    ...git('diff', '--name-only', '--diff-filter=d', base),
    ...git('ls-files', '--others', 'src', 'packages', 'clients'),
  ];
  return changed.filter((file) => /\.tsx?$/.test(file));
}

/** Runs Stryker on one folder. Returns its stored report, or undefined if there is nothing to mutate. */
function mutate(folder: string, files: readonly string[] | undefined, concurrency: number): Report | undefined {
  const only = files?.filter((file) => file.startsWith(`${folder}/`) && !dataTables.includes(file));
  if (only?.length === 0) return undefined;
  const name = folder.replaceAll('/', '.');
  const isSample = Number(values.sample) < 100;
  const stored = join(reports, isSample ? `${name}.sample.json` : `${name}.json`);
  const config = join(reports, `${name}.config.json`);
  const patterns = only ?? [`${folder}/**/*.{ts,tsx}`, ...dataTables.map((file) => `!${file}`)];
  const base = readJson(join(import.meta.dirname, 'stryker.json')) as object;
  const options = {
    mutate: patterns,
    concurrency,
    incrementalFile: stored,
    // Vitest names test files by their real path, which Stryker compares with this one.
    tempDirName: join(realpathSync(reports), '../stryker', name),
  };
  writeFileSync(config, JSON.stringify({ ...base, ...options }));
  if (isSample) rmSync(stored, { force: true });
  const { status } = spawnSync('stryker', ['run', config], {
    cwd: projectRoot,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: {
      ...process.env,
      MUTATION_TESTS: JSON.stringify(testsOf(folder)),
      MUTATION_ISOLATE: String(needsIsolation(folder)),
      MUTATION_SAMPLE: values.sample,
    },
  });
  if (status !== 0) throw new Error(`Stryker failed for ${folder}. Run its tests: ${testsOf(folder).join(' ')}`);
  // Stryker writes no report about files without mutants, e.g. types.
  const report: Report = existsSync(stored) ? (readJson(stored) as Report) : { files: {} };
  const count = untested(report);
  if (count > 0) throw new Error(`${folder}: the tests of ${count} mutants did not run. The score would be wrong.`);
  return report;
}

interface LocatedMutant {
  readonly status: string;
  readonly mutatorName: string;
  readonly replacement?: string;
  readonly location: { readonly start: { readonly line: number; readonly column: number } };
}

function printSurvivors({ files }: Report): void {
  for (const [file, { mutants, source }] of Object.entries(files)) {
    const lines = String(source).split('\n');
    for (const { status, mutatorName, replacement, location } of mutants as readonly LocatedMutant[]) {
      if (status === 'Killed' || status === 'Timeout' || status === 'Ignored') continue;
      console.log(`${file}:${location.start.line}:${location.start.column} ${status} ${mutatorName}`);
      console.log(`  - ${lines[location.start.line - 1]?.trim()}\n  + ${replacement?.replaceAll(/\s+/g, ' ')}`);
    }
  }
}

function printTable(scores: readonly Score[], thresholds: Thresholds): void {
  console.log('| folder | mutants | detected | by a time limit | threshold |\n| --- | ---: | ---: | ---: | ---: |');
  for (const { folder, mutants, percent, late } of scores)
    console.log(`| ${folder} | ${mutants} | ${percent} % | ${late} | ${thresholds[folder] ?? 'none'} |`);
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    since: { type: 'string' },
    raise: { type: 'boolean', default: false },
    survivors: { type: 'boolean', default: false },
    sample: { type: 'string', default: '100' },
    concurrency: { type: 'string', default: '2' },
  },
});
const known = mutatedFolders();
const unknown = positionals.filter((folder) => !known.includes(folder));
if (unknown.length > 0) throw new Error(`Unknown: ${unknown.join(', ')}. The folders are: ${known.join(', ')}.`);
const isPartial = values.since !== undefined || Number(values.sample) < 100;
if (values.raise && isPartial) throw new Error('--raise needs whole folders. Leave --since and --sample out.');
if (!(Number(values.sample) > 0)) throw new Error('--sample needs a number above 0, in percent.');

mkdirSync(reports, { recursive: true });
const changed = values.since === undefined ? undefined : changedSince(values.since);
const scores: Score[] = [];
for (const folder of positionals.length > 0 ? positionals : known) {
  const report = mutate(folder, changed, Number(values.concurrency));
  if (report === undefined) continue;
  if (values.survivors) printSurvivors(report);
  scores.push(scoreOf(folder, report));
}
const thresholds = readJson(thresholdsFile) as Thresholds;
printTable(scores, thresholds);
if (values.raise) writeFileSync(thresholdsFile, `${JSON.stringify(raised(scores, thresholds), null, 2)}\n`);
const failures = Number(values.sample) < 100 ? [] : shortfalls(scores, thresholds);
for (const line of failures) console.error(line);
process.exitCode = failures.length > 0 ? 1 : 0;
