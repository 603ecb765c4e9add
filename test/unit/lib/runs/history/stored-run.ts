import type { HistoryRun, HistoryTenant, TenantNumbers } from '../../../../../src/lib/runs/history/tenant-numbers.ts';
import { parseTenantId, type TenantId } from '../../../../../src/lib/core/identifiers.ts';

export const tenant = (number: number): TenantId =>
  parseTenantId(`00000000-0000-4000-8000-${number.toString(16).padStart(12, '0')}`)!;

export const run: HistoryRun = {
  runId: 'licences@w1',
  job: 'licences',
  window: 'w1',
  startedAtMs: 1_000,
  status: 'completed',
  scope: 'all',
  isScheduled: false,
};
export const period = { job: 'licences', sinceMs: 0, untilMs: 2_000 };

export const succeeded = (number: number, numbers: TenantNumbers): HistoryTenant => ({
  tenantId: tenant(number),
  outcome: 'succeeded',
  rows: numbers.all[0],
  numbers,
});
