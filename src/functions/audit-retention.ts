import { bootLog, type Services } from '../composition.ts';
import { longestLifeMs } from '../lib/approvals/watch-approvals.ts';
import { dayMs } from '../lib/core/clock.ts';
import { timer } from './timer.ts';

/**
 * Deletes audit records, events of tenants and approvals that are older than AUDIT_RETENTION_DAYS. Approvals stay longer if
 * that is shorter than an approval may be open, and records while no checkpoint says that they may be missing.
 */
export async function purgeAudit({
  approvals,
  audit,
  clock,
  evidence,
  log,
  settings,
  tenantEvents,
}: Pick<Services, 'approvals' | 'audit' | 'clock' | 'evidence' | 'log' | 'settings' | 'tenantEvents'>): Promise<void> {
  const nowMs = clock.nowMs();
  const beforeMs = nowMs - settings.AUDIT_RETENTION_DAYS * dayMs;
  // A checkpoint first has to say that these records may be missing, or their purge looks like tampering.
  const purgedMs = Math.min(beforeMs, (await evidence.purgeLimitMs()) ?? beforeMs);
  const days = Math.floor((beforeMs - purgedMs) / dayMs);
  // The last checkpoint is always some minutes old.
  if (days > 0) log.log('info', 'audit.purge_waits', { days });
  const deleted = await audit.purge(purgedMs);
  const deletedApprovals = await approvals.approvalLog.purge(Math.min(beforeMs, nowMs - longestLifeMs));
  const deletedEvents = await tenantEvents.purge(beforeMs);
  const { AUDIT_RETENTION_DAYS: retentionDays } = settings;
  log.log('info', 'audit.purged', { deleted, deletedApprovals, deletedEvents, retentionDays });
}

timer(
  {
    name: 'purge-audit',
    schedule: '0 13 3 * * *',
    logFailure: (fields) => bootLog.log('error', 'audit.purge_failed', fields),
  },
  purgeAudit,
);
