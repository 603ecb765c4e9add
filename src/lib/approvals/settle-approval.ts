import type { Logger } from '../runtime/log.ts';
import { type Approval, type ApprovalStatus, isClosed, standingOf } from './approval.ts';
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
  const status = standingOf(approval, deps.clock.nowMs());
  if (!isClosed(status)) return { settled: false, wakeAtMs: nextEndMs(approval) };
  if (!isClosed(approval.status)) {
    const end = closed(approval, status, endedAtMs(approval, status), false);
    if (!(await deps.approvalLog.change(end, version))) return 'changed meanwhile';
    deps.log.log('info', 'approval.closed', { approvalId: approval.id, status });
    // Reads the new version.
    return 'changed meanwhile';
  }
  if (approval.endRecorded) return { settled: true };
  if (!approval.askRecorded) {
    await recordAsk(deps, approval);
    return 'changed meanwhile';
  }
  // Recorded before it is noted, so that no end is missing. A process killed in between records it twice.
  if (status === 'expired' || status === 'ended') {
    const entry = { outcome: status, atMs: approval.closedAtMs ?? deps.clock.nowMs() };
    await deps.audit.record(auditEntryOf(approval, byTime, entry));
  }
  const isNoted = await deps.approvalLog.change({ ...approval, endRecorded: true }, version);
  return isNoted ? { settled: true } : 'changed meanwhile';
}

const nextEndMs = ({ status, expiresAtMs, validUntilMs }: Approval): number =>
  status === 'pending' ? expiresAtMs : (validUntilMs ?? expiresAtMs);

const endedAtMs = ({ expiresAtMs, validUntilMs }: Approval, status: ApprovalStatus): number =>
  status === 'expired' ? expiresAtMs : (validUntilMs ?? expiresAtMs);
