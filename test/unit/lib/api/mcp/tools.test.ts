import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { maxDataBytes, sizeOf, type Tool, type ToolResult } from '../../../../../src/lib/api/mcp/tool.ts';
import { tools } from '../../../../../src/lib/api/mcp/tools.ts';
import { defineChange } from '../../../../../src/lib/changes/define-change.ts';
import { createJobRegistry, defineJob } from '../../../../../src/lib/runs/job/job.ts';
import { FakeClock } from '../../../../fakes/fake-clock.ts';
import { scriptedAsk, type ScriptedAsk } from '../../../../support/scripted-ask.ts';

const jobOf = (name: string, resources: string[], permissions?: string[]) =>
  defineJob({
    name,
    title: name,
    resources,
    timeoutSeconds: 10,
    ...(permissions && { permissions }),
    run: async () => [],
  });
const registry = createJobRegistry([
  jobOf('reads', ['graph'], ['User.Read.All', 'AuditLog.Read.All']),
  jobOf('writes', ['graph'], ['User.Read.All', 'User.ReadWrite.All']),
  jobOf('manages', ['graph'], ['Exchange.Manage']),
  jobOf('mails', ['graph', 'exchange'], ['User.Read.All']),
  jobOf('declares-nothing', ['graph']),
  // Its permissions only read, so nothing but its kind keeps an agent from starting it.
  defineChange({ name: 'plans', title: 'plans', permissions: ['User.Read.All'], plan: async () => [] }),
]);

const toolOf = (name: string): Tool => {
  const tool = tools.find((known) => known.name === name);
  if (tool === undefined) throw new Error(`there is no tool ${name}`);
  return tool;
};

/** Runs a tool as `callTool` does, and checks its data by its schema. */
async function run(name: string, given: object, { ask }: ScriptedAsk, clock = new FakeClock(0)): Promise<ToolResult> {
  const tool = toolOf(name);
  const result = await tool.run(tool.input.parse(given), { ask, clock, jobs: registry, client: 'agent ü 1' });
  // Strict, so that data without a description fails.
  if (result.isError !== true) z.strictObject(tool.output.shape).parse(result.data);
  expect(sizeOf(result.data)).toBeLessThan(maxDataBytes * 1.1);
  return result;
}

const tenant = (index: number, more: object = {}) => ({
  tenantId: `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`,
  name: `Customer ${index}`,
  defaultDomain: `c${index}.example`,
  relationship: 'gdap',
  reachable: true,
  reason: 'gdap_active',
  explanation: 'A GDAP relationship is active.',
  sources: [],
  tags: ['managed'],
  groups: ['gold'],
  ...more,
});

describe('every tool', () => {
  it.each(tools.map((tool) => [tool.name, tool] as const))('%s is described', (name, tool) => {
    expect(name).toMatch(/^[a-z]+(_[a-z]+)+$/);
    expect(tool.description.length).toBeGreaterThan(60);
    expect(tool.input.safeParse({ unknown: 1 }).success).toBe(false);
    const { properties = {} } = z.toJSONSchema(tool.input, { io: 'input' });
    const described = Object.entries(properties).filter(
      ([, property]) => typeof property === 'object' && (property.description ?? '').length > 15,
    );
    expect(described.map(([property]) => property)).toEqual(Object.keys(properties));
  });
});

describe('list_tenants', () => {
  const answer = (count: number) => ({
    tenants: Array.from({ length: count }, (_, index) => tenant(index)),
    groups: ['gold'],
    warnings: [],
    asOf: '',
  });

  it('asks the route with the lists, and shows what an agent needs', async () => {
    const asked = scriptedAsk({ tenants: [answer(1)] });
    const { data } = await run('list_tenants', { tenants: ['group:gold', 'tag:a'], except: ['c9.example'] }, asked);
    expect(asked.asked).toEqual([{ route: 'tenants', query: { tenants: 'group:gold,tag:a', except: 'c9.example' } }]);
    const { relationship: _r, reason: _s, sources: _t, ...shown } = tenant(0);
    expect(data).toEqual({ tenants: [shown], total: 1, groups: ['gold'], warnings: [] });
  });

  it.each(['CUSTOMER 17', 'c17.EXAMPLE', '000000000017'])('finds %s', async (search) => {
    const { data } = await run('list_tenants', { search }, scriptedAsk({ tenants: [answer(30)] }));
    expect(data).toMatchObject({ total: 1, tenants: [{ name: 'Customer 17' }] });
  });

  it('shows thousands in parts, each tenant once', async () => {
    const asked = scriptedAsk({ tenants: [answer(3_000)] });
    const seen: string[] = [];
    for (let skip: number | undefined = 0; skip !== undefined; ) {
      const { data } = await run('list_tenants', { skip }, asked);
      const part = data as { tenants: { tenantId: string }[]; total: number; nextSkip?: number };
      expect(part.total).toBe(3_000);
      seen.push(...part.tenants.map(({ tenantId }) => tenantId));
      skip = part.nextSkip;
    }
    expect(seen).toEqual(answer(3_000).tenants.map(({ tenantId }) => tenantId));
  });
});

