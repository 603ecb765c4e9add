import { LRUCache } from 'lru-cache';
import { bootLog, type Services } from '../composition.ts';
import type {
  AuditAnswer,
  AuditCheckpointsAnswer,
  AuditExtractAnswer,
  AuditHeadsAnswer,
  AuditRecordsAnswer,
} from '../lib/api/answers/audit.ts';
import {
  exampleCallerId,
  exampleCorrelationId,
  exampleDomain,
  exampleOtherTenantId,
  exampleTenantId,
  exampleTime,
  exampleTokenId,
} from '../lib/api/examples.ts';
import { etagOf, matches } from '../lib/api/page-answer.ts';
import { directoryFailures, jsonContent, type RouteDocument } from '../lib/api/route.ts';
import {
  auditCheckpointsQuerySchema,
  auditExtractQuerySchema,
  auditHeadsQuerySchema,
  auditQuerySchema,
  auditRecordsQuerySchema,
} from '../lib/api/requests.ts';
import { type Reader, tenantIdFor } from '../lib/access/tenants/named-tenants.ts';
import { isVisible, visibleTenants } from '../lib/access/tenants/visible-tenants.ts';
import { longestLifeMs } from '../lib/approvals/watch-approvals.ts';
import type { AuditEntry } from '../lib/audit/audit-log.ts';
import type { StoredRecord } from '../lib/audit/chain/checkpoint.ts';
import { timeOfKeys } from '../lib/audit/log/audit-row.ts';
import type { PlanRows } from '../lib/audit/proof/extract.ts';
import type { MissingChange } from '../lib/audit/proof/layout.ts';
import { plannedRows } from '../lib/changes/plan-rows.ts';
import { type Caller, callerIdOf } from '../lib/core/caller.ts';
import { dayMs, isoTime } from '../lib/core/clock.ts';
import { BrokerError } from '../lib/core/errors.ts';
import { parseDomainName, parseTenantId, type TenantId } from '../lib/core/identifiers.ts';
import { visibleRuns } from '../lib/runs/reading/visible-runs.ts';
import { route } from './route.ts';
import { timer } from './timer.ts';

const uncached = { 'cache-control': 'no-store' };

