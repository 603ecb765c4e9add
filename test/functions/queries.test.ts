import { HttpRequest } from '@azure/functions';
import { partnerMap } from 'graph-permissions/partner-table';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Services } from '../../src/composition.ts';
import type { BoundRoute } from '../../src/lib/api/call.ts';
import { parsePolicy } from '../../src/lib/access/policy/parse-policy.ts';
import type { PolicyState } from '../../src/lib/access/policy/policy-store.ts';
import type { Caller } from '../../src/lib/core/caller.ts';
import { BrokerError } from '../../src/lib/core/errors.ts';
import { QuerySlots } from '../../src/lib/runs/store/query-slots.ts';
import { silentLogger } from '../../src/lib/core/log.ts';
import { EntityTable } from '../fakes/entity-table.ts';
import { FakeClock } from '../fakes/fake-clock.ts';
import { FakeOrchestrations } from '../fakes/fake-orchestrations.ts';
import { MemoryRunLog, MemoryRunResults } from '../fakes/memory-run-log.ts';
import { MemoryTenantTags } from '../fakes/memory-tenant-tags.ts';
import { guid, tenant } from '../support/audit-entries.ts';

const [contoso, fabrikam, northwind] = [
  { tenantId: tenant(1), name: 'Contoso' },
  { tenantId: tenant(2), name: 'Fabrikam' },
  { tenantId: tenant(3), name: 'Northwind' },
];
const others = Array.from({ length: 500 }, (_, at) => ({ tenantId: tenant(at + 1_000), name: `Customer ${at}` }));
const customers = [contoso, fabrikam, northwind];
const domains: Readonly<Record<string, (typeof customers)[number]>> = {
  'contoso.com': contoso,
  'fabrikam.com': fabrikam,
  'northwind.com': northwind,
};

const helpdesk: Caller = {
  applicationId: guid(1),
  objectId: guid(2),
  kind: 'user',
  roles: ['Requests.Send'],
  tenantId: tenant(9),
  name: 'ada@partner.example',
};
const operator: Caller = { ...helpdesk, applicationId: guid(5), roles: ['Runs.Read', 'Runs.Write', 'Requests.Send'] };

const rule = (name: string, caller: Caller, more: object) => ({
  name,
  callers: { applications: [caller.applicationId] },
  resources: ['graph'],
  via: ['gateway'],
  ...more,
});
const rules = [
  rule('users', helpdesk, { tenants: ['group:gold'], scopes: ['User.Read.All'] }),
  rule('groups', helpdesk, { tenants: ['fabrikam.com'], scopes: ['Group.Read.All'] }),
  rule('groups with care', helpdesk, { tenants: ['*'], scopes: ['Application.Read.All'], approval: { count: 1 } }),
  rule('operators', operator, { tenants: ['*'], except: ['northwind.com'], scopes: ['User.Read.All'] }),
];

let routes: readonly BoundRoute<Services>[];
beforeAll(async () => {
  await import('../../src/functions/queries.ts');
  await import('../../src/functions/runs.ts');
  await import('../../src/functions/run-results.ts');
  await import('../../src/functions/run-actions.ts');
  routes = (await import('../../src/functions/route.ts')).boundRoutes();
});