describe('answers of many parts', () => {
  it('of list_tenants keep to the size with many groups and warnings', async () => {
    const many = (text: string) => Array.from({ length: 5_000 }, (_, index) => `${text}-${index}`);
    const tenants = [tenant(0, { tags: many('tag'), groups: many('group') }), tenant(1)];
    const answer = { tenants, groups: many('group'), warnings: many('warning'), asOf: '' };
    const { data, notes } = await run('list_tenants', {}, scriptedAsk({ tenants: [answer] }));
    expect(data).toMatchObject({ total: 2, nextSkip: 1, tenants: [{ name: 'Customer 0', reachable: true }] });
    expect(notes).toEqual([
      '1 more tenants match: call again with skip 1.',
      expect.stringMatching(/^\d+ more names of groups are not shown\.$/),
      expect.stringMatching(/^\d+ more warnings are not shown\.$/),
      expect.stringContaining('was too large'),
    ]);
    const last = await run('list_tenants', {}, scriptedAsk({ tenants: [{ ...answer, tenants: [tenants[0]] }] }));
    expect(last.data).not.toHaveProperty('nextSkip');
  });

  it('of list_jobs say how many are not shown, and say nothing if all are', async () => {
    const description = 'x'.repeat(2_000);
    const jobs = Array.from({ length: 50 }, (_, index) => ({
      name: `j${index}`,
      title: 't',
      description,
      resources: [],
    }));
    const { data, notes } = await run('list_jobs', {}, scriptedAsk({ jobs: [{ jobs }] }));
    const { length } = (data as { jobs: unknown[] }).jobs;
    expect(length).toBeGreaterThan(10);
    expect(notes).toEqual([`Only ${length} of 50 jobs are shown.`]);
    expect((await run('list_jobs', {}, scriptedAsk({ jobs: [{ jobs: jobs.slice(0, 2) }] }))).notes).toEqual([]);
  });

  it('of list_jobs keep the type of a large job', async () => {
    const properties = Object.fromEntries(
      Array.from({ length: 3_000 }, (_, index) => [`p${index}`, { type: 'string' }]),
    );
    const job = { name: 'reads', title: 'Reads', resources: ['graph'], parameters: { type: 'object', properties } };
    const { data, notes } = await run('list_jobs', {}, scriptedAsk({ jobs: [{ jobs: [job] }] }));
    expect(data).toMatchObject({ jobs: [{ name: 'reads', parameters: { type: 'object' } }] });
    expect(notes).toEqual([expect.stringContaining('was too large')]);
  });
});