export const audit = route(
  {
    name: 'audit',
    method: 'GET',
    path: '/audit',
    access: 'Audit.Read',
    query: auditQuerySchema,
    failures: ['tenant_unknown', ...directoryFailures, 'storage_unavailable'],
    document: documentLog,
  },
  async (services, { caller: reader, query }) => {
    const { audit, clock } = services;
    const visible = await visibleTenants(services, reader);
    // The clock of the instance that wrote a record may be ahead of this one.
    const toMs = query.to ?? clock.nowMs() + dayMs;
    const fromMs = query.from ?? (query.to ?? clock.nowMs()) - dayMs;
    if (fromMs >= toMs) throw new BrokerError('request_invalid', 'from: is not before `to`.');
    const { caller, outcome, kind, approval, breakGlass, limit, continuation } = query;
    const tenantId =
      query.tenant === undefined ? undefined : await resolveTenant(services, { caller: reader, visible }, query.tenant);
    const page = await audit.query({
      fromMs,
      toMs,
      limit,
      ...(caller === undefined ? {} : { caller }),
      ...(tenantId === undefined ? {} : { tenantId }),
      ...(visible === '*' ? {} : { tenantIds: visible }),
      ...(outcome === undefined ? {} : { outcome }),
      ...(kind === undefined ? {} : { kind }),
      ...(approval === undefined ? {} : { approvalId: approval }),
      ...(breakGlass === undefined ? {} : { breakGlass }),
      ...(continuation === undefined ? {} : { continuation }),
    });
    // Further pages are asked for with this end. The newest entry comes first; an empty page with a continuation shows none.
    const newestMs = page.entries[0]?.atMs ?? (page.continuation === undefined ? 0 : toMs - 1);
    const answer: AuditAnswer = {
      from: isoTime(fromMs),
      to: isoTime(query.to ?? Math.max(clock.nowMs(), newestMs + 1)),
      entries: page.entries.map(viewEntry),
      ...(await callerNamesOf(services, page.entries)),
      ...(page.continuation === undefined ? {} : { continuation: page.continuation }),
    };
    return { status: 200, headers: uncached, jsonBody: answer };
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
    reader.visible === '*'
      ? await customerId(services, reader, reference)
      : await tenantIdFor(services, reader, reference);
  if (tenantId !== undefined && isVisible(reader.visible, tenantId)) return tenantId;
  throw new BrokerError('caller_forbidden', 'No rule lets this caller read this tenant.');
}

/** The directory decides, in the turn of the caller. @throws BrokerError tenant_unknown for a domain of no customer. */
async function customerId({ directory }: Services, { caller }: Reader, reference: string): Promise<TenantId> {
  const tenantId =
    parseTenantId(reference) ?? (await directory.find(reference, undefined, callerIdOf(caller)))?.tenantId;
  if (tenantId !== undefined) return tenantId;
  throw new BrokerError('tenant_unknown', 'No delegated tenant has this domain. Use the tenant id instead.');
}

/** The records themselves have ids alone: a name may change, and who signs in may choose it. */
async function callerNamesOf(services: Services, entries: readonly AuditEntry[]) {
  const ids = new Set(entries.flatMap(({ caller: { applicationId, objectId } }) => [applicationId, objectId]));
  const known = await policyNames(services, ids);
  return known.size === 0 ? {} : { callerNames: Object.fromEntries(known) };
}

async function policyNames({ callers }: Services, ids: ReadonlySet<string>): Promise<ReadonlyMap<string, string>> {
  const { callerNames = [] } = (await callers.policy.current()).policy;
  return new Map([...callerNames].filter(([id]) => ids.has(id)));
}

/** The name of a tenant. One that has left has none. */
async function nameOf({ directory }: Services, tenantId: TenantId): Promise<ReadonlyMap<string, string>> {
  const found = await directory.find(tenantId).catch(() => undefined);
  return new Map(found === undefined ? [] : [[tenantId, found.name]]);
}

/** The names of callers in stored records: those of the policy, and of others those that approvals keep. */
async function namesIn(services: Services, records: readonly StoredRecord[]): Promise<ReadonlyMap<string, string>> {
  const names = new Map<string, string>();
  const approvalIds = new Set(records.map(({ approvalId }) => approvalId).filter((id) => typeof id === 'string'));
  const waiting = [...approvalIds];
  for (let at = 0; at < waiting.length; at += approvalsAtOnce) {
    const some = waiting.slice(at, at + approvalsAtOnce).map((id) => services.approvals.approvalLog.find(id));
    for (const { approval } of (await Promise.all(some)).filter((each) => each !== undefined))
      for (const { kind, objectId, applicationId, name } of [
        approval.asker,
        ...approval.decisions.map(({ decider }) => decider),
      ])
        names.set(kind === 'application' ? applicationId : objectId, name);
  }
  const ids = new Set(records.flatMap((record) => callerColumns.map((column) => String(record[column]))));
  const known = [...names].filter(([id]) => ids.has(id));
  return new Map([...known, ...(await policyNames(services, ids))]);
}

/** Approvals that are read at the same time. */
const approvalsAtOnce = 16;

/** The columns of a stored record that name a caller. */
const callerColumns = ['callerApplication', 'callerObject', 'callerBlueprint', 'callerActsFor'] as const;

/** Which records an extract withholds. A filter for people, so upper and lower case are the same. */
function isWithheldBy({ withholdBefore, withhold = [] }: Withheld): (record: StoredRecord) => boolean {
  const isNamed = hasOneOf(withhold);
  return ({ PartitionKey, RowKey, ...columns }) =>
    (withholdBefore !== undefined && (timeOfKeys(PartitionKey, RowKey) ?? 0) < withholdBefore) ||
    Object.values(columns).some((value) => typeof value === 'string' && isNamed(value));
}

function hasOneOf(texts: readonly string[]): (value: string) => boolean {
  const wanted = new Set(texts.map((text) => text.toLowerCase()));
  if (wanted.size === 0) return () => false;
  return (value) => {
    // A row of a plan is long.
    const lower = value.toLowerCase();
    return [...wanted].some((text) => lower.includes(text));
  };
}

/** Plans and tenants whose changed rows this instance has reported: each page of each extract meets them again. */
const reported = new LRUCache<string, true>({ max: 1_000 });

/**
 * The rows of plans that records name, for whoever may read plans.
 * @param most characters. @returns undefined if there are more.
 */
async function changesIn(
  services: Services,
  caller: Caller,
  {
    records,
    tenantId,
    most,
  }: { readonly records: readonly StoredRecord[]; readonly tenantId: TenantId; readonly most: number },
  { withhold = [] }: Withheld,
): Promise<PlanRows | undefined> {
  const withheld = { missing: 'withheld' } as const;
  if (!caller.roles.includes('Runs.Read'))
    return new Map(records.map(({ changeSha256 }) => [String(changeSha256), withheld]));
  const applied = new Map<string, Set<string>>();
  for (const { run, changeSha256 } of records)
    if (typeof run === 'string') applied.set(run, (applied.get(run) ?? new Set()).add(String(changeSha256)));
  const { log, results } = await visibleRuns(services, caller);
  const found = await plannedRows({ requests: services.runs.log, log, results }, { applied, tenantId, most });
  if (found === undefined) return undefined;
  for (const [plan, { length }] of found.changed) {
    const what = `${plan} ${tenantId}`;
    if (reported.has(what)) continue;
    reported.set(what, true);
    services.log.log('error', 'audit.plan_rows_changed', { plan, tenantId, changes: length });
  }
  // A row is JSON in JSON in JSON.
  const isWithheld = hasOneOf(withhold.flatMap((text) => [0, 1, 2].map((times) => escaped(text, times))));
  return new Map<string, string | { readonly missing: MissingChange }>([
    ...[...found.changed.values()].flat().map((sha256) => [sha256, { missing: 'changed' }] as const),
    ...[...found.rows].map(([sha256, row]) => [sha256, isWithheld(row) ? withheld : row] as const),
  ]);
}

const escaped = (text: string, times: number): string =>
  times === 0 ? text : escaped(JSON.stringify(text).slice(1, -1), times - 1);

interface Withheld {
  /** Milliseconds. */
  readonly withholdBefore?: number | undefined;
  readonly withhold?: readonly string[] | undefined;
}

const viewEntry = ({ atMs, expiresAtMs, ...entry }: AuditEntry) => ({
  at: isoTime(atMs),
  ...entry,
  ...(expiresAtMs === undefined ? {} : { expiresAt: isoTime(expiresAtMs) }),
});

route(
  {
    name: 'audit-records',
    method: 'GET',
    path: '/audit/records',
    access: 'Audit.Read',
    query: auditRecordsQuerySchema,
    failures: ['storage_unavailable'],
    document: documentRecords,
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
    document: documentCheckpoints,
  },
  async (services, { caller, query: { from = 0, continuation } }) => {
    await refuseLimited(services, caller);
    const answer: AuditCheckpointsAnswer = await services.evidence.checkpoints(from, continuation);
    return { status: 200, headers: uncached, jsonBody: answer };
  },
);

route(
  {
    name: 'audit-extract',
    method: 'GET',
    path: '/audit/extract',
    access: 'Audit.Read',
    query: auditExtractQuerySchema,
    failures: ['tenant_unknown', ...directoryFailures, 'storage_unavailable', 'key_vault_unavailable'],
    document: documentExtract,
  },
  async (services, { caller, query: { tenant, since, until, continuation, ...withheld } }) => {
    if (since >= until) throw new BrokerError('request_invalid', 'since: is not before `until`.');
    const visible = await visibleTenants(services, caller);
    const tenantId = await resolveTenant(services, { caller, visible }, tenant);
    const query = { tenant: tenantId, sinceMs: since, untilMs: until };
    const answer: AuditExtractAnswer = await services.evidence.extract(query, continuation, {
      isWithheld: isWithheldBy(withheld),
      names: (records) => (records.length === 0 ? nameOf(services, tenantId) : namesIn(services, records)),
      changes: (records, most) => changesIn(services, caller, { records, tenantId, most }, withheld),
    });
    return { status: 200, headers: uncached, jsonBody: answer };
  },
);

route(
  {
    name: 'audit-heads',
    method: 'GET',
    path: '/audit/heads',
    access: 'optional',
    query: auditHeadsQuerySchema,
    failures: ['storage_unavailable', 'busy'],
    document: documentHeads,
  },
  async ({ evidence }, { caller, request, query: { from = 0, continuation } }) => {
    const who = caller?.applicationId ?? networkOf(request.headers.get('x-forwarded-for') ?? '');
    const answer: AuditHeadsAnswer = await evidence.heads(from, continuation, who, caller !== undefined);
    const etag = etagOf(JSON.stringify(answer));
    // More follows, so nothing is added to this part. A day only: a cache must not hide for long that it was changed.
    const seconds = answer.continuation === undefined ? 60 : dayMs / 1_000;
    const headers = { 'cache-control': `public, max-age=${seconds}`, etag };
    return matches(request.headers.get('if-none-match'), etag)
      ? { status: 304, headers }
      : { status: 200, headers, jsonBody: answer };
  },
);

/**
 * Where a request comes from: the last of its addresses, which the front end of the platform adds (not tried in Azure). The
 * addresses of one IPv6 network (/64) are one. Empty without a front end.
 */
function networkOf(forwarded: string): string {
  const last = forwarded.slice(forwarded.lastIndexOf(',') + 1).trim();
  const address = last.startsWith('[') ? last.slice(1, last.indexOf(']')) : last;
  if (address.split(':').length <= 2) return address.replace(/:\d+$/, '');
  // Two colons stand for the groups of zeros that are missing.
  const [start = [], end = []] = address.split('::').map((part) => part.split(':').filter((group) => group !== ''));
  const zeros = Array.from({ length: Math.max(0, 8 - start.length - end.length) }, () => '0');
  return [...start, ...zeros, ...end].slice(0, 4).join(':');
}

/** A part of the records proves nothing, so only callers that may read all of them get any. */
async function refuseLimited(services: Services, caller: Caller): Promise<void> {
  if ((await visibleTenants(services, caller)) === '*') return;
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
  await evidence.purgeAccounts(purgedMs);
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

async function documentLog(): Promise<RouteDocument> {
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
    application: 'users',
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

async function documentRecords(): Promise<RouteDocument> {
  const { auditRecordsAnswerSchema } = await import('../lib/api/answers/audit.ts');
  const record = {
    PartitionKey: '2278946',
    RowKey: '8204487001879-7c9e6679-7425-40de-944b-e07fc1f90ae7',
    at: '2026-11-24T04:59:58.120Z',
    chain: '5f0c1c5e-8f0d-4a4a-9d3b-0d6c7b1f2a11.42.41.n4bQgYhMfWWaL-qgxVrQFaO_TxsrC4Is0V1sFbDwCgg',
    outcome: 'issued',
    tenantId: exampleTenantId,
    tokenId: exampleTokenId,
  };
  return {
    group: 'Audit',
    summary: 'Read stored audit records',
    description:
      'The records as they are stored, with their place in the chain of their instance, newest first. `ptb audit export` and `ptb audit verify` use them. Follow `continuation` until it is absent. Only for callers whose reading the policy does not limit.',
    queryExample: { from: '2026-11-24', to: '2026-11-25' },
    answers: [
      {
        status: 200,
        description: 'One page.',
        contents: [
          jsonContent(auditRecordsAnswerSchema, {
            from: '2026-11-24T00:00:00.000Z',
            to: '2026-11-25T00:00:00.000Z',
            records: [record],
          }),
        ],
      },
    ],
  };
}

async function documentCheckpoints(): Promise<RouteDocument> {
  const { auditCheckpointsAnswerSchema } = await import('../lib/api/answers/audit.ts');
  const kid = 'https://contoso.vault.azure.net/keys/audit-checkpoints/0d9a1b6f2a3c4e5f8091a2b3c4d5e6f7';
  // A scanner for leaks takes a whole JWS for a token, so this one is as short as the schema allows.
  const jws = `${Buffer.from('{"alg":"ES256"}').toString('base64url')}.e30.AAAA`;
  const key = {
    kty: 'EC',
    crv: 'P-256',
    x: 'MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4',
    y: '4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM',
    kid,
  };
  return {
    group: 'Audit',
    summary: 'Read signed checkpoints',
    description:
      'The checkpoints of the audit log, oldest first, from one that was written before `from`. Each is a JWS (RFC 7515), and contains the hash of the one before. `keys` has the public keys (RFC 7517) that verify them. Follow `continuation` until it is absent. Only for callers whose reading the policy does not limit.',
    queryExample: { from: '2026-11-24' },
    answers: [
      {
        status: 200,
        description: 'One page.',
        contents: [
          jsonContent(auditCheckpointsAnswerSchema, {
            broker: exampleOtherTenantId,
            checkpoints: [jws],
            keys: [key],
          }),
        ],
      },
    ],
  };
}

async function documentExtract(): Promise<RouteDocument> {
  const { auditExtractAnswerSchema } = await import('../lib/api/answers/audit.ts');
  const header = {
    type: 'tenant-extract',
    v: 1,
    broker: exampleOtherTenantId,
    tenant: exampleTenantId,
    since: '2026-11-01T00:00:00.000Z',
    until: '2026-11-24T00:00:00.000Z',
    madeAt: exampleTime,
  };
  return {
    group: 'Audit',
    summary: 'Read the records of one tenant with their proof',
    description:
      'The records of one tenant, and what shows that they are all and only those that signed checkpoints hold for it. It tells nothing about other tenants. `ptb audit extract` writes the lines to a file, and `ptb audit verify` checks it. Follow `continuation` until it is absent.',
    queryExample: { tenant: exampleDomain, since: '2026-11-01', until: '2026-11-24' },
    answers: [
      { status: 200, description: 'One page.', contents: [jsonContent(auditExtractAnswerSchema, { lines: [header] })] },
    ],
  };
}

async function documentHeads(): Promise<RouteDocument> {
  const { auditHeadsAnswerSchema } = await import('../lib/api/answers/audit.ts');
  const jws = `${Buffer.from('{"alg":"ES256"}').toString('base64url')}.e30.AAAA`;
  return {
    group: 'Audit',
    summary: 'Read the heads of the tree of tenants',
    description:
      'What signed checkpoints say about the accounts of all tenants, oldest first, from an hour before `from`. Public, so that customers can compare: each must see the same heads. It tells nothing about any tenant. An answer may be a minute old. Follow `continuation` until it is absent.',
    queryExample: { from: '2026-11-24' },
    answers: [
      { status: 200, description: 'One page.', contents: [jsonContent(auditHeadsAnswerSchema, { heads: [jws] })] },
      { status: 304, description: "The client's copy is current (`If-None-Match`).", contents: [] },
    ],
  };
}
