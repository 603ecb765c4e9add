import type { ApprovalTerms } from '../access/policy/approval-keys.ts';
import { BrokerError } from '../core/errors.ts';
import { mayRead } from '../access/tenants/readable-tenants.ts';
import { type Approval, type ApprovalDecision, stricter } from './approval.ts';
import type { StoredApproval } from './approval-log.ts';
import type { Approvals } from './approvals.ts';
import { ruleNow } from './rule-now.ts';
import { judgeServing, type Serving } from './judge-serving.ts';

/**
 * Makes sure that an approval is still in force: right before a token is handed out or a request that reads leaves, because it may
 * have been revoked since.
 * @throws BrokerError approval_ended
 */
export async function confirm(deps: Approvals, { id }: Approval, terms: ApprovalTerms): Promise<void> {
  await servingApproval(deps, id, terms);
}

/** The record as it is now, if it serves. @throws BrokerError approval_ended, storage_unavailable */
export async function servingApproval(deps: Approvals, id: string, terms: ApprovalTerms): Promise<StoredApproval> {
  const found = await deps.approvalLog.find(id);
  if (found === undefined) throw new BrokerError('approval_ended', `The approval ${id} was removed.`);
  const serving = await serves(deps, found.approval, terms);
  if (serving.serves) return found;
  throw endedError(found.approval, serving.reason);
}

/**
 * Judges a record by the policy in force, and by the terms under which the request was admitted: the policy may have changed
 * since.
 */
export async function serves(deps: Approvals, approval: Approval, admitted: ApprovalTerms): Promise<Serving> {
  const now = ruleNow((await deps.policy.current()).policy, approval);
  if (now === 'gone')
    return { serves: false, waits: false, reason: 'The rule asks for no approval any more, or is gone.' };
  const terms = stricter(admitted, now);
  const accepted = new Set<ApprovalDecision>();
  for (const decision of approval.decisions)
    if (approval.status === 'approved' && (await isAccepted(deps, approval, decision))) accepted.add(decision);
  return judgeServing(approval, terms, deps.clock.nowMs(), (decision) => accepted.has(decision));
}

/**
 * Whether the policy in force lets the person decide for this tenant, through the application of the setting in force. The
 * policy knows only the roles that the person had.
 */
async function isAccepted(
  deps: Approvals,
  { subject }: Approval,
  { decider, roles }: ApprovalDecision,
): Promise<boolean> {
  if (decider.applicationId !== deps.signInClientId) return false;
  return mayRead(await deps.readableBy({ ...decider, roles }), subject.tenantId);
}

/** @param reason why it serves no more, one sentence. */
export const endedError = ({ id }: Pick<Approval, 'id'>, reason: string): BrokerError =>
  new BrokerError('approval_ended', `${reason} The approval is ${id}.`, { logFields: { approvalId: id } });
