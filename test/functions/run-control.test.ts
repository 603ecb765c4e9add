import { HttpRequest } from '@azure/functions';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Services } from '../../src/composition.ts';
import type { BoundRoute } from '../../src/lib/api/call.ts';
import type { PolicyStore } from '../../src/lib/access/policy/policy-store.ts';
import { silentLogger } from '../../src/lib/core/log.ts';
import { fanOutName } from '../../src/lib/runs/engine/fan-out.ts';
import type { RunStatus, TenantRun } from '../../src/lib/runs/store/run.ts';
import { FakeClock } from '../fakes/fake-clock.ts';
import { FakeOrchestrations } from '../fakes/fake-orchestrations.ts';
import { MemoryRunLog, MemoryRunResults } from '../fakes/memory-run-log.ts';
import { MemoryTenantTags } from '../fakes/memory-tenant-tags.ts';
import { recordingLogger } from '../fakes/recording-logger.ts';
import { guid, tenant } from '../support/audit-entries.ts';
import { openPolicy } from '../support/open-policy.ts';

const contoso = { tenantId: tenant(1), name: 'Contoso' };
const fabrikam = { tenantId: tenant(2), name: 'Fabrikam' };
const nowMs = Date.parse('2026-11-24T10:00:00Z');
const runId = 'secret-expiry-report@first';

let routes: readonly BoundRoute<Services>[];
beforeAll(async () => {
  await import('../../src/functions/jobs.ts');
  await import('../../src/functions/run-actions.ts');
  routes = (await import('../../src/functions/route.ts')).boundRoutes();
});

async function stage(status: RunStatus = 'completed') {
  const log = new MemoryRunLog();
  const results = new MemoryRunResults();
  const [job = '', window = ''] = runId.split('@');
  await log.create({ runId, job, window, startedBy: 'timer', createdAtMs: nowMs - 1_000 }, { parameters: { days: 3 } });
  await log.change(runId, { status });
  const logger = recordingLogger();
  const orchestrations = new FakeOrchestrations();
  const tenantTags = new MemoryTenantTags({ [fabrikam.tenantId]: ['managed'] });
  const policy: PolicyStore = {
    current: async () => {
      const gold = [{ kind: 'id', tenantId: contoso.tenantId } as const];
      return { ...(await openPolicy.current()), policy: { rules: [], groups: new Map([['gold', gold]]) } };
    },
  };
  let made = 7;
  const customers = new Map([['contoso.com', contoso]]);
  const clock = new FakeClock(nowMs);
  const services = {
    callers: { policy },
    tenantTags,
    clock,
    log: silentLogger,
    newId: () => guid(made++),
    random: () => 0.5,
    directory: {
      find: async (reference: string) => customers.get(reference),
      list: async () => [contoso, fabrikam],
    },
    runs: { log, results },
    tuning: { batchSize: 10, groupSize: 5, inTurn: true, rounds: 1, retryDelaySeconds: 1 },
  } as unknown as Services;
  const call = (
    name: string,
    params: Record<string, string> = {},
    body?: object,
    { key, person = 2 }: { readonly key?: string; readonly person?: number } = {},
  ) => {
    const route = routes.find(({ definition }) => definition.name === name);
    const text = body === undefined ? {} : { body: { string: JSON.stringify(body) } };
    const caller = {
      applicationId: guid(1),
      objectId: guid(person),
      kind: 'application',
      roles: ['Runs.Read', 'Runs.Write'],
      tenantId: tenant(9),
      name: 'x',
    } as const;
    const { method } = route!.definition;
    const admitted = {
      request: new HttpRequest({
        method,
        url: 'http://localhost/api/x',
        params,
        ...text,
        ...(key === undefined ? {} : { headers: { 'Idempotency-Key': key } }),
      }),
      caller,
      correlationId: guid(3),
      log: logger.log,
      orchestrations,
    };
    return route!.answer(services, admitted);
  };
  return { call, log, results, orchestrations, logger, tenantTags, clock, customers };
}

