import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { parsePolicy } from '../../../../src/lib/access/policy/parse-policy.ts';
import { severalTenants } from '../../../../src/lib/approvals/approval.ts';
import { decideApproval } from '../../../../src/lib/approvals/decide-approval.ts';
import { act, type Change, update } from '../../../../src/lib/changes/change.ts';
import { defineChange } from '../../../../src/lib/changes/define-change.ts';
import { planRows, type PlannedChange } from '../../../../src/lib/changes/plan-rows.ts';
import {
  applyIdOf,
  applyPlan,
  type ApplyOptions,
  changeJob,
  endApply,
  findPlan,
  goOn,
  planUndoOf,
  viewPlan,
  viewPlanSummary,
} from '../../../../src/lib/changes/plans.ts';
import type { Caller } from '../../../../src/lib/core/caller.ts';
import { dayMs, minuteMs } from '../../../../src/lib/core/clock.ts';
import { BrokerError } from '../../../../src/lib/core/errors.ts';
import { silentLogger } from '../../../../src/lib/core/log.ts';
import { createJobRegistry, defineJob } from '../../../../src/lib/runs/job/job.ts';
import { writeRows } from '../../../../src/lib/runs/job/row.ts';
import { visibleRuns } from '../../../../src/lib/runs/reading/visible-runs.ts';
import { type ChangeRequest, type Hold, isApplyWindow, parseRunId } from '../../../../src/lib/runs/store/run.ts';
import { createRunStops } from '../../../../src/lib/runs/store/runs.ts';
import { digestOf } from '../../../../src/lib/runs/store/stored-plan.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import { FakeOrchestrations } from '../../../fakes/fake-orchestrations.ts';
import { MemoryAuditLog } from '../../../fakes/memory-audit-log.ts';
import { MemoryRunLog, MemoryRunResults } from '../../../fakes/memory-run-log.ts';
import { MemoryTenantTags } from '../../../fakes/memory-tenant-tags.ts';
import { guid, tenant } from '../../../support/audit-entries.ts';
import { memoryApprovals } from '../../../support/approvals.ts';
import { delegatedTenant } from '../../../support/delegated-tenant.ts';

const partner = tenant(0x900);
const planId = 'adjust@plan';
const [one, two, three, four] = [tenant(1), tenant(2), tenant(3), tenant(4)];

/** People sign in through the application 0xa, as the approvals in memory demand. */
const personNamed = (number: number, roles: Caller['roles'] = everything): Caller => ({
  applicationId: guid(0xa),
  objectId: guid(number),
  kind: 'user',
  roles,
  tenantId: partner,
  name: `person-${number}@partner.example`,
});
const everything: Caller['roles'] = ['Changes.Plan', 'Changes.Apply', 'Runs.Read', 'Approvals.Decide', 'Tenants.Read'];
const engineer = personNamed(0x51);
const colleague = personNamed(0x52);
const decider = personNamed(0x53);

const rule = (more: object = {}): object => ({
  name: 'engineers',
  callers: { applications: [guid(0xa)] },
  tenants: ['*'],
  changes: ['adjust'],
  ...more,
});

const move = (to = 'Bern'): PlannedChange => ({ change: update('/users/1', { city: to }), before: { city: 'Rom' } });

interface PlanOptions {
  readonly rules?: readonly object[];
  /** The changes of the tenants 1 and so on. */
  readonly changes?: readonly (readonly PlannedChange[])[];
}

