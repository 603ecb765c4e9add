import { describe, expect, test } from 'vitest';
import { noGroups, parseEntry, type TenantGroups } from '../../../../../src/lib/access/tenants/tenant-set.ts';
import { BrokerError } from '../../../../../src/lib/core/errors.ts';
import type { DomainName } from '../../../../../src/lib/core/identifiers.ts';
import { createJobRegistry, defineJob, type JobDefinition } from '../../../../../src/lib/runs/job/job.ts';
import { planRun, type PlanRunDeps } from '../../../../../src/lib/runs/engine/plan-run.ts';
import type { ApplyRequest, RunRequest } from '../../../../../src/lib/runs/store/run.ts';
import { digestOfLeaves } from '../../../../../src/lib/runs/store/stored-plan.ts';
import { viewRun } from '../../../../../src/lib/runs/reading/run-view.ts';
import type { TenantDirectory, TenantList } from '../../../../../src/lib/tenants/directory.ts';
import type { DelegatedTenant } from '../../../../../src/lib/tenants/tenant.ts';
import { FakeClock } from '../../../../fakes/fake-clock.ts';
import { MemoryRunLog, MemoryRunResults } from '../../../../fakes/memory-run-log.ts';
import { MemoryTenantTags } from '../../../../fakes/memory-tenant-tags.ts';
import { recordingLogger } from '../../../../fakes/recording-logger.ts';
import { recordOf, tenantId } from '../store/stage.ts';
import { delegatedTenant } from '../../../../support/delegated-tenant.ts';

const tenant = (number: number, more: Partial<DelegatedTenant> = {}): DelegatedTenant =>
  delegatedTenant(tenantId(number), `Tenant ${number}`, more);

interface Marks {
  readonly job?: Pick<JobDefinition, 'tenants' | 'except'>;
  readonly groups?: TenantGroups | BrokerError;
  readonly tags?: MemoryTenantTags;
}

async function stage(
  tenants: readonly DelegatedTenant[] | BrokerError,
  request: RunRequest = { parameters: {} },
  more: Partial<TenantList> = {},
  { job, groups = noGroups, tags = new MemoryTenantTags() }: Marks = {},
) {
  const runLog = new MemoryRunLog();
  const results = new MemoryRunResults();
  let listed = 0;
  const snapshot: TenantDirectory['snapshot'] = async () => {
    listed += 1;
    if (tenants instanceof BrokerError) throw tenants;
    return { tenants, warnings: [], complete: true, asOfMs: 0, ...more };
  };
  const runId = 'job@w';
  await runLog.create({ runId, job: 'job', window: 'w', startedBy: 'timer', createdAtMs: 0 }, request);
  const clock = new FakeClock();
  const log = recordingLogger();
  const tenantOf = async (domain: string) =>
    domain === 'two.example' ? tenantId(2) : Promise.reject(new Error(`${domain} must not be looked up`));
  const defined = defineJob({
    name: 'job',
    title: 'Job',
    resources: [],
    timeoutSeconds: 1,
    run: async () => [],
    ...job,
  });
  const deps: PlanRunDeps = {
    clock,
    log: log.log,
    jobs: createJobRegistry([defined]),
    runs: { log: runLog, results },
    directory: { snapshot, tenantOf },
    tenantTags: tags,
    groups: async () => {
      if (groups instanceof BrokerError) throw groups;
      return groups;
    },
  };
  return { plan: () => planRun(deps, { runId }), runLog, results, clock, log, listed: () => listed };
}

