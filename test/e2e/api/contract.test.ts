import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addFault, clearFaults } from 'microsoft-cloud/client';
import type { Demo } from '../../../src/cli/demo/start-demo.ts';
import { runTimer, startQuietDemo, tenantOf, tokenOfCaller } from '../../support/running-demo.ts';
import { exampleTenantId } from '../../../src/lib/api/examples.ts';
import { verifyExtract } from '../../../src/lib/audit/proof/verify-extract.ts';
import { isOpen } from '../../../src/lib/api/route.ts';
import { routes } from '../../../tools/docs/declared-routes.ts';
import { readExposition } from '../../support/read-exposition.ts';
import { createVisitor, successesOfApprovals, successesOfPlans, type Visitor } from './visitor.ts';
import { invalidRequests } from './invalid-requests.ts';

// Compares every answer of the running app with the OpenAPI document that it serves: status, media type, schema, code.

/** Enough for one tenant in each state. */
const tenants = 25;
let demo: Demo;
let visitor: Visitor;
let token: string;
let tenant: string;

beforeAll(async () => {
  demo = await startQuietDemo(tenants);
  visitor = await createVisitor(demo.url);
  token = await demo.callerToken();
  tenant = tenantOf(demo, 'ok').tenantId;
});

afterAll(async () => {
  await demo?.stop();
});

const guarded = routes.filter(({ access }) => !isOpen(access));
/** A request without effect that suits every route. */
const harmless = { path: { job: 'none', runId: 'none@none' }, body: undefined };