/** A finished plan of the job `adjust` over some customers, on storage in memory. */
async function stagePlan({ rules = [rule()], changes = [[move()], [move()], [move()]] }: PlanOptions = {}) {
  const clock = new FakeClock();
  const runLog = new MemoryRunLog();
  const results = new MemoryRunResults();
  const orchestrations = new FakeOrchestrations();
  const tags = new MemoryTenantTags();
  const customers = changes.map((_, index) => delegatedTenant(tenant(index + 1), `Customer ${index + 1}`));
  const world = { rules, groups: { pilot: [one], west: [two, three] } as Readonly<Record<string, readonly string[]>> };
  const policy = {
    current: async () => {
      const document = { version: 1, tenantGroups: world.groups, rules: world.rules };
      const parsed = parsePolicy(JSON.stringify(document));
      if (!parsed.ok) throw new Error(parsed.problems.join(' '));
      return { policy: parsed.policy, state: 'current' as const, loadedAtMs: 0 };
    },
  };
  const approvals = memoryApprovals({ audit: new MemoryAuditLog(), policy, clock });
  const plan = async (): Promise<readonly Change[]> => [];
  const about = { title: 'Adjust', permissions: ['User.ReadWrite.All'], plan };
  const report = defineJob({
    name: 'report',
    title: 'Report',
    timeoutSeconds: 60,
    resources: ['graph'],
    run: async () => [],
  });
  let ids = 0x100;
  const deps = {
    callers: { policy },
    directory: {
      find: async (id: string) => customers.find(({ tenantId }) => tenantId === id),
      list: async () => customers,
      tenantOf: async () => undefined,
      tenantByEntra: async () => undefined,
    },
    tenantTags: tags,
    jobs: createJobRegistry([defineChange({ name: 'adjust', ...about }), report]),
    runs: { log: runLog, results, stops: createRunStops({ runLog, clock }) },
    orchestrations,
    approvals,
    settings: { PARTNER_TENANT_ID: partner },
    clock,
    random: () => 0.5,
    log: silentLogger,
    tuning: { batchSize: 10, groupSize: 5, inTurn: true, rounds: 1, retryDelaySeconds: 1 },
    newId: () => guid((ids += 1)),
  } as unknown as Parameters<typeof applyPlan>[0];

  /** Makes a plan as a run leaves it. */
  async function makePlan(runId = planId, of = changes, change?: ChangeRequest): Promise<void> {
    const { job = '', window = '' } = parseRunId(runId) ?? {};
    const asked = { parameters: {}, ...(change && { change }) };
    await runLog.create({ runId, job, window, startedBy: guid(0xa), createdAtMs: clock.nowMs() }, asked);
    const attempt = customers.map(({ tenantId, name }) => ({ tenantId, name }));
    const { digest } = await results.putPlan(runId, { job, attempt, decided: [], ...asked });
    for (const [index, planned] of of.entries()) {
      const written = writeRows(planRows(planned, deps.newId), [], { by: 'action', without: new Set() });
      const text = written.jsonLines;
      const rowsName = `${tenant(index + 1)}.${runId}`;
      await results.putRows(runId, rowsName, text);
      const stored = planned.length === 0 ? {} : { rowsName, rowsDigest: digestOf(text), numbers: written.numbers };
      await runLog.recordTenant(runId, {
        tenantId: tenant(index + 1),
        name: `Customer ${index + 1}`,
        outcome: 'succeeded',
        round: 1,
        rows: planned.length,
        columns: [],
        startedAtMs: 0,
        finishedAtMs: 0,
        ...stored,
      });
    }
    const tenants = { total: of.length, succeeded: of.length, failed: 0, skipped: 0, notAttempted: 0 };
    await runLog.change(runId, { status: 'completed', finishedAtMs: clock.nowMs(), planDigest: digest, tenants });
  }
  await makePlan();

  const as = (caller: Caller) => ({ caller, correlationId: guid(3), log: silentLogger, orchestrations });
  const apply = (options: ApplyOptions = {}, caller = engineer, id = planId) =>
    applyPlan(deps, id, options, as(caller));
  const requestOf = async (id = planId) =>
    (await runLog.request(applyIdOf({ runId: id, job: 'adjust' }))) ?? expect.fail('nothing was applied');
  const show = async (caller: Caller, id = planId) => {
    const visible = await visibleRuns(deps, caller);
    return viewPlan({ jobs: deps.jobs, runs: deps.runs, visible }, await findPlan(deps.jobs, visible, id));
  };
  return {
    apply,
    applyId: applyIdOf({ runId: planId, job: 'adjust' }),
    approvals,
    approve: (id: string, person = decider) =>
      decideApproval(approvals, id, { decision: 'approve', reason: 'Agreed with them.' }, as(person)),
    as,
    clock,
    deps,
    makePlan,
    orchestrations,
    requestOf,
    results,
    runLog,
    show,
    tags,
    world,
    /** Asks for an approval. @returns its id. */
    ask: async (options: ApplyOptions = {}, caller = engineer): Promise<string> => {
      const outcome = await apply(options, caller);
      return 'pending' in outcome ? outcome.pending.id : expect.fail('no approval was asked for');
    },
  };
}

const refused = (code: BrokerError['code'], detail: RegExp = /./): unknown =>
  expect.objectContaining({ code, detail: expect.stringMatching(detail) as unknown });

describe('a plan is applied', () => {
  test('as a run of its own, with what was allowed', async () => {
    const { apply, applyId, requestOf, orchestrations, show } = await stagePlan();
    expect(
      await apply({ waves: ['group:west', '100%'], stop: { failed: 0 }, pauseMinutes: 5, confirmWaves: false }),
    ).toEqual({
      runId: applyId,
    });
    expect(isApplyWindow(parseRunId(applyId)?.window ?? '')).toBe(true);
    const { tenants, asker, change } = await requestOf();
    expect([tenants?.slice(0, 2).toSorted(), tenants?.[2]]).toEqual([[two, three], one]);
    expect(asker).toMatchObject({ objectId: engineer.objectId, roles: engineer.roles });
    expect(change).toMatchObject({
      kind: 'apply',
      plan: planId,
      digest: (await show(engineer)).digest,
      waves: [2, 1],
      waveNames: ['group:west', '100%'],
      stop: { failed: 0, unclear: 1 },
      pauseMinutes: 5,
      confirmWaves: false,
    });
    expect(orchestrations.started).toMatchObject([{ name: 'apply-waves', instanceId: applyId }]);
  });

  test('with the limits of the contract unless the caller names others', async () => {
    const { apply, requestOf } = await stagePlan();
    await apply();
    expect((await requestOf()).change).toMatchObject({
      waves: [1, 2],
      stop: { failed: 3, unclear: 1 },
      pauseMinutes: 60,
      confirmWaves: true,
    });
  });

  test('once: the second apply names the first, whoever sends it and however', async () => {
    const { apply, applyId } = await stagePlan();
    await apply();
    for (const again of [apply(), apply({ waves: ['100%'] }), apply({}, colleague)])
      await expect(again).rejects.toEqual(refused('run_conflict', new RegExp(applyId)));
  });

  test('once, if two hosts apply it at the same time', async () => {
    const { apply, applyId, orchestrations } = await stagePlan();
    const outcomes = await Promise.allSettled([apply(), apply({ waves: ['100%'] }), apply({}, colleague)]);
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const outcome of outcomes)
      if (outcome.status === 'rejected') expect(outcome.reason).toEqual(refused('run_conflict', new RegExp(applyId)));
    expect(orchestrations.started).toHaveLength(1);
  });

  test('in the tenants with changes alone', async () => {
    const { apply, requestOf } = await stagePlan({ changes: [[move()], [], [move()]] });
    await apply();
    expect((await requestOf()).tenants?.toSorted()).toEqual([one, three]);
  });
});