function stage(given: readonly object[] = rules, listed = customers) {
  const parsed = parsePolicy(JSON.stringify({ version: 1, tenantGroups: { gold: ['contoso.com'] }, rules: given }));
  if (!parsed.ok) throw new Error(parsed.problems.join(' '));
  const state: PolicyState = { policy: parsed.policy, state: 'current', loadedAtMs: 0 };
  const policy = { current: async () => state };
  const log = new MemoryRunLog();
  const orchestrations = new FakeOrchestrations();
  const directory = {
    find: async (reference: string) => domains[reference] ?? listed.find((customer) => customer.tenantId === reference),
    list: async () => listed,
    tenantOf: async (domain: string) => domains[domain]?.tenantId,
  };
  const clock = new FakeClock(1_000_000);
  const slots = new EntityTable();
  const querySlots = new QuerySlots({ table: async () => slots.client, runLog: log, clock });
  let ids = 100;
  const services = {
    callers: { policy },
    gateway: { policy, permissionMap: async () => partnerMap(), graphHost: 'graph.microsoft.com' },
    credentials: { overdue: { check: () => undefined } },
    directory,
    tenantTags: new MemoryTenantTags({ [tenant(2)]: ['managed'] }),
    clock,
    log: silentLogger,
    newId: () => guid((ids += 1)),
    random: () => 0.5,
    runs: { log, querySlots, results: new MemoryRunResults() },
    tuning: { batchSize: 10, groupSize: 5, inTurn: true, rounds: 1, retryDelaySeconds: 1 },
  } as unknown as Services;
  const call = async (
    name: string,
    caller: Caller,
    given: { params?: Record<string, string>; body?: object; key?: string } = {},
  ) => {
    const { params = {}, body, key } = given;
    const route = routes.find(({ definition }) => definition.name === name);
    const { method } = route!.definition;
    const text = body === undefined ? {} : { body: { string: JSON.stringify(body) } };
    const headers = { 'user-agent': 'probe/1.0 \u{202E}'.slice(0, 10), ...(key && { 'idempotency-key': key }) };
    const request = new HttpRequest({ method, url: 'http://localhost/api/x', params, headers, ...text });
    const admitted = { request, caller, correlationId: guid(3), log: silentLogger, orchestrations };
    return route!.answer(services, admitted);
  };
  const ask = async (caller: Caller, body: object) => {
    const { jsonBody } = await call('queries-start', caller, { body });
    return (jsonBody as { runId: string }).runId;
  };
  const check = async (caller: Caller, body: object) =>
    (await call('queries-start', caller, { body: { ...body, check: true } })).jsonBody;
  return { call, ask, check, log, orchestrations, services };
}

const refused = (thrown: Promise<unknown>): Promise<string> =>
  thrown.then(
    () => 'started',
    (error: unknown) => (error instanceof BrokerError ? `${error.code}: ${error.detail}` : String(error)),
  );

