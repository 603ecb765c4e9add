import type { Logger } from '../core/log.ts';
import { type Approval, type ApprovalStatus, isClosed, standingOf, underWayUntilMs } from './approval.ts';
import { recordAsk } from './announce-approval.ts';
import { auditEntryOf, byTime } from './approval-audit.ts';
import type { StoredApproval } from './approval-log.ts';
import type { Approvals } from './approvals.ts';
import { closed } from './judge-decision.ts';
import type { Settled } from './approval-schemas.ts';

/** What {@link settleApproval} needs. */
export type SettleDeps = Pick<Approvals, 'approvalLog' | 'audit' | 'clock'> & { readonly log: Logger };

/** Attempts while others write to the same record. */
const attempts = 8;

/**
 * Closes a record whose time is over, and puts its end into the audit log. Implements the activity `settle-approval`, so it
 * may run any number of times.
 * @returns when to look again, or that the record is settled for ever.
 * @throws BrokerError storage_unavailable, audit_unavailable: the platform repeats it.
 */
export async function settleApproval(
  deps: SettleDeps,
  { approvalId }: { readonly approvalId: string },
): Promise<Settled> {
  for (let attempt = 1; attempt <= attempts; attempt += 1) {
    const stored = await deps.approvalLog.find(approvalId);
    // It was removed after its retention time.
    if (stored === undefined) return { settled: true };
    const outcome = await step(deps, stored);
    if (outcome !== 'changed meanwhile') return outcome;
  }
  return { settled: false, wakeAtMs: deps.clock.nowMs() };
}

async function step(deps: SettleDeps, { approval, version }: StoredApproval): Promise<Settled | 'changed meanwhile'> {
  const nowMs = deps.clock.nowMs();
  const status = standingOf(approval, nowMs);
  const isOver = isClosed(status) && nowMs >= underWayUntilMs(approval);
  if (isOver && approval.closedAtMs === undefined) {
    const end = closed(approval, status, endedAtMs(approval, status), false);
    if (!(await deps.approvalLog.change(end, version))) return 'changed meanwhile';
    deps.log.log('info', 'approval.closed', { approvalId: approval.id, status });
    // Reads the new version.
    return 'changed meanwhile';
  }
  if (approval.endRecorded) return { settled: true };
  // Its announcement may have failed for good.
  if (!approval.askRecorded) {
    await recordAsk(deps, approval);
    return 'changed meanwhile';
  }
  if (!isOver) return { settled: false, wakeAtMs: nextEndMs(approval) };
  // Recorded before it is noted, so that no end is missing. A process killed in between records it twice.
  if (status === 'expired' || status === 'used' || status === 'ended') {
    const entry = { outcome: status, atMs: approval.closedAtMs ?? nowMs, writtenMs: deps.clock.nowMs() };
    await deps.audit.record(auditEntryOf(approval, byTime, entry));
  }
  const isNoted = await deps.approvalLog.change({ ...approval, endRecorded: true }, version);
  return isNoted ? { settled: true } : 'changed meanwhile';
}

function nextEndMs(approval: Approval): number {
  const { status, expiresAtMs, validUntilMs } = approval;
  if (status === 'used') return underWayUntilMs(approval);
  return status === 'pending' ? expiresAtMs : (validUntilMs ?? expiresAtMs);
}

function endedAtMs({ use, expiresAtMs, validUntilMs }: Approval, status: ApprovalStatus): number {
  if (status === 'used') return use?.atMs ?? expiresAtMs;
  return status === 'expired' ? expiresAtMs : (validUntilMs ?? expiresAtMs);
}