describe('graph_get', () => {
  const given = { tenant: 'contoso.com', path: '/v1.0/users?$top=2' };
  const json = { 'content-type': 'application/json;odata.metadata=minimal' };
  const page = (value: unknown[], more: object = {}) => ({
    headers: json,
    text: JSON.stringify({ '@odata.context': 'https://graph.microsoft.com/v1.0/$metadata#users', value, ...more }),
  });

  it('asks the gateway and returns the next path', async () => {
    const link = 'https://broker.example/api/gateway/contoso.com/graph/v1.0/users?$skiptoken=a%2Fb&ptb_link=W10.x';
    const asked = scriptedAsk({ gateway: [page([{ id: 1 }], { '@odata.nextLink': link, '@odata.count': 9 })] });
    const { data } = await run(
      'graph_get',
      { ...given, consistencyEventual: true, reason: 'Ticket 4711: näheres' },
      asked,
    );
    expect(asked.asked).toEqual([
      {
        route: 'gateway',
        path: { tenant: 'contoso.com', resource: 'graph' },
        rest: '/v1.0/users?$top=2',
        headers: { consistencylevel: 'eventual', 'x-reason': 'Ticket%204711%3A%20n%C3%A4heres' },
      },
    ]);
    expect(data).toEqual({
      status: 200,
      body: { value: [{ id: 1 }], '@odata.count': 9 },
      nextPath: '/v1.0/users?$skiptoken=a%2Fb&ptb_link=W10.x',
    });
  });

  it('never sends a header of an emergency or of a second approval', async () => {
    const { input } = toolOf('graph_get');
    for (const extra of [{ breakGlass: true }, { askAgain: true }, { headers: {} }, { method: 'PATCH' }, { body: {} }])
      expect(input.safeParse({ ...given, ...extra }).success).toBe(false);
  });

  it.each(['users', 'https://evil.example/v1.0/users', '/v2/users', '//evil.example/v1.0/', '/v1.0', ''])(
    'refuses the path %j',
    (path) => {
      expect(toolOf('graph_get').input.safeParse({ ...given, path }).success).toBe(false);
    },
  );

  it('cuts a page that is too large, and then leads to no next page', async () => {
    const users = Array.from({ length: 900 }, (_, id) => ({ id, about: 'x'.repeat(200) }));
    const asked = scriptedAsk({
      gateway: [page(users, { '@odata.nextLink': 'https://h/api/gateway/t/graph/v1.0/x' })],
    });
    const { data, notes } = await run('graph_get', given, asked);
    const { body } = data as { body: { value: unknown[] } };
    expect(data).not.toHaveProperty('nextPath');
    expect(body.value).toEqual(users.slice(0, body.value.length));
    expect(body.value.length).toBeGreaterThan(100);
    expect(notes).toEqual([
      expect.stringMatching(new RegExp(`^The answer was too large: ${body.value.length} of 900`)),
    ]);
  });

  it.each([
    ['beside a list', { value: [{ id: 1 }], big: 'x'.repeat(1_000_000) }],
    ['beside a list, in many parts', { value: [{ id: 1 }], big: Array.from({ length: 9_000 }, () => 'xxxx') }],
    ['of one object', { id: 1, big: Array.from({ length: 9_000 }, () => 'xxxx') }],
  ])('cuts what is too large %s', async (_case, body) => {
    const { data, notes } = await run('graph_get', given, scriptedAsk({ gateway: [page([], body)] }));
    expect(data).toMatchObject({ body: 'value' in body ? { value: [{ id: 1 }] } : { value: [] } });
    expect(notes).toEqual([expect.stringContaining('was too large')]);
  });

  it('cuts a large object, and says nothing of one that it did not cut', async () => {
    const of = (text: string) => run('graph_get', given, scriptedAsk({ gateway: [{ headers: json, text }] }));
    const large = await of(JSON.stringify({ id: 'x', about: 'y'.repeat(100_000) }));
    expect(large.data).toMatchObject({ body: { id: 'x', about: `${'y'.repeat(300)}… [cut]` } });
    expect(large.notes).toEqual([expect.stringContaining('was too large')]);
    expect((await of('{"id":"x"}')).notes).toEqual([]);
    expect((await of('{"value":[{"id":1}]}')).notes).toEqual([]);
  });

  it('reads JSON with a byte order mark', async () => {
    const asked = scriptedAsk({ gateway: [{ headers: json, text: '\u{FEFF}{"id":"x"}' }] });
    expect((await run('graph_get', given, asked)).data).toEqual({ status: 200, body: { id: 'x' } });
  });

  it('returns one object, a number and nothing', async () => {
    const of = async (answer: object) => (await run('graph_get', given, scriptedAsk({ gateway: [answer] }))).data;
    expect(await of({ headers: json, text: '{"id":"x"}' })).toEqual({ status: 200, body: { id: 'x' } });
    expect(await of({ headers: { 'content-type': 'text/plain' }, text: '42' })).toEqual({ status: 200, body: '42' });
    expect(await of({ status: 204, text: '' })).toEqual({ status: 204, body: null });
  });

  it('says that a person must approve', async () => {
    const text = JSON.stringify({
      approvalId: 'a1',
      status: 'pending',
      detail: 'Waits.',
      expiresAt: 'soon',
      rule: 'r',
      approvalsNeeded: 1,
    });
    const asked = scriptedAsk({ gateway: [{ status: 202, headers: { 'x-approval-id': 'a1' }, text }] });
    expect(await run('graph_get', given, asked)).toEqual({
      notes: [expect.stringMatching(/^Nothing was sent: a person must approve/)],
      data: { status: 202, body: null, approval: { approvalId: 'a1', detail: 'Waits.', expiresAt: 'soon' } },
    });
  });

  it('returns a refusal of Graph as an error, with its wait', async () => {
    const refusal = { status: 429, headers: { ...json, 'retry-after': '7' }, text: '{"error":{"code":"TooMany"}}' };
    expect(await run('graph_get', given, scriptedAsk({ gateway: [refusal] }))).toEqual({
      isError: true,
      notes: ['Microsoft Graph answered with HTTP 429. Wait 7 seconds before you repeat it.'],
      data: { status: 429, body: { error: { code: 'TooMany' } } },
    });
  });

  it('leaves a wait that is a date to the reader', async () => {
    const refusal = { status: 503, headers: { ...json, 'retry-after': 'Thu, 26 Nov 2026 10:00:00 GMT' }, text: '{}' };
    const { notes } = await run('graph_get', given, scriptedAsk({ gateway: [refusal] }));
    expect(notes).toEqual(['Microsoft Graph answered with HTTP 503.']);
  });

  it.each([
    ['binary', { 'content-type': 'image/jpeg' }, '\u0000', /neither JSON nor text/],
    ['broken', json, '{"value":[', /JSON that cannot be read/],
    ['too deep', json, `${'['.repeat(80)}${']'.repeat(80)}`, /nested deeper/],
  ])('refuses an answer that is %s', async (_case, headers, text, reason) => {
    await expect(run('graph_get', given, scriptedAsk({ gateway: [{ headers, text }] }))).rejects.toThrow(reason);
  });
});

