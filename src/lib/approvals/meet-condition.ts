import type { ApprovalTerms, Rule } from '../access/policy/policy.ts';
import type { Justification } from '../core/caller.ts';
import { isoTime, withDeadline } from '../core/clock.ts';
import { BrokerError } from '../core/errors.ts';
import { errorFields } from '../core/log.ts';
import { admit, confirm, endedError, serves, servingApproval } from './admit.ts';
import { type ApprovalRequester, type StoredApproval, wake, whileOthersWrite } from './approval-log.ts';
import { type Approval, consentsOf, type Subject } from './approval.ts';
import type { Approvals } from './approvals.ts';
import { type Emergency, emergencyReason } from './emergency.ts';
import { closed, isRevoked } from './judge-decision.ts';

/** The caller waits this long, at most, for what became of its request to be noted, in milliseconds. */
const longestNoteMs = 3_000;

/** The right of one request to leave. Its holder calls `giveBack` or `conclude`, once. Neither throws. */
export interface Claim {
  /**
   * Called when everything else is ready: the record of the request and its token may have taken seconds.
   * @throws BrokerError approval_ended if the approval was revoked, its time has ended, or the policy has become stricter
   * since; storage_unavailable.
   */
  confirm(): Promise<void>;
  /** The request provably did not leave, so the same request may be sent later. */
  giveBack(): Promise<void>;
  /** @param answered whether the resource answered. If not, the request may have reached it. */
  conclude(answered: boolean): Promise<void>;
}

/** For a request that needs no approval. */
export const freeClaim: Claim = {
  confirm: () => Promise.resolve(),
  giveBack: () => Promise.resolve(),
  conclude: () => Promise.resolve(),
};

/**
 * Uses an approval up, right before a request that changes something leaves. Of several repeats of a request at the same
 * time, on whatever instances, at most one gets the claim. If its process dies, nobody gets another.
 * @throws BrokerError approval_ended; storage_unavailable.
 */
export async function claimApproval(
  deps: Approvals,
  { id }: Pick<Approval, 'id'>,
  terms: ApprovalTerms,
  requester: Pick<ApprovalRequester, 'log' | 'orchestrations'>,
): Promise<Claim> {
  const use = { id: deps.newId(), atMs: deps.clock.nowMs(), answered: false };
  const claim = { approvalId: id, useId: use.id };
  try {
    return await whileOthersWrite(async (attempt) => {
      // Storage repeats a write whose reply was lost, and then reports a conflict with itself.
      const own = attempt > 1 ? await claimed(deps, claim) : undefined;
      const { approval, version } = own ?? (await servingApproval(deps, id, terms));
      const isWritten =
        own !== undefined || (await deps.approvalLog.change({ ...approval, status: 'used', use }, version));
      if (!isWritten) return undefined;
      return { ...settlementOf(deps, claim, requester), confirm: () => confirmStill(deps, claim, terms) };
    });
  } catch (thrown) {
    // The write may have succeeded although its reply was lost.
    if (!(thrown instanceof BrokerError && thrown.code === 'approval_ended')) {
      await settlementOf(deps, claim, requester).giveBack();
    }
    throw thrown;
  }
}

interface ClaimId {
  readonly approvalId: string;
  readonly useId: string;
}

/** Makes sure that the approval would still serve if it were not used. @throws BrokerError approval_ended */
async function confirmStill(deps: Approvals, claim: ClaimId, terms: ApprovalTerms): Promise<void> {
  const held = await claimed(deps, claim);
  if (held === undefined) throw endedError({ id: claim.approvalId }, 'The request took too long, and did not leave.');
  const { approval } = held;
  if (isRevoked(approval)) throw endedError(approval, 'The approval was revoked.');
  const serving = await serves(deps, { ...approval, status: 'approved', use: undefined }, terms);
  if (!serving.serves) throw endedError(approval, serving.reason);
}