describe('a plan is not applied', () => {
  test('after it has expired, and for the day before it is', async () => {
    for (const [ms, isExpired] of [
      [dayMs - 1, false],
      [dayMs, true],
    ] as const) {
      const { apply, clock } = await stagePlan();
      await clock.advance(ms);
      if (isExpired) await expect(apply()).rejects.toEqual(refused('plan_expired', /expired at \d{4}-/));
      else await expect(apply({ pauseMinutes: 0 })).resolves.toHaveProperty('runId');
    }
  });

  test('with pauses that end after it', async () => {
    const { apply } = await stagePlan({ changes: [[move()], [move()]] });
    await expect(apply({ waves: ['50%', '100%'], pauseMinutes: 1_440 })).rejects.toEqual(
      refused('request_invalid', /pauses between 2 waves end after the plan/),
    );
  });

  test.each(['pending', 'running', 'failed', 'cancelled'] as const)('while it is %s', async (status) => {
    const { apply, runLog } = await stagePlan();
    await runLog.change(planId, { status });
    await expect(apply()).rejects.toEqual(refused('request_invalid', new RegExp(`The plan is ${status}`)));
  });

  test('without a change', async () => {
    const { apply } = await stagePlan({ changes: [[], []] });
    await expect(apply()).rejects.toEqual(refused('request_invalid', /has no changes/));
  });

  test.each(['no plan', 'report@plan', 'adjust@other'])('that does not exist: %s', async (id) => {
    const { apply, runLog } = await stagePlan();
    const about = { job: 'report', window: 'plan', startedBy: 'x', createdAtMs: 0 };
    await runLog.create({ runId: 'report@plan', ...about }, { parameters: {} });
    await expect(apply({}, engineer, id)).rejects.toEqual(refused('run_not_found'));
  });

  test('of another version of the job, which no longer is one of changes, or takes other parameters', async () => {
    for (const [job, code] of [
      [undefined, 'run_not_found'],
      [
        defineJob({ name: 'adjust', title: 'Reports', timeoutSeconds: 60, resources: ['graph'], run: async () => [] }),
        'run_not_found',
      ],
      [
        defineChange({
          name: 'adjust',
          title: 'Adjust',
          permissions: ['User.ReadWrite.All'],
          parameters: z.object({ days: z.number() }),
          plan: async () => [],
        }),
        'request_invalid',
      ],
    ] as const) {
      const { apply, ask, approve, approvals, deps, orchestrations } = await stagePlan({ rules: [strict] });
      const id = await ask();
      await approve(id);
      deps.jobs.find = () => job;
      await expect(apply()).rejects.toEqual(refused(code));
      expect(orchestrations.started.filter(({ name }) => name === 'apply-waves')).toEqual([]);
      expect(approvals.approvalLog.rows.get(id)?.approval.status).toBe('approved');
    }
  });

  test('that is an apply itself', async () => {
    const { apply, applyId } = await stagePlan();
    await apply();
    await expect(apply({}, engineer, applyId)).rejects.toEqual(refused('run_not_found', /No plan/));
  });

  test('by an agent, not even for a person whom a rule lets do it', async () => {
    const agent: Caller = { ...engineer, kind: 'agent', actsFor: engineer.objectId, blueprint: guid(0xb) };
    const rules = [
      rule(),
      rule({ name: 'agents', callers: { applications: [guid(0xa)], kinds: ['agent'], blueprints: [guid(0xb)] } }),
    ];
    const { apply, approvals, orchestrations, deps, as } = await stagePlan({ rules });
    await expect(apply({}, agent)).rejects.toEqual(refused('caller_forbidden', /An agent can make a plan/));
    expect([orchestrations.started, approvals.approvalLog.rows.size]).toEqual([[], 0]);
    await apply();
    for (const decide of [goOn, endApply])
      await expect(decide(deps, planId, as(agent))).rejects.toEqual(refused('caller_forbidden', /agent/));
  });
});

describe('rules of the policy', () => {
  test.each<[string, readonly object[], RegExp]>([
    ['name the job', [rule({ changes: ['tidy'] })], /No rule of the policy lets this caller apply plans of adjust\./],
    [
      'are for the caller',
      [rule({ callers: { applications: [guid(0xa)], objects: [guid(0x77)] } })],
      /No rule of the policy/,
    ],
    ['let plans be applied', [rule({ changes: undefined, resources: ['graph'] })], /No rule of the policy/],
    ['cover every tenant', [rule({ tenants: ['group:west'] })], new RegExp(` in ${one}\\.`)],
    ['except none of the tenants', [rule({ except: [two] })], new RegExp(` in ${two}\\.`)],
    ['except no group of them', [rule({ except: ['group:west'] })], new RegExp(` in ${two}, ${three}\\.`)],
    ['cover them by a tag', [rule({ tenants: ['tag:managed'] })], new RegExp(` in ${one}, ${three}\\.`)],
  ])('open a plan only if they %s', async (_, rules, detail) => {
    const { apply, tags, orchestrations, approvals } = await stagePlan({ rules });
    tags.byTenant.set(two, ['managed']);
    await expect(apply()).rejects.toEqual(refused('caller_forbidden', detail));
    expect([orchestrations.started, approvals.approvalLog.rows.size]).toEqual([[], 0]);
  });

  test('may cover the tenants together, and the apply goes on under these alone', async () => {
    const rules = [
      rule({ name: 'pilot', tenants: ['group:pilot'] }),
      rule({ name: 'west', tenants: ['group:west'] }),
      rule({ name: 'not needed', tenants: ['*'], changes: ['tidy'] }),
    ];
    const { apply, requestOf } = await stagePlan({ rules });
    await apply();
    const { change } = await requestOf();
    expect(change?.kind === 'apply' && change.rules).toHaveLength(2);
  });

  test('for all jobs open a plan', async () => {
    const { apply } = await stagePlan({ rules: [rule({ changes: ['*'] })] });
    await expect(apply()).resolves.toHaveProperty('runId');
  });

  test('without an approval come first', async () => {
    const { apply } = await stagePlan({ rules: [rule({ name: 'strict', approval: {} }), rule()] });
    await expect(apply()).resolves.toHaveProperty('runId');
  });

  test('that cannot be judged, since tags cannot be read, open nothing', async () => {
    const { apply, tags, orchestrations } = await stagePlan({ rules: [rule({ tenants: ['tag:managed'] })] });
    tags.broken = true;
    await expect(apply()).rejects.toEqual(refused('storage_unavailable'));
    expect(orchestrations.started).toEqual([]);
  });
});

const strict = rule({ approval: {} });