describe('jobs', () => {
  const started = { runId: 'reads@w', status: 'pending', location: '/x' };

  it('starts a job that declares permissions to read Graph', async () => {
    const asked = scriptedAsk({ 'jobs-start': [started] });
    const given = { job: 'reads', tenants: ['group:gold'], parameters: { days: 3 }, window: 'w' };
    expect((await run('start_job', given, asked)).data).toEqual({ runId: 'reads@w', status: 'pending' });
    const { job, ...body } = given;
    expect(asked.asked).toEqual([{ route: 'jobs-start', path: { job }, body }]);
  });

  it.each(['writes', 'manages', 'mails', 'declares-nothing'])('refuses the job %s', async (job) => {
    const asked = scriptedAsk({ 'jobs-start': [started] });
    const { isError, notes } = await run('start_job', { job }, asked);
    expect([isError, notes]).toEqual([true, [expect.stringMatching(/^Refused: an agent may start only jobs/)]]);
    expect(asked.asked).toEqual([]);
  });

  it('refuses to start a job that makes plans, and says what makes one', async () => {
    const asked = scriptedAsk({ 'jobs-start': [started] });
    const { isError, notes } = await run('start_job', { job: 'plans' }, asked);
    expect([isError, notes]).toEqual([true, [expect.stringContaining('plan_change')]]);
    expect(asked.asked).toEqual([]);
  });

  it('leaves an unknown job to the route', async () => {
    const asked = scriptedAsk({ 'jobs-start': [started] });
    await run('start_job', { job: 'nope' }, asked);
    expect(asked.asked).toHaveLength(1);
  });

  it('lists which ones may be started, and which ones planned', async () => {
    const jobs = registry.list().map(({ name, title, resources, permissions, timeoutSeconds }) => {
      const parameters = { type: 'object', properties: {}, additionalProperties: false };
      return { name, title, resources, permissions, timeoutSeconds, parameters };
    });
    const { data } = await run('list_jobs', {}, scriptedAsk({ jobs: [{ jobs }] }));
    const { jobs: shown } = data as { jobs: { name: string; startable: boolean; plannable: boolean }[] };
    expect(shown.filter(({ startable }) => startable).map(({ name }) => name)).toEqual(['reads']);
    expect(shown.filter(({ plannable }) => plannable).map(({ name }) => name)).toEqual(['plans']);
  });
});

