import type { Approval, DecisionKind } from '../../../../src/lib/approvals/approval.ts';
import { decideApproval } from '../../../../src/lib/approvals/decide-approval.ts';
import { silentLogger } from '../../../../src/lib/core/log.ts';
import type { CallerRole } from '../../../../src/lib/core/caller.ts';
import { guid } from '../../../support/audit-entries.ts';
import type { End, ReferenceApproval, ReferenceDecision } from '../../../support/reference-approval.ts';
import { type ApprovalWorld, codeOf, type deciders, people, portal, roleSets } from './approval-world.ts';

/** Who decides what. */
interface Attempt {
  readonly decider: (typeof deciders)[number];
  readonly roles: readonly CallerRole[];
  readonly decision: DecisionKind;
}

/** Makes a decision with the real function, and compares the outcome with the reference. */
export async function decide(
  world: ApprovalWorld,
  record: ReferenceApproval,
  { decider, roles, decision }: Attempt,
): Promise<void> {
  const { objectId: who, kind, applicationId } = decider;
  const made: ReferenceDecision = {
    decision,
    person: who,
    isPerson: kind === 'user',
    isSignedIn: applicationId !== portal,
    roles,
  };
  const mayFail = !world.killer.isArmed && world.chance(0.05);
  if (mayFail) world.killer.failOnce(1 + world.below(3), world.chance(0.5));
  const outcome = await decideApproval(
    world.deps,
    record.id,
    { decision, reason: 'Agreed with the customer.' },
    {
      caller: { ...decider, roles },
      correlationId: guid(4),
      log: silentLogger,
      orchestrations: world.orchestrations,
    },
  ).catch(codeOf);
  if (mayFail) world.killer.disarm();
  const stored = world.log.rows.get(record.id)?.approval;
  const isRecorded = (stored?.decisions.length ?? 0) > record.decisions;
  // Another instance may have closed it right before.
  if (!isRecorded && stored !== undefined) noteEnd(world, record, stored);
  const expected = record.accepts(made, world.nowMs, world.rule, world.reads(who));
  if (isRecorded) {
    world.agree(expected, `${decision} was accepted`);
    world.agree(outcome === 'killed' || typeof outcome !== 'string', `${decision} holds, and was answered ${outcome}`);
    record.add(made, world.nowMs, world.rule);
  } else if (outcome !== 'killed' && outcome !== 'storage_unavailable')
    world.agree(!expected, `${decision} was refused: ${String(outcome)}`);
  world.count(isRecorded ? decision : `${decision} refused`);
}

/** Tells the reference that a record was closed. It must agree that the end was due. */
export function noteEnd(world: ApprovalWorld, record: ReferenceApproval, stored: Approval): void {
  if (stored.closedAtMs === undefined || record.end !== undefined) return;
  const isDue = record.standing(world.nowMs, undefined) === stored.status;
  world.agree(isDue, `closed as ${stored.status} too early`);
  record.close(stored.status as End);
  world.count(stored.status);
}

/** Everybody who may approve does, so that the request is approved if the policy lets it be. */
export async function approve(world: ApprovalWorld, record: ReferenceApproval): Promise<void> {
  for (const decider of people) await decide(world, record, { decider, roles: roleSets[1], decision: 'approve' });
}

/** A person who may revoke does. */
export const revoke = (world: ApprovalWorld, record: ReferenceApproval): Promise<void> =>
  decide(world, record, { decider: world.pick(people), roles: roleSets[1], decision: 'revoke' });
