import { HttpRequest } from '@azure/functions';
import { partnerMap } from 'graph-permissions/partner-table';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { installCoreModule, Registry } from 'functions-host/testing';
import type { Services } from '../../src/composition.ts';
import type { RunChangesAnswer, RunsAnswer } from '../../src/lib/api/answers/runs.ts';
import type { EventsAnswer, TenantsAnswer } from '../../src/lib/api/answers/tenants.ts';
import { auditQuerySchema } from '../../src/lib/api/requests.ts';
import type { Answer } from '../../src/lib/api/route.ts';
import type { BoundRoute } from '../../src/lib/api/call.ts';
import { parsePolicy } from '../../src/lib/access/policy/parse-policy.ts';
import { denyAll } from '../../src/lib/access/policy/policy.ts';
import type { PolicyState } from '../../src/lib/access/policy/policy-store.ts';
import type { Caller } from '../../src/lib/core/caller.ts';
import { BrokerError } from '../../src/lib/core/errors.ts';
import { Turns } from '../../src/lib/core/turns.ts';
import type { TenantId } from '../../src/lib/core/identifiers.ts';
import { silentLogger } from '../../src/lib/core/log.ts';
import { TableHistory } from '../../src/lib/runs/history/table-history.ts';
import type { TenantNumbers } from '../../src/lib/runs/history/tenant-numbers.ts';
import { createLastResults } from '../../src/lib/runs/store/schedule-log.ts';
import type { TenantRun } from '../../src/lib/runs/store/run.ts';
import { visibleTenants } from '../../src/lib/access/tenants/visible-tenants.ts';
import { TableEventLog } from '../../src/lib/tenant-events/table-event-log.ts';
import { FakeClock } from '../fakes/fake-clock.ts';
import { FakeOrchestrations } from '../fakes/fake-orchestrations.ts';
import { MemoryAuditLog } from '../fakes/memory-audit-log.ts';
import { MemoryTenantTags } from '../fakes/memory-tenant-tags.ts';
import { MemoryRunLog, MemoryRunResults } from '../fakes/memory-run-log.ts';
import { TransactionTable } from '../fakes/transaction-table.ts';
import { approval, asker, partnerTenant } from '../support/approval-records.ts';
import { memoryApprovals } from '../support/approvals.ts';
import { auditStartMs, denied, guid, issued, tenant } from '../support/audit-entries.ts';

/*
 * Calls every declared route for a caller that may read one of two tenants. A new route is included by itself: it fails
 * here until it is limited, or until this file knows its path parameters.
 */

const contoso = { id: tenant(0x11), name: 'Contoso', domain: 'contoso.com' };
const hidden = { id: tenant(0x22), name: 'Fabrikam', domain: 'fabrikam.com' };
const traces = new RegExp([hidden.id, tenant(0x23), hidden.name, hidden.domain, 'hidden'].join('|'), 'i');

const limited: Caller = {
  applicationId: guid(1),
  objectId: guid(2),
  kind: 'application',
  roles: ['Tenants.Read', 'Tenants.Write', 'Runs.Read', 'Runs.Write', 'Audit.Read', 'Approvals.Decide'],
  tenantId: tenant(9),
  name: 'x',
};
const groups = { gold: [contoso.domain], 'hidden-ones': ['tag:hiddentag'] };
const unlimited: Caller = { ...limited, applicationId: guid(5) };

let routes: readonly BoundRoute<Services>[];
let services: Services;
let policy: PolicyState;
let runLog: MemoryRunLog;
let history: TableHistory;
let historyRows: TransactionTable;
let tenantTags: MemoryTenantTags;
let audit: MemoryAuditLog;
let ids = 0;
const approvalIds = ['20261124t050000-00000001', '20261124t050000-00000002'];

beforeAll(async () => {
  installCoreModule(new Registry(() => undefined));
  await import('../../src/index.ts');
  routes = (await import('../../src/functions/route.ts')).boundRoutes();
});

const record = (who: typeof hidden, more: Partial<TenantRun> = {}): TenantRun => ({
  tenantId: who.id,
  name: who.name,
  outcome: 'succeeded',
  round: 1,
  rows: 1,
  rowsName: who.name,
  columns: [who === hidden ? 'hiddenColumn' : 'users'],
  startedAtMs: auditStartMs,
  finishedAtMs: auditStartMs,
  ...more,
});

/** The rows of Contoso have 3 users and are of the kind `known`, those of another tenant have a column and a kind of its own. */
const numbersOf = (who: typeof hidden): TenantNumbers =>
  who === hidden
    ? { names: ['hiddenColumn'], all: [1, 5], split: { by: 'resource', values: [['hidden kind', [1, 5]]] } }
    : { names: ['users'], all: [1, 3], split: { by: 'resource', values: [['known', [1, 3]]] } };

/** A job whose runs are plans. */
const planJob = 'block-user-consent';
const planId = `${planJob}@plan5`;

/** Stores an ended run over these tenants, each with one row. */
async function storeRun(results: MemoryRunResults, runId: string, tenants: readonly (typeof hidden)[], all: boolean) {
  const [job = '', window = ''] = runId.split('@');
  const run = { runId, job, window, startedBy: 'timer', createdAtMs: auditStartMs + Number(window.at(-1)) };
  await runLog.create(run, { parameters: {}, ...(all ? {} : { tenants: tenants.map(({ id }) => id) }) });
  const attempt = tenants.map(({ id, name, domain }) => ({ tenantId: id, name, defaultDomain: domain }));
  await results.putPlan(runId, { job, parameters: {}, attempt, decided: [] });
  const ofChange = { action: 'update', before: null, after: null, undo: 'yes' };
  for (const who of tenants) {
    const row = { users: `${who.name} ${window}`, ...(job === planJob && { ...ofChange, target: `/${who.name}` }) };
    await results.putRows(runId, who.name, `${JSON.stringify(row)}\n`);
  }
  await runLog.recordTenants(
    runId,
    tenants.map((who) => record(who)),
  );
  const counts = { total: tenants.length, succeeded: tenants.length, failed: 0, skipped: 0, notAttempted: 0 };
  const warnings = ['The hidden tenant is outdated.'];
  await runLog.change(runId, { status: 'completed', tenants: counts, finishedAtMs: run.createdAtMs, warnings });
  const scope = all ? ('all' as const) : ('selected' as const);
  await history.add(
    { ...run, startedAtMs: run.createdAtMs, status: 'completed', scope, isScheduled: true },
    tenants.map((who) => ({ tenantId: who.id, outcome: 'succeeded', rows: 1, numbers: numbersOf(who) })),
  );
}