describe('a started query', () => {
  it('is a run that keeps who asked, with the roles and the program, and what is sent', async () => {
    const { ask, log, orchestrations } = stage();
    const runId = await ask(helpdesk, { path: '/users', select: ['id'], allPages: true, tenants: ['contoso.com'] });
    expect(runId).toMatch(/^query@manual-/);
    expect(orchestrations.started).toEqual([expect.objectContaining({ instanceId: runId })]);
    const parameters = { path: '/v1.0/users?$select=id', allPages: true };
    expect(await log.request(runId)).toEqual({
      tenants: [tenant(1)],
      parameters,
      asker: { ...helpdesk, client: 'probe/1.0', correlationId: guid(3) },
    });
    expect(await log.find(runId)).toMatchObject({
      job: 'query',
      query: parameters.path,
      parameters,
      startedBy: helpdesk.applicationId,
      starter: { objectId: helpdesk.objectId, name: helpdesk.name },
      correlationId: guid(3),
      asked: { tenants: ['contoso.com'] },
      scope: 'selected',
    });
  });

  it.each([
    // Of all customers, those that a rule for the caller covers; an approval covers too, and is refused there.
    [helpdesk, {}, [tenant(1), tenant(2), tenant(3)]],
    [helpdesk, { except: ['contoso.com'], path: '/groups' }, [tenant(2), tenant(3)]],
    [helpdesk, { tenants: ['group:gold'] }, [tenant(1)]],
    [helpdesk, { tenants: ['tag:managed', 'contoso.com'] }, [tenant(1), tenant(2)]],
    [operator, {}, undefined],
    [operator, { tenants: ['contoso.com', 'northwind.com'] }, [tenant(1), tenant(3)]],
  ])('visits the tenants that %# names', async (caller, body, expected) => {
    const { ask, log } = stage();
    const runId = await ask(caller, { path: '/users', ...body });
    const request = await log.request(runId);
    expect(request?.tenants).toEqual(expected);
  });

  it('visits 500 tenants that are named by their ids', async () => {
    const { ask, log } = stage(rules, others);
    const ids = others.map(({ tenantId }) => tenantId);
    const runId = await ask(operator, { path: '/users', tenants: ids });
    expect((await log.request(runId))?.tenants).toEqual(ids);
  });

  it('does not start if one of 500 ids is wrong, which it names', async () => {
    const { ask, log, orchestrations } = stage(rules, others);
    const tenants = [...others.slice(1).map(({ tenantId }) => tenantId), tenant(777)];
    expect(await refused(ask(operator, { path: '/users', tenants }))).toBe(
      `tenant_unknown: "${tenant(777)}" is not among the customer tenants.`,
    );
    expect([await log.list({ limit: 9 }), orchestrations.started]).toEqual([[], []]);
  });

  it('keeps the groups and tags of a caller that may read everything for the plan', async () => {
    const { ask, log } = stage();
    const runId = await ask(operator, { path: '/users', tenants: ['tag:managed'] });
    expect(await log.request(runId)).toMatchObject({ choice: { tenants: ['tag:managed'] } });
  });

  it('tells a caller whose rules cover some customers nothing about the others', async () => {
    const { ask } = stage(rules.slice(0, 2));
    const limit =
      'caller_forbidden: This caller may act only on tenants that it may read, or that a rule for the gateway covers. Name such tenants in `tenants`, by id, domain, group or tag; in `except`, name no other tenant.';
    for (const tenants of [['northwind.com'], [tenant(3)], ['nobody.example'], ['contoso.com', 'northwind.com']])
      expect(await refused(ask(helpdesk, { path: '/users', tenants }))).toBe(limit);
    expect(await refused(ask(helpdesk, { path: '/users', except: ['northwind.com'] }))).toBe(limit);
  });
});

describe('the active queries of a caller', () => {
  it('are at most four, and an ended one makes place', async () => {
    const { ask, log, orchestrations } = stage();
    const runIds: string[] = [];
    for (let count = 0; count < 4; count += 1) runIds.push(await ask(helpdesk, { path: '/users' }));
    await ask(operator, { path: '/users' });
    const [last = ''] = runIds;
    const why = await refused(ask(helpdesk, { path: '/users' }));
    expect(why).toMatch(
      /^busy: A caller has at most 4 active queries\. Wait until one of these ends, or cancel it: query@/,
    );
    for (const runId of runIds) expect(why).toContain(runId);
    expect(orchestrations.started).toHaveLength(5);
    await log.change(last, { status: 'completed' });
    expect(await refused(ask(helpdesk, { path: '/users' }))).toBe('started');
  });

  it('are exactly four if twenty start at the same moment', async () => {
    const { ask, log } = stage();
    const twenty = Array.from({ length: 20 }, () => refused(ask(helpdesk, { path: '/users' })));
    const ends = await Promise.all(twenty);
    expect(ends.filter((end) => end === 'started')).toHaveLength(4);
    expect(ends.filter((end) => end.startsWith('busy: '))).toHaveLength(16);
    expect(await log.list({ active: true, limit: 99 })).toHaveLength(4);
  });
});