describe('an approval', () => {
  test('is asked for with what deciders need, what cannot be undone first', async () => {
    const changes = [[move(), { change: act('/users/1/revokeSignInSessions'), before: null }], [move()], [move()]];
    const { apply } = await stagePlan({ rules: [strict], changes });
    const outcome = await apply({ waves: ['group:pilot', '100%'], pauseMinutes: 7 });
    const { subject } = 'pending' in outcome ? outcome.pending : expect.fail('no approval was asked for');
    expect(subject).toMatchObject({
      kind: 'change',
      title: 'Adjust: 4 changes in 3 tenants',
      tenantId: severalTenants,
      rule: 'engineers',
    });
    const facts = Object.fromEntries(subject.facts.map(({ name, value }) => [name, value]));
    expect(facts).toMatchObject({
      Plan: planId,
      Tenants: '3',
      Changes: '4',
      'Cannot be undone': '1',
      Waves: 'group:pilot, 100%',
      'Wave 1': 'stops at 1 failed or 2 without a clear answer or effect',
      'Later waves': 'stops at 4 failed or 2 without a clear answer, counted anew after each go-ahead',
      'Between waves': '7 minutes pass, then a person lets it go on',
      Permissions: 'User.ReadWrite.All',
    });
    expect(subject.details.map(({ name }) => name)).toEqual(['act /users/1/revokeSignInSessions', 'update /users/1']);
    expect(subject.details[1]?.value).toBe('{"city":"Rom"} → {"city":"Bern"} (3 tenants; can be undone: yes)');
  });

  test('shows as much as fits, and says what it leaves out', async () => {
    const changes = [0, 1, 2].map((index) =>
      Array.from({ length: 10 }, (_, at) => move(`${index} ${at} ${'x'.repeat(3_000)}`)),
    );
    const { apply } = await stagePlan({ rules: [strict], changes });
    const outcome = await apply();
    const { subject } = 'pending' in outcome ? outcome.pending : expect.fail('no approval was asked for');
    expect(JSON.stringify(subject).length).toBeLessThan(32_768);
    const hidden = subject.facts.find(({ name }) => name === 'Not shown here')?.value ?? '';
    expect(hidden).toBe(
      `${30 - subject.details.length} differences, the rest of ${subject.details.length} long ones. Read the plan before you decide.`,
    );
  });

  test('of 100,000 changes counts all of them, and shows what fits', async () => {
    const changes = Array.from({ length: 100 }, (_, index) =>
      Array.from({ length: 1_000 }, (__, at) => move(`${index} ${at}`)),
    );
    const { apply, show } = await stagePlan({ rules: [strict], changes });
    const outcome = await apply();
    const { subject } = 'pending' in outcome ? outcome.pending : expect.fail('no approval was asked for');
    expect(subject.title).toBe('Adjust: 100000 changes in 100 tenants');
    expect(JSON.stringify(subject).length).toBeLessThan(32_768);
    expect(subject.facts).toContainEqual({
      name: 'Not shown here',
      value: expect.stringMatching(/^\d+ and more differences\. Read the plan/) as unknown,
    });
    const shown = await show(engineer);
    expect(shown).toMatchObject({ changes: 100_000, changedTenants: 100, more: true });
    expect(shown.groups).toHaveLength(200);
  });

  test('shows names as they are, and characters that make them look like others as escapes', async () => {
    const { apply } = await stagePlan({ rules: [strict], changes: [[move('<script>\n\u202e\u200b\u00a0x')]] });
    const outcome = await apply();
    const { subject } = 'pending' in outcome ? outcome.pending : expect.fail('no approval was asked for');
    expect(subject.details.map(({ value }) => value)).toEqual([
      '{"city":"Rom"} → {"city":"<script>\\n\\u202e\\u200b\\u00a0x"} (1 tenants; can be undone: yes)',
    ]);
  });

  test('of one tenant is decided by people who may read that tenant', async () => {
    const { apply } = await stagePlan({ rules: [strict], changes: [[move()], []] });
    const outcome = await apply();
    expect('pending' in outcome && outcome.pending.subject).toMatchObject({
      tenantId: one,
      title: 'Adjust: 1 changes in 1 tenant',
    });
  });

  test('lets the same request through once another person has approved it', async () => {
    const { apply, ask, approve, applyId, requestOf, orchestrations } = await stagePlan({ rules: [strict] });
    const id = await ask();
    expect(await ask()).toBe(id);
    await expect(approve(id, engineer)).rejects.toEqual(refused('decision_refused', /another person/));
    expect(orchestrations.started.filter(({ name }) => name === 'apply-waves')).toEqual([]);
    await approve(id);
    expect(await apply()).toEqual({ runId: applyId });
    expect((await requestOf()).change).toMatchObject({ approvalId: id });
  });

  test('is used once', async () => {
    const { apply, ask, approve, approvals } = await stagePlan({ rules: [strict] });
    const id = await ask();
    await approve(id);
    await apply();
    await expect(apply()).rejects.toEqual(refused('run_conflict'));
    expect(approvals.approvalLog.rows.get(id)?.approval).toMatchObject({ status: 'used', use: { answered: true } });
  });

  test('is used once by two hosts at the same time', async () => {
    const { apply, ask, approve, orchestrations } = await stagePlan({ rules: [strict] });
    await approve(await ask());
    const outcomes = await Promise.allSettled([apply(), apply(), apply()]);
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(orchestrations.started.filter(({ name }) => name === 'apply-waves')).toHaveLength(1);
  });

  test('is given back if the apply provably did not start, and not if it may have', async () => {
    for (const [code, status] of [
      ['job_unknown', 'approved'],
      ['storage_unavailable', 'used'],
    ] as const) {
      const { apply, ask, approve, approvals, runLog, deps } = await stagePlan({ rules: [strict] });
      const id = await ask();
      await approve(id);
      if (code === 'storage_unavailable')
        runLog.create = () => Promise.reject(new BrokerError(code, 'The reply was lost.'));
      else {
        const { find } = deps.jobs;
        let calls = 0;
        // The last look is that of the start.
        deps.jobs.find = (name) => ((calls += 1) > 2 ? undefined : find(name));
      }
      await expect(apply()).rejects.toEqual(refused(code));
      expect([code, approvals.approvalLog.rows.get(id)?.approval.status]).toEqual([code, status]);
    }
  });

  test('is given back if storage does not confirm that it still holds, and lets the next request through', async () => {
    const { apply, ask, approve, approvals, orchestrations } = await stagePlan({ rules: [strict] });
    const id = await ask();
    await approve(id);
    const { approvalLog } = approvals;
    const find = approvalLog.find.bind(approvalLog);
    let isAway = false;
    approvalLog.find = async (wanted) => {
      const found = await find(wanted);
      if (isAway || found?.approval.status !== 'used') return found;
      isAway = true;
      throw new BrokerError('storage_unavailable', 'Away.');
    };
    await expect(apply()).rejects.toEqual(refused('storage_unavailable'));
    expect(approvalLog.rows.get(id)?.approval.status).toBe('approved');
    expect(orchestrations.started.map(({ name }) => name)).toEqual(['approval']);
    expect(await apply()).toMatchObject({ runId: applyIdOf({ runId: planId, job: 'adjust' }) });
  });

  type Stage = Awaited<ReturnType<typeof stagePlan>>;
  test.each<[string, (stage: Stage) => unknown, ApplyOptions, Caller?]>([
    ['another division into waves', () => undefined, { waves: ['50%', '100%'] }],
    ['other limits', () => undefined, { stop: { failed: 9 } }],
    ['another limit of what is unclear', () => undefined, { stop: { unclear: 0 } }],
    ['another pause', () => undefined, { pauseMinutes: 0 }],
    ['no person between the waves', () => undefined, { confirmWaves: false }],
    ['another caller', () => undefined, {}, colleague],
    ['another rule', ({ world }) => (world.rules = [rule({ name: 'other', approval: {} })]), {}],
    ['a wave whose tag has other tenants since', ({ tags }) => tags.byTenant.set(two, ['first']), {}],
    [
      'a wave whose group has other tenants since',
      ({ world }) => (world.groups = { ...world.groups, pilot: [three] }),
      { waves: ['group:pilot', '100%'] },
    ],
    [
      'another plan of the same content',
      async ({ runLog, makePlan }) => {
        await runLog.remove(planId);
        await makePlan('adjust@second');
      },
      {},
    ],
  ])('opens nothing for %s', async (what, change, options, caller = engineer) => {
    const stage = await stagePlan({ rules: [strict] });
    const { tags, apply, approve, ask, orchestrations } = stage;
    tags.byTenant.set(one, ['first']);
    const waves = what.includes('tag')
      ? ['tag:first', '100%']
      : what.includes('group')
        ? ['group:pilot', '100%']
        : ['10%', '100%'];
    const id = await ask({ waves });
    await approve(id);
    await change(stage);
    const plan = what.startsWith('another plan') ? 'adjust@second' : planId;
    const outcome = await apply({ waves, ...options }, caller, plan);
    expect(outcome).toMatchObject({ pending: { status: 'pending' } });
    expect('pending' in outcome && outcome.pending.id).not.toBe(id);
    expect(orchestrations.started.filter(({ name }) => name === 'apply-waves')).toEqual([]);
  });

  test('opens nothing for other content of the plan', async () => {
    // Of one tenant, so that nothing else depends on the content.
    const { apply, ask, approve, runLog } = await stagePlan({ rules: [strict], changes: [[move()]] });
    const id = await ask();
    await approve(id);
    const record = (await runLog.findTenant(planId, one)) ?? expect.fail('the tenant has no record');
    await runLog.recordTenants(planId, [{ ...record, rowsDigest: digestOf('something else') }]);
    const outcome = await apply();
    expect(outcome).toMatchObject({ pending: { status: 'pending' } });
    expect('pending' in outcome && outcome.pending.id).not.toBe(id);
  });

  test('opens nothing in a tenant that no rule covers any more, or that demands more since', async () => {
    const { world, ask, approve, apply, orchestrations } = await stagePlan({ rules: [strict] });
    await approve(await ask());
    world.rules = [rule({ approval: {}, except: [three] })];
    await expect(apply()).rejects.toEqual(refused('caller_forbidden', new RegExp(three)));
    world.rules = [rule({ approval: { count: 2 } })];
    await expect(apply()).rejects.toEqual(refused('approval_ended', /stricter/));
    expect(orchestrations.started.filter(({ name }) => name === 'apply-waves')).toEqual([]);
  });

  test('of several rules follows the strictest terms of them', async () => {
    const rules = [
      rule({ name: 'pilot', tenants: ['group:pilot'], approval: { count: 1, expiresMinutes: 600, validMinutes: 20 } }),
      rule({ name: 'west', tenants: ['group:west'], approval: { count: 2, expiresMinutes: 30, from: ['Audit.Read'] } }),
    ];
    const { apply, ask, approve } = await stagePlan({ rules });
    const outcome = await apply();
    expect('pending' in outcome && outcome.pending.terms).toEqual({
      from: expect.arrayContaining(['Approvals.Decide', 'Audit.Read']) as unknown,
      count: 2,
      expiresMinutes: 30,
      validMinutes: 20,
    });
    const id = await ask();
    await expect(approve(id)).rejects.toEqual(refused('decision_refused'));
    const auditors = [0x61, 0x62].map((number) => personNamed(number, ['Approvals.Decide', 'Audit.Read']));
    await approve(id, auditors[0]);
    expect(await ask()).toBe(id);
    await approve(id, auditors[1]);
    await expect(apply()).resolves.toHaveProperty('runId');
  });

  test('of several rules opens nothing once another rule is among them', async () => {
    const west = rule({ name: 'west', tenants: ['group:west'], approval: {} });
    const { world, ask, approve, apply } = await stagePlan({
      rules: [rule({ name: 'pilot', tenants: ['group:pilot'], approval: {} }), west],
    });
    const id = await ask();
    await approve(id);
    world.rules = [world.rules[0] ?? {}, { ...west, name: 'other' }];
    const outcome = await apply();
    expect(outcome).toMatchObject({ pending: { status: 'pending' } });
    expect('pending' in outcome && outcome.pending.id).not.toBe(id);
  });

  test('ends with its time, and the plan is asked for anew', async () => {
    const { ask, approve, apply, clock } = await stagePlan({ rules: [rule({ approval: { validMinutes: 10 } })] });
    const id = await ask();
    await approve(id);
    await clock.advance(10 * minuteMs);
    await expect(apply()).rejects.toEqual(refused('approval_ended', /no longer valid/));
    expect(await ask({ askAgain: true })).not.toBe(id);
  });
});