beforeEach(async () => {
  runLog = new MemoryRunLog();
  historyRows = new TransactionTable();
  history = new TableHistory(async () => historyRows.client);
  const results = new MemoryRunResults();
  const clock = new FakeClock(auditStartMs + 1000);
  await storeRun(results, 'gone-job@all1', [contoso, hidden], true);
  await storeRun(results, 'gone-job@all2', [hidden, contoso], true);
  await storeRun(results, 'access-check@mine3', [contoso], false);
  await storeRun(results, 'access-check@hidden4', [hidden], false);
  await storeRun(results, planId, [contoso, hidden], true);
  await storeRun(results, `${planJob}@hidden6`, [hidden], false);
  await runLog.change('gone-job@all2', {
    status: 'failed',
    stoppedBy: { code: 'credential_revoked', detail: 'Seen at the hidden tenant.' },
  });
  const failure = { outcome: 'failed', code: 'consent_required', detail: 'Fabrikam refused.' } as const;
  await runLog.recordTenant('gone-job@all1', record({ ...hidden, id: tenant(0x23) }, failure));
  audit = new MemoryAuditLog();
  tenantTags = new MemoryTenantTags({ [contoso.id]: ['managed'], [hidden.id]: ['hiddentag'] });
  for (const who of [contoso, hidden]) {
    await audit.record(issued({ tenantId: who.id, tenantAsked: who.domain }));
    await audit.record(denied({ tenantId: who.id, tenantAsked: who.domain }));
  }
  // The tenant of a domain that was not looked up is unknown.
  await audit.record(denied({ tenantAsked: hidden.domain }));
  const owners = new Map([contoso, hidden].map(({ id, domain }) => [domain, id]));
  const listed = [contoso, hidden].map(({ id, name, domain }) => ({
    tenantId: id,
    name,
    defaultDomain: domain,
    relationship: 'gdap',
    reachable: true,
    reason: 'gdap_active',
    sources: ['relationships'],
  }));
  const find = async (reference: string) =>
    listed.find(({ tenantId, defaultDomain }) => tenantId === reference || defaultDomain === reference);
  policy = policyWith([
    { name: 'gold', callers: { applications: [limited.applicationId] }, reads: ['contoso.com', 'nobody.example'] },
  ]);
  const approvals: Services['approvals'] = {
    ...memoryApprovals({ audit, policy: { current: async () => policy }, clock }),
    visibleTo: (who) => visibleTenants(services, who),
  };
  for (const [index, who] of [contoso, hidden].entries()) {
    const record = approval();
    const subject = { ...record.subject, tenantId: who.id, digest: who.id, title: `A token in ${who.name}` };
    await approvals.approvalLog.create({ ...record, id: approvalIds[index] ?? '', subject }, undefined, 9, 100);
  }
  const eventLog = new TableEventLog(async () => new TransactionTable().client, {
    clock,
    log: silentLogger,
    newId: () => guid((ids += 1)),
  });
  const lost = { kind: 'lost', reason: 'gdap_terminated' } as const;
  const told = [contoso, hidden].map(({ id, name }) => ({
    tenantId: id,
    state: { name, isListed: true, isExcluded: false, access: 'lost' as const },
    events: [lost],
  }));
  await (await eventLog.claim())?.commit(told);
  services = {
    approvals,
    audit,
    evidence: {
      records: async () => ({ records: [{ PartitionKey: '1', RowKey: '2', tenantId: hidden.id }] }),
      checkpoints: async () => ({ checkpoints: ['hidden'], keys: [] }),
      latestMs: async () => clock.nowMs(),
    },
    tenantTags,
    gateway: { permissionMap: async () => partnerMap() },
    turns: new Turns((work) => setImmediate(work)),
    clock,
    log: silentLogger,
    random: Math.random,
    newId: () => guid((ids += 1)),
    callers: { policy: { current: async () => policy } },
    settings: { PARTNER_TENANT_ID: tenant(9) },
    directory: {
      find,
      list: async () => listed,
      snapshot: async () => ({
        tenants: listed,
        warnings: ['The hidden tenant is missing.'],
        complete: true,
        asOfMs: 0,
      }),
      tenantOf: async (domain: string): Promise<TenantId | undefined> => owners.get(domain),
    },
    runs: { log: runLog, results, history, lastResults: createLastResults({ runLog, clock }) },
    tenantEvents: eventLog,
    tuning: { batchSize: 10, groupSize: 5, inTurn: true, rounds: 1, retryDelaySeconds: 1 },
  } as unknown as Services;
});

function policyWith(rules: readonly object[], tenantGroups: object = groups): PolicyState {
  const parsed = parsePolicy(JSON.stringify({ version: 1, tenantGroups, rules }));
  if (!parsed.ok) throw new Error(parsed.problems.join(' '));
  return { policy: parsed.policy, state: 'current', loadedAtMs: 0 };
}

interface Request {
  readonly path?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: object;
}

/** Calls a route. Returns the body as text, or the code of the error that it throws. */
async function call(name: string, { path = {}, query = {}, body }: Request = {}, caller = limited) {
  const route = routes.find(({ definition }) => definition.name === name);
  if (route === undefined) throw new Error(`There is no route ${name}.`);
  const { method } = route.definition;
  const text = body === undefined ? {} : { body: { string: JSON.stringify(body) } };
  const request = new HttpRequest({ method, url: 'http://localhost/api/x', params: path, query, ...text });
  const orchestrations = new FakeOrchestrations();
  const admitted = { request, caller, correlationId: guid(3), log: silentLogger, orchestrations };
  try {
    return textOf(await route.answer(services, admitted));
  } catch (error) {
    if (error instanceof BrokerError) return `${error.code}: ${error.detail}`;
    throw error;
  }
}

const textOf = ({ jsonBody, body }: Answer): string =>
  jsonBody === undefined ? String(body ?? '') : JSON.stringify(jsonBody);

const all = { runId: 'gone-job@all1' };
const other = { runId: 'access-check@hidden4' };

const escaped = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** It would have allowed what was recorded. */
const wideRule = {
  name: 'wide',
  callers: { applications: [issued().caller.applicationId] },
  tenants: ['*'],
  resources: ['*'],
};

/** How to call each route that answers with data of tenants. */
const reading: Readonly<Record<string, readonly Request[]>> = {
  tenants: [
    {},
    { query: { tenants: 'group:gold' } },
    { query: { tenants: '*', except: 'tag:hiddentag' } },
    { query: { tenants: `${contoso.domain},${hidden.domain}` } },
  ],
  audit: [{}, { query: { tenant: contoso.domain } }, { query: { limit: '1' } }],
  'policy-replays': [{ body: { policy: JSON.stringify({ version: 1, rules: [wideRule] }) } }],
  events: [
    {},
    { query: { kind: 'lost' } },
    { query: { limit: '1' } },
    { query: { tenants: '*', except: 'tag:nobody' } },
    { query: { tenants: `${contoso.domain},${hidden.domain}` } },
  ],
  approvals: [{}, { query: { status: 'expired' } }, { query: { limit: '1' } }],
  runs: [{}, { query: { job: 'gone-job', limit: '1' } }, { query: { failed: 'true' } }],
  'runs-show': [{ path: all }, { path: { runId: 'gone-job@all2' } }, { path: { runId: 'access-check@mine3' } }],
  'runs-tenants': [{ path: all }, { path: all, query: { outcome: 'succeeded' } }],
  'runs-results': ['csv', 'json', 'jsonl'].map((format) => ({ path: all, query: { format } })),
  'runs-changes': [
    { path: { runId: 'gone-job@all2' } },
    { path: { runId: 'gone-job@all2' }, query: { tenants: `${contoso.domain},${hidden.domain}` } },
  ],
  plans: [{}, { query: { limit: '1' } }],
  'plans-show': [{ path: { planId } }],
  'jobs-history': [
    { path: { job: 'gone-job' } },
    { path: { job: 'access-check' } },
    { path: { job: 'access-check' }, query: { tenants: `${contoso.domain},${hidden.domain}` } },
  ],
};

