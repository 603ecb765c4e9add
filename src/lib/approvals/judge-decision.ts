import type { AccessPolicy, ApprovalTerms } from '../access/policy/policy.ts';
import { minuteMs } from '../core/clock.ts';
import {
  type Approval,
  type ApprovalDecision,
  consentsOf,
  type DecisionKind,
  decisions,
  personOf,
  stateOf,
  stricter,
} from './approval.ts';

/** What the rule of an approval asks for in the policy in force. `gone`: it does not exist or asks for no approval. */
export type RuleNow = ApprovalTerms | 'gone';

/** What the rule of an approval asks for in a policy. */
export function ruleNow({ rules }: AccessPolicy, { subject }: Pick<Approval, 'subject'>): RuleNow {
  return rules.find(({ name }) => name === subject.rule)?.approval ?? 'gone';
}

/** Why a decision is refused. `forbidden`: for this person. `conflict`: for everybody, in the present state. */
interface DecisionRefusal {
  readonly kind: 'forbidden' | 'conflict';
  /** One or two sentences: what is wrong, and the next step. */
  readonly reason: string;
}

const forbidden = (reason: string): DecisionRefusal => ({ kind: 'forbidden', reason });
const conflict = (reason: string): DecisionRefusal => ({ kind: 'conflict', reason });

const ends = {
  denied: 'It was denied.',
  revoked: 'The approval was revoked.',
  expired: 'It expired without enough decisions.',
  used: 'The approval was used, and serves a change once.',
  ended: 'The approval is no longer valid.',
} as const;

/**
 * Returns the record with a decision, or why it is refused. Never changes who has decided what before: each person decides
 * once, and may revoke afterwards. Pure.
 * @param made the decision, with the person and roles that the token shows.
 * @param signInClientId the application through which people sign in to the broker, as its setting names it.
 */
export function judgeDecision(
  approval: Approval,
  made: ApprovalDecision,
  now: RuleNow,
  signInClientId: string | undefined,
): Approval | DecisionRefusal {
  const terms = now === 'gone' ? approval.terms : stricter(approval.terms, now);
  const refusal = personRefusal(approval, made) ?? approverRefusal(made, terms, signInClientId);
  if (refusal !== undefined) return refusal;
  const status = stateOf(approval, made.atMs, now === 'gone' ? undefined : now);
  if (status === 'used' && made.decision === 'revoke') return revokedUnderWay(approval, made);
  if (status !== 'pending' && status !== 'approved') return conflict(`${ends[status]} The caller can ask again.`);
  const expiresAtMs = Math.min(approval.expiresAtMs, approval.askedAtMs + terms.expiresMinutes * minuteMs);
  const decided: Approval = { ...approval, terms, expiresAtMs, decisions: [...approval.decisions, made] };
  switch (made.decision) {
    case 'revoke':
      return closed(decided, 'revoked', made.atMs, approval.askRecorded);
    case 'deny':
      if (status === 'approved') return conflict('It is approved already. Revoke it to end it.');
      return hasDecided(approval, made) ? twice : closed(decided, 'denied', made.atMs, approval.askRecorded);
    case 'approve':
      if (status === 'approved') return conflict('It is approved already. No further decision is needed.');
      if (hasDecided(approval, made)) return twice;
      if (now === 'gone') {
        return conflict('The rule no longer exists in the policy or asks for no approval. The caller can ask again.');
      }
      if (consentsOf(decided, terms).length < terms.count) return decided;
      return {
        ...decided,
        status: 'approved',
        approvedAtMs: made.atMs,
        validUntilMs: made.atMs + terms.validMinutes * minuteMs,
      };
  }
}

/**
 * A revocation while the change is about to leave. Whoever holds the claim sees it before it sends, or when it gives the
 * claim back. If the change has left already, the approval stays used.
 */
function revokedUnderWay(approval: Approval, made: ApprovalDecision): Approval | DecisionRefusal {
  if (approval.closedAtMs !== undefined) return conflict(`${ends.used} The caller can ask again.`);
  if (isRevoked(approval)) return conflict('It was revoked while its request was on the way.');
  return { ...approval, decisions: [...approval.decisions, made] };
}

/** Whether somebody has revoked it, even if a change still holds it. */
export const isRevoked = ({ decisions: made }: Pick<Approval, 'decisions'>): boolean =>
  made.some(({ decision }) => decision === 'revoke');

const twice = conflict('You have decided on it already. Another person must decide, or revoke your approval.');

const hasDecided = ({ decisions: made }: Approval, { decider }: ApprovalDecision): boolean =>
  made.some((earlier) => personOf(earlier.decider) === personOf(decider));

function personRefusal({ asker }: Approval, { decider, decision }: ApprovalDecision): DecisionRefusal | undefined {
  if (decider.kind === 'agent') {
    return forbidden('An agent cannot decide, not even for a person or on its own request. Sign in as a person.');
  }
  if (personOf(decider) === personOf(asker)) {
    if (decision === 'revoke') return undefined;
    const who = asker.kind === 'agent' ? 'An agent asked for it on your behalf' : 'You asked for it yourself';
    return forbidden(`${who}, so another person must decide. You may revoke it.`);
  }
  return decider.kind === 'user' ? undefined : forbidden('An application cannot decide. Sign in as a person.');
}

/**
 * Any other application holds tokens of the people who sign in to it. It could ask as itself and then approve in the name of
 * one of them, who never saw the request. To deny and to revoke is safe, so it needs neither this nor the roles of the terms.
 */
function approverRefusal(
  { decision, decider, roles }: ApprovalDecision,
  { from }: ApprovalTerms,
  signInClientId: string | undefined,
): DecisionRefusal | undefined {
  if (decision !== 'approve') return undefined;
  if (signInClientId === undefined) {
    return forbidden(
      'Nobody can approve while the setting SIGN_IN_CLIENT_ID is absent. Ask an administrator to set it.',
    );
  }
  if (decider.applicationId !== signInClientId) {
    return forbidden('Another application cannot approve for you. Use the dashboard, or `ptb` after `ptb login`.');
  }
  const missing = from.filter((role) => !roles.includes(role));
  if (missing.length === 0) return undefined;
  return forbidden(`Approving needs the app role ${missing.join(' and ')}. Ask an administrator for it.`);
}

/**
 * A closed record. What may hold data of the customer goes with it.
 * @param endRecorded whether nothing is left to record, so that nobody has to settle it.
 */
export const closed = (
  approval: Approval,
  status: Approval['status'],
  atMs: number,
  endRecorded: boolean,
): Approval => ({
  ...approval,
  status,
  closedAtMs: atMs,
  endRecorded,
  subject: { ...approval.subject, details: [] },
});

/** The decisions that a person, or the asker, could make now. Pure. */
export const possibleDecisions = (
  approval: Approval,
  deciding: Pick<ApprovalDecision, 'decider' | 'roles' | 'atMs'>,
  now: RuleNow,
  signInClientId: string | undefined,
): readonly DecisionKind[] =>
  decisions.filter(
    (decision) => 'id' in judgeDecision(approval, { ...deciding, id: '', reason: '', decision }, now, signInClientId),
  );