describe('GET /api/jobs', () => {
  it('lists each job with its schedule and columns', async () => {
    const { call } = await stage();
    const { status, jsonBody } = await call('jobs');
    const { jobs } = jsonBody as { jobs: { name: string }[] };
    expect(status).toBe(200);
    expect(jobs.find(({ name }) => name === 'licence-report')).toMatchObject({
      schedule: '0 0 5 * * *',
      nextAt: '2026-11-25T05:00:00.000Z',
      resources: ['graph'],
      columns: expect.arrayContaining([{ name: 'licences', title: expect.any(String), type: 'number' }]) as unknown,
    });
  });

  it('describes the parameters of each job as JSON Schema', async () => {
    const { call } = await stage();
    const { jobs } = (await call('jobs')).jsonBody as { jobs: { name: string; parameters: object }[] };
    const parametersOf = (job: string) => jobs.find(({ name }) => name === job)?.parameters;
    expect(parametersOf('licence-report')).toEqual({ type: 'object', properties: {}, additionalProperties: false });
    expect(parametersOf('secret-expiry-report')).toMatchObject({
      properties: { days: { type: 'integer', default: 30, minimum: 0, maximum: 3650 } },
    });
  });

  it('leaves schedule and next time out for a job on demand', async () => {
    const { call } = await stage();
    const { jobs } = (await call('jobs')).jsonBody as { jobs: { name: string; schedule?: string; nextAt?: string }[] };
    for (const { schedule, nextAt } of jobs) expect(nextAt === undefined).toBe(schedule === undefined);
  });
});

