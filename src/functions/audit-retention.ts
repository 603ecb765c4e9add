import { bootLog, type Services } from '../composition.ts';
import { dayMs } from '../lib/model/durations.ts';
import { timer } from './timer.ts';

/** Deletes audit records that are older than AUDIT_RETENTION_DAYS. */
export async function purgeAudit({
  audit,
  clock,
  log,
  settings,
}: Pick<Services, 'audit' | 'clock' | 'log' | 'settings'>): Promise<void> {
  const deleted = await audit.purge(clock.nowMs() - settings.AUDIT_RETENTION_DAYS * dayMs);
  log.log('info', 'audit.purged', { deleted, retentionDays: settings.AUDIT_RETENTION_DAYS });
}

timer(
  {
    name: 'purge-audit',
    schedule: '0 13 3 * * *',
    logFailure: (fields) => bootLog.log('error', 'audit.purge_failed', fields),
  },
  purgeAudit,
);
