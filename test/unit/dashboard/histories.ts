import type { JobHistoryAnswer, TenantHistoryAnswer } from '../../../src/lib/api/answers/history.ts';

const common = {
  job: 'licence-report',
  since: '2026-08-26T00:00:00.000Z',
  until: '2026-11-24T12:00:00.000Z',
  otherParameters: 0,
  truncated: false,
  columns: [
    { name: 'licences', title: 'Licences' },
    { name: 'free', title: 'Free' },
  ],
  split: { column: 'product', title: 'Product', values: ['E3', 'E5'] },
};

const at = (window: number) => ({
  runId: `licence-report@w${window}`,
  startedAt: `2026-11-2${window}T05:00:00.000Z`,
});

/** Two runs with numbers, and between them one that failed and one that did not reach the tenant. */
export const tenantHistory: TenantHistoryAnswer = {
  ...common,
  tenantId: 'aaaaaaaa-0000-4000-8000-000000000001',
  runs: [
    { ...at(4), outcome: 'succeeded', rows: 0, numbers: { licences: 0, free: 0 } },
    { ...at(3), outcome: 'not_attempted' },
    { ...at(2), outcome: 'failed' },
    { ...at(1), outcome: 'succeeded', rows: 3, numbers: { licences: 40, free: 4 } },
  ],
};

const tenants = { total: 50, succeeded: 50, failed: 0, skipped: 0, notAttempted: 0 };

/** Two runs over all tenants, and a rerun over two. */
export const jobHistory: JobHistoryAnswer = {
  ...common,
  runs: [
    {
      ...at(3),
      status: 'completed',
      scope: 'all',
      tenants,
      counted: 50,
      rows: 150,
      numbers: { licences: 500, free: 50 },
    },
    {
      ...at(2),
      status: 'completed',
      scope: 'selected',
      tenants: { ...tenants, total: 2, succeeded: 2 },
      counted: 2,
      rows: 6,
      numbers: { licences: 20, free: 2 },
    },
    {
      ...at(1),
      status: 'completed',
      scope: 'all',
      tenants: { ...tenants, succeeded: 45, failed: 5 },
      counted: 45,
      rows: 130,
      numbers: { licences: 450, free: 40 },
    },
  ],
};
