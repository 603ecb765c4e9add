import { approvalRanges } from '../access/policy/approval-keys.ts';
import { dayMs } from '../core/durations.ts';
import { errorFields, type Logger } from '../core/log.ts';
import type { AnnounceDeps } from './announce-approval.ts';
import { announceApproval } from './announce-approval.ts';
import { type Approval, underWayUntilMs } from './approval.ts';
import {
  approvalInstanceId,
  approvalOrchestrationName,
  type ApprovalOrchestrations,
} from './approval-orchestrations.ts';
import { settleApproval } from './settle-approval.ts';

export type WatchApprovalsDeps = AnnounceDeps & {
  readonly orchestrations: ApprovalOrchestrations;
  readonly log: Logger;
};

/** A record without an orchestration that is younger than this may still be starting. */
const startGraceMs = 60_000;
/** An orchestration may close its record this much later than its time. */
const endGraceMs = 15 * 60_000;
/** The longest life of an open record, and two weeks for records whose end could not be recorded. None is purged earlier. */
export const longestLifeMs = (approvalRanges.expiresMinutes[1] + approvalRanges.validMinutes[1]) * 60_000 + 14 * dayMs;

/**
 * Repairs approvals: starts the orchestration of a record whose process died before, or whose instance failed, and settles a
 * record that its orchestration should have settled long ago. A failure with one does not affect the others.
 * @returns the ids of what was started and settled.
 */
export async function watchApprovals(
  deps: WatchApprovalsDeps,
): Promise<{ readonly started: readonly string[]; readonly settled: readonly string[] }> {
  const nowMs = deps.clock.nowMs();
  const started: string[] = [];
  const settled: string[] = [];
  for await (const { approval } of deps.approvalLog.unsettled(nowMs - longestLifeMs)) {
    const { id, askedAtMs } = approval;
    try {
      if (isOverdue(approval, nowMs)) {
        await announceApproval(deps, { approvalId: id });
        const outcome = await settleApproval(deps, { approvalId: id });
        if (outcome.settled) settled.push(id);
      } else if (nowMs - askedAtMs >= startGraceMs && (await restart(deps, id))) started.push(id);
    } catch (thrown) {
      deps.log.log('error', 'approval.watch_failed', { approvalId: id, ...errorFields(thrown) });
    }
  }
  return { started, settled };
}

/** A change wakes its orchestration when it ends. One whose process died wakes nobody. */
function isOverdue(approval: Approval, nowMs: number): boolean {
  const { expiresAtMs, validUntilMs, closedAtMs } = approval;
  const underWayMs = underWayUntilMs(approval);
  return nowMs >= (underWayMs > 0 ? underWayMs : (closedAtMs ?? validUntilMs ?? expiresAtMs) + endGraceMs);
}

/** An instance that ended before its record was settled had failed or was terminated: its id is free again. */
async function restart({ orchestrations, log }: WatchApprovalsDeps, id: string): Promise<boolean> {
  const instanceId = approvalInstanceId(id);
  const state = await orchestrations.state(instanceId);
  if (state === 'active') return false;
  log.log('warn', 'approval.resumed', { approvalId: id, state });
  await orchestrations.start(approvalOrchestrationName, instanceId, { approvalId: id });
  return true;
}
