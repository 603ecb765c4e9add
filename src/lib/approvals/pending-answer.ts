import { isoTime } from '../core/clock.ts';
import { type Approval, consentsOf } from './approval.ts';

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