function settlementOf(
  deps: Approvals,
  claim: ClaimId,
  { log, orchestrations }: Pick<ApprovalRequester, 'log' | 'orchestrations'>,
): Pick<Claim, 'giveBack' | 'conclude'> {
  const { approvalId } = claim;
  const note = async (change: (approval: Approval) => Approval): Promise<void> => {
    const write = () =>
      whileOthersWrite(async () => {
        const held = await claimed(deps, claim);
        const isDone = held === undefined || (await deps.approvalLog.change(change(held.approval), held.version));
        return isDone || undefined;
      });
    try {
      await withDeadline(deps.clock, longestNoteMs, write);
    } catch (thrown) {
      // The approval stays used, and its outcome unknown.
      log.log('error', 'approval.use_not_noted', { approvalId, ...errorFields(thrown) });
    }
  };
  return {
    giveBack: () =>
      note((approval) => {
        const free: Approval = { ...approval, status: 'approved', use: undefined };
        // A revocation that came meanwhile takes effect.
        return isRevoked(approval) ? closed(free, 'revoked', deps.clock.nowMs(), approval.askRecorded) : free;
      }),
    conclude: async (answered) => {
      await note((approval) => {
        const use = approval.use && { ...approval.use, answered };
        return closed({ ...approval, use }, 'used', deps.clock.nowMs(), false);
      });
      log.log('info', 'approval.used', { approvalId, answered });
      // It closes the approval later without this.
      await wake(deps.clock, approvalId, { log, orchestrations });
    },
  };
}

/** The record, as long as it is claimed and not closed. A claim that was given up for its age is final. */
async function claimed(
  { approvalLog }: Approvals,
  { approvalId, useId }: ClaimId,
): Promise<StoredApproval | undefined> {
  const stored = await approvalLog.find(approvalId);
  const isHeld = stored?.approval.use?.id === useId && stored.approval.closedAtMs === undefined;
  return isHeld ? stored : undefined;
}

/** What a rule for emergencies opens. */
export type EmergencyUse = Omit<Emergency, 'rule' | 'reason'>;

/** What a request is, for people who approve it or learn of an emergency. */
interface RequestDescription {
  /** Called only for a rule that needs an approval. @throws BrokerError request_invalid */
  readonly subject: () => Subject;
  readonly emergency: () => EmergencyUse;
}

/** What a rule demands before it serves. */
export type RuleCondition = Pick<Rule, 'name' | 'approval' | 'breakGlass'>;

/** A condition that is met: what the audit record says about it. */
export interface MetCondition {
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
export type ConditionOutcome = { readonly met: MetCondition } | { readonly pending: Approval };

/** Of a request that needs no approval. */
export const unconditional: { readonly met: MetCondition } = {
  met: { facts: {}, confirm: () => Promise.resolve(), claim: () => Promise.resolve(freeClaim) },
};

/**
 * Meets the condition of the rule that serves a request.
 * @throws BrokerError caller_forbidden for an agent that declares an emergency; reason_required, approval_ended, too_many_approvals, storage_unavailable, request_invalid.
 */
export async function meetCondition(
  deps: Approvals,
  { name, approval: terms, breakGlass }: RuleCondition,
  { subject, emergency }: RequestDescription,
  requester: ApprovalRequester & Justification,
): Promise<ConditionOutcome> {
  if (requester.breakGlass && requester.caller.kind === 'agent') {
    const detail = 'An agent cannot declare an emergency. A person must send the request.';
    throw new BrokerError('caller_forbidden', detail);
  }
  if (breakGlass) {
    const reason = emergencyReason(name, requester);
    const announced = deps.emergencies.announce({ ...emergency(), rule: name, reason }, requester);
    return {
      met: {
        facts: { breakGlass: true, reason },
        confirm: () => announced,
        claim: () => announced.then(() => freeClaim),
      },
    };
  }
  if (terms === undefined) return unconditional;
  const { admitted, approval } = await admit(deps, subject(), terms, requester);
  if (!admitted) return { pending: approval };
  return {
    met: {
      facts: { approvalId: approval.id },
      confirm: () => confirm(deps, approval, terms),
      claim: () => claimApproval(deps, approval, terms, requester),
    },
  };
}

/** Seconds after which a caller may look again. People need longer. */
const retryAfterSeconds = 15;

/** The answer to a request that waits for an approval: HTTP 202 with these headers and this JSON body. */
export function pendingAnswer(approval: Approval) {
  const { id, expiresAtMs, terms, subject } = approval;
  const given = consentsOf(approval, terms).length;
  const left = terms.count - given;
  return {
    status: 202,
    headers: {
      location: `/api/approvals/${id}`,
      'retry-after': String(retryAfterSeconds),
      // A resource answers 202, too. Of its headers, this one never passes.
      'x-approval-id': id,
      'cache-control': 'no-store',
    },
    body: {
      approvalId: id,
      status: 'pending' as const,
      rule: subject.rule,
      detail: `The request waits until ${left === 1 ? 'one more person approves' : `${left} more people approve`} it. Send the same request again once it is approved.`,
      approvalsNeeded: terms.count,
      approvalsGiven: given,
      expiresAt: isoTime(expiresAtMs),
    },
  };
}