describe('waves', () => {
  test.each<[string, readonly string[], RegExp]>([
    ['are empty', ['tag:nobody', '100%'], /"tag:nobody" has no tenant/],
    ['overlap', ['group:pilot', 'tag:first', '100%'], /both have the tenant/],
    ['leave tenants out', ['group:pilot', '50%'], /leave 1 of 3 tenants out/],
    ['name an unknown group', ['group:typo', '100%'], /unknown group "typo"/],
    ['name something else', ['first', '100%'], /"first" is neither/],
    ['are none', [], /leave 3 of 3 tenants out/],
    ['are only outside of the plan', [four, '100%'], /has no tenant/],
  ])('that %s apply nothing', async (_, waves, detail) => {
    const { apply, tags, approvals, orchestrations } = await stagePlan({ rules: [strict] });
    tags.byTenant.set(one, ['first']);
    await expect(apply({ waves })).rejects.toEqual(refused('request_invalid', detail));
    expect([orchestrations.started, approvals.approvalLog.rows.size]).toEqual([[], 0]);
  });
});

/** Someone who reads and changes some tenants only. */
const limited = personNamed(0x71);
const limitedTo = (...reads: readonly string[]): readonly object[] => [
  rule(),
  { name: 'reads', callers: { applications: [guid(0xa)], objects: [limited.objectId] }, reads },
];