describe('plans', () => {
  const change = { action: 'update', target: '/p', before: '{"a":1}', after: '{"a":2}', undo: 'yes', tenants: 24 };
  const plan = {
    planId: 'plans@w',
    job: 'plans',
    title: 'Plans',
    status: 'completed',
    tenants: { total: 25, succeeded: 24, failed: 1, skipped: 0, notAttempted: 0 },
    madeAt: '2026-11-24T05:00:00.000Z',
    madeBy: 'app',
    digest: 'd',
    changedTenants: 24,
    changes: 24,
    irreversible: 0,
    groups: [change],
    more: false,
  };

  it('are made by the route for plans, and by no other', async () => {
    const asked = scriptedAsk({ 'plans-make': [{ runId: 'plans@w', status: 'pending', location: '/x' }] });
    const given = {
      job: 'plans',
      tenants: ['group:gold'],
      except: ['tag:trial'],
      parameters: { days: 3 },
      window: 'w',
    };
    expect((await run('plan_change', given, asked)).data).toEqual({ planId: 'plans@w', status: 'pending' });
    const { job, ...body } = given;
    expect(asked.asked).toEqual([{ route: 'plans-make', path: { job }, body }]);
  });

  it('are shown with their changes, the tenants that failed, and what became of them', async () => {
    const runId = 'plans@apply-0b8f1c2d3e4f50617283940a1b2c3d4e';
    const hold = { code: 'apply_held', detail: '1 tenant failed; 0 may.' };
    const apply = { runId, status: 'running', wave: 1, waves: [3, 21], waits: true, outcomes: { refused: 1 } };
    const asked = scriptedAsk({
      'plans-show': [{ ...plan, apply: { ...apply, tenants: plan.tenants, hold: { ...hold, at: plan.madeAt } } }],
    });
    const { data, notes } = await run('show_plan', { planId: 'plans@w' }, asked);
    expect(asked.asked).toEqual([{ route: 'plans-show', path: { planId: 'plans@w' } }]);
    expect(notes).toEqual([]);
    const shown = { failedTenants: 1, groups: [change], groupsLeftOff: 0, apply: { ...apply, hold } };
    expect(data).toMatchObject({ planId: 'plans@w', changes: 24, irreversible: 0, ...shown });
    expect(toolOf('show_plan').about?.({ planId: 'plans@w' })).toEqual({ run: 'plans@w' });
  });

  it('with more than fits say where every change is', async () => {
    const groups = Array.from({ length: 200 }, () => ({ ...change, before: 'x'.repeat(1_000) }));
    const { data, notes } = await run(
      'show_plan',
      { planId: 'p@w' },
      scriptedAsk({ 'plans-show': [{ ...plan, groups }] }),
    );
    expect(notes).toEqual([expect.stringContaining('read_rows')]);
    const { groups: shown, groupsLeftOff } = data as { groups: unknown[]; groupsLeftOff: number };
    expect(shown.length + groupsLeftOff).toBe(200);
    expect(groupsLeftOff).toBeGreaterThan(100);
    const short = await run('show_plan', { planId: 'p@w' }, scriptedAsk({ 'plans-show': [{ ...plan, more: true }] }));
    expect(short.notes).toHaveLength(1);
  });
});

const summary = {
  runId: 'reads@w',
  job: 'reads',
  window: 'w',
  status: 'completed',
  outcome: 'partly_failed',
  tenants: { total: 3, succeeded: 1, failed: 2, skipped: 0, notAttempted: 0 },
  startedBy: 'app',
  startedAt: '2026-11-24T05:00:00.000Z',
  durationMs: 5,
  warnings: [],
};

