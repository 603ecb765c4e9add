import type { ApprovalTerms } from '../access/policy/approval-keys.ts';
import { type Caller, callerIdOf } from '../core/caller.ts';
import { BrokerError } from '../core/errors.ts';
import type { Justification } from '../core/justification.ts';
import { errorFields, type Logger, scrub } from '../core/log.ts';
import { type Approval, partyOf, type Subject } from './approval.ts';
import { newApprovalId } from './approval-id.ts';
import type { StoredApproval } from './approval-log.ts';
import {
  approvalInstanceId,
  approvalOrchestrationName,
  type ApprovalOrchestrations,
} from './approval-orchestrations.ts';
import type { Approvals } from './approvals.ts';
import { endedError, serves } from './confirm-approval.ts';

/** Requests of one caller that wait for decisions at the same time. */
const maxOpenApprovals = 20;

/** Who asks, and the log of that request. */
export interface Asking {
  readonly caller: Caller;
  readonly correlationId: string;
  readonly log: Logger;
  readonly orchestrations: ApprovalOrchestrations;
}

/** A request may be served under the approval, or waits for it. */
export interface Admission {
  readonly admitted: boolean;
  readonly approval: Approval;
}

/**
 * Admits a request that its rule allows with an approval only. The first request is recorded and announced. The same
 * request is admitted while the approval is valid.
 * @param terms what the rule asks for now.
 * @throws BrokerError approval_ended once the approval was denied, revoked or used, or has expired or ended, until the caller asks again;
 * too_many_approvals; storage_unavailable.
 */
export async function admit(
  deps: Approvals,
  subject: Subject,
  terms: ApprovalTerms,
  { reason, askAgain, ...asking }: Asking & Justification,
): Promise<Admission> {
  const latest = await deps.approvalLog.current(subject.digest);
  if (latest !== undefined) {
    const admission = await admissionBy(deps, latest, terms, askAgain === true);
    if (admission !== undefined) return admission;
  }
  const approval = newApproval(deps, { subject, terms, reason }, asking);
  switch (await deps.approvalLog.create(approval, latest?.approval.id, maxOpenApprovals)) {
    case 'full':
      throw tooMany();
    case 'outrun': {
      const first = await deps.approvalLog.current(subject.digest);
      const admission = first && (await admissionBy(deps, first, terms, false));
      if (admission !== undefined) return admission;
      throw new BrokerError('storage_unavailable', 'The approval was changed at the same time.');
    }
    case 'created':
      await startOrchestration(approval, asking);
      return { admitted: false, approval };
  }
}

const tooMany = (): BrokerError =>
  new BrokerError('too_many_approvals', `${maxOpenApprovals} requests of this caller wait for an approval already.`);

/** Undefined if the caller asks again for what has ended. @throws BrokerError approval_ended */
async function admissionBy(
  deps: Approvals,
  { approval }: StoredApproval,
  terms: ApprovalTerms,
  askAgain: boolean,
): Promise<Admission | undefined> {
  const serving = await serves(deps, approval, terms);
  if (serving.serves) return { admitted: true, approval };
  if (serving.waits) return { admitted: false, approval };
  if (askAgain) return undefined;
  throw endedError(approval, serving.reason);
}

function newApproval(
  deps: Approvals,
  { subject, terms, reason }: Pick<Approval, 'subject' | 'terms' | 'reason'>,
  { caller, correlationId }: Pick<Asking, 'caller' | 'correlationId'>,
): Approval {
  const askedAtMs = deps.clock.nowMs();
  return {
    id: newApprovalId(askedAtMs, deps.newId()),
    subject,
    asker: partyOf(caller),
    reason: reason === undefined ? undefined : scrub(reason),
    terms,
    correlationId,
    askedAtMs,
    expiresAtMs: askedAtMs + terms.expiresMinutes * 60_000,
    status: 'pending',
    decisions: [],
    approvedAtMs: undefined,
    validUntilMs: undefined,
    use: undefined,
    closedAtMs: undefined,
    askRecorded: false,
    announced: false,
    endRecorded: false,
  };
}

/** If it cannot be started, the watchdog starts it: the record exists. */
async function startOrchestration(
  { id, asker, subject }: Approval,
  { log, orchestrations }: Omit<Asking, 'caller'>,
): Promise<void> {
  log.log('info', 'approval.asked', {
    approvalId: id,
    rule: subject.rule,
    tenantId: subject.tenantId,
    caller: callerIdOf(asker),
  });
  try {
    await orchestrations.start(approvalOrchestrationName, approvalInstanceId(id), { approvalId: id });
  } catch (thrown) {
    log.log('warn', 'approval.start_failed', { approvalId: id, ...errorFields(thrown) });
  }
}
