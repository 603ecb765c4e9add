import { app } from '@azure/functions';
import { bootLog, type Services, services, withInvocation } from '../composition.ts';
import { errorFields } from '../lib/runtime/log.ts';

const dayMs = 86_400_000;

/** Daily: deletes audit records that are older than AUDIT_RETENTION_DAYS. */
export async function purgeAudit({
  audit,
  clock,
  log,
  settings,
}: Pick<Services, 'audit' | 'clock' | 'log' | 'settings'>): Promise<void> {
  const deleted = await audit.purge(clock.nowMs() - settings.AUDIT_RETENTION_DAYS * dayMs);
  log.log('info', 'audit.purged', { deleted, retentionDays: settings.AUDIT_RETENTION_DAYS });
}

app.timer('purge-audit', {
  schedule: '0 13 3 * * *',
  handler: (_timer, context) =>
    withInvocation(context, async () => {
      try {
        await purgeAudit(await services());
      } catch (thrown) {
        // The platform does not repeat a failed timer; tomorrow's firing does.
        bootLog.log('error', 'audit.purge_failed', errorFields(thrown));
        throw thrown;
      }
    }),
});