/**
 * Routes that have a role and answer without data of tenants, or with what the caller's rule opens. `mcp` asks the other routes:
 * mcp.test.ts.
 */
const withoutData = new Set([
  'metrics',
  'jobs',
  'tokens',
  'gateway',
  'mcp',
  'queries-start',
  'jobs-start',
  'runs-rerun',
  'runs-cancel',
  'plans-make',
  'plans-apply',
  'plans-go-on',
  'plans-end',
  'plans-undo',
]);

/** Routes that answer with records of all tenants, and only to callers whose reading has no limit. */
const ofAllTenants = ['audit-records', 'audit-checkpoints'];

/** Routes for one tenant, which the path or the query names. */
const ofOneTenant = [
  'audit-extract',
  'runs-tenant',
  'tenants-show',
  'tenants-events',
  'tenants-history',
  'tenants-tag',
  'approvals-show',
  'approvals-decide',
];

it('knows every route that requires a role', () => {
  const withRole = routes.filter(({ definition: { access } }) => access !== 'optional' && access !== 'anonymous');
  const names = withRole.map(({ definition }) => definition.name);
  expect(names.filter((name) => !withoutData.has(name)).toSorted()).toEqual(
    [...Object.keys(reading), ...ofAllTenants, ...ofOneTenant].toSorted(),
  );
});

describe.each(Object.entries(reading))('the route %s', (name, requests) => {
  it.each(requests)('shows a limited caller only its tenants: %j', async (request) => {
    const shown = await call(name, request);
    expect(shown).not.toMatch(traces);
    expect(shown).not.toMatch(/^[a-z_]+: /);
    const isFiltered = name === 'runs' || name === 'audit' || request.query?.['tenants'] !== undefined;
    expect(await call(name, request, unlimited)).toMatch(isFiltered ? /./ : traces);
  });

  it('answers nobody while no policy is in force', async () => {
    policy = { policy: denyAll, state: 'deny-all', problem: 'x', loadedAtMs: 0 };
    for (const who of [limited, unlimited])
      expect(await call(name, requests[0], who)).toMatch(/^caller_forbidden: No access policy is in force/);
  });
});

it.each(ofAllTenants)(
  'the route %s refuses a limited caller, and everybody while no policy is in force',
  async (name) => {
    expect(await call(name)).toMatch(/^caller_forbidden: The policy limits this caller to some tenants/);
    expect(await call(name, {}, unlimited)).toMatch(traces);
    policy = { policy: denyAll, state: 'deny-all', problem: 'x', loadedAtMs: 0 };
    expect(await call(name, {}, unlimited)).toMatch(/^caller_forbidden: No access policy is in force/);
  },
);

describe('the route runs-tenant', () => {
  const of = (tenantId: TenantId, run = all): Request => ({ path: { ...run, tenantId } });

  it('shows a limited caller its tenant, and answers for another one as if the run did not have it', async () => {
    expect(JSON.parse(await call('runs-tenant', of(contoso.id)))).toMatchObject({ tenantId: contoso.id, log: [] });
    const unknown = 'tenant_unknown: The run has no tenant with this id.';
    expect(await call('runs-tenant', of(hidden.id))).toBe(unknown);
    expect(await call('runs-tenant', of(tenant(0x99)))).toBe(unknown);
    expect(await call('runs-tenant', of(hidden.id, other))).toBe('run_not_found: No run has this id.');
    expect(await call('runs-tenant', of(hidden.id), unlimited)).toMatch(traces);
  });

  it('rejects a tenant that is no id', async () => {
    expect(await call('runs-tenant', { path: { ...all, tenantId: 'contoso.com' } })).toMatch(/^request_invalid: /);
  });
});

describe('the routes of one approval', () => {
  const body = { decision: 'deny', reason: 'Nobody knows about it.' };
  const unknown = 'approval_not_found: There is no such approval, or it is for a tenant that you may not read.';

  it('know only those for tenants that the caller may read', async () => {
    const [mine = '', others = ''] = approvalIds;
    expect(await call('approvals-show', { path: { approvalId: mine } })).toMatch(/Contoso/);
    for (const approvalId of [others, '20261124t050000-00000000', "x' or PartitionKey ne '"]) {
      expect(await call('approvals-show', { path: { approvalId } })).toBe(unknown);
      expect(await call('approvals-decide', { path: { approvalId }, body })).toBe(unknown);
    }
    expect(await call('approvals-show', { path: { approvalId: others } }, unlimited)).toMatch(traces);
  });

  it('show others only what they asked for', async () => {
    const [mine = '', others = ''] = approvalIds;
    const stranger: Caller = { ...unlimited, roles: ['Tokens.Request'] };
    const askedBy: Caller = {
      ...stranger,
      objectId: asker.objectId,
      applicationId: asker.applicationId,
      tenantId: partnerTenant,
    };
    expect(await call('approvals-show', { path: { approvalId: mine } }, stranger)).toBe(unknown);
    expect(await call('approvals', {}, stranger)).toBe('{"approvals":[]}');
    expect(await call('approvals-show', { path: { approvalId: others } }, askedBy)).toMatch(traces);
    expect((JSON.parse(await call('approvals', {}, askedBy)) as { approvals: unknown[] }).approvals).toHaveLength(2);
  });
});

describe('the route tenants-events', () => {
  const of = (reference: string): Request => ({ path: { tenant: reference } });

  it('shows a limited caller the events of its tenant only', async () => {
    for (const reference of [contoso.id, contoso.domain]) {
      const { events } = JSON.parse(await call('tenants-events', of(reference))) as { events: object[] };
      expect(events).toMatchObject([{ tenantId: contoso.id, kind: 'lost', reason: 'gdap_terminated' }]);
    }
    const unknown = 'tenant_unknown: No tenant that this caller may read has this id or domain.';
    for (const reference of [hidden.id, hidden.domain, 'nobody.example', tenant(0x99)])
      expect(await call('tenants-events', of(reference))).toBe(unknown);
    expect(await call('tenants-events', of(hidden.domain), unlimited)).toMatch(traces);
    expect(await call('tenants-events', of('not a tenant'))).toMatch(/^request_invalid: /);
  });
});