describe('POST /api/jobs/{job}/runs', () => {
  it('starts a run of the caller over all tenants in a window of its own', async () => {
    const { call, log, orchestrations } = await stage();
    const started = `licence-report@manual-${guid(7)}`;
    const location = `/api/runs/${encodeURIComponent(started)}`;
    expect(await call('jobs-start', { job: 'licence-report' }, {})).toEqual({
      status: 202,
      headers: { location, 'retry-after': '2' },
      jsonBody: { runId: started, status: 'pending', location },
    });
    expect(orchestrations.started).toEqual([expect.objectContaining({ name: fanOutName, instanceId: started })]);
    expect(await log.find(started)).toMatchObject({
      startedBy: guid(1),
      starter: { objectId: guid(2) },
      scope: 'all',
      status: 'pending',
    });
    expect(await log.request(started)).toEqual({ parameters: {} });
  });

  it('starts a run over the named tenants, with window and parameters', async () => {
    const { call, log } = await stage();
    await call(
      'jobs-start',
      { job: 'secret-expiry-report' },
      {
        tenants: ['contoso.com'],
        window: 'w1',
        parameters: { days: 5 },
      },
    );
    expect(await log.request('secret-expiry-report@w1')).toEqual({
      parameters: { days: 5 },
      tenants: [contoso.tenantId],
    });
  });

  it.each([
    [{ tenants: ['tag:managed'] }, { choice: { tenants: ['tag:managed'] } }],
    [{ tenants: ['*'], except: ['group:gold'] }, { choice: { except: ['group:gold'] } }],
    [{ tenants: ['contoso.com', 'tag:managed'] }, { choice: { tenants: [contoso.tenantId, 'tag:managed'] } }],
    [
      { tenants: ['contoso.com'], except: ['tag:other'] },
      { tenants: [contoso.tenantId], choice: { except: ['tag:other'] } },
    ],
    [{ tenants: ['*'], except: [] }, {}],
  ])('keeps the groups and tags of %j for the plan', async (body, request) => {
    const { call, log } = await stage();
    await call('jobs-start', { job: 'licence-report' }, { ...body, window: 'w1' });
    expect(await log.request('licence-report@w1')).toEqual({ parameters: {}, ...request });
    const { asked } = (await log.find('licence-report@w1'))!;
    expect(asked).toEqual(
      'choice' in request ? { ...body, ...(body.tenants?.[0] === '*' && { tenants: undefined }) } : undefined,
    );
  });

  it.each([
    [
      { tenants: ['group:god'] },
      'request_invalid',
      'tenants: unknown group "god"; did you mean "gold"? The groups are gold.',
    ],
    [{ tenants: ['*', 'tag:a'] }, 'request_invalid', 'tenants: "*" means all and must be the only entry.'],
    [
      { tenants: ['tag:mangaed'] },
      'request_invalid',
      '`tenants` and `except` leave no customer to visit. No tenant has a tag mangaed; did you mean "managed"?',
    ],
    [
      { tenants: ['contoso.com'], except: ['group:gold'] },
      'request_invalid',
      '`tenants` and `except` leave no customer to visit.',
    ],
    [{ except: ['contso.com'] }, 'tenant_unknown', '"contso.com" is not among the customer tenants.'],
  ])('starts no run for %j', async (body, code, detail) => {
    const { call, orchestrations } = await stage();
    await expect(call('jobs-start', { job: 'licence-report' }, body)).rejects.toMatchObject({ code, detail });
    expect(orchestrations.started).toEqual([]);
  });

  describe('with an Idempotency-Key', () => {
    const job = { job: 'secret-expiry-report' };
    const runIdIn = ({ jsonBody }: Awaited<ReturnType<Awaited<ReturnType<typeof stage>>['call']>>): string =>
      (jsonBody as { runId: string }).runId;

    it('answers a repeated request with the run that it started', async () => {
      const { call, log, orchestrations } = await stage();
      const body = { tenants: ['contoso.com'], except: ['tag:other'], parameters: { days: 5 } };
      const start = () => call('jobs-start', job, body, { key: '"8e03978e-40d5-43dd-bc93-6894a57f9324"' });
      const first = await start();
      expect(await start()).toEqual(first);
      expect(orchestrations.started).toHaveLength(1);
      const started = runIdIn(first);
      expect(started).toMatch(/^secret-expiry-report@manual-[0-9a-f]{32}$/);
      await log.change(started, { status: 'completed' });
      expect(await start()).toEqual(first);
      expect(orchestrations.started).toHaveLength(1);
      // Fifty at once, of which one starts it.
      const others = await Promise.all(Array.from({ length: 50 }, () => call('jobs-start', job, body, { key: 'k' })));
      expect(new Set(others.map(runIdIn)).size).toBe(1);
      expect(orchestrations.started).toHaveLength(2);
    });

    it.each([{ parameters: { days: 6 } }, { tenants: ['contoso.com'] }, { except: ['tag:other'] }])(
      'refuses the key for another request, %j',
      async (other) => {
        const { call, orchestrations } = await stage();
        const runId = runIdIn(await call('jobs-start', job, { parameters: { days: 5 } }, { key: 'k' }));
        await expect(
          call('jobs-start', job, { parameters: { days: 5 }, ...other }, { key: 'k' }),
        ).rejects.toMatchObject({
          code: 'idempotency_key_reused',
          detail: `The key belongs to the run ${runId} of another request.`,
        });
        expect(orchestrations.started).toHaveLength(1);
      },
    );

    it('has a window that no other caller can take first', async () => {
      const { call, orchestrations } = await stage();
      const [, window = ''] = runIdIn(await call('jobs-start', job, {}, { key: 'nightly' })).split('@');
      const other = await stage();
      await expect(other.call('jobs-start', job, { window }, { person: 3 })).rejects.toMatchObject({
        code: 'request_invalid',
      });
      expect([orchestrations.started, other.orchestrations.started].map(({ length }) => length)).toEqual([1, 0]);
    });

    it('starts a run of its own for another key, another caller, and another job', async () => {
      const { call } = await stage();
      const ids = [
        await call('jobs-start', job, {}, { key: 'k' }),
        await call('jobs-start', job, {}, { key: 'K' }),
        await call('jobs-start', job, {}, { key: 'k', person: 3 }),
        await call('jobs-start', { job: 'licence-report' }, {}, { key: 'k' }),
        await call('jobs-start', job, {}),
        await call('jobs-start', job, {}),
      ];
      expect(new Set(ids.map(runIdIn)).size).toBe(ids.length);
    });

    it('starts the run that was recorded when the platform did not answer', async () => {
      const { call, orchestrations, clock } = await stage();
      orchestrations.broken = true;
      const start = () => call('jobs-start', job, {}, { key: 'k' });
      const failure = (await start().catch((thrown: unknown) => thrown)) as { code: string; detail: string };
      expect(failure.code).toBe('storage_unavailable');
      const [runId = ''] = /secret-expiry-report@manual-[0-9a-f]{32}/.exec(failure.detail) ?? [];
      orchestrations.broken = false;
      await clock.advance(60_000);
      expect(runIdIn(await start())).toBe(runId);
      expect(orchestrations.started).toMatchObject([{ instanceId: runId }]);
    });

    it('is refused together with a window', async () => {
      const { call, orchestrations } = await stage();
      await expect(call('jobs-start', job, { window: 'w1' }, { key: 'k' })).rejects.toMatchObject({
        code: 'request_invalid',
        detail: 'Send a `window` or an Idempotency-Key, not both.',
      });
      expect(orchestrations.started).toEqual([]);
    });

    it('answers a repeated request although its tenant is unknown by then', async () => {
      const { call, customers } = await stage();
      const start = () => call('jobs-start', job, { tenants: ['contoso.com'] }, { key: 'k' });
      const first = await start();
      customers.clear();
      expect(await start()).toEqual(first);
    });

    it.each(['', 'a b', 'x'.repeat(256)])('that is no key (%s) starts no run', async (key) => {
      const { call, orchestrations } = await stage();
      await expect(call('jobs-start', job, {}, { key })).rejects.toMatchObject({ code: 'request_invalid' });
      expect(orchestrations.started).toEqual([]);
    });

    it('reruns a run once', async () => {
      const { call, results, orchestrations } = await stage('cancelled');
      await results.putPlan(runId, { job: job.job, parameters: { days: 3 }, attempt: [contoso], decided: [] });
      const rerun = () => call('runs-rerun', { runId }, {}, { key: 'k' });
      expect(await rerun()).toEqual(await rerun());
      expect(orchestrations.started).toHaveLength(1);
      await expect(call('jobs-start', job, {}, { key: 'k' })).rejects.toMatchObject({ code: 'idempotency_key_reused' });
    });
  });

  it('starts no run while tags cannot be read', async () => {
    const { call, orchestrations, tenantTags } = await stage();
    tenantTags.broken = true;
    const start = (body: object) => call('jobs-start', { job: 'licence-report' }, body);
    await expect(start({ except: ['tag:a'] })).rejects.toMatchObject({ code: 'storage_unavailable' });
    expect(orchestrations.started).toEqual([]);
  });

  it('starts no run with parameters that the job does not accept', async () => {
    const { call, orchestrations } = await stage();
    const start = (parameters: object) => call('jobs-start', { job: 'secret-expiry-report' }, { parameters });
    await expect(start({ days: -1, dais: 3 })).rejects.toMatchObject({
      code: 'request_invalid',
      detail:
        '"dais" is no parameter of secret-expiry-report; did you mean "days"? "days" must be a whole number from 0 to 3650. The parameters of the job: days.',
    });
    expect(orchestrations.started).toEqual([]);
  });

  it('starts no second run in a window, and none of an unknown job', async () => {
    const { call, orchestrations } = await stage();
    await expect(call('jobs-start', { job: 'secret-expiry-report' }, { window: 'first' })).rejects.toMatchObject({
      code: 'run_conflict',
    });
    await expect(call('jobs-start', { job: 'unknown' }, {})).rejects.toMatchObject({ code: 'job_unknown' });
    expect(orchestrations.started).toEqual([]);
  });
});