describe('a reader of some tenants', () => {
  test('sees the changes of these alone', async () => {
    const changes = [[move('Bern')], [move('Secret')], [move('Bern'), move('Basel')]];
    const { show, deps, apply } = await stagePlan({ rules: limitedTo(one, three), changes });
    await apply({ waves: ['group:pilot', '100%'] });
    const seen = await show(limited);
    expect(seen).toMatchObject({ changes: 3, changedTenants: 2, tenants: { total: 2 } });
    expect(JSON.stringify(seen)).not.toContain('Secret');
    expect((await show(engineer)).changes).toBe(4);
    const visible = await visibleRuns(deps, limited);
    const [run] = await visible.log.list({ limit: 9 });
    const listed = run && (await viewPlanSummary({ jobs: deps.jobs, runs: deps.runs, visible }, run, undefined));
    expect(listed?.tenants.total).toBe(2);
  });

  test('applies, goes on with, ends and takes back no plan of others', async () => {
    const { apply, as, deps, orchestrations } = await stagePlan({ rules: limitedTo(one, three) });
    await expect(apply({}, limited)).rejects.toEqual(refused('caller_forbidden', /may not read/));
    expect(orchestrations.started).toEqual([]);
    await apply();
    for (const decide of [goOn, endApply])
      await expect(decide(deps, planId, as(limited))).rejects.toEqual(refused('caller_forbidden', /may not read/));
    await expect(planUndoOf(deps, planId, { window: 'undo' }, as(limited))).rejects.toEqual(
      refused('caller_forbidden', /may not read/),
    );
  });

  test('does not learn that a plan of other tenants exists', async () => {
    const { apply, show, runLog } = await stagePlan({ rules: limitedTo(four) });
    const about = { runId: 'adjust@some', job: 'adjust', window: 'some', startedBy: 'x', createdAtMs: 0 };
    await runLog.create(about, { parameters: {}, tenants: [one, two] });
    await expect(show(limited, 'adjust@some')).rejects.toEqual(refused('run_not_found'));
    await expect(apply({}, limited, 'adjust@some')).rejects.toEqual(refused('run_not_found'));
  });
});