describe('the history of a job', () => {
  const read = async (request: Request, caller = limited) =>
    JSON.parse(await call('jobs-history', request, caller)) as { runs: object[]; columns: object[]; split: object };
  const job = { path: { job: 'access-check' } };
  const mine = { runId: 'access-check@mine3', scope: 'selected', rows: 1, numbers: { users: 3 } };

  it('asks whether another job is meant', async () => {
    expect(await call('jobs-history', { path: { job: 'acess-check' } }, limited)).toBe(
      'job_unknown: There is no job with this name, and no such run of it in this period; did you mean "access-check"?',
    );
  });

  it('has the sums of the tenants that a limited caller may read, and no run over others', async () => {
    const counts = { total: 1, succeeded: 1, failed: 0, skipped: 0, notAttempted: 0 };
    const shown = await read({ path: { job: 'gone-job' } });
    expect(shown.runs).toMatchObject([
      { runId: 'gone-job@all2', tenants: counts, counted: 1, rows: 1, numbers: { users: 3 } },
      { runId: 'gone-job@all1', tenants: counts, counted: 1 },
    ]);
    const { runs, columns, split } = await read(job);
    expect(runs).toMatchObject([mine]);
    expect(columns).toEqual([{ name: 'users', title: 'users' }]);
    expect(split).toMatchObject({ values: ['known'] });
    expect((await read(job, unlimited)).runs).toMatchObject([{ runId: 'access-check@hidden4' }, mine]);
  });

  it('has the tenants that are asked for, if the caller may choose and read them', async () => {
    for (const query of [{ tenants: 'tag:managed' }, { tenants: 'group:gold' }, { except: 'tag:hiddentag' }])
      for (const who of [limited, unlimited]) expect((await read({ ...job, query }, who)).runs).toMatchObject([mine]);
    expect((await read({ ...job, query: { tenants: hidden.id } })).runs).toEqual([]);
    const reader = { ...unlimited, roles: ['Runs.Read' as const] };
    expect(await call('jobs-history', { ...job, query: { tenants: 'tag:managed' } }, reader)).toBe(
      'caller_forbidden: Choosing by group or tag needs the app role Tenants.Read.',
    );
    expect((await read({ ...job, query: { tenants: contoso.domain } }, reader)).runs).toMatchObject([mine]);
  });

  it('is read only where the tenants can be that are asked for, or that the caller may read', async () => {
    const filters: string[] = [];
    const { listEntities } = historyRows;
    historyRows.listEntities = (options) => {
      filters.push(options.queryOptions.filter);
      return listEntities(options);
    };
    // One query for the runs, and one for each row with tenants.
    const queries = async (query: Readonly<Record<string, string>>, who = unlimited): Promise<number> => {
      filters.length = 0;
      expect((await read({ ...job, query }, who)).runs).not.toEqual([]);
      return filters.length;
    };
    expect(await queries({}, limited)).toBe(2);
    expect(await queries({ tenants: `${contoso.id},${hidden.domain}` }, limited)).toBe(2);
    for (const tenants of [contoso.id, contoso.domain, 'tag:managed', 'group:gold'])
      expect(await queries({ tenants })).toBe(2);
    expect(await queries({ tenants: `${contoso.domain},tag:hiddentag`, except: 'tag:managed' })).toBe(3);
    expect(await queries({ except: 'tag:managed' })).toBe(65);
  });

  it('compares the newest with the oldest run if that is asked for, in the tenants that the caller may read', async () => {
    const gone = { path: { job: 'gone-job' } };
    const compared = async (who: typeof limited, query: Readonly<Record<string, string>> = { compare: 'true' }) =>
      ((await read({ ...gone, query }, who)) as { comparison?: object }).comparison;
    expect(await compared(limited, {})).toBeUndefined();
    expect(await compared(limited)).toEqual({
      tenants: 1,
      now: { runId: 'gone-job@all2', startedAt: expect.any(String), rows: 1, numbers: { users: 3 } },
      before: { runId: 'gone-job@all1', startedAt: expect.any(String), rows: 1, numbers: { users: 3 } },
    });
    expect(await compared(unlimited)).toMatchObject({ tenants: 2, now: { rows: 2 } });
    expect(await compared(unlimited, { compare: 'true', except: hidden.id })).toMatchObject({ tenants: 1 });
    expect(await call('jobs-history', { ...gone, query: { compare: 'yes' } })).toMatch(/^request_invalid: /);
  });

  it('has the rows with one value, if the job splits them', async () => {
    const known = await read({ ...job, query: { value: 'known' } }, unlimited);
    expect(known.runs).toMatchObject([{ rows: 0, counted: 1 }, mine]);
    expect((await read({ ...job, query: { value: 'hidden kind' } })).runs).toMatchObject([{ rows: 0, numbers: {} }]);
    expect(await call('jobs-history', { path: { job: 'gone-job' }, query: { value: 'x' } })).toMatch(
      /^request_invalid: The history of this job is not split/,
    );
  });

  it('does not exist for a job that nobody knows, and not for queries', async () => {
    for (const unknown of ['none', 'query', "x' or PartitionKey ne '"])
      expect(await call('jobs-history', { path: { job: unknown } }, unlimited)).toMatch(/^job_unknown: /);
  });

  it('does not exist for a job that was removed, unless the caller may read a tenant of its runs', async () => {
    await storeRun(new MemoryRunResults(), 'old-job@hidden5', [hidden], false);
    expect((await read({ path: { job: 'old-job' } }, unlimited)).runs).toHaveLength(1);
    const unknown = await call('jobs-history', { path: { job: 'none' } });
    expect(unknown).toMatch(/^job_unknown: /);
    expect(await call('jobs-history', { path: { job: 'old-job' } })).toBe(unknown);
    const mine = { path: { tenant: contoso.id }, query: { job: 'old-job' } };
    expect(await call('tenants-history', mine)).toBe(unknown);
  });

  it('rejects a period that has no time', async () => {
    const query = { since: '2026-11-24', until: '2026-11-24' };
    expect(await call('jobs-history', { ...job, query })).toBe('request_invalid: since must be before until.');
  });
});

describe('the route tenants-history', () => {
  const of = (reference: string, job = 'gone-job'): Request => ({ path: { tenant: reference }, query: { job } });

  it('shows a limited caller its tenant only', async () => {
    for (const reference of [contoso.id, contoso.domain]) {
      const shown = await call('tenants-history', of(reference));
      expect(shown).not.toMatch(traces);
      expect(JSON.parse(shown)).toMatchObject({
        tenantId: contoso.id,
        job: 'gone-job',
        runs: [{ runId: 'gone-job@all2', outcome: 'succeeded', numbers: { users: 3 } }, { runId: 'gone-job@all1' }],
      });
    }
    const unknown = 'tenant_unknown: No tenant that this caller may read has this id or domain.';
    for (const reference of [hidden.id, hidden.domain, 'nobody.example', tenant(0x99)])
      expect(await call('tenants-history', of(reference))).toBe(unknown);
    expect(await call('tenants-history', of(hidden.domain), unlimited)).toMatch(traces);
    expect(await call('tenants-history', of('not a tenant'))).toMatch(/^request_invalid: /);
  });

  it('answers nobody while no policy is in force', async () => {
    policy = { policy: denyAll, state: 'deny-all', problem: 'x', loadedAtMs: 0 };
    for (const who of [limited, unlimited])
      expect(await call('tenants-history', of(contoso.id), who)).toMatch(/^caller_forbidden: No access policy/);
  });
});

