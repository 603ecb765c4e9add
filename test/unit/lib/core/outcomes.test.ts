import { describe, expect, it } from 'vitest';
import {
  type JudgedRun,
  outcomeStyle,
  outcomeTable,
  outcomeWord,
  runOutcome,
  runOutcomes,
  tenantStates,
} from '../../../../src/lib/core/outcomes.ts';

const run = (status: JudgedRun['status'], counts: Partial<JudgedRun['tenants']> = {}): JudgedRun => ({
  status,
  tenants: { total: 4, succeeded: 0, failed: 0, notAttempted: 0, ...counts },
});

describe('runOutcome', () => {
  it.each([
    ['starting', run('pending')],
    ['starting', run('running', { total: 0, failed: 3 })],
    ['running', run('running', { succeeded: 4 })],
    ['succeeded', run('completed', { succeeded: 4 })],
    ['succeeded', run('completed', { succeeded: 1 })],
    ['partly_failed', run('completed', { succeeded: 3, failed: 1 })],
    ['partly_failed', run('completed', { succeeded: 3, notAttempted: 1 })],
    ['failed_everywhere', run('completed', { failed: 4 })],
    ['failed_everywhere', run('completed', { failed: 1 })],
    ['skipped', run('completed')],
    ['skipped', run('completed', { total: 0 })],
    ['stopped', run('failed', { succeeded: 4 })],
    ['cancelled', run('cancelled', { succeeded: 4 })],
  ] as const)('is %s for %o', (outcome, judged) => {
    expect(runOutcome(judged)).toBe(outcome);
  });
});

describe('outcomeStyle', () => {
  it('gives every outcome of the table to runs or to tenants, and none a word that hides a failure', () => {
    expect(new Set([...runOutcomes, ...tenantStates])).toEqual(new Set(Object.keys(outcomeTable)));
    const good = Object.entries(outcomeTable).filter(([, { tone }]) => tone === 'good');
    expect(good.map(([outcome]) => outcome)).toEqual(['succeeded']);
    const ending = runOutcomes.filter((outcome) => outcomeStyle(outcome).exitCode === 0);
    expect(ending).toEqual(['starting', 'running', 'succeeded', 'skipped']);
  });

  it.each(['improved', '', 'constructor'])('never shows an unknown outcome as a success (%j)', (outcome) => {
    expect(outcomeStyle(outcome)).toEqual({ tone: 'warn', icon: '?', exitCode: 1 });
  });

  it('writes outcomes in words', () => {
    expect(runOutcomes.map(outcomeWord)).toContain('failed everywhere');
  });
});
