import { isoTime } from '../core/clock.ts';
import { errorFields, type Logger } from '../core/log.ts';
import type { Notice } from '../notices/notice.ts';
import { quoted } from '../notices/quoted.ts';
import { type Approval, standingOf } from './approval.ts';
import { auditEntryOf } from './approval-audit.ts';
import type { Approvals } from './approvals.ts';

/** What {@link announceApproval} needs. */
export type AnnounceDeps = Pick<Approvals, 'approvalLog' | 'audit' | 'clock' | 'notifier' | 'dashboardUrl'> & {
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
  await recordAsk(deps, approval);
  if (approval.announced || standingOf(approval, deps.clock.nowMs()) !== 'pending') return { announced: false };
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
export async function recordAsk(
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
async function note(deps: Pick<Approvals, 'approvalLog'>, id: string, mark: Mark): Promise<void> {
  for (let attempt = 1; attempt <= 5; attempt += 1) {
    const stored = await deps.approvalLog.find(id);
    if (stored === undefined || (await deps.approvalLog.change({ ...stored.approval, ...mark }, stored.version)))
      return;
  }
}

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
      { name: 'Asked by', value: asker.name },
      ...(reason === undefined ? [] : [{ name: 'Reason', value: quoted(reason) }]),
      { name: 'For', value: subject.kind === 'token' ? 'a token' : 'a request through the gateway' },
      { name: 'Tenant', value: subject.tenantId },
      { name: 'Approval', value: id },
    ],
    ...(dashboardUrl === undefined ? {} : { link: `${dashboardUrl}#/approvals/${id}` }),
  };
}
