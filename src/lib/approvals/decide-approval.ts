import { deciderRole } from '../access/policy/policy.ts';
import { isVisible } from '../access/tenants/visible-tenants.ts';
import type { AuditEntry } from '../audit/audit-log.ts';
import { type Caller, type CallerIdentity, identityOf } from '../core/caller.ts';
import { BrokerError, toBrokerError } from '../core/errors.ts';
import { nilUuid, type TenantId } from '../core/identifiers.ts';
import { errorFields, scrub } from '../core/log.ts';
import { defined } from '../core/objects.ts';
import { type ApprovalRequester, type StoredApproval, wake, whileOthersWrite } from './approval-log.ts';
import { type Approval, type ApprovalDecision, askerKeyOf, type DecisionKind, partyOf } from './approval.ts';
import type { Approvals } from './approvals.ts';
import { judgeDecision, ruleNow } from './judge-decision.ts';

/** The steps of an approval in the audit log. */
type Step = Pick<AuditEntry, 'outcome' | 'atMs' | 'writtenMs' | 'code'> & {
  readonly correlationId?: string;
  readonly reason?: string | undefined;
};

/** The broker itself, when time ends an approval. */
export const byTime = { applicationId: nilUuid, objectId: nilUuid, kind: 'application' } as const;

/**
 * The audit entry of one step.
 * @param actor who asked or decided, or {@link byTime}.
 */
export function auditEntryOf(
  { id, subject, correlationId }: Approval,
  actor: CallerIdentity,
  { reason, ...step }: Step,
): AuditEntry {
  const { rule, tenantId } = subject;
  // The roles are those of who asked.
  const { roles, ...audit } = subject.audit;
  return {
    ...audit,
    ...(step.outcome === 'asked' ? defined({ roles }) : {}),
    correlationId,
    ...step,
    kind: 'approval',
    approvalId: id,
    tokenId: nilUuid,
    caller: identityOf(actor),
    rule,
    tenantId,
    ...(reason === undefined ? {} : { reason: scrub(reason) }),
  };
}

/** How the audit log calls a decision. */
const outcomeOf: Readonly<Record<DecisionKind, AuditEntry['outcome']>> = {
  approve: 'approved',
  deny: 'denied',
  revoke: 'revoked',
};

/**
 * Records the decision of a person, or that the asker revokes the request. It holds as soon as this returns, on every instance: they all read the one record.
 * @throws BrokerError approval_not_found; decision_refused for a caller who may not decide on it; approval_conflict if it can
 * no longer be decided on in this way; audit_unavailable; storage_unavailable.
 */
export async function decideApproval(
  deps: Approvals,
  id: string,
  { decision, reason }: { readonly decision: DecisionKind; readonly reason: string },
  { caller, correlationId, log, orchestrations }: ApprovalRequester,
): Promise<Approval> {
  const made: ApprovalDecision = {
    id: deps.newId(),
    decision,
    decider: partyOf(caller),
    roles: caller.roles,
    reason: scrub(reason),
    atMs: deps.clock.nowMs(),
  };
  const record = (approval: Approval, step: Pick<AuditEntry, 'outcome' | 'atMs' | 'code'>): Promise<void> =>
    deps.audit.record(auditEntryOf(approval, made.decider, { ...step, correlationId, reason }));
  let recorded: Approval | undefined;
  const write = (): Promise<Approval> =>
    whileOthersWrite(async () => {
      const { approval, version } = await visibleApproval(deps, id, caller);
      // Storage repeats a write whose reply was lost, and then reports a conflict with itself.
      if (isMadeIn(approval, made)) return approval;
      const rule = ruleNow((await deps.policy.current()).policy, approval);
      const decided = judgeDecision(approval, made, rule, deps.signInClientId);
      if (!('id' in decided)) {
        const code = decided.kind === 'forbidden' ? 'decision_refused' : 'approval_conflict';
        throw new BrokerError(code, decided.reason, { logFields: { approvalId: id } });
      }
      if (recorded === undefined) await record(decided, { outcome: outcomeOf[decision], atMs: made.atMs });
      recorded = decided;
      return (await deps.approvalLog.change(decided, version)) ? decided : undefined;
    });
  const decided = await write().catch(async (thrown: unknown) => {
    if (recorded === undefined) throw thrown;
    // The write may have succeeded although its reply was lost.
    const held = await deps.approvalLog.find(id).catch(() => 'unknown' as const);
    if (held === 'unknown') throw thrown;
    if (held !== undefined && isMadeIn(held.approval, made)) return held.approval;
    // The audit log says that he decided, and he did not.
    await record(recorded, { outcome: 'failed', atMs: deps.clock.nowMs(), code: toBrokerError(thrown).code }).catch(
      (failure: unknown) => log.log('error', 'audit.failure_not_recorded', errorFields(failure)),
    );
    throw thrown;
  });
  log.log('info', 'approval.decided', { approvalId: id, decision, status: decided.status, decider: caller.objectId });
  await wake(deps.clock, id, { orchestrations, log });
  return decided;
}

const isMadeIn = ({ decisions }: Approval, { id }: ApprovalDecision): boolean =>
  decisions.some((earlier) => earlier.id === id);

/** Whether the caller asked for it, through the same application. */
export const isRequester = ({ asker }: Approval, caller: Caller): boolean =>
  askerKeyOf(asker) === askerKeyOf(partyOf(caller));

export const isDecider = ({ roles }: Caller): boolean => roles.includes(deciderRole);

/**
 * An approval that the caller requested, or, for a decider, one for a tenant whose data the policy lets him read.
 * @throws BrokerError approval_not_found, which does not tell whether it exists.
 */
export async function visibleApproval(deps: Approvals, id: string, caller: Caller): Promise<StoredApproval> {
  const stored = await deps.approvalLog.find(id);
  const sees = async (tenantId: TenantId): Promise<boolean> =>
    isDecider(caller) && isVisible(await deps.visibleTo(caller), tenantId);
  if (stored && (isRequester(stored.approval, caller) || (await sees(stored.approval.subject.tenantId)))) return stored;
  throw new BrokerError(
    'approval_not_found',
    'There is no such approval, or it is for a tenant that you may not read.',
  );
}
