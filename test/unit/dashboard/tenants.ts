import type { Tenant } from '../../../src/lib/api/trouble.ts';
import type { LastResult } from '../../../src/lib/api/answers/tenants.ts';
import type { ErrorCode } from '../../../src/lib/core/errors.ts';
import { reasonTexts, reasonTitles } from '../../../src/lib/tenants/tenant.ts';

/** A reachable tenant without results. */
export const tenant = (name: string, more: Partial<Tenant> = {}): Tenant => {
  const { reason = 'gdap_active' } = more;
  return {
    tenantId: `id-${name}`,
    name,
    defaultDomain: `${name.toLowerCase()}.example`,
    relationship: 'gdap',
    reachable: true,
    reason,
    reasonTitle: reasonTitles[reason],
    explanation: reasonTexts[reason],
    sources: ['relationships'],
    lastResults: [],
    ...more,
  };
};

export const failed = (job: string, code: ErrorCode = 'consent_required'): LastResult => ({
  job,
  runId: `${job}@w1`,
  outcome: 'failed',
  code,
  finishedAt: '2026-11-24T05:00:00.000Z',
});