describe('runs', () => {
  it('lists runs, with the name of a person', async () => {
    const asked = scriptedAsk({
      runs: [{ runs: [{ ...summary, starter: { objectId: 'o', name: 'ada@x' } }, summary] }],
    });
    const { data } = await run('list_runs', { job: 'reads', limit: 2 }, asked);
    expect(asked.asked).toEqual([{ route: 'runs', query: { job: 'reads', limit: '2' } }]);
    const { runs } = data as { runs: { startedBy: string }[] };
    expect(runs.map(({ startedBy }) => startedBy)).toEqual(['ada@x', 'app']);
  });

  it('lists 50 queries with long paths, which it shortens', async () => {
    const query = { ...summary, job: 'query', query: `/v1.0/${'x'.repeat(3_900)}` };
    const runs = Array.from({ length: 50 }, () => query);
    const { data, notes } = await run('list_runs', { limit: 50 }, scriptedAsk({ runs: [{ runs }] }));
    expect(data).toMatchObject({ runsLeftOff: 0 });
    expect((data as { runs: object[] }).runs).toHaveLength(50);
    expect(notes).toEqual([]);
  });

  it('says how many runs it leaves off', async () => {
    const runs = Array.from({ length: 50 }, () => ({ ...summary, startedBy: 'x'.repeat(2_000) }));
    const { data, notes } = await run('list_runs', { limit: 50 }, scriptedAsk({ runs: [{ runs }] }));
    const { runs: shown, runsLeftOff } = data as { runs: object[]; runsLeftOff: number };
    expect([shown.length + runsLeftOff, runsLeftOff > 20]).toEqual([50, true]);
    expect(notes).toEqual([`${runsLeftOff} older runs are not shown. Name a job to see its runs alone.`]);
  });

  it('says how many warnings of a run it leaves off', async () => {
    const warnings = Array.from({ length: 1_000 }, (_, index) => `Warning ${index}`);
    const shown = { ...summary, warnings, progress: { done: 3, retrying: 0, total: 3 }, failures: [] };
    const { data, notes } = await run('read_run', { runId: 'reads@w' }, scriptedAsk({ 'runs-show': [shown] }));
    const { warnings: kept, warningsLeftOff } = data as { warnings: string[]; warningsLeftOff: number };
    expect(kept.length + warningsLeftOff).toBe(1_000);
    expect(notes).toEqual([`${warningsLeftOff} more warnings are not shown.`]);
  });

  it('shows why a run was stopped, and nothing of that for another run', async () => {
    const stoppedBy = {
      code: 'credential_revoked',
      title: 'Revoked',
      detail: 'Sign in.',
      advice: 'x',
      scope: 'credential',
    };
    const shown = { ...summary, progress: { done: 3, retrying: 0, total: 3 }, failures: [] };
    const stopped = scriptedAsk({ 'runs-show': [{ ...shown, stoppedBy }] });
    const { data, notes } = await run('read_run', { runId: 'reads@w' }, stopped);
    const { code, title, detail } = stoppedBy;
    expect([data, notes]).toMatchObject([{ stoppedBy: { code, title, detail }, cutTenants: 0 }, []]);
    expect((data as { stoppedBy: object }).stoppedBy).toEqual({ code, title, detail });
    const other = await run('read_run', { runId: 'reads@w' }, scriptedAsk({ 'runs-show': [shown] }));
    expect(other.data).not.toHaveProperty('stoppedBy');
  });

  it.each([
    [
      'failure',
      { failures: [{ tenantId: 't', name: 'n', code: 'c', title: 't', advice: 'a', detail: 'x'.repeat(50_000) }] },
    ],
    ['warning', { warnings: ['x'.repeat(50_000)] }],
  ])('says that it has cut a long %s', async (_what, more) => {
    const shown = { ...summary, progress: { done: 3, retrying: 0, total: 3 }, failures: [], ...more };
    const { notes } = await run('read_run', { runId: 'reads@w' }, scriptedAsk({ 'runs-show': [shown] }));
    expect(notes).toEqual([expect.stringContaining('was too large')]);
  });

  it('shows a run with the failures that fit', async () => {
    const failures = Array.from({ length: 3_000 }, (_, index) => ({
      tenantId: `t${index}`,
      name: `Customer ${index}`,
      code: 'consent_required',
      title: 'No consent',
      advice: 'Ask for consent.',
      detail: 'AADSTS65001',
    }));
    const shown = { ...summary, progress: { done: 3, retrying: 0, total: 3 }, failures };
    const { data, notes } = await run('read_run', { runId: 'reads@w' }, scriptedAsk({ 'runs-show': [shown] }));
    const run_ = data as { failures: unknown[]; failuresLeftOff: number };
    expect(run_.failures).toEqual(failures.slice(0, run_.failures.length));
    expect(run_.failures.length + run_.failuresLeftOff).toBe(3_000);
    expect(run_.failures.length).toBeGreaterThan(20);
    expect(notes).toEqual([`${run_.failuresLeftOff} more failed tenants are not shown.`]);
  });

  const ended = { ...summary, progress: { done: 3, retrying: 0, total: 3 }, failures: [] };
  const rows = Array.from({ length: 400 }, (_, index) => ({ tenantId: 't', index, text: 'x'.repeat(300) }));

  it.each([
    ['completed', 'plan', 'p'],
    ['running', 'arrival', 'a'],
    ['pending', 'arrival', 'a'],
  ])('reads the rows of a run that is %s in the order %s, and goes on in it', async (status, order, letter) => {
    const asked = scriptedAsk({
      'runs-show': [{ ...ended, status }],
      'runs-results': [{ rows: rows.slice(0, 2), continuation: 'x.y' }],
    });
    const { data } = await run('read_rows', { runId: 'reads@w', limit: 2 }, asked);
    expect(data).toEqual({ rows: rows.slice(0, 2), continuation: `${letter}.x.y` });
    await run('read_rows', { runId: 'reads@w', continuation: `${letter}.x.y` }, asked);
    const queries = asked.asked.filter(({ route }) => route === 'runs-results').map(({ query }) => query);
    expect(queries).toEqual([
      { format: 'json', order, limit: '2', continuation: undefined },
      { format: 'json', order, limit: '100', continuation: 'x.y' },
    ]);
  });

  it('asks again for as many rows as fit, and returns the rows of that page', async () => {
    const asked = scriptedAsk({
      'runs-results': [
        { rows, continuation: 'after 400' },
        { rows: rows.slice(1, 6), continuation: 'after fewer' },
      ],
    });
    const { data } = await run('read_rows', { runId: 'reads@w', limit: 400, continuation: 'p.c' }, asked);
    expect(data).toEqual({ rows: rows.slice(1, 6), continuation: 'p.after fewer' });
    const limits = asked.asked.map(({ query }) => Number(query?.['limit']));
    expect(limits[0]).toBe(400);
    expect(sizeOf(rows.slice(0, limits[1]))).toBeLessThanOrEqual(maxDataBytes);
    expect(limits[1]).toBeGreaterThan(100);
  });

  it('cuts a row that does not fit alone', async () => {
    const huge = { tenantId: 't', text: 'y'.repeat(100_000) };
    const asked = scriptedAsk({
      'runs-results': [
        { rows: [huge, huge], continuation: 'b' },
        { rows: [huge], continuation: 'a' },
      ],
    });
    const { data, notes } = await run('read_rows', { runId: 'r', continuation: 'p.c' }, asked);
    expect(data).toEqual({ rows: [{ tenantId: 't', text: `${'y'.repeat(300)}… [cut]` }], continuation: 'p.a' });
    expect(notes?.[0]).toMatch(/was too large/);
    expect(asked.asked.map(({ query }) => query?.['limit'])).toEqual(['100', '1']);
  });

  it('keeps the tenant of a row with too many properties', async () => {
    const properties = Array.from({ length: 4_000 }, (_, index) => [`p${index}`, 'v'.repeat(20)]);
    const wide = { tenantId: 't', tenantName: 'Contoso', ...Object.fromEntries(properties) };
    const asked = scriptedAsk({ 'runs-results': [{ rows: [wide], continuation: 'a' }] });
    const { data, notes } = await run('read_rows', { runId: 'r', continuation: 'p.c' }, asked);
    expect(data).toMatchObject({ rows: [{ tenantId: 't', tenantName: 'Contoso', p0: 'v'.repeat(20) }] });
    expect(notes?.[0]).toMatch(/was too large/);
  });

  it.each(['x.y', 'ppp', 'pay', 'plan'])('refuses the continuation %j', async (continuation) => {
    await expect(run('read_rows', { runId: 'r', continuation }, scriptedAsk({}))).rejects.toThrow(/none of an earlier/);
  });

  it('returns the last page without a continuation', async () => {
    const asked = scriptedAsk({ 'runs-show': [ended], 'runs-results': [{ rows: [] }] });
    const { data, notes } = await run('read_rows', { runId: 'r' }, asked);
    expect([data, notes]).toEqual([{ rows: [], cutTenants: 0 }, []]);
  });
});

