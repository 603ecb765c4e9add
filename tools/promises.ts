/**
 * `npm run promises`: docs/promises.md from docs/promises.json (promise → tests and benchmarks), the record of the last
 * tests (tools/test-record.ts), bench/results.json, and what `npm run chaos`, `npm run coverage` and `npm run mutation`
 * left behind. What was not run is said so.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import type { Results } from '../bench/measure.ts';
import {
  campaignText,
  coverageGoal,
  coverageText,
  type MeasuredTests,
  mutantsGoal,
  mutantsText,
  readMeasuredTests,
} from './measured-tests.ts';
import { readTestRecord, type RecordedTest, type TestRecord } from './test-record.ts';

export interface PromisedTest {
  readonly file: string;
  /** The end of the test's full name; absent: every test of the file. */
  readonly name?: string;
}

export interface Promised {
  readonly promise: string;
  readonly goal: string;
  readonly tests: readonly PromisedTest[];
  /** Names of benchmarks. */
  readonly benches?: readonly string[];
}

const root = resolve(import.meta.dirname, '..');

export const readPromises = (): readonly Promised[] =>
  JSON.parse(readFileSync(join(root, 'docs/promises.json'), 'utf8')) as Promised[];

export function promisesText(
  promises: readonly Promised[],
  record: TestRecord,
  results: Results['results'],
  measured: MeasuredTests = {},
): string {
  const sections = promises.map((promised, index) => section(index + 1, promised, record, results));
  return [
    '# Promises\n',
    'Produced by `npm run promises` from the last `npm test` and `npm run bench`; do not edit. Each promise with the tests that would fail if it were broken, and what they measured.\n',
    ...sections,
    testsSection(measured),
  ].join('\n');
}

function section(number: number, promised: Promised, record: TestRecord, results: Results['results']): string {
  return [
    `## ${number}. ${promised.promise}\n`,
    `Goal: ${promised.goal}.\n`,
    '| proof | outcome |',
    '|---|---|',
    ...promised.tests.map((test) => testRow(test, record)),
    ...(promised.benches ?? []).flatMap((name) => benchRows(name, results)),
    '',
  ].join('\n');
}

function testsSection({ campaign, coverage, mutants }: MeasuredTests): string {
  return [
    '## The tests themselves\n',
    '| measured by | outcome |',
    '|---|---|',
    `| \`npm run chaos\`: faults of the simulated cloud and of the storage, killed hosts, jumping clocks, over requests, rotations and runs; each promise checked all the while | ${campaignText(campaign)} |`,
    `| \`npm run coverage\`: src/lib, goal ${coverageGoal} % | ${coverageText(coverage)} |`,
    `| \`npm run mutation\`: policy, cache, judging of replies, rotation, audit commit; goal ${mutantsGoal} % | ${mutantsText(mutants)} |`,
    '',
  ].join('\n');
}

function testRow({ file, name }: PromisedTest, record: TestRecord): string {
  const tests = testsOf({ file, ...(name === undefined ? {} : { name }) }, record);
  const what = `[${file.replace(/^test\//, '')}](../${file})${name === undefined ? '' : `: ${escape(name)}`}`;
  return `| ${what} | ${tests.length === 0 ? 'not in the last run' : outcome(tests)} |`;
}

export function testsOf({ file, name }: PromisedTest, record: TestRecord): readonly RecordedTest[] {
  return (record[file] ?? []).filter((test) => name === undefined || test.name.endsWith(name));
}

function outcome(tests: readonly RecordedTest[]): string {
  const failed = tests.filter(({ state }) => state === 'failed').length;
  const passed = tests.filter(({ state }) => state === 'passed').length;
  // A figure is a sentence; what follows it indented, an object for example, is detail.
  const lines = tests.flatMap((test) => test.said).map((line) => stripVTControlCharacters(line));
  const said = [...new Set(lines)]
    .filter((line) => /^\w/.test(line))
    .map((line) => `<br>${escape(line.trim().replace(/ \{$/, ''))}`);
  return `${failed > 0 ? `**${failed} failed**, ` : ''}${passed} passed${said.join('')}`;
}

function benchRows(name: string, results: Results['results']): string[] {
  const result = results[name];
  if (result === undefined) return [`| benchmark ${name} | not in the last run |`];
  return result.goals.map(
    ({ goal, reached, value }) =>
      `| [${result.title}](benchmarks.md): ${escape(goal)} | ${reached ? 'reached' : '**missed**'}: ${value} |`,
  );
}

const escape = (text: string): string => text.replaceAll('|', '\\|').replaceAll('<', '&lt;');

if (import.meta.main) {
  const { results } = JSON.parse(readFileSync(join(root, 'bench/results.json'), 'utf8')) as Results;
  writeFileSync(
    join(root, 'docs/promises.md'),
    promisesText(readPromises(), readTestRecord(), results, readMeasuredTests(root)),
  );
}
