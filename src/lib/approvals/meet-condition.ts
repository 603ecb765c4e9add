import type { ApprovalTerms } from '../access/policy/approval-keys.ts';
import type { Justification } from '../core/justification.ts';
import { admit, type Asking } from './admit.ts';
import type { Approval, Subject } from './approval.ts';
import type { Approvals } from './approvals.ts';
import { type Claim, claimApproval, freeClaim } from './claim-approval.ts';
import { confirm } from './confirm-approval.ts';
import { type Emergency, emergencyReason } from './emergency.ts';

/** What a rule for emergencies opens. */
export type EmergencyUse = Omit<Emergency, 'rule' | 'reason'>;

/** What a request is, for people who approve it or learn of an emergency. */
export interface Described {
  /** Called only for a rule that needs an approval. @throws BrokerError request_invalid */
  readonly subject: () => Subject;
  readonly emergency: () => EmergencyUse;
}

/** What a rule demands before it serves. */
export interface RuleCondition {
  readonly name: string;
  readonly approval: ApprovalTerms | undefined;
  readonly breakGlass: boolean;
}

/** A condition that is met: what the audit record says about it. */
export interface Met {
  readonly facts: { readonly approvalId?: string; readonly breakGlass?: true; readonly reason?: string };
  /**
   * Called right before the token is handed out or a request that reads leaves.
   * @throws BrokerError approval_ended if the approval was revoked since.
   */
  readonly confirm: () => Promise<void>;
  /**
   * Called instead, right before a request that changes something leaves: an approval serves it once.
   * @throws BrokerError approval_ended if the approval was revoked or used since.
   */
  readonly claim: () => Promise<Claim>;
}

/** The condition of the rule is met, or an approval is pending. */
export type ConditionOutcome = { readonly met: Met } | { readonly pending: Approval };

const unconditional: ConditionOutcome = {
  met: { facts: {}, confirm: () => Promise.resolve(), claim: () => Promise.resolve(freeClaim) },
};

/**
 * Meets the condition of the rule that serves a request.
 * @throws BrokerError reason_required, approval_ended, too_many_approvals, storage_unavailable, request_invalid.
 */
export async function meetCondition(
  deps: Approvals,
  { name, approval: terms, breakGlass }: RuleCondition,
  { subject, emergency }: Described,
  asking: Asking & Justification,
): Promise<ConditionOutcome> {
  if (breakGlass) {
    const reason = emergencyReason(name, asking);
    const told = deps.emergencies.tell({ ...emergency(), rule: name, reason }, asking);
    return {
      met: { facts: { breakGlass: true, reason }, confirm: () => told, claim: () => told.then(() => freeClaim) },
    };
  }
  if (terms === undefined) return unconditional;
  const { admitted, approval } = await admit(deps, subject(), terms, asking);
  if (!admitted) return { pending: approval };
  return {
    met: {
      facts: { approvalId: approval.id },
      confirm: () => confirm(deps, approval, terms),
      claim: () => claimApproval(deps, approval, terms, asking),
    },
  };
}
