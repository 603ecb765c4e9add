import { type AccessPolicy, approvalRanges } from '../access/policy/policy.ts';
import { type Caller, identityOf } from '../core/caller.ts';
import { isoTime } from '../core/clock.ts';
import { defined } from '../core/objects.ts';
import type { ApprovalQuery } from './approval-log.ts';
import {
  type Approval,
  type ApprovalStatus,
  askerKeyOf,
  consentsOf,
  type DecisionKind,
  isChange,
  isClosed,
  type Party,
  partyOf,
  stateOf,
} from './approval.ts';
import type { Approvals } from './approvals.ts';
import { isRequester, isDecider, visibleApproval } from './decide-approval.ts';
import { possibleDecisions, ruleNow } from './judge-decision.ts';

/** An approval as one caller sees it. */
export interface VisibleApproval {
  readonly approval: Approval;
  readonly possibleDecisions: readonly DecisionKind[];
}

/** What a caller wants to see. */
interface ApprovalFilter {
  readonly status?: ApprovalStatus | undefined;
  /** Only what the caller asked for. */
  readonly mine?: boolean | undefined;
  readonly limit: number;
  readonly continuation?: string | undefined;
}

/**
 * Lists approvals, newest first: to deciders those for tenants that they may read, to others what they asked for.
 * @throws BrokerError storage_unavailable, request_invalid for a wrong continuation; of `visibleTo`.
 */
export async function listApprovals(
  deps: Approvals,
  caller: Caller,
  { status, mine, limit, continuation }: ApprovalFilter,
): Promise<{ readonly approvals: readonly VisibleApproval[]; readonly continuation?: string }> {
  const isOwn = mine === true || !isDecider(caller);
  const readable = isOwn ? '*' : await deps.visibleTo(caller);
  const nowMs = deps.clock.nowMs();
  const query: ApprovalQuery = defined({
    limit,
    ...(status === undefined ? {} : written(status, nowMs)),
    askerKey: isOwn ? askerKeyOf(partyOf(caller)) : undefined,
    tenantIds: readable === '*' ? undefined : readable,
    after: continuation,
  });
  const { approvals, ...rest } = await deps.approvalLog.list(query);
  const rules = { ...(await deps.policy.current()), signInClientId: deps.signInClientId };
  return {
    approvals: approvals
      .filter(({ approval }) => status === undefined || stateOf(approval, nowMs) === status)
      .map(({ approval }) => visible(rules, approval, caller, nowMs)),
    ...rest,
  };
}

/** The statuses that a record may have in storage, and how old it may be: an open one is not older than its longest life. */
function written(status: ApprovalStatus, nowMs: number): Pick<ApprovalQuery, 'statuses' | 'sinceMs'> {
  const longestMs = (approvalRanges.expiresMinutes[1] + approvalRanges.validMinutes[1]) * 60_000;
  if (!isClosed(status)) return { statuses: [status], sinceMs: nowMs - longestMs };
  if (status === 'expired') return { statuses: ['expired', 'pending'] };
  return status === 'ended' ? { statuses: ['ended', 'approved'] } : { statuses: [status] };
}

/**
 * One approval, for its asker and for those who decide in its tenant.
 * @throws BrokerError approval_not_found, which does not tell whether it exists; storage_unavailable; of `visibleTo`.
 */
export async function showApproval(deps: Approvals, caller: Caller, id: string): Promise<VisibleApproval> {
  const rules = { ...(await deps.policy.current()), signInClientId: deps.signInClientId };
  const nowMs = deps.clock.nowMs();
  return visible(rules, (await visibleApproval(deps, id, caller)).approval, caller, nowMs);
}

/** An approval with what the caller could decide now. */
export const visible = (
  { policy, signInClientId }: Pick<Approvals, 'signInClientId'> & { readonly policy: AccessPolicy },
  approval: Approval,
  caller: Caller,
  nowMs: number,
): VisibleApproval => {
  if (!isDecider(caller) && !isRequester(approval, caller)) return { approval, possibleDecisions: [] };
  const deciding = { decider: partyOf(caller), roles: caller.roles, atMs: nowMs };
  const now = ruleNow(policy, approval);
  return { approval, possibleDecisions: possibleDecisions(approval, deciding, now, signInClientId) };
};

const viewParty = ({ name, ...party }: Party) => ({ ...identityOf(party), name });

const time = <K extends string>(name: K, ms: number | undefined) =>
  (ms === undefined ? {} : { [name]: isoTime(ms) }) as { [name in K]?: string };

/** An approval in a list of the API. */
export function summariseApproval(approval: Approval, nowMs: number, possibleDecisions: readonly DecisionKind[]) {
  const { id, subject, asker, reason, terms, decisions, askedAtMs, expiresAtMs, approvedAtMs, validUntilMs, use } =
    approval;
  const { kind, title, rule, tenantId, facts } = subject;
  return defined({
    id,
    kind,
    title,
    status: stateOf(approval, nowMs),
    rule,
    tenantId,
    facts,
    asker: viewParty(asker),
    reason,
    askedAt: isoTime(askedAtMs),
    expiresAt: isoTime(expiresAtMs),
    approvalsNeeded: terms.count,
    approvalsGiven: consentsOf(approval, terms).length,
    deciders: decisions.map(({ decider }) => viewParty(decider)),
    ...time('approvedAt', approvedAtMs),
    ...time('validUntil', validUntilMs),
    servedOnce: isChange(subject),
    validMinutes: terms.validMinutes,
    use: use === undefined ? undefined : { at: isoTime(use.atMs), answered: use.answered },
    ...time('closedAt', approval.closedAtMs),
    possibleDecisions,
  });
}

/** An approval with everything that is decided on. */
export function viewApproval(approval: Approval, nowMs: number, possibleDecisions: readonly DecisionKind[]) {
  const { subject, terms, decisions, correlationId } = approval;
  return {
    ...summariseApproval(approval, nowMs, possibleDecisions),
    // The record is closed a little after its time is over.
    details: isClosed(stateOf(approval, nowMs)) ? [] : subject.details,
    digest: subject.digest,
    from: terms.from,
    decisions: decisions.map(({ decision, decider, reason, atMs }) => ({
      decision,
      decider: viewParty(decider),
      reason,
      at: isoTime(atMs),
    })),
    correlationId,
  };
}