describe('tenants of a query with more rows', () => {
  const runId = 'query@manual-1';
  const ended = { ...summary, runId, job: 'query', progress: { done: 3, retrying: 0, total: 3 }, failures: [] };
  const asked = (next: object = {}) =>
    scriptedAsk({
      'queries-start': [{ runId, status: 'pending', location: '/x' }],
      'runs-show': [ended],
      'runs-tenants': [{ runId, status: 'completed', tenants: [{ more: true }, {}, { more: true }], codes: [] }],
      'runs-results': [{ rows: [{ tenantId: 't' }], ...next }],
    });
  const note = expect.stringMatching(
    /^The rows are not all: Microsoft Graph has more in 2 tenants\. Ask with allPages/,
  );

  it.each([
    ['query_tenants', { path: '/v1.0/users' }],
    ['read_run', { runId }],
    ['read_rows', { runId }],
  ])('are counted by %s', async (name, given) => {
    const script = asked();
    const { data, notes } = await run(name, given, script);
    expect(data).toMatchObject({ cutTenants: 2 });
    expect(notes?.[0]).toEqual(note);
    expect(script.asked).toContainEqual({ route: 'runs-tenants', path: { runId }, query: { outcome: 'succeeded' } });
  });

  it('are one tenant, or none', async () => {
    const of = async (tenants: object[]) => {
      const answers = { 'runs-show': [ended], 'runs-tenants': [{ runId, status: 'completed', tenants, codes: [] }] };
      return (await run('read_run', { runId }, scriptedAsk(answers))).notes;
    };
    expect(await of([{ more: true }])).toEqual([expect.stringContaining('has more in 1 tenant. Ask with allPages')]);
    expect(await of([{}])).toEqual([]);
  });

  it('are counted on the last page of rows only', async () => {
    const script = asked({ continuation: 'c' });
    const { data } = await run('read_rows', { runId }, script);
    expect(data).not.toHaveProperty('cutTenants');
    expect(script.asked.map(({ route }) => route)).not.toContain('runs-tenants');
  });
});