describe('a query with an Idempotency-Key', () => {
  const body = { path: '/users', tenants: ['contoso.com'] };

  it('is started once and takes one slot, also while its caller may start no other one', async () => {
    const { call, ask, log } = stage();
    const start = () => call('queries-start', helpdesk, { body, key: 'k' });
    const blocker = await ask(helpdesk, body);
    const first = await start();
    // A slot before that of the query is free again.
    await log.change(blocker, { status: 'completed' });
    expect(await start()).toEqual(first);
    for (let count = 1; count < 4; count += 1) await ask(helpdesk, body);
    expect(await refused(ask(helpdesk, body))).toMatch(/^busy/);
    expect(await start()).toEqual(first);
  });

  it('is answered with its run after the rule is gone, and another query with the key is refused', async () => {
    const { call, services } = stage();
    const start = (more = {}) => call('queries-start', helpdesk, { body: { ...body, ...more }, key: 'k' });
    const first = await start();
    const none = { policy: { rules: [], groups: new Map() }, state: 'current', loadedAtMs: 0 } as const;
    Object.assign(services.gateway.policy, { current: async () => none });
    expect(await start()).toEqual(first);
    expect(await refused(start({ select: ['id'] }))).toMatch(/^idempotency_key_reused/);
    expect(await refused(start({ tenants: ['fabrikam.com'] }))).toMatch(/^idempotency_key_reused/);
  });
});

describe('a query that cannot start', () => {
  it.each([
    [
      { path: '/groups', tenants: ['contoso.com'] },
      /^caller_forbidden: The request is opened by "groups", and no chosen tenant is one of this rule\.$/,
    ],
    [
      { path: '/applications' },
      /^caller_forbidden: Only the rule "groups with care" opens the request, and it needs an approval/,
    ],
    [{ path: '/devices' }, /^caller_forbidden: /],
    [{ path: 'https://evil.example/' }, /^request_invalid: path: is an address/],
    [{ path: '/users', tenants: ['group:silver'] }, /^request_invalid: tenants: unknown group "silver"/],
    [{ path: '/users', tenants: ['no domain'] }, /^request_invalid: tenants: "no domain"/],
    [{ path: '/users', tenants: ['tag:none'] }, /^caller_forbidden: /],
    [{ path: '/users', method: 'POST' }, /^request_invalid: /],
    [{}, /^request_invalid: path/],
    [{ path: '/users', select: [] }, /^request_invalid: select/],
  ])('%j', async (body, reason) => {
    const { ask, orchestrations } = stage();
    expect(await refused(ask(helpdesk, body))).toMatch(reason);
    expect(orchestrations.started).toEqual([]);
  });

  it('while no policy is in force', async () => {
    const { ask, services } = stage();
    const none = { policy: { rules: [], groups: new Map() }, state: 'deny-all', loadedAtMs: 0, problem: 'x' } as const;
    Object.assign(services.gateway.policy, { current: async () => none });
    expect(await refused(ask(operator, { path: '/users' }))).toMatch(/^caller_forbidden: /);
  });
});

it('tells which rule opens a query and where, and starts nothing', async () => {
  const { check, orchestrations } = stage();
  expect(await check(operator, { path: '/users?$top=5' })).toEqual({
    path: '/v1.0/users?$top=5',
    request: 'GET /v1.0/users',
    anyOf: expect.arrayContaining(['User.Read.All']) as unknown,
    rules: [{ rule: 'operators', permissions: ['User.Read.All'] }],
    tenants: { chosen: 3, open: 2 },
  });
  expect(orchestrations.started).toEqual([]);
});

