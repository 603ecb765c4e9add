import { isoTime } from '../core/clock.ts';
import {
  type Approval,
  type ApprovalDecision,
  consentsOf,
  type DecisionKind,
  isChange,
  isClosed,
  type Party,
  standingOf,
} from './approval.ts';

const viewParty = ({ objectId, applicationId, kind, name }: Party) => ({ objectId, applicationId, kind, name });

const time = <K extends string>(name: K, ms: number | undefined) =>
  (ms === undefined ? {} : { [name]: isoTime(ms) }) as { [name in K]?: string };

/** An approval in a list of the API. */
export function summariseApproval(approval: Approval, nowMs: number, possibleDecisions: readonly DecisionKind[]) {
  const { id, subject, asker, reason, terms, askedAtMs, expiresAtMs, approvedAtMs, validUntilMs, use, closedAtMs } =
    approval;
  const { kind, title, rule, tenantId, facts } = subject;
  return {
    id,
    kind,
    title,
    status: standingOf(approval, nowMs),
    rule,
    tenantId,
    facts,
    asker: viewParty(asker),
    ...(reason === undefined ? {} : { reason }),
    askedAt: isoTime(askedAtMs),
    expiresAt: isoTime(expiresAtMs),
    approvalsNeeded: terms.count,
    approvalsGiven: consentsOf(approval, terms).length,
    ...time('approvedAt', approvedAtMs),
    ...time('validUntil', validUntilMs),
    servedOnce: isChange(subject),
    ...(use === undefined ? {} : { use: { at: isoTime(use.atMs), answered: use.answered } }),
    ...time('closedAt', closedAtMs),
    possibleDecisions,
  };
}

/** An approval with everything that is decided on. */
export function viewApproval(approval: Approval, nowMs: number, possibleDecisions: readonly DecisionKind[]) {
  const { subject, terms, decisions, correlationId } = approval;
  return {
    ...summariseApproval(approval, nowMs, possibleDecisions),
    // The record is closed a little after its time is over.
    details: isClosed(standingOf(approval, nowMs)) ? [] : subject.details,
    digest: subject.digest,
    from: terms.from,
    validMinutes: terms.validMinutes,
    decisions: decisions.map(viewDecision),
    correlationId,
  };
}

const viewDecision = ({ decision, decider, reason, atMs }: ApprovalDecision) => ({
  decision,
  decider: viewParty(decider),
  reason,
  at: isoTime(atMs),
});