describe('the route tenants-show', () => {
  const of = (reference: string): Request => ({ path: { tenant: reference } });

  it('shows a limited caller its tenant by id and domain, with its results in runs over others too', async () => {
    for (const reference of [contoso.id, contoso.domain]) {
      const shown = await call('tenants-show', of(reference));
      expect(shown).not.toMatch(traces);
      expect(JSON.parse(shown)).toMatchObject({
        tenantId: contoso.id,
        lastResults: [{ runId: 'access-check@mine3' }, { runId: planId }],
        history: [
          { runId: 'access-check@mine3', outcome: 'succeeded' },
          { runId: planId, outcome: 'succeeded' },
        ],
        warnings: ['The list of tenants may be incomplete or outdated.'],
      });
    }
  });

  it('leaves out results that it could not read, and says which', async () => {
    const away = () => Promise.reject(new BrokerError('storage_unavailable', 'Away.'));
    services = { ...services, runs: { ...services.runs, lastResults: { read: away } } };
    const withoutLast = JSON.parse(await call('tenants-show', of(contoso.id), unlimited)) as Record<string, unknown>;
    expect(withoutLast).not.toHaveProperty('lastResults');
    expect(withoutLast).toMatchObject({ history: [{ outcome: 'succeeded' }, { outcome: 'succeeded' }] });
    expect(withoutLast['warnings']).toContain('The last results of the jobs could not be read.');
    services = { ...services, runs: { ...services.runs, log: { ...services.runs.log, list: away } } };
    const withoutBoth = JSON.parse(await call('tenants-show', of(contoso.id), unlimited)) as Record<string, unknown>;
    expect(withoutBoth).not.toHaveProperty('history');
    expect(withoutBoth['warnings']).toContain('The results in earlier runs could not be read.');
  });

  it('answers for a tenant that the caller may not read as for one that is no customer', async () => {
    const unknown = 'tenant_unknown: The tenant is not among the customer tenants.';
    for (const reference of [hidden.id, tenant(0x99)]) expect(await call('tenants-show', of(reference))).toBe(unknown);
    for (const reference of [hidden.domain, 'nobody.example'])
      expect(await call('tenants-show', of(reference))).toMatch(
        /^tenant_unknown: No customer tenant .* has this domain/,
      );
    expect(await call('tenants-show', of(hidden.domain), unlimited)).toMatch(traces);
    expect(await call('tenants-show', of(tenant(0x99)), unlimited)).toBe(unknown);
  });

  it('rejects a tenant that is neither an id nor a domain', async () => {
    expect(await call('tenants-show', of('Contoso Ltd'))).toMatch(/^request_invalid: /);
  });

  it('answers nobody while no policy is in force', async () => {
    policy = { policy: denyAll, state: 'deny-all', problem: 'x', loadedAtMs: 0 };
    for (const who of [limited, unlimited])
      expect(await call('tenants-show', of(contoso.id), who)).toMatch(/^caller_forbidden: No access policy/);
  });
});

describe('the tags and groups of tenants', () => {
  const shown = async (query: Readonly<Record<string, string>> = {}, caller = unlimited) =>
    JSON.parse(await call('tenants', { query }, caller)) as {
      tenants: { name: string; tags?: string[]; groups?: string[] }[];
      groups: string[];
      warnings: string[];
    };
  const names = async (query: Readonly<Record<string, string>>, caller = unlimited) =>
    (await shown(query, caller)).tenants.map(({ name }) => name);

  it('are shown with each tenant', async () => {
    expect(await shown()).toMatchObject({
      tenants: [
        { name: 'Contoso', tags: ['managed'], groups: ['gold'] },
        { name: 'Fabrikam', tags: ['hiddentag'], groups: ['hidden-ones'] },
      ],
      groups: ['gold', 'hidden-ones'],
    });
    expect(await shown()).not.toHaveProperty('limited');
    expect(await shown({}, limited)).toMatchObject({ groups: ['gold'], limited: true });
    expect(JSON.parse(await call('tenants-show', { path: { tenant: contoso.id } }))).toMatchObject({
      tags: ['managed'],
      groups: ['gold'],
    });
  });

  it('limit the list', async () => {
    expect(await names({ tenants: 'group:gold' })).toEqual(['Contoso']);
    expect(await names({ tenants: 'tag:managed, tag:hiddentag' })).toEqual(['Contoso', 'Fabrikam']);
    expect(await names({ except: 'tag:managed' })).toEqual(['Fabrikam']);
    expect(await names({ tenants: `${contoso.id},${hidden.domain}`, except: 'group:gold' })).toEqual(['Fabrikam']);
    expect(await names({ tenants: 'tag:nobody' })).toEqual([]);
    expect(await names({ tenants: 'tag:hiddentag' }, limited)).toEqual([]);
  });

  it('need not be given to see the events of the tenants that a caller may read', async () => {
    const { events } = JSON.parse(await call('events', { query: {} }, limited)) as EventsAnswer;
    expect(events.map(({ tenantName }) => tenantName)).toEqual(['Contoso']);
  });

  it('limit the events', async () => {
    const of = async (query: Record<string, string>, caller = unlimited): Promise<unknown[]> =>
      (JSON.parse(await call('events', { query }, caller)) as EventsAnswer).events.map(({ tenantName }) => tenantName);
    expect(await of({})).toEqual(['Fabrikam', 'Contoso']);
    expect(await of({ tenants: 'group:gold' })).toEqual(['Contoso']);
    expect(await of({ tenants: `tag:managed,${hidden.domain}`, except: 'group:gold' })).toEqual(['Fabrikam']);
    expect(await of({ except: 'tag:managed', kind: 'back' })).toEqual([]);
    expect(await of({ tenants: contoso.id })).toEqual(['Contoso']);
    expect(await of({ tenants: contoso.id, except: 'tag:managed' })).toEqual([]);
    expect(await of({ tenants: hidden.id }, limited)).toEqual([]);
    expect(await of({ tenants: 'tag:hiddentag' }, limited)).toEqual([]);
    expect(await of({ except: 'tag:nobody' }, limited)).toEqual(['Contoso']);
    expect(await call('events', { query: { tenants: 'group:gald' } }, unlimited)).toMatch(
      /^request_invalid: tenants: /,
    );
    const one = { path: { tenant: contoso.id }, query: { tenants: 'group:gold' } };
    expect(await call('tenants-events', one, unlimited)).toMatch(/^request_invalid: /);
    for (const query of [{ continuation: '' }, { after: '' }, { after: '1e3' }, { after: '-1' }])
      expect(await call('events', { query }, unlimited)).toMatch(/^request_invalid: /);
  });

  it.each([
    [
      { tenants: 'group:gald' },
      'tenants: unknown group "gald"; did you mean "gold"? The groups are gold, hidden-ones.',
    ],
    [{ except: 'group:x' }, 'except: unknown group "x"; the groups are gold, hidden-ones.'],
    [{ tenants: 'tag:no good' }, 'tenants: "tag:no good" is not a tag: '],
    [{ tenants: 'Contoso Ltd' }, 'tenants: "Contoso Ltd" is neither a tenant id, a domain, '],
    [{ tenants: '*,tag:a' }, 'tenants: "*" means all and must be the only entry.'],
    [{ except: '*' }, 'except: "*" takes every tenant away; '],
    [{ tenants: 'tag:a,,tag:b' }, 'tenants: "" is neither a tenant id, '],
  ])('are refused in a filter that is wrong: %j', async (query, problem) => {
    expect(await call('tenants', { query }, unlimited)).toMatch(new RegExp(`^request_invalid: ${escaped(problem)}`));
  });

  it('do not tell a limited caller which other groups there are', async () => {
    const refusal = (group: string) => `request_invalid: tenants: unknown group "${group}"; the groups are gold.`;
    for (const group of ['hidden-ones', 'nothing'])
      expect(await call('tenants', { query: { tenants: `group:${group}` } })).toBe(refusal(group));
  });

  it('are left out, with a warning, while they cannot be read, and a filter fails then', async () => {
    tenantTags.broken = true;
    const { tenants, warnings } = await shown();
    expect(tenants[0]).not.toHaveProperty('tags');
    expect(tenants[0]).not.toHaveProperty('groups');
    expect(warnings).toContain('The tags of the tenants are not known now (storage_unavailable).');
    expect(warnings).toContain('The groups of the tenants are not known now (storage_unavailable).');
    expect(await call('tenants', { query: { tenants: 'tag:managed' } }, unlimited)).toMatch(/^storage_unavailable: /);
    expect(await names({ tenants: contoso.id })).toEqual(['Contoso']);
  });
});

