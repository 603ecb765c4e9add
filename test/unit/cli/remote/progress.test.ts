import { expect, it } from 'vitest';
import { line, type ProgressRun } from '../../../../src/cli/remote/progress.ts';

const run = (status: ProgressRun['status'], total: number, failed = 0): ProgressRun => ({
  job: 'mfa-report',
  status,
  tenants: { total, succeeded: 0, failed, skipped: 0, notAttempted: 0 },
  durationMs: 300,
  failures: [],
});

it.each([
  [run('pending', 0, 1), '] pending, 0.3 s'],
  [run('running', 0, 1), '] running, 0.3 s'],
  [run('running', 4, 1), '] 1/4 tenants, 1 failed, running, 0.3 s, about 0.9 s left'],
  [run('completed', 0), '] 0/0 tenants, 0 failed, completed, 0.3 s'],
])('shows counts once the number of tenants is known (%#)', (given, end) => {
  expect(line(given).slice(-end.length)).toBe(end);
});