describe('query_tenants', () => {
  const started = { runId: 'query@manual-1', status: 'pending', location: '/x' };
  const seen = (status: string, done: number, failed = 0) => ({
    ...summary,
    runId: 'query@manual-1',
    job: 'query',
    query: '/v1.0/users',
    status,
    tenants: { ...summary.tenants, failed },
    progress: { done, retrying: 0, total: 3 },
    failures: [],
  });
  const noCuts = { runId: 'query@manual-1', status: 'completed', tenants: [{}], codes: [] };
  const given = { path: '/v1.0/users', select: ['id'], tenants: ['group:gold'], except: ['a.example'], allPages: true };

  it('starts a query with the name of the client, waits for its end and returns the first rows', async () => {
    const clock = new FakeClock(0);
    const asked = scriptedAsk({
      'queries-start': [started],
      'runs-show': [seen('running', 1), seen('running', 2), seen('completed', 3, 1)],
      'runs-tenants': [noCuts],
      'runs-results': [{ rows: [{ tenantId: 't', id: 1 }], continuation: 'c' }],
    });
    const running = run('query_tenants', { ...given, limit: 1 }, asked, clock);
    for (let tick = 0; tick < 5; tick += 1) await clock.advance(1_000);
    const { data, notes } = await running;
    expect(asked.asked[0]).toEqual({ route: 'queries-start', headers: { 'user-agent': 'agent ? 1' }, body: given });
    expect(data).toEqual({
      runId: 'query@manual-1',
      status: 'completed',
      progress: { done: 3, retrying: 0, total: 3 },
      failed: 1,
      cutTenants: 0,
      rows: [{ tenantId: 't', id: 1 }],
      continuation: 'p.c',
    });
    expect(notes).toEqual([
      'For more rows, call read_rows with runId and continuation.',
      '1 tenant failed: read_run says why.',
    ]);
    expect(clock.nowMs()).toBe(5_000);
  });

  it('returns what is there after the wait', async () => {
    const clock = new FakeClock(0);
    const asked = scriptedAsk({
      'queries-start': [started],
      'runs-show': [seen('running', 1)],
      'runs-tenants': [noCuts],
      'runs-results': [{ rows: [], continuation: 'c' }],
    });
    const running = run('query_tenants', { ...given, waitSeconds: 2 }, asked, clock);
    for (let tick = 0; tick < 3; tick += 1) await clock.advance(1_000);
    const { data, notes } = await running;
    expect(data).toMatchObject({ status: 'running', rows: [], continuation: 'a.c' });
    expect(notes?.[0]).toBe('The run has not ended: more rows follow.');
    expect(asked.asked.filter(({ route }) => route === 'runs-show')).toHaveLength(4);
  });

  it('starts nothing else than a query', async () => {
    const { input } = toolOf('query_tenants');
    for (const extra of [{ method: 'PATCH' }, { body: {} }, { job: 'x' }, { check: true }, { waitSeconds: 600 }])
      expect(input.safeParse({ ...given, ...extra }).success).toBe(false);
  });
});
