import { approvalRanges } from '../access/policy/policy.ts';
import { dayMs, isoTime } from '../core/clock.ts';
import { errorFields, type Logger } from '../core/log.ts';
import { untilWritten } from '../core/rows/table.ts';
import { type Notice, quoted } from '../notices/notice.ts';
import {
  approvalInstanceId,
  approvalOrchestrationName,
  type ApprovalOrchestrations,
  type Settled,
  type StoredApproval,
} from './approval-log.ts';
import {
  type Approval,
  type ApprovalStatus,
  isClosed,
  severalTenants,
  stateOf,
  type Subject,
  underWayUntilMs,
} from './approval.ts';
import type { Approvals } from './approvals.ts';
import { auditEntryOf, byTime } from './decide-approval.ts';
import { closed } from './judge-decision.ts';

/** What {@link announceApproval} needs. */
type AnnounceDeps = Pick<Approvals, 'approvalLog' | 'audit' | 'clock' | 'notifier' | 'dashboardUrl'> & {
  readonly log: Logger;
};

type Mark = Pick<Approval, 'askRecorded'> | Pick<Approval, 'announced'>;

/**
 * Puts a new request into the audit log and sends a notice about it. Implements the activity `announce-approval`, so each
 * part is noted in the record, and repeated until it is. A process killed in between repeats one part.
 * @throws BrokerError of the notifier, storage_unavailable, audit_unavailable: the platform repeats it.
 */
export async function announceApproval(
  deps: AnnounceDeps,
  { approvalId }: { readonly approvalId: string },
): Promise<{ announced: boolean }> {
  const approval = (await deps.approvalLog.find(approvalId))?.approval;
  if (approval === undefined) return { announced: false };
  await recordRequest(deps, approval);
  if (approval.announced || stateOf(approval, deps.clock.nowMs()) !== 'pending') return { announced: false };
  try {
    await deps.notifier.send(noticeOf(approval, deps.dashboardUrl));
  } catch (thrown) {
    deps.log.log('warn', 'approval.not_announced', { approvalId, ...errorFields(thrown) });
    throw thrown;
  }
  await note(deps, approvalId, { announced: true });
  return { announced: true };
}

/** Puts the request into the audit log, unless it is there. @throws BrokerError storage_unavailable, audit_unavailable */
async function recordRequest(
  deps: Pick<Approvals, 'approvalLog' | 'audit' | 'clock'>,
  approval: Approval,
): Promise<void> {
  const { id, asker, reason, askedAtMs, askRecorded } = approval;
  if (askRecorded) return;
  const step = { outcome: 'asked', atMs: askedAtMs, writtenMs: deps.clock.nowMs(), reason } as const;
  await deps.audit.record(auditEntryOf(approval, asker, step));
  await note(deps, id, { askRecorded: true });
}

/** Others may write to the record at the same time. If all attempts fail, the part is repeated. */
const note = (deps: Pick<Approvals, 'approvalLog'>, id: string, mark: Mark): Promise<boolean> =>
  untilWritten(
    5,
    async () => {
      const stored = await deps.approvalLog.find(id);
      const isDone =
        stored === undefined || (await deps.approvalLog.change({ ...stored.approval, ...mark }, stored.version));
      return isDone || undefined;
    },
    () => false,
  );

const purposes: Readonly<Record<Subject['kind'], string>> = {
  token: 'a token',
  request: 'a request through the gateway',
  change: 'a plan of changes',
};

/** Without what is asked for: the chat may be read by people who must not see data of customers. */
function noticeOf(approval: Approval, dashboardUrl: string | undefined): Notice {
  const { id, subject, asker, reason, terms, expiresAtMs } = approval;
  const people = terms.count === 1 ? 'Another person' : `${terms.count} other people`;
  return {
    kind: 'approval.needed',
    key: id,
    severity: 'warning',
    tenantId: subject.tenantId,
    atMs: approval.askedAtMs,
    title: `Approval needed: ${subject.rule}`,
    text: `${people} must approve the request before ${isoTime(expiresAtMs)}. \`ptb approvals show ${id}\` shows it, and so does the dashboard.`,
    facts: [
      { name: 'Asked by', value: quoted(asker.name) },
      ...(reason === undefined ? [] : [{ name: 'Reason', value: quoted(reason) }]),
      { name: 'For', value: purposes[subject.kind] },
      { name: 'Tenant', value: subject.tenantId === severalTenants ? 'several' : subject.tenantId },
      { name: 'Approval', value: id },
    ],
    ...(dashboardUrl === undefined ? {} : { link: `${dashboardUrl}#/approvals/${id}` }),
  };
}

/** What {@link settleApproval} needs. */
type SettleDeps = Pick<Approvals, 'approvalLog' | 'audit' | 'clock'> & { readonly log: Logger };

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
  return untilWritten<Settled>(
    8,
    async () => {
      const stored = await deps.approvalLog.find(approvalId);
      // It was removed after its retention time.
      return stored === undefined ? { settled: true } : step(deps, stored);
    },
    () => ({ settled: false, wakeAtMs: deps.clock.nowMs() }),
  );
}

/** @returns undefined if the record has changed. */
async function step(deps: SettleDeps, { approval, version }: StoredApproval): Promise<Settled | undefined> {
  const nowMs = deps.clock.nowMs();
  const status = stateOf(approval, nowMs);
  const isOver = isClosed(status) && nowMs >= underWayUntilMs(approval);
  if (isOver && approval.closedAtMs === undefined) {
    const end = closed(approval, status, endedAtMs(approval, status), false);
    if (!(await deps.approvalLog.change(end, version))) return undefined;
    deps.log.log('info', 'approval.closed', { approvalId: approval.id, status });
    // Reads the new version.
    return undefined;
  }
  if (approval.endRecorded) return { settled: true };
  // Its announcement may have failed for good.
  if (!approval.askRecorded) {
    await recordRequest(deps, approval);
    return undefined;
  }
  if (!isOver) return { settled: false, wakeAtMs: nextEndMs(approval) };
  // Recorded before it is noted, so that no end is missing. A process killed in between records it twice.
  if (status === 'expired' || status === 'used' || status === 'ended') {
    const entry = { outcome: status, atMs: approval.closedAtMs ?? nowMs, writtenMs: deps.clock.nowMs() };
    await deps.audit.record(auditEntryOf(approval, byTime, entry));
  }
  const isNoted = await deps.approvalLog.change({ ...approval, endRecorded: true }, version);
  return isNoted ? { settled: true } : undefined;
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

type WatchApprovalsDeps = AnnounceDeps & { readonly orchestrations: ApprovalOrchestrations };

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
