import type { AuditEntry } from '../audit/audit-log.ts';
import { scrub } from '../core/log.ts';
import type { Approval, DecisionKind, Party } from './approval.ts';

/** The steps of an approval in the audit log. */
type Step = Pick<AuditEntry, 'outcome' | 'atMs' | 'writtenMs' | 'code'> & {
  readonly correlationId?: string;
  readonly reason?: string | undefined;
};

/** The broker itself, when time ends an approval: the nil UUID, as for its jobs. */
const nobody = '00000000-0000-0000-0000-000000000000';
export const byTime = { applicationId: nobody, objectId: nobody, kind: 'application' } as const;

/**
 * The audit entry of one step.
 * @param actor who asked or decided, or {@link byTime}.
 */
export function auditEntryOf(
  { id, subject, correlationId }: Approval,
  { applicationId, objectId, kind }: Pick<Party, 'applicationId' | 'objectId' | 'kind'>,
  { reason, ...step }: Step,
): AuditEntry {
  const { audit, rule, tenantId } = subject;
  return {
    ...audit,
    correlationId,
    ...step,
    kind: 'approval',
    approvalId: id,
    tokenId: nobody,
    caller: { applicationId, objectId, kind },
    rule,
    tenantId,
    ...(reason === undefined ? {} : { reason: scrub(reason) }),
  };
}

/** How the audit log calls a decision. */
export const outcomeOf: Readonly<Record<DecisionKind, AuditEntry['outcome']>> = {
  approve: 'approved',
  deny: 'denied',
  revoke: 'revoked',
};