describe('the run of a query', () => {
  const stranger: Caller = { ...helpdesk, objectId: guid(77) };

  it('is read, followed and cancelled by whoever asked, and by those with the roles for runs', async () => {
    const { call, ask } = stage();
    const runId = await ask(helpdesk, { path: '/users' });
    for (const name of ['runs-show', 'runs-tenants', 'runs-results', 'runs-cancel']) {
      expect([name, (await call(name, helpdesk, { params: { runId } })).status]).toEqual([
        name,
        name === 'runs-cancel' ? 202 : 200,
      ]);
      expect((await call(name, operator, { params: { runId } })).status).toBeLessThan(300);
      expect(await refused(call(name, stranger, { params: { runId } }))).toBe('run_not_found: No run has this id.');
    }
    const listed = async (caller: Caller) => ((await call('runs', caller)).jsonBody as { runs: object[] }).runs;
    expect(await listed(helpdesk)).toMatchObject([{ runId, job: 'query', query: '/v1.0/users' }]);
    expect(await listed(operator)).toHaveLength(1);
    expect(await listed(stranger)).toEqual([]);
  });

  it('shows its answers to whoever asked only, with any role', async () => {
    const { call, ask, log, services } = stage();
    const { results } = services.runs;
    const runId = await ask(helpdesk, { path: '/users' });
    const record = { tenantId: tenant(1), name: 'Contoso', round: 1, columns: ['id'], startedAtMs: 0, finishedAtMs: 1 };
    const rowsName = `${tenant(1)}.a`;
    await results.putPlan(runId, { job: 'query', parameters: {}, attempt: [contoso, fabrikam], decided: [] });
    await results.putRows(runId, rowsName, '{"id":"of a customer"}\n');
    await log.recordTenant(runId, { ...record, outcome: 'succeeded', rows: 1, rowsName });
    const failed = {
      ...record,
      tenantId: tenant(2),
      name: 'Fabrikam',
      outcome: 'failed',
      code: 'request_invalid',
    } as const;
    await log.recordTenant(runId, { ...failed, rows: 0, detail: 'Graph says: of a customer.' });
    const tenants = { total: 2, succeeded: 1, failed: 1, skipped: 0, notAttempted: 0 };
    await log.change(runId, { status: 'completed', tenants });
    const shown = async (caller: Caller, name: string, params = {}) => {
      const answer = call(name, caller, { params: { runId, ...params } });
      return answer.then(
        ({ body, jsonBody }) => JSON.stringify([body, jsonBody]),
        (error: BrokerError) => error.code,
      );
    };
    const of = { tenantId: tenant(2) };
    const asks: [string, object][] = [
      ['runs-results', {}],
      ['runs-show', {}],
      ['runs-tenants', {}],
      ['runs-tenant', of],
    ];
    for (const [name, params] of asks) {
      expect([name, await shown(helpdesk, name, params)]).toEqual([name, expect.stringContaining('of a customer')]);
      const others = await shown(operator, name, params);
      expect([name, others]).toEqual([name, expect.not.stringContaining('of a customer')]);
      if (name !== 'runs-results') expect(others).toContain('request_invalid');
    }
    expect(await shown(operator, 'runs-results')).toBe('caller_forbidden');
    const [contosoAlone] = customers;
    Object.assign(services.directory, {
      list: async () => [{ ...contosoAlone, reachable: false, reason: 'excluded' }],
    });
    expect(await shown(helpdesk, 'runs-results')).toBe(JSON.stringify(['{"rows":[\n]}\n', null]).replace('\\n]', ']'));
  });

  it('is asked again under the rules of whoever wants that now', async () => {
    const { call, ask, log } = stage();
    const runId = await ask(helpdesk, { path: '/users', allPages: true });
    await log.change(runId, { status: 'completed' });
    const again = (await call('runs-rerun', operator, { params: { runId } })).jsonBody as { runId: string };
    expect(await log.request(again.runId)).toMatchObject({
      asker: { applicationId: operator.applicationId },
      parameters: { path: '/v1.0/users', allPages: true },
    });
    const without: Caller = { ...operator, roles: ['Runs.Read', 'Runs.Write'] };
    expect(await refused(call('runs-rerun', without, { params: { runId } }))).toBe(
      'caller_forbidden: Asking a query again takes the app role Requests.Send.',
    );
    expect(await refused(call('runs-rerun', stranger, { params: { runId } }))).toMatch(/^run_not_found/);
  });

  it('cannot be compared', async () => {
    const { call, ask } = stage();
    const runId = await ask(operator, { path: '/users' });
    expect(await refused(call('runs-changes', operator, { params: { runId } }))).toMatch(
      /^request_invalid: Queries are not compared/,
    );
  });
});
