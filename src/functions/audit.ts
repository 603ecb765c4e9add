import type { Services } from '../composition.ts';
import type { AuditAnswer } from '../lib/api/answers/audit.ts';
import {
  exampleCallerId,
  exampleCorrelationId,
  exampleDomain,
  exampleTenantId,
  exampleTime,
  exampleTokenId,
} from '../lib/api/examples.ts';
import { directoryFailures, jsonContent, type RouteDocument } from '../lib/api/route.ts';
import { auditQuerySchema } from '../lib/api/requests.ts';
import { type Reader, tenantIdFor } from '../lib/access/tenants/named-tenants.ts';
import { mayRead, readableTenants } from '../lib/access/tenants/visible-tenants.ts';
import type { AuditEntry } from '../lib/audit/audit-log.ts';
import { callerIdOf } from '../lib/core/caller.ts';
import { dayMs, isoTime } from '../lib/core/clock.ts';
import { BrokerError } from '../lib/core/errors.ts';
import { parseDomainName, parseTenantId, type TenantId } from '../lib/core/identifiers.ts';
import { route } from './route.ts';

export const audit = route(
  {
    name: 'audit',
    method: 'GET',
    path: '/audit',
    access: 'Audit.Read',
    query: auditQuerySchema,
    failures: ['tenant_unknown', ...directoryFailures, 'storage_unavailable'],
    document,
  },
  async (services, { caller: reader, query }) => {
    const { audit, clock } = services;
    const readable = await readableTenants(services, reader);
    // One millisecond after now, because the range excludes its end.
    const toMs = query.to ?? clock.nowMs() + 1;
    const fromMs = query.from ?? toMs - dayMs;
    if (fromMs >= toMs) throw new BrokerError('request_invalid', 'from: is not before `to`.');
    const { caller, outcome, kind, approval, breakGlass, limit, continuation } = query;
    const tenantId =
      query.tenant === undefined
        ? undefined
        : await resolveTenant(services, { caller: reader, readable }, query.tenant);
    const page = await audit.query({
      fromMs,
      toMs,
      limit,
      ...(caller === undefined ? {} : { caller }),
      ...(tenantId === undefined ? {} : { tenantId }),
      ...(readable === '*' ? {} : { tenantIds: readable }),
      ...(outcome === undefined ? {} : { outcome }),
      ...(kind === undefined ? {} : { kind }),
      ...(approval === undefined ? {} : { approvalId: approval }),
      ...(breakGlass === undefined ? {} : { breakGlass }),
      ...(continuation === undefined ? {} : { continuation }),
    });
    const answer: AuditAnswer = {
      from: isoTime(fromMs),
      to: isoTime(toMs),
      entries: page.entries.map(viewEntry),
      ...(page.continuation === undefined ? {} : { continuation: page.continuation }),
    };
    return { status: 200, headers: { 'cache-control': 'no-store' }, jsonBody: answer };
  },
);

/**
 * Accepts the id of any tenant, because the history of a tenant outlives its place in the directory. The answer to a
 * caller whose reading is limited does not tell whether another tenant exists.
 */
async function resolveTenant(services: Services, reader: Reader, reference: string): Promise<TenantId> {
  if (parseTenantId(reference) === undefined && parseDomainName(reference) === undefined)
    throw new BrokerError('request_invalid', 'tenant: is neither a tenant id (GUID) nor a domain name.');
  const tenantId =
    reader.readable === '*'
      ? await customerId(services, reader, reference)
      : await tenantIdFor(services, reader, reference);
  if (tenantId !== undefined && mayRead(reader.readable, tenantId)) return tenantId;
  throw new BrokerError('caller_forbidden', 'No rule lets this caller read this tenant.');
}

/** The directory decides, in the turn of the caller. @throws BrokerError tenant_unknown for a domain of no customer. */
async function customerId({ directory }: Services, { caller }: Reader, reference: string): Promise<TenantId> {
  const tenantId =
    parseTenantId(reference) ?? (await directory.find(reference, undefined, callerIdOf(caller)))?.tenantId;
  if (tenantId !== undefined) return tenantId;
  throw new BrokerError('tenant_unknown', 'No delegated tenant has this domain. Use the tenant id instead.');
}

const viewEntry = ({ atMs, expiresAtMs, ...entry }: AuditEntry) => ({
  at: isoTime(atMs),
  ...entry,
  ...(expiresAtMs === undefined ? {} : { expiresAt: isoTime(expiresAtMs) }),
});

async function document(): Promise<RouteDocument> {
  const { auditAnswerSchema } = await import('../lib/api/answers/audit.ts');
  const entry = {
    at: '2026-11-24T04:59:58.120Z',
    correlationId: exampleCorrelationId,
    tokenId: exampleTokenId,
    outcome: 'issued',
    caller: {
      applicationId: exampleCallerId,
      objectId: '7c9e6679-7425-40de-944b-e07fc1f90ae7',
      kind: 'application',
    },
    rule: 'helpdesk may read Graph in gold tenants',
    tenantId: exampleTenantId,
    tenantAsked: exampleDomain,
    resource: 'graph',
    scopes: ['User.Read.All'],
    grant: 'delegated',
    application: 'reader',
    expiresAt: '2026-11-24T06:10:02.000Z',
    tokenFingerprint: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
    fromCache: false,
  };
  const example = { from: '2026-11-23T05:00:00.000Z', to: exampleTime, entries: [entry] };
  return {
    group: 'Audit',
    summary: 'Read the audit log',
    description:
      'Every issued and every denied token request, every request through the gateway, and every step of an approval, newest first. Such a request has an entry from before it left (`sent`) and one with its outcome, which share `tokenId`. Tokens themselves are never included. Follow `continuation` until it is absent: a page may be empty although older entries exist. A caller that the policy limits to some tenants (`reads`) gets only their entries.',
    queryExample: { tenant: exampleDomain, limit: '50' },
    answers: [{ status: 200, description: 'One page.', contents: [jsonContent(auditAnswerSchema, example)] }],
  };
}