describe('a caller whose reading is limited by tags', () => {
  const byRule = (rule: object): void => {
    policy = policyWith([{ name: 'some', callers: { applications: [limited.applicationId] }, ...rule }]);
  };
  const names = async (): Promise<unknown> => {
    const answer = await call('tenants');
    if (!answer.startsWith('{')) return answer;
    return (JSON.parse(answer) as { tenants: { name: string }[] }).tenants.map(({ name }) => name);
  };

  it.each([
    [{ reads: ['tag:managed'] }, ['Contoso']],
    [{ reads: ['group:hidden-ones'] }, ['Fabrikam']],
    [{ reads: ['*'], except: ['tag:managed'] }, ['Fabrikam']],
    [{ reads: ['*'], except: [contoso.domain] }, ['Fabrikam']],
    [{ reads: [contoso.id, 'tag:hiddentag'], except: ['group:gold'] }, ['Fabrikam']],
    [{ reads: ['*'], except: ['tag:nobody'] }, ['Contoso', 'Fabrikam']],
    [{ reads: ['tag:nobody'] }, []],
  ])('reads by %j', async (rule, expected) => {
    byRule(rule);
    expect(await names()).toEqual(expected);
  });

  it.each([{ reads: ['tag:managed'] }, { reads: [contoso.id], except: ['tag:x'] }])(
    'reads nothing by %j while the tags cannot be read',
    async (rule) => {
      byRule(rule);
      tenantTags.broken = true;
      expect(await names()).toMatch(/^storage_unavailable: /);
    },
  );

  it('sees no entry of the audit log that belongs to no tenant, and none of a tenant that is excepted', async () => {
    byRule({ reads: ['*'], except: ['tag:managed'] });
    const { entries } = JSON.parse(await call('audit')) as { entries: { tenantId?: string }[] };
    expect(new Set(entries.map(({ tenantId }) => tenantId))).toEqual(new Set([hidden.id]));
  });
});

describe('the route tenants-tag', () => {
  const put = (reference: string, body: object, caller = limited): Promise<string> =>
    call('tenants-tag', { path: { tenant: reference }, body }, caller);
  const changes = () => audit.entries.filter(({ kind }) => kind === 'tags');

  it('changes tags and records what changed, by whom', async () => {
    expect(JSON.parse(await put(contoso.domain, { add: ['Tier=Gold', 'managed'] }))).toEqual({
      tenantId: contoso.id,
      tags: ['managed', 'tier=gold'],
      added: ['tier=gold'],
      removed: [],
    });
    expect(JSON.parse(await put(contoso.id, { add: ['tier=silver'], remove: ['managed'] }))).toMatchObject({
      tags: ['tier=silver'],
      added: ['tier=silver'],
      removed: ['managed', 'tier=gold'],
    });
    expect(JSON.parse(await put(contoso.id, { remove: ['tier=gold'] }))).toMatchObject({ tags: ['tier=silver'] });
    expect(JSON.parse(await put(contoso.id, { tags: [] }))).toMatchObject({ tags: [], removed: ['tier=silver'] });
    const who = { applicationId: limited.applicationId, objectId: limited.objectId, kind: limited.kind };
    expect(changes()).toMatchObject([
      { outcome: 'changed', caller: who, tenantId: contoso.id, tagsAdded: ['tier=gold'], tagsRemoved: [] },
      { outcome: 'changed', tagsAdded: ['tier=silver'], tagsRemoved: ['managed', 'tier=gold'] },
      { outcome: 'changed', tagsAdded: [], tagsRemoved: ['tier=silver'] },
    ]);
  });

  it('does not let a caller tag a tenant that it may not read, nor tell whether there is one', async () => {
    const unknown = 'tenant_unknown: The tenant is not among the customer tenants.';
    for (const reference of [hidden.id, tenant(0x99), tenant(9)])
      expect(await put(reference, { add: ['managed'] })).toBe(unknown);
    expect(await put(hidden.domain, { add: ['managed'] })).toMatch(/^tenant_unknown: /);
    expect(tenantTags.byTenant.get(hidden.id)).toEqual(['hiddentag']);
    expect(changes()).toEqual([]);
    expect(await put(hidden.id, { add: ['managed'] }, unlimited)).toContain('"added":["managed"]');
    expect(await put(tenant(0x99), { add: ['managed'] }, unlimited)).toBe(unknown);
  });

  it.each([
    [{}, 'Nothing is asked for: send `tags`, or `add` or `remove`.'],
    [{ add: [], remove: [] }, 'Nothing is asked for: '],
    [{ tags: ['a'], add: ['b'] }, '`tags` replaces all tags, so it excludes `add` and `remove`.'],
    [{ add: ['tier=gold'], remove: ['tier'] }, '`add` and `remove` both name the tag "tier".'],
    [{ add: ['no good'] }, 'add.0: is not a tag: use at most 64 letters, digits, "-", "_" and ".",'],
    [{ add: ['größe'] }, 'add.0: is not a tag: '],
    [{ add: [''] }, 'add.0: is not a tag: '],
    [{ tags: ['a'.repeat(65)] }, 'tags.0: is not a tag: '],
    [{ add: ['tier=gold', 'tier=silver'] }, '"tier=gold" and "tier=silver" have the same name; '],
    [{ tags: Array.from({ length: 51 }, (_, index) => `t${index}`) }, 'tags: '],
    [{ add: 'managed' }, 'add: '],
    [{ label: ['managed'] }, 'body: '],
    [{ add: Array.from({ length: 50 }, (_, index) => `t${index}`) }, 'A tenant has at most 50 tags; these are 51.'],
  ])('refuses %j with its reason, and changes nothing', async (body, reason) => {
    expect(await put(contoso.id, body)).toMatch(new RegExp(`^request_invalid: ${escaped(reason)}`));
    expect(tenantTags.byTenant.get(contoso.id)).toEqual(['managed']);
    expect(changes()).toEqual([]);
  });

  it('changes nothing without its record', async () => {
    audit.record = () => Promise.reject(new BrokerError('audit_unavailable', 'Away.'));
    expect(await put(contoso.id, { add: ['vip'] })).toBe('audit_unavailable: Away.');
    expect(tenantTags.byTenant.get(contoso.id)).toEqual(['managed']);
  });

  it('records that a change failed', async () => {
    tenantTags.replace = () => Promise.reject(new BrokerError('storage_unavailable', 'Away.'));
    expect(await put(contoso.id, { add: ['vip'] })).toBe('storage_unavailable: Away.');
    expect(changes()).toMatchObject([
      { outcome: 'changed', tagsAdded: ['vip'] },
      { outcome: 'failed', code: 'storage_unavailable', tagsAdded: ['vip'] },
    ]);
    expect(changes()[0]?.tokenId).toBe(changes()[1]?.tokenId);
  });

  it('keeps what others change at the same time, and gives up after some attempts', async () => {
    const replace = tenantTags.replace.bind(tenantTags);
    let others = 1;
    tenantTags.replace = async (change, etag) => {
      if (others-- > 0) {
        const stored = await tenantTags.stored(contoso.id);
        await replace({ ...change, tags: [...stored.tags, `other${others}`] }, stored.etag);
      }
      return replace(change, etag);
    };
    expect(JSON.parse(await put(contoso.id, { add: ['vip'] }))).toMatchObject({ tags: ['managed', 'other0', 'vip'] });
    expect(changes().map(({ outcome, code }) => code ?? outcome)).toEqual(['changed', 'busy', 'changed']);
    others = 9;
    expect(await put(contoso.id, { add: ['late'] })).toMatch(/^busy: /);
  });

  it('answers nobody while no policy is in force', async () => {
    policy = { policy: denyAll, state: 'deny-all', problem: 'x', loadedAtMs: 0 };
    for (const who of [limited, unlimited])
      expect(await call('tenants-tag', { path: { tenant: contoso.id }, body: { add: ['a'] } }, who)).toMatch(
        /^caller_forbidden: No access policy/,
      );
  });
});

