import type { ApprovalTerms } from '../access/policy/policy.ts';
import { isVisible } from '../access/tenants/visible-tenants.ts';
import { callerIdOf, type Justification } from '../core/caller.ts';
import { hourMs, isoTime, minuteMs } from '../core/clock.ts';
import { BrokerError } from '../core/errors.ts';
import { errorFields, scrub } from '../core/log.ts';
import {
  approvalInstanceId,
  approvalOrchestrationName,
  type ApprovalRequester,
  type StoredApproval,
} from './approval-log.ts';
import {
  type Approval,
  type ApprovalDecision,
  consentsOf,
  newApprovalId,
  partyOf,
  stateOf,
  stricter,
  type Subject,
  underWayUntilMs,
} from './approval.ts';
import type { Approvals } from './approvals.ts';
import { ruleNow } from './judge-decision.ts';

/**
 * The clock of an instance may be this far behind the one that recorded the approval, in milliseconds. If it is further
 * behind, it was set back, and would prolong the validity.
 */
const maxClockLagMs = 5 * minuteMs;

/** Whether a record serves a request now. */
type Serving =
  | { readonly serves: true }
  | {
      readonly serves: false;
      /** Whether it waits for decisions. */
      readonly waits: boolean;
      /** One sentence for the caller. */
      readonly reason: string;
    };

const ends = {
  denied: 'The request was denied.',
  revoked: 'The approval was revoked.',
  expired: 'The request expired before enough people approved it.',
  ended: 'The approval is no longer valid.',
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
  const status = stateOf(approval, nowMs, terms);
  if (status === 'pending') return { serves: false, waits: true, reason: 'It waits for decisions.' };
  if (status === 'used') return no(usedReason(approval, nowMs));
  if (status !== 'approved') return no(ends[status]);
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
  if (now === 'gone') return no('The rule asks for no approval any more, or is gone.');
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
  return isVisible(await deps.visibleTo({ ...decider, roles }), subject.tenantId);
}

/** @param reason why it serves no more, one sentence. */
export const endedError = ({ id }: Pick<Approval, 'id'>, reason: string): BrokerError =>
  new BrokerError('approval_ended', `${reason} The approval is ${id}.`, { logFields: { approvalId: id } });

/** What one caller may ask for: requests that wait for decisions at the same time, and new ones in an hour. */
const limits = { open: 20, hourly: 100 };

/** A request may be served under the approval, or waits for it. */
interface Admission {
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
  { reason, askAgain, ...requester }: ApprovalRequester & Justification,
): Promise<Admission> {
  const latest = await deps.approvalLog.current(subject.digest);
  if (latest !== undefined) {
    const admission = await admissionBy(deps, latest, terms, askAgain === true);
    if (admission !== undefined) return admission;
  }
  const approval = newApproval(deps, { subject, terms, reason }, requester);
  switch (await deps.approvalLog.create(approval, latest?.approval.id, limits.open, limits.hourly)) {
    case 'full':
      throw new BrokerError(
        'too_many_approvals',
        `${limits.open} requests of this caller wait for an approval already.`,
      );
    case 'often':
      throw new BrokerError(
        'too_many_approvals',
        `This caller has asked for ${limits.hourly} approvals in this hour, those included that have ended.`,
        { retryAfterSeconds: Math.ceil((hourMs - (approval.askedAtMs % hourMs)) / 1000) },
      );
    case 'outrun': {
      const first = await deps.approvalLog.current(subject.digest);
      const admission = first && (await admissionBy(deps, first, terms, false));
      if (admission !== undefined) return admission;
      throw new BrokerError('storage_unavailable', 'The approval was changed at the same time.');
    }
    case 'created':
      await startOrchestration(approval, requester);
      return { admitted: false, approval };
  }
}

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
  { caller, correlationId }: Pick<ApprovalRequester, 'caller' | 'correlationId'>,
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
    expiresAtMs: askedAtMs + terms.expiresMinutes * minuteMs,
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
  { log, orchestrations }: Omit<ApprovalRequester, 'caller'>,
): Promise<void> {
  const { rule, tenantId } = subject;
  log.log('info', 'approval.asked', { approvalId: id, rule, tenantId, caller: callerIdOf(asker) });
  try {
    await orchestrations.start(approvalOrchestrationName, approvalInstanceId(id), { approvalId: id });
  } catch (thrown) {
    log.log('warn', 'approval.start_failed', { approvalId: id, ...errorFields(thrown) });
  }
}