describe('POST /api/runs/{runId}/cancel', () => {
  it.each(['pending', 'running'] as const)('records the request, wakes a %s run, and logs it', async (status) => {
    const { call, log, orchestrations, logger } = await stage(status);
    expect(await call('runs-cancel', { runId })).toEqual({
      status: 202,
      jsonBody: { runId, status, cancelRequested: true },
    });
    expect((await log.find(runId))?.cancelRequestedAtMs).toBe(nowMs);
    expect(orchestrations.raised).toEqual([`${runId} cancel`]);
    expect(logger.lines.map(({ level, line }) => [level, JSON.parse(line)])).toEqual([
      ['info', expect.objectContaining({ event: 'run.cancel_requested', runId })],
    ]);
  });

  it('keeps the time of the first request', async () => {
    const { call, log } = await stage('running');
    await log.change(runId, { cancelRequestedAtMs: 5 });
    await call('runs-cancel', { runId });
    expect((await log.find(runId))?.cancelRequestedAtMs).toBe(5);
  });

  it.each(['completed', 'failed', 'cancelled'] as const)('does not change a %s run', async (status) => {
    const { call, log, orchestrations } = await stage(status);
    expect((await call('runs-cancel', { runId })).jsonBody).toEqual({ runId, status, cancelRequested: false });
    expect((await log.find(runId))?.cancelRequestedAtMs).toBeUndefined();
    expect(orchestrations.raised).toEqual([]);
  });

  it.each(['licence-report@other', 'nonsense'])('does not know the run %s', async (unknown) => {
    const { call } = await stage();
    await expect(call('runs-cancel', { runId: unknown })).rejects.toMatchObject({ code: 'run_not_found' });
  });
});