it.each(['runs-show', 'runs-tenants', 'runs-results', 'runs-changes'])(
  'the route %s does not know a run over other tenants',
  async (name) => {
    const aboutRuns = Object.entries(reading).filter(([, requests]) => requests.some(({ path }) => path?.['runId']));
    expect(aboutRuns).toHaveLength(4);
    expect(await call(name, { path: other })).toBe('run_not_found: No run has this id.');
    expect(await call(name, { path: other }, unlimited)).not.toBe('run_not_found: No run has this id.');
  },
);

describe('while Entra does not answer, so that only the domains of customers are known', () => {
  beforeEach(() => {
    const { directory } = services;
    const find = async (reference: string) =>
      (await directory.find(reference)) ?? Promise.reject(new BrokerError('entra_unavailable', 'Later.'));
    const tenantOf = async (domain: string) => (await find(domain)).tenantId;
    services = { ...services, directory: { ...directory, find, tenantOf } };
    // The other domain of the rule cannot be looked up either.
    policy = policyWith([{ name: 'gold', callers: { applications: [limited.applicationId] }, reads: ['contoso.com'] }]);
  });

  const answers: Readonly<Record<string, (reference: string) => Request>> = {
    'tenants-show': (tenant) => ({ path: { tenant } }),
    audit: (tenant) => ({ query: { tenant } }),
    'jobs-start': (tenant) => ({ path: { job: 'access-check' }, body: { tenants: [tenant] } }),
  };

  it.each(Object.entries(answers))('%s does not tell a limited caller who is a customer', async (name, request) => {
    const ofCustomer = await call(name, request(hidden.domain));
    expect(ofCustomer).toMatch(/^(tenant_unknown|caller_forbidden): /);
    expect(await call(name, request('nobody.example'))).toBe(ofCustomer);
    expect(await call(name, request(contoso.domain))).not.toMatch(/^[a-z_]+: /);
    expect(await call(name, request('nobody.example'), unlimited)).toBe('entra_unavailable: Later.');
  });
});

it('shows a limited caller the data of its tenant', async () => {
  const parsed = async (name: string, request?: Request): Promise<unknown> => JSON.parse(await call(name, request));
  expect(await parsed('tenants')).toMatchObject({
    tenants: [{ tenantId: contoso.id, lastResults: [{ runId: 'access-check@mine3' }, { runId: planId }] }],
    warnings: ['The list of tenants may be incomplete or outdated.'],
  });
  expect(await parsed('runs')).toMatchObject({
    runs: [
      { runId: planId, tenants: { total: 1, succeeded: 1 } },
      { runId: 'access-check@mine3', tenants: { total: 1, succeeded: 1 } },
      { runId: 'gone-job@all2', tenants: { total: 1, succeeded: 1 }, stoppedBy: { code: 'credential_revoked' } },
      { runId: 'gone-job@all1', tenants: { total: 1, succeeded: 1, failed: 0, notAttempted: 0 } },
    ],
  });
  expect(await parsed('runs-show', { path: all })).toMatchObject({ progress: { done: 1, total: 1 }, failures: [] });
  expect(await parsed('runs-results', { path: all })).toEqual({
    rows: [{ tenantId: contoso.id, tenantName: 'Contoso', tenantDomain: 'contoso.com', users: 'Contoso all1' }],
  });
  expect(await call('runs-results', { path: all, query: { format: 'csv' } })).toMatch(
    /^\uFEFFtenantId,tenantName,tenantDomain,users\r\n/,
  );
  expect(await parsed('runs-changes', { path: { runId: 'gone-job@all2' } })).toMatchObject({ comparedTenants: 1 });
  expect(await parsed('audit')).toMatchObject({ entries: [{ tenantId: contoso.id }, { tenantId: contoso.id }] });
});

it('shows with each run who has failed, to a limited caller only its tenant', async () => {
  await runLog.recordTenant('gone-job@all1', record(contoso, { outcome: 'failed', code: 'throttled', round: 2 }));
  const tenants = { total: 3, succeeded: 1, failed: 2, skipped: 0, notAttempted: 0 };
  await runLog.change('gone-job@all1', { tenants });
  const failed = async (query: NonNullable<Request['query']>, caller = limited): Promise<unknown> => {
    const { runs } = JSON.parse(await call('runs', { query: { job: 'gone-job', ...query } }, caller)) as RunsAnswer;
    return runs.map((run) => run.failed);
  };
  expect(await failed({})).toEqual([undefined, undefined]);
  expect(await failed({ failed: 'true' })).toEqual([{}, { throttled: [contoso.id] }]);
  const all = { throttled: [contoso.id], consent_required: [tenant(0x23)] };
  expect(await failed({ failed: 'true' }, unlimited)).toEqual([{}, all]);
});

