import { expect, it } from 'vitest';
import { createProgress, line, type ProgressRun } from '../../../../src/cli/remote/progress.ts';

const run = (outcome: ProgressRun['outcome'], total: number, failed = 0): ProgressRun => ({
  job: 'mfa-report',
  outcome,
  tenants: { total, succeeded: 0, failed, skipped: 0, notAttempted: 0 },
  durationMs: 300,
  failures: [],
});

it.each([
  [run('starting', 0, 1), '] listing the tenants, starting, 0.3 s'],
  [run('running', 4, 1), '] 1/4 tenants, 1 failed, running, 0.3 s, about 0.9 s left'],
  [run('skipped', 0), '] 0/0 tenants, 0 failed, skipped, 0.3 s'],
  [run('failed_everywhere', 2, 2), '] 2/2 tenants, 2 failed, failed everywhere, 0.3 s'],
])('shows counts once the number of tenants is known (%#)', (given, end) => {
  expect(line(given, 200).slice(-end.length)).toBe(end);
});

it('shortens the bar, then leaves it out, then cuts the text, so that the line fits a terminal', () => {
  const given = run('running', 4, 1);
  const full = 'mfa-report       [######------------------] 1/4 tenants, 1 failed, running, 0.3 s, about 0.9 s left';
  expect(line(given, full.length + 1)).toBe(full);
  expect(line(given, full.length + 1 - 10)).toBe(full.replace('[######------------------]', '[####----------]'));
  expect(line(given, 78)).toBe(full.replace(/\[.*\] /u, ''));
  expect(line(given, 40)).toBe('mfa-report       1/4 tenants, 1 failed,');
  for (let width = 1; width < 120; width += 1) expect(line(given, width).length).toBeLessThan(width);
});

it('shows what a note quotes as text, so that no terminal obeys it', () => {
  let written = '';
  const stream = { write: (text: string) => (written += text) } as unknown as NodeJS.WriteStream;
  createProgress(stream, () => 0).note('Waits: \u001b[2JContoso\n');
  expect(written).toBe('Waits: \\u001b[2JContoso\\n\n');
});
