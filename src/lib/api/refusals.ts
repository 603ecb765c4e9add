import { policyRefusals } from '../core/error-table.ts';
import type { AuditAnswer } from './answers/audit.ts';

type AuditRecord = AuditAnswer['entries'][number];

/**
 * Whether nothing was sent. The log calls each request denied that was not served, also for what Entra answered. A person who
 * denies a request for an approval has succeeded.
 */
export const isUnserved = ({ outcome, kind, code }: AuditRecord): boolean =>
  outcome === 'denied' && (kind !== 'approval' || code !== undefined);

/** Whether the policy refused it: nothing was sent. */
export const isRefusedByPolicy = (record: AuditRecord): boolean =>
  isUnserved(record) && policyRefusals.has(record.code);

/** Whether it was sent, and Microsoft did not allow it. */
export const isRefusedByMicrosoft = ({ outcome, status }: AuditRecord): boolean =>
  outcome === 'answered' && (status === 401 || status === 403);

/** Whether nobody refused it and it failed all the same: before it was sent, or at the resource. */
export const isFailed = (record: AuditRecord): boolean =>
  (isUnserved(record) && !isRefusedByPolicy(record)) || (record.outcome === 'answered' && (record.status ?? 0) >= 500);