describe('an apply that waits', () => {
  const hold: Hold = { id: 'h', atMs: 0, code: 'apply_held', detail: '2 tenants failed; 1 may.' };
  async function stageApply(options: PlanOptions = {}) {
    const stage = await stagePlan(options);
    await stage.apply();
    const request = await stage.requestOf();
    const attempt = (request.tenants ?? []).map((tenantId) => ({ tenantId, name: 'Customer' }));
    const { digest } = await stage.results.putPlan(stage.applyId, { job: 'adjust', attempt, decided: [], ...request });
    await stage.runLog.change(stage.applyId, { status: 'running', startedAtMs: 0, planDigest: digest });
    return stage;
  }

  test('goes on when a person says so, and says it once more if the event was lost', async () => {
    const { deps, as, runLog, applyId, orchestrations } = await stageApply();
    await runLog.change(applyId, { hold, wave: { wave: 1 } });
    for (let time = 0; time < 2; time += 1) expect(await goOn(deps, planId, as(colleague))).toBe(applyId);
    expect((await runLog.find(applyId))?.goneOn).toEqual({
      hold: 'h',
      wave: 0,
      bad: { failed: 0, unclear: 0, unconfirmed: 0 },
      by: `${colleague.applicationId}/${colleague.objectId}`,
      gates: [{ wave: 1, atMs: deps.clock.nowMs(), by: colleague.name, held: hold.detail }],
    });
    expect(orchestrations.raised).toEqual([`${applyId} decided`, `${applyId} decided`]);
  });

  test('does not go on past what the person has not seen', async () => {
    const { deps, as, runLog, applyId, orchestrations, show } = await stageApply();
    const decide = (seen: string, reason?: string) => goOn(deps, planId, { ...as(colleague), seen, reason });
    await runLog.change(applyId, { wave: { wave: 1, endedAtMs: 0, waits: true } });
    expect(await decide('wave-1', 'No tickets.')).toBe(applyId);
    const gates = [{ wave: 1, atMs: deps.clock.nowMs(), by: colleague.name, reason: 'No tickets.' }];
    expect((await runLog.find(applyId))?.goneOn).toMatchObject({ wave: 1, gates });
    await runLog.change(applyId, { hold, wave: { wave: 2 } });
    // Repeated, or from a page that is older than the hold. The first reason stays.
    expect(await decide('wave-1', 'No tickets at all.')).toBe(applyId);
    await expect(decide('wave-2')).rejects.toEqual(refused('request_invalid', /something else/));
    expect((await runLog.find(applyId))?.goneOn?.hold).toBeUndefined();
    expect(await decide('h')).toBe(applyId);
    const at = new Date(deps.clock.nowMs()).toISOString();
    const [gate, ofHold] = (await show(engineer)).apply?.gates ?? [];
    expect(gate).toEqual({ wave: 1, at, by: colleague.name, reason: 'No tickets.' });
    // The end of a hold keeps the gates before.
    expect(ofHold).toEqual({ wave: 2, at, by: colleague.name, held: hold.detail });
    expect((await runLog.find(applyId))?.goneOn).toMatchObject({ hold: 'h', wave: 1, gates: { length: 2 } });
    expect(await decide('h')).toBe(applyId);
    await expect(decide('other')).rejects.toEqual(refused('request_invalid', /does not wait/));
    expect(orchestrations.raised).toHaveLength(4);
  });

  test('is not moved by whoever no rule lets apply it', async () => {
    const { deps, as, runLog, applyId, world } = await stageApply();
    await runLog.change(applyId, { hold, wave: { wave: 1 } });
    world.rules = [rule({ except: [two] })];
    await expect(goOn(deps, planId, as(engineer))).rejects.toEqual(refused('caller_forbidden', new RegExp(two)));
    expect((await runLog.find(applyId))?.goneOn).toBeUndefined();
  });

  test('does not go on unless it waits, nor after its end', async () => {
    const { deps, as, runLog, applyId } = await stageApply();
    await expect(goOn(deps, planId, as(engineer))).rejects.toEqual(refused('request_invalid', /does not wait/));
    await runLog.change(applyId, { status: 'completed' });
    await expect(goOn(deps, planId, as(engineer))).rejects.toEqual(refused('request_invalid', /has ended/));
  });

  test('ends when a person says so, at the time of the first who did', async () => {
    const { deps, as, runLog, applyId, clock, orchestrations } = await stageApply();
    await endApply(deps, planId, as(colleague));
    const firstMs = clock.nowMs();
    await clock.advance(1_000);
    await endApply(deps, planId, as(engineer));
    expect((await runLog.find(applyId))?.cancelRequestedAtMs).toBe(firstMs);
    expect(orchestrations.raised).toEqual([`${applyId} cancel`, `${applyId} cancel`]);
  });

  test('is none as long as the plan was not applied', async () => {
    const { deps, as } = await stagePlan();
    for (const decide of [goOn, endApply])
      await expect(decide(deps, planId, as(engineer))).rejects.toEqual(refused('run_not_found', /was not applied/));
  });

  test('is taken back after its end, over the tenants that it was for, by a plan of its own', async () => {
    const { deps, as, runLog, applyId } = await stageApply();
    const undo = () => planUndoOf(deps, planId, { window: 'undo' }, as(colleague));
    await expect(undo()).rejects.toEqual(refused('request_invalid', /has not ended/));
    await runLog.change(applyId, { status: 'cancelled' });
    expect(await undo()).toBe('adjust@undo');
    const request = await runLog.request('adjust@undo');
    expect(request?.change).toEqual({ kind: 'undo', apply: applyId });
    expect(request?.tenants?.toSorted()).toEqual([one, two, three]);
  });

  test('is no undo of a plan that was not applied', async () => {
    const { deps, as } = await stagePlan();
    await expect(planUndoOf(deps, planId, { window: 'undo' }, as(engineer))).rejects.toEqual(
      refused('run_not_found', /nothing to undo/),
    );
  });
});