describe('POST /api/runs/{runId}/rerun', () => {
  const record = (who: typeof contoso, outcome: 'succeeded' | 'failed'): TenantRun => ({
    ...who,
    outcome,
    round: 1,
    rows: 0,
    columns: [],
    startedAtMs: nowMs,
    finishedAtMs: nowMs,
    ...(outcome === 'failed' ? { code: 'consent_required' as const } : {}),
  });

  it('starts a run of the failed tenants with the same parameters', async () => {
    const { call, log, results } = await stage();
    const attempt = [contoso, fabrikam].map((who) => ({ ...who, defaultDomain: undefined }));
    const { digest } = await results.putPlan(runId, {
      job: 'secret-expiry-report',
      parameters: { days: 3 },
      attempt,
      decided: [],
    });
    await log.change(runId, { planDigest: digest });
    await log.recordTenants(runId, [record(contoso, 'succeeded'), record(fabrikam, 'failed')]);
    const rerun = `secret-expiry-report@manual-${guid(7)}`;
    expect(await call('runs-rerun', { runId })).toMatchObject({ status: 202, jsonBody: { runId: rerun } });
    expect(await log.request(rerun)).toEqual({ parameters: { days: 3 }, tenants: [fabrikam.tenantId] });
    expect(await log.find(rerun)).toMatchObject({ startedBy: guid(1), starter: { objectId: guid(2) } });
  });

  it('starts nothing if the job does not accept the parameters any more', async () => {
    const { call, log, orchestrations } = await stage();
    const old = {
      runId: 'licence-report@old',
      job: 'licence-report',
      window: 'old',
      startedBy: 'timer',
      createdAtMs: nowMs - 1_000,
    };
    await log.create(old, { parameters: { days: 3 } });
    await log.change(old.runId, { status: 'completed' });
    await expect(call('runs-rerun', { runId: old.runId })).rejects.toMatchObject({
      code: 'request_invalid',
      detail: '"days" is no parameter of licence-report. The job has no parameters.',
    });
    expect(orchestrations.started).toEqual([]);
  });

  it('does not start while the run is in progress', async () => {
    const { call, orchestrations } = await stage('running');
    await expect(call('runs-rerun', { runId })).rejects.toMatchObject({ code: 'request_invalid' });
    expect(orchestrations.started).toEqual([]);
  });
});
