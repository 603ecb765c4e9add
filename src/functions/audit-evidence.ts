import { bootLog, type Services } from '../composition.ts';
import type { AuditCheckpointsAnswer, AuditRecordsAnswer } from '../lib/api/answers/audit.ts';
import { readableTenants } from '../lib/access/tenants/visible-tenants.ts';
import { auditCheckpointsQuerySchema, auditRecordsQuerySchema } from '../lib/api/requests.ts';
import type { Caller } from '../lib/core/caller.ts';
import { dayMs, isoTime } from '../lib/core/clock.ts';
import { BrokerError } from '../lib/core/errors.ts';
import { route } from './route.ts';
import { timer } from './timer.ts';

const loadDocuments = () => import('./audit-evidence-document.ts');

const uncached = { 'cache-control': 'no-store' };

route(
  {
    name: 'audit-records',
    method: 'GET',
    path: '/audit/records',
    access: 'Audit.Read',
    query: auditRecordsQuerySchema,
    failures: ['storage_unavailable'],
    document: async () => (await loadDocuments()).documentRecords(),
  },
  async (services, { caller, query: { from = 0, to, continuation } }) => {
    await refuseLimited(services, caller);
    // Another instance may be ahead, and a checkpoint names what it has written.
    const toMs = to ?? (await services.evidence.latestMs()) + 1;
    if (from >= toMs) throw new BrokerError('request_invalid', 'from: is not before `to`.');
    const page = await services.evidence.records(from, toMs, continuation);
    const answer: AuditRecordsAnswer = { from: isoTime(from), to: isoTime(toMs), ...page };
    return { status: 200, headers: uncached, jsonBody: answer };
  },
);

route(
  {
    name: 'audit-checkpoints',
    method: 'GET',
    path: '/audit/checkpoints',
    access: 'Audit.Read',
    query: auditCheckpointsQuerySchema,
    failures: ['storage_unavailable', 'key_vault_unavailable'],
    document: async () => (await loadDocuments()).documentCheckpoints(),
  },
  async (services, { caller, query: { from = 0, continuation } }) => {
    await refuseLimited(services, caller);
    const answer: AuditCheckpointsAnswer = await services.evidence.checkpoints(from, continuation);
    return { status: 200, headers: uncached, jsonBody: answer };
  },
);

/** A part of the records proves nothing, so only callers that may read all of them get any. */
async function refuseLimited(services: Services, caller: Caller): Promise<void> {
  if ((await readableTenants(services, caller)) === '*') return;
  const detail = 'The policy limits this caller to some tenants, and an export has the records of all.';
  throw new BrokerError('caller_forbidden', detail);
}

/** Writes the next checkpoint over all chains of the audit log. A failure delays no token. */
export async function writeCheckpoint({
  evidence,
  log,
  settings,
}: Pick<Services, 'evidence' | 'log' | 'settings'>): Promise<void> {
  const written = await evidence.write(settings.AUDIT_RETENTION_DAYS * dayMs);
  if (written === undefined) return;
  const { number, to, chains } = written;
  log.log('info', 'audit.checkpoint_written', { number, to, chains: chains.length });
}

timer(
  {
    name: 'checkpoint-audit',
    schedule: '40 */5 * * * *',
    logFailure: (fields) => bootLog.log('error', 'audit.checkpoint_failed', fields),
  },
  writeCheckpoint,
);