describe('a view of a plan', () => {
  /** An apply in which each tenant ended with an outcome. */
  async function stageView(outcomes: readonly string[], rules?: readonly object[]) {
    const stage = await stagePlan({ ...(rules && { rules }), changes: outcomes.map(() => [move()]) });
    await stage.apply({ waves: ['group:pilot', '100%'] });
    const { tenants = [], parameters, change } = await stage.requestOf();
    const attempt = tenants.map((tenantId, index) => ({ tenantId, name: 'Customer', wave: index === 0 ? 1 : 2 }));
    const { digest } = await stage.results.putPlan(stage.applyId, {
      job: 'adjust',
      attempt,
      decided: [],
      parameters,
      change,
    });
    const counts = { total: attempt.length, succeeded: 0, failed: 0, skipped: 0, notAttempted: 0 };
    await stage.runLog.change(stage.applyId, {
      status: 'running',
      startedAtMs: 0,
      planDigest: digest,
      tenants: counts,
      hold: { id: 'h', atMs: 0, code: 'apply_held', detail: '2 tenants failed; 1 may.' },
      wave: { wave: 2 },
    });
    for (const [index, outcome] of outcomes.entries()) {
      const { numbers } = writeRows([{ outcome }], [], { by: 'outcome', without: new Set() });
      await stage.runLog.recordTenant(stage.applyId, {
        tenantId: tenant(index + 1),
        name: 'Customer',
        outcome: 'failed',
        round: 1,
        rows: 1,
        columns: [],
        startedAtMs: 0,
        finishedAtMs: 0,
        numbers,
      });
    }
    const read: string[] = [];
    const rows = stage.results.rows.bind(stage.results);
    stage.results.rows = (runId, ...more) => {
      read.push(runId);
      return rows(runId, ...more);
    };
    return { ...stage, read };
  }

  test('reads its changes once and those of its apply never, however often it is asked for', async () => {
    const { show, read, clock, applyId } = await stageView(['applied', 'applied', 'drifted']);
    const before = (await show(engineer)).groups;
    for (let time = 0; time < 3; time += 1) {
      await clock.advance(2_000);
      expect(await show(engineer)).toMatchObject({
        groups: before,
        changes: 3,
        apply: {
          wave: 2,
          waves: [1, 2],
          waveNames: ['group:pilot', '100%'],
          stop: { failed: 3, unclear: 1 },
          outcomes: { applied: 2, drifted: 1 },
          tenants: { failed: 3 },
        },
      });
    }
    expect(read).not.toContain(applyId);
    expect(read.length).toBeLessThanOrEqual(3);
  });

  test('shows a reader of some tenants no counts of others', async () => {
    const { show, runLog, applyId } = await stageView(['applied', 'drifted', 'refused'], limitedTo(one, three));
    const bad = { failed: 0, unclear: 0, unconfirmed: 0 };
    const gates = [{ wave: 1, atMs: 0, by: 'Ada', reason: 'Contoso is away.', held: '2 tenants failed; 1 may.' }];
    await runLog.change(applyId, { goneOn: { wave: 1, bad, by: 'ada', gates } });
    const { apply, groups } = await show(limited);
    expect(groups).toMatchObject([{ tenants: 2 }]);
    expect(apply).toMatchObject({
      waves: [1, 1],
      tenants: { total: 2, failed: 2 },
      hold: { detail: 'Only callers that may read every tenant see the details.' },
    });
    const at = '1970-01-01T00:00:00.000Z';
    expect(apply?.gates).toEqual([{ wave: 1, at, by: 'Ada', held: apply?.hold?.detail }]);
    expect((await show(engineer)).apply?.gates).toMatchObject([{ at, reason: 'Contoso is away.' }]);
    expect(apply?.outcomes).toEqual({ applied: 1, refused: 1 });
    // A wave may be named after a tenant.
    expect(apply).not.toHaveProperty('waveNames');
    expect((await show(engineer)).apply?.hold?.detail).toBe('2 tenants failed; 1 may.');
  });

  test('in a list looks up only applies that are under way', async () => {
    const { deps, runLog, applyId } = await stageView(['applied', 'applied']);
    const visible = await visibleRuns(deps, engineer);
    const asked: string[] = [];
    const request = runLog.request.bind(runLog);
    runLog.request = (runId) => {
      asked.push(runId);
      return request(runId);
    };
    const listed = async () => {
      const [plan, found] = [await runLog.find(planId), await runLog.find(applyId)];
      // As lists return it.
      const { hold: _hold, wave: _wave, ...apply } = found ?? expect.fail('the plan was not applied');
      return plan && viewPlanSummary({ jobs: deps.jobs, runs: deps.runs, visible }, plan, apply);
    };
    expect((await listed())?.apply).toMatchObject({ status: 'running', wave: 2, waves: [1, 1], waits: true });
    expect(asked).toEqual([applyId]);
    await runLog.change(applyId, { status: 'completed' });
    expect((await listed())?.apply).toMatchObject({ status: 'completed', waves: [], waits: false });
    expect(asked).toEqual([applyId]);
  });
});

describe('the plan of an undo', () => {
  const undoId = 'adjust@undo';
  const undoOf = (apply: string) => ({ kind: 'undo', apply }) as const;

  test('is applied like any other, and taken back like any other', async () => {
    const { makePlan, apply, applyId, show, runLog, results, deps, as, requestOf } = await stagePlan();
    await makePlan(undoId, [[move('Rom')], [], []], undoOf(applyId));
    expect((await show(engineer, undoId)).undoes).toBe(applyId);
    const undone = await apply({}, engineer, undoId);
    const undoneId = 'runId' in undone ? undone.runId : expect.fail('it waits');
    const request = await requestOf(undoId);
    const attempt = [{ tenantId: one, name: 'Customer 1' }];
    const { digest } = await results.putPlan(undoneId, { job: 'adjust', attempt, decided: [], ...request });
    await runLog.change(undoneId, { status: 'completed', planDigest: digest });
    await planUndoOf(deps, undoId, { window: 'undo-of-undo' }, as(engineer));
    expect(await runLog.request('adjust@undo-of-undo')).toMatchObject({ tenants: [one], change: undoOf(undoneId) });
  });

  test('is marked in its approval: it may weaken security', async () => {
    const { makePlan, apply, applyId } = await stagePlan({ rules: [strict] });
    await makePlan(undoId, undefined, undoOf(applyId));
    const outcome = await apply({}, engineer, undoId);
    const { subject } = 'pending' in outcome ? outcome.pending : expect.fail('no approval was asked for');
    expect(subject.title).toBe('Undo of Adjust: 3 changes in 3 tenants');
    expect(subject.facts).toContainEqual({
      name: 'Takes back',
      value: `the apply ${applyId}. This weakens security where that apply protects tenants.`,
    });
  });

  test('of something else is not marked', async () => {
    const { apply } = await stagePlan({ rules: [strict] });
    const outcome = await apply();
    const { subject } = 'pending' in outcome ? outcome.pending : expect.fail('no approval was asked for');
    expect([subject.title, subject.facts.some(({ name }) => name === 'Takes back')]).toEqual([
      'Adjust: 3 changes in 3 tenants',
      false,
    ]);
  });
});

test('a job that reports makes no plan, and an unknown one is named', async () => {
  const { deps } = await stagePlan();
  expect(changeJob(deps.jobs, 'adjust').name).toBe('adjust');
  expect(() => changeJob(deps.jobs, 'report')).toThrow(expect.objectContaining({ code: 'request_invalid' }));
  expect(() => changeJob(deps.jobs, 'typo')).toThrow(expect.objectContaining({ code: 'job_unknown' }));
});