describe('planRun', () => {
  test('covers every tenant: reachable ones are attempted, the others are decided immediately', async () => {
    const { plan, runLog, results } = await stage([
      tenant(1),
      tenant(2, { reachable: false, reason: 'gdap_expired' }),
      tenant(3, { reachable: false, reason: 'excluded' }),
      tenant(4, { reachable: false, reason: 'not_included' }),
      tenant(5),
    ]);
    expect(await plan()).toEqual({ ok: true, attempt: 2, total: 5 });
    expect((await results.plan({ runId: 'job@w' }))?.attempt.map(({ tenantId }) => tenantId)).toEqual([
      tenantId(1),
      tenantId(5),
    ]);
    expect(await runLog.findTenant('job@w', tenantId(2))).toMatchObject({
      outcome: 'failed',
      code: 'tenant_not_delegated',
      detail: expect.stringContaining('expired') as string,
    });
    expect(await runLog.countTenants('job@w')).toMatchObject({ failed: 1, skipped: 2 });
    expect(await runLog.find('job@w')).toMatchObject({ status: 'running', tenants: { total: 5 } });
  });

  test('stores the default domain of a tenant if the directory has it', async () => {
    const { plan, results } = await stage([tenant(1, { defaultDomain: 'one.example' as DomainName }), tenant(2)]);
    await plan();
    expect((await results.plan({ runId: 'job@w' }))?.attempt).toEqual([
      { tenantId: tenantId(1), name: 'Tenant 1', defaultDomain: 'one.example' },
      { tenantId: tenantId(2), name: 'Tenant 2' },
    ]);
  });

  test('is retried when the failure has no Retry-After', async () => {
    const away = await stage(new BrokerError('directory_unavailable', 'Away.'));
    expect(await away.plan()).toEqual({ ok: false, code: 'directory_unavailable', detail: 'Away.', transient: true });
  });

  test('covers only the requested tenants, and treats those that left as unreachable', async () => {
    const { plan, runLog, results } = await stage([tenant(1), tenant(2), tenant(3)], {
      parameters: { days: 3 },
      tenants: [tenantId(3), tenantId(1), tenantId(9)],
    });
    expect(await plan()).toEqual({ ok: true, attempt: 2, total: 3 });
    expect(await results.plan({ runId: 'job@w' })).toMatchObject({
      job: 'job',
      parameters: { days: 3 },
      attempt: [{ tenantId: tenantId(1) }, { tenantId: tenantId(3) }],
    });
    expect(await runLog.findTenant('job@w', tenantId(9))).toMatchObject({ code: 'tenant_not_delegated' });
  });

  test('records the digest of the plan, and uses no plan with another one', async () => {
    const { plan, runLog, results } = await stage([tenant(1), tenant(2)]);
    await plan();
    const { digest } = (await results.plan({ runId: 'job@w' }))!;
    expect((await runLog.find('job@w'))?.planDigest).toBe(digest);
    results.overwritePlan('job@w', { job: 'job', parameters: {}, attempt: [], decided: [] });
    expect(await plan()).toMatchObject({ ok: false, code: 'plan_changed', transient: false });
  });

  describe('with a plan in storage that the record of the run does not know', () => {
    const request = { parameters: { days: 3 }, tenants: [tenantId(1), tenantId(2)] };
    const attempt = [{ tenantId: tenantId(1), name: 'Tenant 1' }];
    const stored = { job: 'job', parameters: { days: 3 }, attempt, decided: [] };
    const asker = {
      applicationId: 'application',
      objectId: 'somebody',
      kind: 'user' as const,
      roles: [],
      tenantId: tenantId(9),
      name: 'ada@partner.example',
    };

    test.each([
      ['another job', { job: 'other' }],
      ['other parameters', { parameters: { days: 4 } }],
      ['another asker', { asker: { ...asker, objectId: 'somebody-else' } }],
      ['a tenant that was not requested', { attempt: [...attempt, { tenantId: tenantId(3), name: 'Tenant 3' }] }],
    ])('refuses one for %s', async (_, change) => {
      const { plan, results } = await stage([tenant(1), tenant(2), tenant(3)], request);
      results.overwritePlan('job@w', { ...stored, ...change });
      expect(await plan()).toMatchObject({ ok: false, code: 'plan_changed', transient: false });
    });

    test('uses that of an interrupted call', async () => {
      const { plan, results, listed } = await stage([tenant(1), tenant(2)], request);
      results.overwritePlan('job@w', stored);
      expect(await plan()).toEqual({ ok: true, attempt: 1, total: 1 });
      expect(listed()).toBe(0);
    });
  });

  test('reuses the stored plan without reading the directory again', async () => {
    const { plan, listed } = await stage([tenant(1)]);
    const first = await plan();
    expect(await plan()).toEqual(first);
    expect(listed()).toBe(1);
  });

  test('keeps the tenants of a plan whose digest is recorded, whatever tags they have since', async () => {
    const tags = new MemoryTenantTags({ [tenantId(1)]: ['managed'] });
    const request = { parameters: {}, choice: { tenants: ['tag:managed'] } };
    const { plan, results } = await stage([tenant(1), tenant(2)], request, {}, { tags });
    expect(await plan()).toEqual({ ok: true, attempt: 1, total: 1 });
    tags.byTenant.set(tenantId(1), []);
    tags.byTenant.set(tenantId(2), ['managed']);
    expect(await plan()).toEqual({ ok: true, attempt: 1, total: 1 });
    expect((await results.plan({ runId: 'job@w' }))?.attempt).toMatchObject([{ tenantId: tenantId(1) }]);
  });

  test('says that the record of the run is gone', async () => {
    const { plan, runLog } = await stage([tenant(1)]);
    await runLog.remove('job@w');
    expect(await plan()).toMatchObject({ ok: false, code: 'run_not_found', transient: false });
  });

  test('returns a failure as a value with code, whether to retry, and the delay', async () => {
    const away = await stage(new BrokerError('directory_unavailable', 'Away.', { retryAfterSeconds: 30 }));
    expect(await away.plan()).toEqual({
      ok: false,
      code: 'directory_unavailable',
      detail: 'Away.',
      transient: true,
      retryAfterSeconds: 30,
    });
    const gone = await stage(new BrokerError('credential_missing', 'None.'));
    expect(await gone.plan()).toEqual({ ok: false, code: 'credential_missing', detail: 'None.', transient: false });
  });

  test('keeps the warnings of the tenant list in the run', async () => {
    const warnings = ['The list of contracts could not be read.'];
    const { plan, runLog, results } = await stage([tenant(1)], undefined, { warnings });
    await plan();
    expect((await results.plan({ runId: 'job@w' }))?.warnings).toEqual(warnings);
    const run = (await runLog.find('job@w'))!;
    expect(await viewRun(runLog, run, 0)).toMatchObject({ warnings });
  });

  test('rejects an incomplete tenant list unless it contains all requested tenants', async () => {
    const incomplete = { complete: false, warnings: ['Partner Center is throttled.'] };
    const all = await stage([tenant(1)], undefined, incomplete);
    expect(await all.plan()).toEqual({
      ok: false,
      code: 'directory_unavailable',
      detail: 'Partner Center is throttled.',
      transient: true,
      retryAfterSeconds: 60,
    });
    const missing = await stage([tenant(1)], { parameters: {}, tenants: [tenantId(1), tenantId(2)] }, incomplete);
    expect(await missing.plan()).toMatchObject({ ok: false, transient: true });
    const listed = await stage([tenant(1)], { parameters: {}, tenants: [tenantId(1)] }, incomplete);
    expect(await listed.plan()).toMatchObject({ ok: true, attempt: 1 });
  });

  test('changes nothing when it is repeated after the run has ended', async () => {
    const { plan, runLog } = await stage([tenant(1)]);
    await plan();
    const tenants = { total: 1, succeeded: 1, failed: 0, skipped: 0, notAttempted: 0 };
    await runLog.change('job@w', { status: 'completed', tenants });
    expect(await plan()).toEqual({ ok: true, attempt: 0, total: 1 });
    expect(await runLog.find('job@w')).toMatchObject({ status: 'completed', tenants });
  });

  test('is not retried when the directory asks for a longer delay than a run may wait', async () => {
    for (const [retryAfterSeconds, transient] of [
      [900, true],
      [901, false],
    ] as const) {
      const busy = await stage(new BrokerError('directory_unavailable', 'Busy.', { retryAfterSeconds }));
      expect(await busy.plan()).toMatchObject({ ok: false, transient, retryAfterSeconds });
    }
  });

  test('keeps the start of the run when it is repeated, and sets the counts again', async () => {
    const { plan, runLog, clock } = await stage([tenant(1), tenant(2, { reachable: false, reason: 'gdap_expired' })]);
    await plan();
    const startedAtMs = clock.nowMs();
    await clock.advance(5_000);
    await plan();
    const tenants = { total: 2, succeeded: 0, failed: 0, skipped: 0, notAttempted: 0 };
    expect(await runLog.find('job@w')).toMatchObject({ status: 'running', startedAtMs, tenants });
  });

  test('records a tenant that is not attempted without rows, at the time of the plan', async () => {
    const { plan, runLog, clock } = await stage([tenant(2, { reachable: false, reason: 'gdap_expired' })]);
    await plan();
    const nowMs = clock.nowMs();
    expect(await runLog.findTenant('job@w', tenantId(2))).toMatchObject({
      name: 'Tenant 2',
      round: 0,
      rows: 0,
      columns: [],
      startedAtMs: nowMs,
      finishedAtMs: nowMs,
    });
  });

  test('stores who asked, and no warnings if there are none', async () => {
    const asker = {
      applicationId: 'a',
      objectId: 'o',
      kind: 'user',
      roles: [],
      tenantId: tenantId(9),
      name: 'x',
    } as const;
    const asked = await stage([tenant(1)], { parameters: {}, asker });
    await asked.plan();
    const stored = await asked.results.plan({ runId: 'job@w' });
    expect(stored?.asker).toEqual(asker);
    expect(stored).not.toHaveProperty('warnings');
    const { plan, results } = await stage([tenant(1)]);
    await plan();
    expect(await results.plan({ runId: 'job@w' })).not.toHaveProperty('asker');
  });

  test('logs why a plan could not be made', async () => {
    const { plan, log } = await stage(new BrokerError('directory_unavailable', 'Away.'));
    await plan();
    expect(log.events()).toEqual(['run.not_planned']);
    expect(log.lines[0]).toMatchObject({ level: 'error', line: expect.stringContaining('"job@w"') as string });
  });

  describe('of an apply', () => {
    /** Tenants 1 to 4 have changes, in a plan made before; tenant 5 has none. */
    const leaves = new Map([1, 2, 3, 4].map((number) => [tenantId(number), `rows-${number}.nonce`]));
    const apply = (more: Partial<ApplyRequest> = {}): ApplyRequest => ({
      kind: 'apply',
      plan: 'job@plan',
      digest: digestOfLeaves(leaves),
      waves: [1, 1, 2],
      stop: { failed: 1, unclear: 1 },
      pauseMinutes: 0,
      confirmWaves: false,
      expiresAtMs: 1_000,
      rules: [],
      ...more,
    });
    const stageApply = async (change: ApplyRequest, tenants: readonly DelegatedTenant[]) => {
      const order = [3, 1, 4, 2].map(tenantId);
      const staged = await stage(tenants, { parameters: {}, tenants: order, change });
      const records = [...leaves].map(([, rowsDigest], index) =>
        recordOf(index + 1, { rows: 1, rowsName: `rows of ${index + 1}`, rowsDigest }),
      );
      await staged.runLog.recordTenants('job@plan', [...records, recordOf(5)]);
      return staged;
    };
    const four = [1, 2, 3, 4].map((number) => tenant(number));

    test('puts the tenants in the order of the waves, each with the rows that were allowed', async () => {
      const { plan, results } = await stageApply(apply(), four);
      expect(await plan()).toEqual({ ok: true, attempt: 4, total: 4, waves: [1, 1, 2] });
      const planned = (number: number, wave: number) => ({
        tenantId: tenantId(number),
        name: `Tenant ${number}`,
        wave,
        planned: { rowsName: `rows of ${number}`, rowsDigest: `rows-${number}.nonce` },
      });
      expect((await results.plan({ runId: 'job@w' }))?.attempt).toEqual([
        planned(3, 1),
        planned(1, 2),
        planned(4, 3),
        planned(2, 3),
      ]);
    });

    test('keeps a wave whose tenants have left, and the waves of the others', async () => {
      const { plan, results, runLog } = await stageApply(apply(), [tenant(2), tenant(3), tenant(4)]);
      expect(await plan()).toEqual({ ok: true, attempt: 3, total: 4, waves: [1, 0, 2] });
      expect((await results.plan({ runId: 'job@w' }))?.attempt).toMatchObject([
        { tenantId: tenantId(3), wave: 1 },
        { tenantId: tenantId(4), wave: 3 },
        { tenantId: tenantId(2), wave: 3 },
      ]);
      expect(await runLog.findTenant('job@w', tenantId(1))).toMatchObject({ code: 'tenant_not_delegated' });
    });

    test('is not made if the rows are not those that were allowed', async () => {
      const { plan, results, runLog } = await stageApply(apply(), four);
      await runLog.recordTenants('job@plan', [recordOf(5, { rows: 1, rowsName: 'more', rowsDigest: 'more.nonce' })]);
      const another = await stageApply(apply({ digest: 'of another plan' }), four);
      for (const each of [plan, another.plan])
        expect(await each()).toMatchObject({ ok: false, code: 'plan_changed', transient: false });
      expect(await results.plan({ runId: 'job@w' })).toBeUndefined();
    });
  });

  describe('with groups and tags', () => {
    const tags = () =>
      new MemoryTenantTags({
        [tenantId(1)]: ['managed'],
        [tenantId(2)]: ['managed', 'hipaa'],
        [tenantId(4)]: ['managed'],
      });
    const groups: TenantGroups = new Map([
      ['gold', [parseEntry(tenantId(3))!, parseEntry('tag:managed')!]],
      ['regulated', [parseEntry('tag:hipaa')!]],
    ]);
    const five = [1, 2, 3, 4, 5].map((number) =>
      tenant(number, number === 4 ? { reachable: false, reason: 'gdap_expired' } : {}),
    );
    const planned = async (results: MemoryRunResults) => {
      const { attempt = [], decided = [] } = (await results.plan({ runId: 'job@w' })) ?? {};
      const numbers = (list: readonly { tenantId: string }[]) => list.map(({ tenantId }) => Number(tenantId.slice(-2)));
      return [numbers(attempt), numbers(decided)];
    };

    test.each<[string, RunRequest['choice'], number[], number[]]>([
      ['a tag', { tenants: ['tag:managed'] }, [1, 2], [4]],
      ['a group that holds an id and a tag', { tenants: ['group:gold'] }, [1, 2, 3], [4]],
      ['a group without another', { tenants: ['group:gold'], except: ['group:regulated'] }, [1, 3], [4]],
      ['all without a tag', { except: ['tag:managed'] }, [3, 5], []],
      ['a domain and an id', { tenants: ['two.example', tenantId(5)] }, [2, 5], []],
    ])('covers %s', async (_, choice, attempt, decided) => {
      const { plan, results } = await stage(five, { parameters: {}, choice }, {}, { groups, tags: tags() });
      expect(await plan()).toMatchObject({ ok: true, attempt: attempt.length });
      expect(await planned(results)).toEqual([attempt, decided]);
    });

    test('covers a tenant that got the tag after the run was requested', async () => {
      const marks = tags();
      const { plan, results } = await stage(
        five,
        { parameters: {}, choice: { tenants: ['tag:managed'] } },
        {},
        { tags: marks },
      );
      marks.byTenant.set(tenantId(5), ['managed']);
      await plan();
      expect(await planned(results)).toEqual([[1, 2, 5], [4]]);
    });

    test('takes away from named tenants', async () => {
      const request = { parameters: {}, tenants: [tenantId(1), tenantId(2)], choice: { except: ['tag:hipaa'] } };
      const { plan, results } = await stage(five, request, {}, { tags: tags() });
      await plan();
      expect(await planned(results)).toEqual([[1], []]);
    });

    test('visits only what the job is for, and says so of requested tenants', async () => {
      const job = { tenants: ['group:gold'], except: ['tag:hipaa'] };
      const all = await stage(five, undefined, {}, { groups, tags: tags(), job });
      await all.plan();
      expect(await planned(all.results)).toEqual([[1, 3], [4]]);
      const request = { parameters: {}, tenants: [tenantId(1), tenantId(2), tenantId(5)] };
      const some = await stage(five, request, {}, { groups, tags: tags(), job });
      await some.plan();
      expect(await planned(some.results)).toEqual([[1], [2, 5]]);
      expect(await some.runLog.findTenant('job@w', tenantId(2))).toMatchObject({
        outcome: 'skipped',
        code: 'tenant_excluded',
        detail: 'The definition of the job leaves the tenant out.',
      });
    });

    test('stops before any tenant if tags cannot be read, and says so', async () => {
      const away = tags();
      away.broken = true;
      for (const marks of [
        { request: { parameters: {}, choice: { tenants: ['*'], except: ['group:regulated'] } } },
        { job: { except: ['tag:hipaa'] } },
      ]) {
        const { plan, results } = await stage(five, marks.request, {}, { groups, tags: away, ...marks });
        expect(await plan()).toMatchObject({ ok: false, code: 'storage_unavailable', transient: true });
        expect(await results.plan({ runId: 'job@w' })).toBeUndefined();
      }
    });

    test('reads no tags and no groups if none is named', async () => {
      const away = tags();
      away.broken = true;
      const none = new BrokerError('policy_missing', 'None.');
      const { plan } = await stage(
        five,
        { parameters: {}, choice: { except: [tenantId(1)] } },
        {},
        { tags: away, groups: none },
      );
      expect(await plan()).toMatchObject({ ok: true, attempt: 3 });
      const group = await stage(five, undefined, {}, { groups: none, job: { tenants: ['group:gold'] } });
      expect(await group.plan()).toMatchObject({ ok: false, code: 'policy_missing', transient: false });
    });

    test('refuses an unknown group of the job, and names the known ones', async () => {
      const { plan } = await stage(five, undefined, {}, { groups, job: { except: ['group:regulatd'] } });
      expect(await plan()).toMatchObject({
        ok: false,
        code: 'request_invalid',
        detail: 'except: unknown group "regulatd"; did you mean "regulated"? The groups are gold, regulated.',
        transient: false,
      });
    });

    test('warns of a tag that no tenant has, and of tenants whose tags cannot be read', async () => {
      const marks = tags();
      marks.byTenant.set(tenantId(5), undefined as never);
      const request = { parameters: {}, choice: { tenants: ['tag:managed'], except: ['tag:hippa'] } };
      const { plan, results } = await stage(five, request, {}, { tags: marks });
      await plan();
      expect((await results.plan({ runId: 'job@w' }))?.warnings).toEqual([
        'No tenant has a tag hippa.',
        `The tags of these tenants cannot be read, so they are left out: ${tenantId(5)}.`,
      ]);
    });

    test('needs the whole list of tenants to cover a group', async () => {
      const request = { parameters: {}, choice: { tenants: ['group:gold'] } };
      const { plan } = await stage(five, request, { complete: false }, { groups, tags: tags() });
      expect(await plan()).toMatchObject({ ok: false, code: 'directory_unavailable' });
    });

    test.each<[string, RunRequest, Marks]>([
      ['a tenant that is excepted', { parameters: {}, choice: { except: ['tag:hipaa'] } }, {}],
      ['a tenant that the job is not for', { parameters: {} }, { job: { tenants: ['tag:other'] } }],
      [
        'a named tenant that the job is not for',
        { parameters: {}, tenants: [tenantId(2)] },
        { job: { except: ['tag:hipaa'] } },
      ],
    ])('uses no plan in storage with %s', async (_, request, marks) => {
      const { plan, results } = await stage(five, request, {}, { tags: tags(), ...marks });
      const attempt = [{ tenantId: tenantId(2), name: 'Tenant 2' }];
      results.overwritePlan('job@w', { job: 'job', parameters: {}, attempt, decided: [] });
      expect(await plan()).toMatchObject({ ok: false, code: 'plan_changed' });
    });
  });
});