async function ended(runId: string): Promise<Readonly<Record<string, unknown>>> {
  for (;;) {
    const { body } = await visitor.visit('runs-show', { path: { runId }, token });
    if (body['finishedAt'] !== undefined) return body;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

describe('access control', () => {
  it.each(guarded)('$name rejects a request without a valid token', async ({ name }) => {
    expect((await visitor.visit(name, harmless)).code).toBe('caller_unauthenticated');
    const { status, headers } = await visitor.visit(name, { ...harmless, token: 'e30.e30.e30' });
    expect([status, headers.get('www-authenticate')]).toEqual([
      401,
      name === 'mcp' ? expect.stringMatching(/^Bearer resource_metadata=/) : 'Bearer',
    ]);
  });

  it.each(guarded)('$name rejects a caller without the role $access', async ({ name, access }) => {
    const others = demo.cloud.brokerApplication.callers.filter(
      ({ roles }) => ![access].flat().some((role) => roles.includes(role)),
    );
    expect(others.length).toBeGreaterThan(0);
    for (const { roles } of others) {
      const answer = await visitor.visit(name, { ...harmless, token: await tokenOfCaller(demo, roles) });
      expect([answer.status, answer.code]).toEqual([403, 'caller_forbidden']);
    }
  });

  it('returns the correlation id of the request if it is a GUID', async () => {
    const correlationId = '2c1e7c57-58a5-4d8e-9d0b-7a0e5b1f4c33';
    const returned = async (id: string) =>
      (await visitor.visit('jobs', { token, headers: { 'x-correlation-id': id } })).headers.get('x-correlation-id');
    expect(await returned(correlationId)).toBe(correlationId);
    expect(await returned('<script>')).not.toContain('script');
  });
});

describe('POST /api/tokens', () => {
  it('issues a token that must not be stored', async () => {
    const { status, headers, body } = await visitor.visit('tokens', { token, body: { tenant, resource: 'graph' } });
    expect(status).toBe(200);
    expect(headers.get('cache-control')).toBe('no-store');
    expect(body).toMatchObject({ tokenType: 'Bearer', tenantId: tenant, resource: 'graph', grant: 'delegated' });
  });

  it.each(invalidRequests)('answers %j with %i %s', async (body, status, code) => {
    const answer = await visitor.visit('tokens', { token, ...(body === undefined ? {} : { body }) });
    expect([answer.status, answer.code]).toEqual([status, code]);
  });

  it.each([
    ['no_consent', 'consent_required'],
    ['conditional_access', 'blocked_by_policy'],
    ['gdap_expired', 'tenant_not_delegated'],
    ['deleted', 'tenant_unknown'],
  ])('answers for a tenant in the state %s with %s', async (state, code) => {
    const answer = await visitor.visit('tokens', {
      token,
      body: { tenant: tenantOf(demo, state).tenantId, resource: 'graph' },
    });
    expect(answer.code).toBe(code);
  });

  it('sends Retry-After while Entra throttles', async () => {
    const other = demo.cloud.tenants.filter(({ state }) => state === 'ok')[1]?.tenantId ?? '';
    await addFault(demo.cloud.control, {
      service: 'entra',
      tenantId: other,
      status: 429,
      headers: { 'retry-after': '7' },
    });
    const answer = await visitor.visit('tokens', { token, body: { tenant: other, resource: 'arm' } });
    expect([answer.status, answer.code]).toEqual([503, 'throttled']);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    await clearFaults(demo.cloud.control);
  });
});

describe('the gateway', () => {
  it('returns the answer of the resource, or a problem', async () => {
    const path = { tenant, resource: 'graph', path: 'v1.0/users' };
    const read = await visitor.visit('gateway', { token, path, query: { $top: '1' } });
    expect([read.status, read.headers.get('cache-control')]).toEqual([200, 'no-store']);
    expect(read.body['value']).toHaveLength(1);
    const refused = await visitor.visit('gateway', { token, path, query: { $top: 'x' } });
    expect([refused.status, refused.code]).toEqual([400, 'request_invalid']);
  });
});

describe('queries', () => {
  const ask = (body: unknown) => visitor.visit('queries-start', { token, body });

  it('are checked, started and read while they run', async () => {
    const query = { path: '/users', select: ['id', 'assignedLicenses'], tenants: [tenant] };
    const checked = await ask({ ...query, check: true });
    expect([checked.status, checked.body['tenants']]).toEqual([200, { chosen: 1, open: 1 }]);
    const started = await ask(query);
    expect(started.status).toBe(202);
    const runId = String(started.body['runId']);
    expect(await ended(runId)).toMatchObject({ job: 'query', query: '/v1.0/users?$select=id,assignedLicenses' });
    for (const order of ['plan', 'arrival']) {
      const { status, body } = await visitor.visit('runs-results', { path: { runId }, query: { order }, token });
      expect([status, (body['rows'] as object[]).length > 0]).toEqual([200, true]);
    }
  });

  it.each([
    [{}, 'request_invalid'],
    [{ path: '' }, 'request_invalid'],
    [{ path: '/users', select: [] }, 'request_invalid'],
    [{ path: '/users', headers: {} }, 'request_invalid'],
    [{ path: 'https://evil.example/users' }, 'request_invalid'],
    [{ path: '/users/a%2fb' }, 'request_invalid'],
    [{ path: '/users', tenants: ['group:none'] }, 'request_invalid'],
    [{ path: '/users', tenants: ['nobody.example'] }, 'tenant_unknown'],
    [{ path: '/me' }, 'caller_forbidden'],
    ['x'.repeat(530_000), 'request_too_large'],
  ])('do not start with %#', async (body, code) => {
    expect((await ask(body)).code).toBe(code);
  });
});

describe('jobs and runs', () => {
  const window = 'contract-1';
  const runId = `licence-report@${window}`;

  it('start, show, list, export, rerun, compare and cancel runs', async () => {
    expect((await visitor.visit('jobs', { token })).body['jobs']).not.toEqual([]);
    const path = { job: 'licence-report' };
    const started = await visitor.visit('jobs-start', { path, token, body: { window } });
    expect([started.status, started.headers.get('location')]).toEqual([202, `/api/runs/${encodeURIComponent(runId)}`]);
    expect((await visitor.visit('jobs-start', { path, token, body: { window } })).code).toBe('run_conflict');
    expect((await visitor.visit('runs-tenants', { path: { runId }, token })).status).toBe(200);

    expect(await ended(runId)).toMatchObject({ status: 'completed', tenants: { total: tenants } });
    const { body } = await visitor.visit('runs-tenants', { path: { runId }, token });
    expect(body['tenants']).toHaveLength(tenants);
    const [{ tenantId = '' } = {}] = body['tenants'] as { tenantId?: string }[];
    const one = await visitor.visit('runs-tenant', { path: { runId, tenantId }, token });
    expect([one.status, one.body['tenantId']]).toEqual([200, tenantId]);
    const failed = await visitor.visit('runs-tenants', { path: { runId }, query: { outcome: 'failed' }, token });
    expect(failed.body['codes']).not.toEqual([]);
    expect(
      (await visitor.visit('runs', { query: { job: 'licence-report', limit: '5' }, token })).body['runs'],
    ).toHaveLength(1);

    for (const format of ['json', 'jsonl', 'csv']) {
      const rows = await visitor.visit('runs-results', { path: { runId }, query: { format }, token });
      expect([rows.status, rows.headers.get('content-disposition')]).toEqual([
        200,
        expect.stringContaining(`.${format}"`),
      ]);
      expect(rows.text.trim().split('\n').length).toBeGreaterThan(5);
    }

    const again = await visitor.visit('runs-rerun', { path: { runId }, token });
    expect(again.status).toBe(202);
    await ended(String(again.body['runId']));
    const second = await visitor.visit('jobs-start', { path, token, body: {} });
    await ended(String(second.body['runId']));
    const changes = await visitor.visit('runs-changes', { path: { runId: String(second.body['runId']) }, token });
    expect(changes.body).toMatchObject({ comparedWith: runId });
    const cancelled = await visitor.visit('runs-cancel', { path: { runId }, token });
    expect(cancelled.body).toEqual({ runId, status: 'completed', cancelRequested: false });
    await history(String(second.body['runId']), String(again.body['runId']));
  });

  /** The history of the runs that the test above made. */
  async function history(second: string, rerun: string): Promise<void> {
    const all = await visitor.visit('jobs-history', { path: { job: 'licence-report' }, token });
    const runs = all.body['runs'] as Record<string, unknown>[];
    expect(runs).toMatchObject([
      { runId: second, scope: 'all', tenants: { total: tenants }, numbers: { free: expect.any(Number) } },
      { runId: rerun, scope: 'selected' },
      { runId, scope: 'all', tenants: { total: tenants } },
    ]);
    const { values } = all.body['split'] as { values: string[] };
    const [value = ''] = values;
    const part = await visitor.visit('jobs-history', { path: { job: 'licence-report' }, query: { value }, token });
    const [first = {}] = part.body['runs'] as Record<string, unknown>[];
    expect(first['rows']).toBeGreaterThan(0);
    expect(first['rows']).toBeLessThan(Number(runs[0]?.['rows']));
    const query = { tenants: tenant, since: '2020-01-01' };
    const some = await visitor.visit('jobs-history', { path: { job: 'licence-report' }, query, token });
    const ofOne = { job: 'licence-report' };
    const one = await visitor.visit('tenants-history', { path: { tenant }, query: ofOne, token });
    expect(one.body['runs']).toMatchObject([{ runId: second, outcome: 'succeeded' }, { runId }]);
    const numbers = (body: Readonly<Record<string, unknown>>) =>
      (body['runs'] as { numbers?: unknown }[]).map((each) => each.numbers);
    expect(numbers(some.body)).toEqual(numbers(one.body));
    const failed = tenantOf(demo, 'no_consent').tenantId;
    const missing = await visitor.visit('tenants-history', { path: { tenant: failed }, query: ofOne, token });
    for (const point of missing.body['runs'] as object[]) expect(point).not.toHaveProperty('numbers');
    const ask = async (name: string, path: Record<string, string>, query: Record<string, string>) =>
      (await visitor.visit(name, { path, query, token })).code;
    expect(await ask('jobs-history', { job: 'none' }, {})).toBe('job_unknown');
    expect(await ask('tenants-history', { tenant }, { job: 'none' })).toBe('job_unknown');
    expect(await ask('tenants-history', { tenant: 'nobody.example' }, ofOne)).toBe('tenant_unknown');
    expect(await ask('tenants-history', { tenant: 'no tenant' }, ofOne)).toBe('request_invalid');
  }

  it.each(['runs-show', 'runs-tenants', 'runs-results', 'runs-changes', 'runs-rerun', 'runs-cancel'])(
    '%s answers run_not_found for an unknown run id',
    async (name) => {
      for (const runId of ['licence-report@none', "x' or PartitionKey ne '", '%2e%2e', 'a'.repeat(300)]) {
        expect((await visitor.visit(name, { path: { runId }, token })).code).toBe('run_not_found');
      }
    },
  );

  it.each([
    ['runs', {}, { limit: '0' }],
    ['runs', {}, { jobs: 'x' }],
    ['runs-results', { runId }, { format: 'xlsx' }],
    ['runs-results', { runId }, { order: 'random' }],
    ['runs-results', { runId }, { order: 'arrival', format: 'csv' }],
    ['runs-tenants', { runId }, { outcome: 'good' }],
    ['jobs-history', { job: 'licence-report' }, { since: 'yesterday' }],
    ['jobs-history', { job: 'licence-report' }, { since: '2026-11-25', until: '2026-11-24' }],
    ['jobs-history', { job: 'licence-report' }, { column: 'free' }],
    ['tenants-history', { tenant: 'contoso.com' }, {}],
    ['audit', {}, { from: 'yesterday' }],
    ['audit', {}, { from: '2026-11-25', to: '2026-11-24' }],
    ['audit', {}, { caller: 'me' }],
    ['audit', {}, { outcome: 'refused' }],
    ['audit', {}, { continuation: 'x' }],
    ['audit-records', {}, { from: '2026-11-25', to: '2026-11-24' }],
    ['audit-records', {}, { continuation: 'x' }],
    ['audit-checkpoints', {}, { from: 'yesterday' }],
    ['audit-checkpoints', {}, { continuation: 'x' }],
    ['audit-extract', {}, { tenant: 'contoso.com', since: '2026-11-25', until: '2026-11-24' }],
    ['audit-extract', {}, { tenant: 'no tenant', since: '2026-11-24', until: '2026-11-25' }],
    ['audit-extract', {}, { since: '2026-11-24', until: '2026-11-25' }],
    ['audit-extract', {}, { tenant: exampleTenantId, since: '2026-11-24', until: '2026-11-25', withhold: 'a,b' }],
    ['audit-heads', {}, { from: 'yesterday' }],
    ['audit-heads', {}, { continuation: 'x' }],
  ])('%s answers %j %j with request_invalid', async (name, path, query) => {
    expect((await visitor.visit(name, { path, query, token })).code).toBe('request_invalid');
  });

  it('reject unknown jobs, unknown tenants, and invalid windows and bodies', async () => {
    const start = async (job: string, body: unknown) =>
      (await visitor.visit('jobs-start', { path: { job }, token, body })).code;
    expect(await start('nothing', {})).toBe('job_unknown');
    expect(await start('access-check', { tenants: ['nobody.example'] })).toBe('tenant_unknown');
    expect(await start('access-check', { window: '../x' })).toBe('request_invalid');
    expect(await start('access-check', { window: '2026-11-24T05:00Z' })).toBe('request_invalid');
    // As many tenants as the schema allows: the size limit of the body must allow them too.
    const many = Array.from({ length: 5_000 }, (_, index) => `nobody-${index}.some-customer-with-a-name.example`);
    expect(await start('access-check', { tenants: many })).toBe('tenant_unknown');
    expect(await start('access-check', 'x'.repeat(530_000))).toBe('request_too_large');
  });
});

describe('other routes', () => {
  it('tenants returns every tenant with the last results of the jobs', async () => {
    const { body } = await visitor.visit('tenants', { token });
    const list = body['tenants'] as { tenantId: string; reachable: boolean; lastResults: { job: string }[] }[];
    expect(list).toHaveLength(tenants);
    expect(list.find(({ tenantId }) => tenantId === tenant)?.lastResults.map(({ job }) => job)).toEqual([
      'licence-report',
    ]);
  });

  it('tenants-show returns one tenant by id and by domain, with its results and what to do about failures', async () => {
    const known = tenantOf(demo, 'no_consent');
    const answers = await Promise.all(
      [known.tenantId, known.domain].map((reference) =>
        visitor.visit('tenants-show', { path: { tenant: reference }, token }),
      ),
    );
    for (const { body } of answers) {
      expect(body).toMatchObject({ tenantId: known.tenantId, reachable: true });
      expect((body['history'] as object[])[0]).toMatchObject({ job: 'licence-report', code: 'consent_required' });
      expect(JSON.stringify(body['codes'])).toContain(`ptb tenants consent --tenant ${known.tenantId}`);
    }
    const ask = async (reference: string) =>
      (await visitor.visit('tenants-show', { path: { tenant: reference }, token })).code;
    expect(await ask('nobody.example')).toBe('tenant_unknown');
    expect(await ask('6f9c1f0e-3b8a-4d59-9a51-5c2f3f1a7b10')).toBe('tenant_unknown');
    expect(await ask('no tenant')).toBe('request_invalid');
  });

  it('tenants-tag changes the tags of a tenant, which the list then shows and filters by', async () => {
    const put = (body: object) => visitor.visit('tenants-tag', { path: { tenant }, token, body });
    expect((await put({ add: ['Managed', 'threshold=30'] })).body).toEqual({
      tenantId: tenant,
      tags: ['managed', 'threshold=30'],
      added: ['managed', 'threshold=30'],
      removed: [],
    });
    expect((await put({ remove: ['threshold'] })).body).toMatchObject({ tags: ['managed'] });
    const list = async (query: Record<string, string>) =>
      (await visitor.visit('tenants', { query, token })).body['tenants'] as { tenantId: string; groups: string[] }[];
    expect(await list({ tenants: 'tag:managed' })).toMatchObject([{ tenantId: tenant, tags: ['managed'] }]);
    expect((await list({ tenants: 'group:managed' })).map(({ tenantId }) => tenantId)).toEqual([tenant]);
    expect(await list({ except: 'group:managed' })).toHaveLength(tenants - 1);
    const entries = (await visitor.visit('audit', { query: { kind: 'tags' }, token })).body['entries'];
    expect(entries).toMatchObject([
      { outcome: 'changed', tenantId: tenant, tagsAdded: [], tagsRemoved: ['threshold=30'] },
      { outcome: 'changed', tenantId: tenant, tagsAdded: ['managed', 'threshold=30'] },
    ]);
    expect((await put({ add: ['no good'] })).code).toBe('request_invalid');
    const unknown = { path: { tenant: '6f9c1f0e-3b8a-4d59-9a51-5c2f3f1a7b10' }, token, body: { add: ['a'] } };
    expect((await visitor.visit('tenants-tag', unknown)).code).toBe('tenant_unknown');
    expect((await visitor.visit('tenants', { query: { tenants: 'group:pilots' }, token })).code).toBe(
      'request_invalid',
    );
  });

  it('events and tenants-events return what has happened since the timer first looked', async () => {
    const look = () =>
      fetch(`${demo.url}/admin/functions/watch-tenants`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-functions-key': demo.masterKey ?? '' },
        body: '{}',
      });
    const told = async (query: Readonly<Record<string, string>> = {}) =>
      (await visitor.visit('events', { query, token })).body['events'] as { kind: string; sequence: number }[];
    expect((await look()).status).toBe(202);
    const tag = (name: string) => visitor.visit('tenants-tag', { path: { tenant }, token, body: { add: [name] } });
    await expect
      .poll(
        async () => {
          await tag(`n${Date.now()}`);
          await look();
          return (await told()).map(({ kind }) => kind)[0];
        },
        { interval: 500, timeout: 20_000 },
      )
      .toBe('tags_changed');
    const [newest] = await told({ limit: '1' });
    const place = newest?.sequence ?? 0;
    // A look that is under way may add some.
    for (const { sequence } of await told({ after: String(place) })) expect(sequence).toBeGreaterThan(place);
    expect((await told({ after: String(place - 1) })).map(({ sequence }) => sequence)).toContain(place);
    const one = await visitor.visit('tenants-events', { path: { tenant }, query: { kind: 'tags_changed' }, token });
    expect((one.body['events'] as object[])[0]).toMatchObject({ tenantId: tenant, kind: 'tags_changed' });
    const ask = async (reference: string) =>
      (await visitor.visit('tenants-events', { path: { tenant: reference }, token })).code;
    expect([await ask('nobody.example'), await ask('no tenant')]).toEqual(['tenant_unknown', 'request_invalid']);
    expect((await visitor.visit('events', { query: { kind: 'gone' }, token })).code).toBe('request_invalid');
  });

  it('audit returns issued and denied requests in pages', async () => {
    const first = await visitor.visit('audit', { query: { limit: '3' }, token });
    const continuation = String(first.body['continuation']);
    expect((await visitor.visit('audit', { query: { limit: '3', continuation }, token })).status).toBe(200);
    const outcomes = async (query: Record<string, string>) =>
      ((await visitor.visit('audit', { query, token })).body['entries'] as { outcome: string }[]).map((e) => e.outcome);
    expect(await outcomes({ tenant, from: '2020-01-01' })).not.toEqual([]);
    for (const outcome of ['issued', 'denied'])
      expect(new Set(await outcomes({ outcome }))).toEqual(new Set([outcome]));
    expect((await visitor.visit('audit', { query: { tenant: 'nobody.example' }, token })).code).toBe('tenant_unknown');
  });

  it('policy-replays says what another policy would decide otherwise, and what is used', async () => {
    const body = { policy: '{"version":1,"rules":[]}', since: '2020-01-01' };
    const { status, body: answer } = await visitor.visit('policy-replays', { token, body });
    expect([status, answer['others']]).toEqual([200, 0]);
    expect((answer['changes'] as { refused: number }).refused).toBeGreaterThan(0);
    expect(answer).toMatchObject({ use: { rules: expect.any(Array) as unknown } });
  });

  it('audit-records and audit-checkpoints return what an auditor verifies', async () => {
    const { body } = await visitor.visit('audit-records', { query: { from: '2020-01-01' }, token });
    const records = body['records'] as Record<string, unknown>[];
    expect(records.length).toBeGreaterThan(0);
    expect(records.filter(({ chain }) => !/^[0-9a-f-]{36}\.\d+\.\d+\./.test(String(chain)))).toEqual([]);
    expect((await visitor.visit('audit-checkpoints', { token })).status).toBe(200);
  });

  it('audit-extract returns the proof of one tenant, and audit-heads the heads of it to anyone', async () => {
    await visitor.visit('tokens', { token, body: { tenant, resource: 'graph' } });
    await runTimer(demo, 'checkpoint-audit');
    const heads = async () => (await visitor.visit('audit-heads')).body['heads'] as string[];
    await expect.poll(heads, { interval: 500 }).toHaveLength(1);
    const period = { since: '2020-01-01', until: new Date(Date.now() + 86_400_000).toISOString() };
    const extract = async (more: Readonly<Record<string, string>> = {}) => {
      const lines: unknown[] = [];
      let page: Readonly<Record<string, unknown>> = {};
      do {
        const { continuation } = page as { continuation?: string };
        const query = { tenant, ...period, ...more, ...(continuation && { continuation }) };
        page = (await visitor.visit('audit-extract', { query, token })).body;
        lines.push(...(page['lines'] as unknown[]));
      } while (page['continuation'] !== undefined);
      const texts = lines.map((line) => JSON.stringify(line));
      return verifyExtract(texts, { nowMs: Date.now(), heads: await heads() });
    };
    const { isProven, header, names, unsigned } = await extract();
    expect([isProven, header?.broker, header?.tenant]).toEqual([true, demo.cloud.partnerTenantId, tenant]);
    expect(names[tenant]).toBe(demo.cloud.tenants.find(({ tenantId }) => tenantId === tenant)?.name);
    const [known] = demo.cloud.brokerApplication.callers;
    expect(names[known?.clientId ?? '']).toBe(known?.name);
    // The records of this test are younger than the checkpoint.
    expect(unsigned).toBeGreaterThan(0);
    expect(await extract({ withhold: tenant })).toMatchObject({ isProven: true, records: 0, unsigned: 0 });
  });

  it('health returns the status to anyone and the report to a caller', async () => {
    expect((await visitor.visit('health')).body).toEqual({
      status: expect.stringMatching(/^(ok|degraded)$/) as string,
    });
    expect((await visitor.visit('health', { token })).body).toHaveProperty('applications');
    expect((await visitor.visit('health', { token: 'e30.e30.e30' })).code).toBe('caller_unauthenticated');
  });

  it('metrics are for a caller with that role alone, and follow the rules of the format', async () => {
    const { text, headers } = await visitor.visit('metrics', { token: await tokenOfCaller(demo, ['Metrics.Read']) });
    expect(headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    const families = new Map(readExposition(text).map(({ name, samples }) => [name, samples]));
    expect(families.get('ptb_tokens_total')?.map(({ labels }) => labels['outcome'])).toEqual(
      expect.arrayContaining(['issued', 'denied']),
    );
    expect(families.get('ptb_active_runs')?.map(({ labels }) => labels['job_name'])).toContain('licence-report');
    expect(text).toContain('ptb_redemption_duration_seconds_bucket{outcome="ok",le="+Inf"}');
    for (const { tenantId, domain, name } of demo.cloud.tenants) {
      expect(text).not.toContain(tenantId);
      expect(text).not.toContain(name);
      expect(text).not.toContain(domain);
    }
  });

  it.each([
    ['openapi', {}],
    ['docs', {}],
    ['dashboard', {}],
    ['assets', { file: 'dashboard.js' }],
    ['audit-heads', {}],
  ])('%s needs no token and supports revalidation', async (name, path) => {
    const { status, headers } = await visitor.visit(name, { path });
    expect(status).toBe(200);
    const again = await visitor.visit(name, { path, headers: { 'if-none-match': headers.get('etag') ?? '' } });
    expect([again.status, again.text]).toEqual([304, '']);
  });

  it('sign-in needs no token, and names the authority that the dashboard may send requests to', async () => {
    const { status, headers, body } = await visitor.visit('sign-in', {});
    expect([status, headers.get('cache-control')]).toEqual([200, 'no-store']);
    const { entra: entraEndpoint, partnerTenantId: tenantId, brokerApplication } = demo.cloud;
    const { signInClientId: clientId } = brokerApplication;
    expect(body).toEqual({
      entraEndpoint,
      tenantId,
      clientId,
      scope: `api://${brokerApplication.clientId}/access_as_user`,
    });
    const policyOf = async (name: string) =>
      (await visitor.visit(name, {})).headers.get('content-security-policy')?.split('; ');
    expect(await policyOf('dashboard')).toContain(`connect-src 'self' ${entraEndpoint}/${tenantId}/`);
    expect(await policyOf('docs')).toContain("connect-src 'self'");
  });

  it('mcp answers messages, and names the metadata that says where callers get tokens', async () => {
    const list = { jsonrpc: '2.0', id: 1, method: 'tools/list' };
    const { status, body } = await visitor.visit('mcp', { token, body: list });
    expect([status, Object.keys(body['result'] as object)]).toEqual([200, ['tools']]);
    const notification = { jsonrpc: '2.0', method: 'notifications/initialized' };
    expect((await visitor.visit('mcp', { token, body: notification })).status).toBe(202);
    expect((await visitor.visit('mcp', { token, body: [list] })).status).toBe(400);
    const refused = await visitor.visit('mcp', { token, body: list, headers: { origin: demo.url } });
    expect([refused.status, refused.code]).toEqual([403, 'caller_forbidden']);
    expect((await visitor.visit('mcp', { token, body: 'x'.repeat(70_000) })).code).toBe('request_too_large');
    const metadata = await visitor.visit('mcp-metadata', {});
    expect([metadata.status, metadata.body['resource']]).toEqual([200, `${demo.url}/api/mcp`]);
    const challenge = (await visitor.visit('mcp', { body: list })).headers.get('www-authenticate');
    const scope = `api://${demo.cloud.brokerApplication.clientId}/access_as_user`;
    expect(challenge).toBe(
      `Bearer resource_metadata="${demo.url}/api/.well-known/oauth-protected-resource", scope="${scope}"`,
    );
  });

  it.each(['none.js', 'dashboard.html', '../index.js', '..%2f..%2fhost.json', '.env', 'index.js'])(
    'assets answers not_found for %s',
    async (file) => {
      expect((await visitor.visit('assets', { path: { file } })).code).toBe('not_found');
    },
  );
});

it('the tests received every documented success', () => {
  const documented = routes.flatMap(({ name, answers }) =>
    answers.filter(({ status }) => status < 400).map(({ status }) => `${name} ${status}`),
  );
  const answers = [...visitor.seen.values()].reduce((sum, times) => sum + times, 0);
  console.log(`contract: ${routes.length} routes, ${answers} answers of ${visitor.seen.size} kinds, all as documented`);
  const elsewhere = new Set([...successesOfApprovals, ...successesOfPlans]);
  expect([...elsewhere].filter((kind) => !documented.includes(kind))).toEqual([]);
  expect(documented.filter((kind) => !visitor.seen.has(kind) && !elsewhere.has(kind))).toEqual([]);
});
