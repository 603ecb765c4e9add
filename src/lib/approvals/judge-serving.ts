import type { ApprovalTerms } from '../access/policy/approval-keys.ts';
import { isoTime } from '../core/clock.ts';
import { type Approval, type ApprovalDecision, consentsOf, standingOf, stricter, underWayUntilMs } from './approval.ts';

/**
 * The clock of an instance may be this far behind the one that recorded the approval, in milliseconds. If it is further
 * behind, it was set back, and would prolong the validity.
 */
const maxClockLagMs = 5 * 60_000;

/** Whether a record serves a request now. */
export type Serving =
  | { readonly serves: true }
  | {
      readonly serves: false;
      /** Whether it waits for decisions. */
      readonly waits: boolean;
      /** One sentence for the caller. */
      readonly reason: string;
    };

const no = (reason: string): Serving => ({ serves: false, waits: false, reason });

/**
 * Judges whether a record serves the request that it is for, by the stricter of what it was asked under and the policy in
 * force. Pure.
 * @param terms what the rule asks for now.
 * @param accepts whether the policy in force still accepts the person who decided.
 */
export function judgeServing(
  approval: Approval,
  terms: ApprovalTerms,
  nowMs: number,
  accepts: (decision: ApprovalDecision) => boolean,
): Serving {
  switch (standingOf(approval, nowMs, terms)) {
    case 'pending':
      return { serves: false, waits: true, reason: 'It waits for decisions.' };
    case 'denied':
      return no('The request was denied.');
    case 'revoked':
      return no('The approval was revoked.');
    case 'expired':
      return no('The request expired before enough people approved it.');
    case 'used':
      return no(usedReason(approval, nowMs));
    case 'ended':
      return no('The approval is no longer valid.');
    case 'approved':
      break;
  }
  if (nowMs < (approval.approvedAtMs ?? Infinity) - maxClockLagMs)
    return no('The clock of this instance is wrong, so the validity of the approval is unknown.');
  const both = stricter(approval.terms, terms);
  if (consentsOf(approval, both).filter(accepts).length < both.count)
    return no('The access policy has become stricter, and the decisions no longer suffice.');
  return { serves: true };
}

/** A change that may have happened is never repeated: only a person can find out. */
function usedReason(approval: Approval, nowMs: number): string {
  const { use } = approval;
  const at = isoTime(use?.atMs ?? 0);
  if (nowMs < underWayUntilMs(approval))
    return `The request has been on its way since ${at}. Repeat it in a few minutes to learn what became of it: it is sent again only if it did not leave.`;
  return use?.answered === true
    ? `The request was sent at ${at}, and an approval serves a change once.`
    : `The request left at ${at} and may have reached Microsoft, but the broker knows no answer. Find out whether the change was made before you ask again.`;
}