it('says of no run in progress that nobody has failed', async () => {
  await runLog.change('gone-job@all2', { status: 'running' });
  const { runs } = JSON.parse(
    await call('runs', { query: { job: 'gone-job', failed: 'true' } }, unlimited),
  ) as RunsAnswer;
  expect(runs.map((run) => 'failed' in run)).toEqual([false, true]);
});

it('compares the runs in the requested tenants only', async () => {
  const names = async (query: NonNullable<Request['query']>): Promise<string[]> => {
    const { changes } = JSON.parse(
      await call('runs-changes', { path: { runId: 'gone-job@all2' }, query }, unlimited),
    ) as RunChangesAnswer;
    return [...new Set(changes.map(({ name }) => name))];
  };
  expect(await names({})).toEqual(['Contoso', 'Fabrikam']);
  expect(await names({ tenants: hidden.id })).toEqual(['Fabrikam']);
  expect(await names({ except: 'tag:hiddentag' })).toEqual(['Contoso']);
});

describe('GET /api/audit for a limited caller', () => {
  it.each([hidden.id, hidden.domain, 'nobody.example'])('answers the same for any other tenant: %s', async (name) => {
    expect(await call('audit', { query: { tenant: name } })).toBe(
      'caller_forbidden: No rule lets this caller read this tenant.',
    );
  });

  it('reaches every readable entry over its pages, none of them larger than the limit', async () => {
    const found: unknown[] = [];
    let continuation: string | undefined;
    do {
      const query = { limit: '1', ...(continuation === undefined ? {} : { continuation }) };
      expect(auditQuerySchema.safeParse(query).success).toBe(true);
      const page = JSON.parse(await call('audit', { query })) as { entries: unknown[]; continuation?: string };
      expect(page.entries.length).toBeLessThanOrEqual(1);
      found.push(...page.entries);
      ({ continuation } = page);
    } while (continuation !== undefined);
    expect(found).toHaveLength(2);
  });
});

describe('runs of a limited caller', () => {
  const forbidden =
    'caller_forbidden: This caller may act only on tenants that it may read. Name such tenants in `tenants`, by id, domain, group or tag; in `except`, name no other tenant.';
  const start = (tenants?: readonly string[]) =>
    call('jobs-start', { path: { job: 'access-check' }, body: tenants === undefined ? {} : { tenants } });

  it('start over readable tenants only', async () => {
    expect(await start([contoso.id])).toContain('"status":"pending"');
    for (const tenants of [undefined, [hidden.id], [contoso.id, hidden.domain], ['nobody.example']])
      expect(await start(tenants)).toBe(forbidden);
  });

  it('start over all tenants that the list shows, which says that there may be others', async () => {
    const { tenants, limited: isLimited } = JSON.parse(await call('tenants')) as TenantsAnswer;
    expect(isLimited).toBe(true);
    expect(await start(tenants.map(({ tenantId }) => tenantId))).toContain('"status":"pending"');
  });

  const startWith = async (body: object) => {
    const answer = await call('jobs-start', { path: { job: 'access-check' }, body });
    if (!answer.startsWith('{')) return answer;
    const { runId } = JSON.parse(answer) as { runId: string };
    return runLog.request(runId);
  };

  it.each([
    { tenants: ['group:gold'] },
    { tenants: ['tag:managed', 'tag:hiddentag'] },
    { tenants: ['tag:managed'], except: ['tag:hiddentag'] },
    { tenants: [contoso.domain], except: ['tag:hiddentag'] },
  ])('reach only readable tenants through groups and tags: %j', async (body) => {
    tenantTags.byTenant.set(hidden.id, ['hiddentag', 'managed']);
    expect(await startWith(body)).toMatchObject({ tenants: [contoso.id] });
  });

  it.each([
    { tenants: ['tag:hiddentag'] },
    { tenants: ['tag:nobody'] },
    { tenants: ['*'] },
    { except: ['tag:managed'] },
    { tenants: ['tag:managed'], except: [contoso.id] },
    { tenants: ['tag:managed'], except: [hidden.domain] },
    { tenants: ['tag:managed'], except: ['nobody.example'] },
    { tenants: ['tag:managed', hidden.id] },
  ])('answer the same whether another tenant exists or has a tag: %j', async (body) => {
    expect(await startWith(body)).toBe(forbidden);
  });

  it('do not tell a group of other tenants from one that does not exist', async () => {
    expect(await startWith({ tenants: ['group:hidden-ones'] })).toBe(
      'request_invalid: tenants: unknown group "hidden-ones"; the groups are gold.',
    );
    expect(await startWith({ tenants: ['group:gold'], except: ['group:none'] })).toBe(
      'request_invalid: except: unknown group "none"; the groups are gold.',
    );
  });

  it('are hidden, and shown without what was asked for, if another caller named a group', async () => {
    const { results } = services.runs as unknown as { results: MemoryRunResults };
    const stored = async (runId: string, tenants: readonly (typeof hidden)[], isPlanned = true) => {
      const window = runId.split('@')[1] ?? '';
      const asked = { tenants: ['tag:hiddentag', 'group:gold'] };
      const run = { runId, job: 'access-check', window, startedBy: 'x', createdAtMs: auditStartMs, asked };
      await runLog.create(run, { parameters: {}, choice: asked });
      if (!isPlanned) return;
      const attempt = tenants.map(({ id, name }) => ({ tenantId: id, name }));
      await results.putPlan(runId, { job: 'access-check', parameters: {}, attempt, decided: [] });
    };
    await stored('access-check@both5', [contoso, hidden]);
    await stored('access-check@hidden6', [hidden]);
    await stored('access-check@unplanned7', [], false);
    await stored('access-check@mine8', [contoso]);
    const show = (runId: string, caller = limited) => call('runs-show', { path: { runId } }, caller);
    const shown = await show('access-check@both5');
    expect(JSON.parse(shown)).toMatchObject({ tenants: { total: 1 } });
    expect(shown).not.toMatch(traces);
    expect(shown).not.toContain('asked');
    expect(JSON.parse(await show('access-check@both5', unlimited))).toMatchObject({
      asked: { tenants: ['tag:hiddentag', 'group:gold'] },
    });
    for (const runId of ['access-check@hidden6', 'access-check@unplanned7'])
      expect(await show(runId)).toBe('run_not_found: No run has this id.');
    const cancel = (runId: string) => call('runs-cancel', { path: { runId } });
    expect(await cancel('access-check@both5')).toMatch(/^caller_forbidden: /);
    expect(await cancel('access-check@mine8')).toContain('"cancelRequested":true');
  });

  it('are repeated and cancelled only if they cover no other tenant', async () => {
    for (const route of ['runs-rerun', 'runs-cancel']) {
      expect(await call(route, { path: other })).toBe('run_not_found: No run has this id.');
      expect(await call(route, { path: all })).toMatch(/^caller_forbidden: The run covers tenants/);
    }
    expect(await call('runs-cancel', { path: { runId: 'access-check@mine3' } })).toContain('"cancelRequested":false');
  });
});
