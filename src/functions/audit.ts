import { app } from '@azure/functions';
import type { Services } from '../composition.ts';
import type { AuditEntry } from '../lib/audit/audit-log.ts';
import { isoTime } from '../lib/runtime/clock.ts';
import { BrokerError } from '../lib/model/errors.ts';
import type { AuditAnswer } from '../lib/api/answers/audit.ts';
import { auditQuerySchema, readQuery } from '../lib/api/requests.ts';
import type { Handler } from '../lib/api/pipeline.ts';
import { parseDomainName, parseTenantId, type TenantId } from '../lib/model/identifiers.ts';
import type { TenantDirectory } from '../lib/tenants/directory.ts';
import { authLevel, guarded } from './pipeline.ts';

const dayMs = 24 * 60 * 60 * 1000;

type AuditServices = Pick<Services, 'audit' | 'clock'> & { readonly directory: Pick<TenantDirectory, 'find'> };

/** `GET /api/audit?from=&to=&caller=&tenant=&outcome=`: who got or was refused what, newest first. */
export const audit: Handler<AuditServices> = async (services, call) => {
  const query = readQuery(call.request, auditQuerySchema);
  // A millisecond more than now, because the end does not belong to the range.
  const toMs = query.to ?? services.clock.nowMs() + 1;
  const fromMs = query.from ?? toMs - dayMs;
  if (fromMs >= toMs) throw new BrokerError('request_invalid', 'from: is not before `to`.');
  const { caller, outcome, limit, continuation } = query;
  const tenantId = query.tenant === undefined ? undefined : await resolveTenant(services, query.tenant);
  const page = await services.audit.query({
    fromMs,
    toMs,
    limit,
    ...(caller === undefined ? {} : { caller }),
    ...(tenantId === undefined ? {} : { tenantId }),
    ...(outcome === undefined ? {} : { outcome }),
    ...(continuation === undefined ? {} : { continuation }),
  });
  return {
    status: 200,
    headers: { 'cache-control': 'no-store' },
    jsonBody: {
      from: isoTime(fromMs),
      to: isoTime(toMs),
      entries: page.entries.map(viewEntry),
      ...(page.continuation === undefined ? {} : { continuation: page.continuation }),
    } satisfies AuditAnswer,
  };
};

/** A tenant that has left the directory is still found by its id: its history stays. */
async function resolveTenant({ directory }: AuditServices, asked: string): Promise<TenantId> {
  const tenantId = parseTenantId(asked);
  if (tenantId !== undefined) return tenantId;
  if (parseDomainName(asked) === undefined)
    throw new BrokerError('request_invalid', 'tenant: is neither a tenant id (GUID) nor a domain name.');
  const found = await directory.find(asked);
  if (found === undefined)
    throw new BrokerError('tenant_unknown', 'No delegated tenant has this domain; ask by the tenant id.');
  return found.tenantId;
}

const viewEntry = ({ atMs, expiresAtMs, ...entry }: AuditEntry) => ({
  at: isoTime(atMs),
  ...entry,
  ...(expiresAtMs === undefined ? {} : { expiresAt: isoTime(expiresAtMs) }),
});

app.http('audit', { route: 'audit', methods: ['GET'], authLevel, handler: guarded('Audit.Read', audit) });
