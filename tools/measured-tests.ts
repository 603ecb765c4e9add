/** What commands beside `npm test` have measured of the tests: the long campaign, coverage, mutants. Each may be absent. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Campaign {
  readonly seed: number;
  readonly seconds: number;
  readonly disturbances: Readonly<Record<string, number>>;
  readonly requests: number;
  readonly tokens: number;
  readonly rotations: number;
  readonly runs: Readonly<Record<string, number>>;
  readonly scannedMiB: number;
  readonly violations: readonly unknown[];
}

interface Share {
  readonly pct: number;
}

/** The part of Istanbul's `coverage-summary.json` that is read. */
export interface Coverage {
  readonly total: { readonly lines: Share; readonly branches: Share };
}

/** The part of a mutation testing report (mutation-testing-report-schema) that is read. */
export interface Mutants {
  readonly files: Readonly<Record<string, { readonly mutants: readonly { readonly status: string }[] }>>;
}

export interface MeasuredTests {
  readonly campaign?: Campaign | undefined;
  readonly coverage?: Coverage | undefined;
  readonly mutants?: Mutants | undefined;
}

export function readMeasuredTests(root: string): MeasuredTests {
  const read = (path: string): unknown => {
    const file = join(root, path);
    return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
  };
  return {
    campaign: read('.local/figures/chaos.json') as Campaign | undefined,
    coverage: read('.local/coverage/coverage-summary.json') as Coverage | undefined,
    mutants: read('.local/mutation.json') as Mutants | undefined,
  };
}

const notMeasured = 'not measured in this checkout';
const sum = (counts: Readonly<Record<string, number>>): number =>
  Object.values(counts).reduce((total, count) => total + count, 0);

export function campaignText(campaign: Campaign | undefined): string {
  if (campaign === undefined) return notMeasured;
  const { disturbances, seed, seconds, requests, tokens, rotations, runs, scannedMiB, violations } = campaign;
  const kinds = Object.keys(disturbances).length;
  const text = `seed ${seed}, ${seconds / 60} minutes: ${sum(disturbances)} disturbances of ${kinds} kinds, ${requests} requests, ${tokens} tokens, ${rotations} rotations, ${sum(runs)} runs, ${Math.round(scannedMiB)} MiB scanned, ${violations.length} violations`;
  return againstGoal(text, violations.length === 0);
}

/** As benchmarks are shown: what is below its goal is said to be. */
const againstGoal = (text: string, reached: boolean): string => (reached ? text : `**missed**: ${text}`);

export const coverageGoal = 95;
export const mutantsGoal = 90;

export function coverageText(coverage: Coverage | undefined): string {
  if (coverage === undefined) return notMeasured;
  const { lines, branches } = coverage.total;
  const text = `${lines.pct} % of lines, ${branches.pct} % of branches`;
  return againstGoal(text, Math.min(lines.pct, branches.pct) >= coverageGoal);
}

/** Detected are mutants that a test fails for or that never end; those that do not compile count for nothing. */
export function mutantsText(mutants: Mutants | undefined): string {
  if (mutants === undefined) return notMeasured;
  const all = Object.values(mutants.files).flatMap((file) => file.mutants.map(({ status }) => status));
  const count = (...statuses: readonly string[]): number => all.filter((status) => statuses.includes(status)).length;
  const detected = count('Killed', 'Timeout');
  const undetected = count('Survived', 'NoCoverage');
  const score = (100 * detected) / (detected + undetected);
  const text = `${score.toFixed(1)} %: ${detected} of ${detected + undetected} mutants detected`;
  return againstGoal(text, score >= mutantsGoal);
}
