import { describe, expect, it } from 'vitest';
import { BrokerError } from '../../../../../src/lib/core/errors.ts';
import type { JobContext } from '../../../../../src/lib/runs/job/job.ts';
import { createTenantSlots, requestersOf, visitTenants } from '../../../../../src/lib/runs/engine/visit-tenants.ts';
import { writeRows } from '../../../../../src/lib/runs/job/row.ts';
import type { VisitTenantsInput } from '../../../../../src/lib/runs/engine/run-schemas.ts';
import type { BudgetedRequest } from '../../../../../src/lib/core/share.ts';
import { settle } from '../../../../fakes/fake-clock.ts';
import { runId, type RunStage, stageRun, startRun, tenantId, recordOf } from '../store/stage.ts';

const input: VisitTenantsInput = { runId, indexes: [0, 1, 2, 3], round: 1, last: false };

interface VisitStage extends RunStage {
  readonly visit: (more?: Partial<VisitTenantsInput>) => ReturnType<typeof visitTenants>;
}

async function stageVisit(run: (context: JobContext) => Promise<unknown>, slots = 20): Promise<VisitStage> {
  const stage = await stageRun(run, 6);
  const places = {
    tenantSlots: createTenantSlots(slots),
    loneSlot: createTenantSlots(1),
    changeSlots: createTenantSlots(20),
  };
  return { ...stage, visit: (more) => visitTenants({ ...stage.deps, ...places }, { ...input, ...more }) };
}

async function outcomes({ runLog }: RunStage): Promise<string[]> {
  const found: string[] = [];
  for await (const { tenantId: id, outcome, code } of runLog.tenants(runId))
    found.push(`${id.slice(-1)} ${outcome} ${code ?? ''}`);
  return found;
}

const numberOf = ({ tenant }: JobContext): number => Number(tenant.tenantId.slice(-1));

describe('visitTenants', () => {
  it('gives each tenant a record and an outcome of its own, and tells the orchestration only what it needs', async () => {
    const stage = await stageVisit(async (context) => {
      if (numberOf(context) === 1) throw new BrokerError('consent_required', 'No consent.');
      if (numberOf(context) === 2) throw new BrokerError('throttled', 'Later.', { retryAfterSeconds: 40 });
      return [{ n: numberOf(context) }];
    });
    expect(await stage.visit()).toEqual({ retry: [2], retryAfterSeconds: 40 });
    expect(await outcomes(stage)).toEqual([
      '0 succeeded ',
      '1 failed consent_required',
      '2 retrying throttled',
      '3 succeeded ',
    ]);
    expect(await stage.visit({ indexes: [4, 5] })).toEqual({});
  });

  it('looks for the record of each tenant by itself if it cannot read those of the group, and logs that', async () => {
    const stage = await stageVisit(async () => []);
    await stage.runLog.recordTenants(runId, [recordOf(0)]);
    stage.runLog.findOutcomes = () => Promise.reject(new BrokerError('storage_unavailable', 'It is away.'));
    expect(await stage.visit()).toEqual({});
    expect(stage.started).toEqual([tenantId(1), tenantId(2), tenantId(3)]);
    expect(JSON.parse(stage.logger.lines[0]?.line ?? '')).toMatchObject({
      event: 'tenant_run.records_unread',
      level: 'warn',
      runId,
      code: 'storage_unavailable',
    });
  });

  it('visits the tenants side by side, within the limit of the process', async () => {
    let now = 0;
    let most = 0;
    const stage = await stageVisit(async () => {
      most = Math.max(most, (now += 1));
      await Promise.resolve();
      await new Promise((done) => setImmediate(done));
      now -= 1;
      return [];
    }, 3);
    await Promise.all([stage.visit(), stage.visit({ indexes: [4, 5] })]);
    expect(most).toBe(3);
  });

  it('visits the tenants of an undo in places of their own, because its visits mostly wait', async () => {
    let now = 0;
    const stage = await stageVisit(async () => []);
    const { runs } = stage.deps;
    const allCame = Promise.withResolvers<void>();
    const carryOut: RunStage['deps']['changes']['carryOut'] = async () => {
      if ((now += 1) === 4) allCame.resolve();
      await allCame.promise;
      return { written: writeRows([], [], { by: 'action', without: new Set() }) };
    };
    const get: typeof runs.plans.get = async (id) => {
      const { plan, ...rest } = await runs.plans.get(id);
      return { ...rest, plan: { ...plan, change: { kind: 'undo', apply: 'probe@apply' as const } } };
    };
    const deps = {
      ...stage.deps,
      runs: { ...runs, plans: { ...runs.plans, get } },
      changes: { ...stage.deps.changes, carryOut },
      tenantSlots: createTenantSlots(1),
      loneSlot: createTenantSlots(1),
      changeSlots: createTenantSlots(20),
    };
    expect(await visitTenants(deps, input)).toEqual({});
    expect(await outcomes(stage)).toHaveLength(4);
  });

  it('visits a tenant with a record no more, whichever process wrote it', async () => {
    const stage = await stageVisit(async () => []);
    // This process has read the run before another one recorded the tenants and was killed.
    await stage.deps.runs.plans.get(runId);
    await stage.runLog.recordTenants(runId, [
      recordOf(0),
      recordOf(1, { outcome: 'retrying', code: 'throttled', retryAfterSeconds: 7 }),
    ]);
    expect(await stage.visit()).toEqual({ retry: [1], retryAfterSeconds: 7 });
    expect(stage.started).toEqual([tenantId(2), tenantId(3)]);
    await stage.visit({ round: 2 });
    expect(stage.started).toEqual([tenantId(2), tenantId(3), tenantId(1)]);
  });

  it.each([
    ['probe@small', 'another run of the same job', 2 * 5],
    ['query@small', 'a query, for which a caller waits', 5],
  ])('gives places to a small run (%s, %s) while a large one waits for them', async (small, _, within) => {
    const ends: (() => void)[] = [];
    const stage = await stageRun(() => new Promise((done) => ends.push(() => done([]))), 40);
    await startRun(stage, small, 5, 900);
    const deps = {
      ...stage.deps,
      tenantSlots: createTenantSlots(2),
      loneSlot: createTenantSlots(1),
      changeSlots: createTenantSlots(20),
    };
    const visit = (id: string, count: number) =>
      visitTenants(deps, { ...input, runId: id, indexes: Array.from({ length: count }, (__, index) => index) });
    const large = visit(runId, 40);
    await expect.poll(() => ends.length).toBe(2);
    const both = [large, visit(small, 5)];
    await settle();
    for (let at = 0; at < ends.length; at += 1) {
      ends[at]?.();
      await settle();
    }
    await Promise.all(both);
    const places = stage.started.flatMap((id, place) => (id >= tenantId(900) ? [place - 2] : []));
    expect(places).toHaveLength(5);
    expect(Math.max(...places)).toBeLessThan(within);
  });

  it('asks for tokens and sends requests in the turn of the run, not of the job', async () => {
    const stage = await stageRun(
      async ({ graph }) => {
        await graph.get('/organization');
        return [];
      },
      1,
      { permissions: ['Organization.Read.All'] },
    );
    const { tokens } = stage.deps;
    const asked: unknown[] = [];
    const deps = {
      ...stage.deps,
      tenantSlots: createTenantSlots(2),
      loneSlot: createTenantSlots(1),
      changeSlots: createTenantSlots(20),
      tokens: {
        ...tokens,
        getToken: (...given: Parameters<typeof tokens.getToken>) => {
          asked.push(given[0].runId);
          return tokens.getToken(...given);
        },
      },
      budgets: {
        admit: async ({ requesters }: BudgetedRequest) => void asked.push(...requesters.all),
        throttled: () => undefined,
      },
    };
    expect(await visitTenants(deps, { ...input, indexes: [0] })).toEqual({});
    expect(asked).toEqual([{ id: runId, kind: 'background' }, runId]);
  });

  it('sends the request of a small run while many of a large one wait', async () => {
    const ends: (() => void)[] = [];
    const sent: string[] = [];
    const stage = await stageRun(
      async ({ graph, tenant }) => {
        const isSmall = tenant.tenantId >= tenantId(900);
        const path = isSmall ? '/organization?$select=id' : '/organization';
        await Promise.all(Array.from({ length: isSmall ? 1 : 40 }, () => graph.get(path)));
        return [];
      },
      1,
      { permissions: ['Organization.Read.All'] },
    );
    await startRun(stage, 'probe@small', 1, 900);
    const deps = {
      ...stage.deps,
      tenantSlots: createTenantSlots(4),
      loneSlot: createTenantSlots(1),
      changeSlots: createTenantSlots(20),
      requestSlots: createTenantSlots(2),
      fetch: async (url: string) => {
        sent.push(url.includes('select') ? 'small' : 'large');
        await new Promise<void>((done) => ends.push(done));
        return Response.json({});
      },
    };
    const large = visitTenants(deps, { ...input, indexes: [0] });
    await expect.poll(() => sent.length).toBe(2);
    const both = [large, visitTenants(deps, { ...input, runId: 'probe@small', indexes: [0] })];
    await settle();
    for (let at = 0; at < ends.length; at += 1) {
      ends[at]?.();
      await settle();
    }
    expect(await Promise.all(both)).toEqual([{}, {}]);
    expect(sent).toHaveLength(41);
    expect(sent.indexOf('small')).toBeLessThan(5);
  });

  it('looks for each record by itself if it could not look for all of them', async () => {
    const stage = await stageVisit(async () => []);
    await stage.deps.runs.plans.get(runId);
    await stage.runLog.recordTenants(runId, [
      recordOf(0),
      recordOf(2, { outcome: 'failed', code: 'consent_required' }),
    ]);
    stage.runLog.findOutcomes = () => Promise.reject(new BrokerError('storage_unavailable', 'Storage is away.'));
    expect(await stage.visit()).toEqual({});
    expect(stage.started).toEqual([tenantId(1), tenantId(3)]);
  });

  it('ends a tenant that hangs at its deadline, and records the others before', async () => {
    const stage = await stageVisit(async (context) => (numberOf(context) === 2 ? new Promise(() => undefined) : []));
    const visited = stage.visit();
    await expect.poll(() => outcomes(stage)).toEqual(['0 succeeded ', '1 succeeded ', '3 succeeded ']);
    await stage.clock.advance(60_000);
    expect(await visited).toEqual({});
    expect(await outcomes(stage)).toContain('2 failed job_timed_out');
  });

  it('starts no tenant after ten minutes, and returns it for another activity', async () => {
    const stage = await stageVisit(async () => []);
    const full = createTenantSlots(1);
    let free: () => void = () => undefined;
    const held = full.run(() => new Promise<void>((done) => (free = done)), requestersOf(runId));
    const visited = visitTenants({ ...stage.deps, tenantSlots: full, loneSlot: full, changeSlots: full }, input);
    await stage.clock.advance(10 * 60_000);
    free();
    expect(await visited).toEqual({ left: [0, 1, 2, 3] });
    await held;
    expect(stage.started).toEqual([]);
    expect(await outcomes(stage)).toEqual([]);
  });

  it('stops at a failure that concerns every tenant, and returns the reason', async () => {
    const stage = await stageVisit(async () => {
      throw new BrokerError('credential_revoked', 'Revoked.');
    }, 1);
    expect(await stage.visit()).toEqual({ stopCode: 'credential_revoked' });
    expect(stage.started).toHaveLength(1);
  });

  it('returns the tenants to retry if storage fails, and the reason if this was the last round', async () => {
    const stage = await stageVisit(async () => []);
    stage.runLog.broken = true;
    expect(await stage.visit()).toEqual({ retry: [0, 1, 2, 3] });
    expect(await stage.visit({ last: true })).toEqual({ lostBy: 'storage_unavailable' });
    expect(stage.started).toEqual([]);
  });
});

/** Runs activities until each has returned, as the platform does: a process that ends takes all with it, and they start again. */
async function untilReturned(kills: readonly number[], groups: readonly (readonly number[])[]) {
  let process = { hasEnded: false, end: (): void => undefined };
  const stage = await stageRun((context) => {
    if (kills.includes(numberOf(context))) process.end();
    return Promise.resolve([]);
  }, 6);
  const { log, results } = stage.deps.runs;
  let ends = 0;
  let open = groups;
  while (open.length > 0) {
    const ended = Promise.withResolvers<void>();
    const own = {
      hasEnded: false,
      end: (): void => {
        own.hasEnded = true;
        ended.resolve();
      },
    };
    process = own;
    /** Nothing that a process does after its end counts. */
    const alive =
      <A extends unknown[], T>(work: (...given: A) => Promise<T>) =>
      (...given: A): Promise<T> =>
        own.hasEnded ? new Promise<never>(() => undefined) : work(...given);
    const deps = {
      ...stage.deps,
      tenantSlots: createTenantSlots(20),
      loneSlot: createTenantSlots(1),
      changeSlots: createTenantSlots(20),
      runs: {
        ...stage.deps.runs,
        log: {
          findTenant: alive((...given: Parameters<typeof log.findTenant>) => log.findTenant(...given)),
          findOutcomes: alive((...given: Parameters<typeof log.findOutcomes>) => log.findOutcomes(...given)),
          recordTenant: alive((...given: Parameters<typeof log.recordTenant>) => log.recordTenant(...given)),
        },
        results: {
          putRows: alive((...given: Parameters<typeof results.putRows>) => results.putRows(...given)),
          countStart: alive((...given: Parameters<typeof results.countStart>) => results.countStart(...given)),
          endWork: alive((...given: Parameters<typeof results.endWork>) => results.endWork(...given)),
          openWork: alive((...given: Parameters<typeof results.openWork>) => results.openWork(...given)),
        },
      },
    };
    const again: (readonly number[])[] = [];
    const returned = open.map(async (indexes) => {
      const place = again.push(indexes) - 1;
      const { left = [] } = await visitTenants(deps, { ...input, indexes });
      again[place] = left;
    });
    await Promise.race([Promise.all(returned), ended.promise]);
    if (own.hasEnded) ends += 1;
    open = again.filter((indexes) => indexes.length > 0);
    if (ends > 30) throw new Error('the process ends again and again');
  }
  return { stage, ends };
}

describe('a job that ends the process', () => {
  it('fails in the tenant in which it does so, by name, and the others are visited', async () => {
    const { stage, ends } = await untilReturned(
      [1],
      [
        [0, 1, 2],
        [3, 4, 5],
      ],
    );
    expect(await outcomes(stage)).toEqual(
      expect.arrayContaining(['0 succeeded ', '1 failed job_failed', '2 succeeded ', '3 succeeded ', '5 succeeded ']),
    );
    expect(ends).toBe(9);
    expect(await stage.runLog.findTenant(runId, tenantId(1))).toMatchObject({
      detail: 'The process ended 9 times during the visit, as it does after process.exit() or without memory.',
      round: 1,
    });
  });

  it('fails in each of several tenants', async () => {
    const { stage, ends } = await untilReturned(
      [0, 2, 4],
      [
        [0, 1, 2],
        [3, 4, 5],
      ],
    );
    expect((await outcomes(stage)).toSorted()).toEqual(
      ['failed job_failed', 'succeeded ']
        .flatMap((outcome, odd) => [0, 2, 4].map((at) => `${at + odd} ${outcome}`))
        .toSorted(),
    );
    expect(ends).toBeLessThanOrEqual(27);
  });
});

describe('a group that is visited again', () => {
  it('visits its tenants one by one, and returns those that it has no time for', async () => {
    let now = 0;
    let most = 0;
    const job = async () => {
      most = Math.max(most, (now += 1));
      await new Promise((done) => setImmediate(done));
      now -= 1;
      if (stage.started.length === 3) await stage.clock.advance(10 * 60_000);
      return [];
    };
    const stage: RunStage = await stageRun(job, 4, { timeoutSeconds: 3_600 });
    const places = {
      tenantSlots: createTenantSlots(20),
      loneSlot: createTenantSlots(1),
      changeSlots: createTenantSlots(20),
    };
    await stage.results.countStart(runId, '1-0-4');
    expect(await visitTenants({ ...stage.deps, ...places }, input)).toEqual({ left: [3] });
    expect(most).toBe(1);
    expect(await outcomes(stage)).toHaveLength(3);
  });

  it('is visited side by side if the activity before had no time for it and ended', async () => {
    let now = 0;
    let most = 0;
    const job = async () => {
      most = Math.max(most, (now += 1));
      await new Promise((done) => setImmediate(done));
      now -= 1;
      return [];
    };
    const stage: RunStage = await stageRun(job, 4, { timeoutSeconds: 3_600 });
    const slots = {
      tenantSlots: createTenantSlots(20),
      loneSlot: createTenantSlots(1),
      changeSlots: createTenantSlots(20),
    };
    const late = { run: async <T>(work: () => Promise<T>) => (await stage.clock.advance(10 * 60_000), work()) };
    expect(await visitTenants({ ...stage.deps, ...slots, tenantSlots: late }, input)).toEqual({ left: [0, 1, 2, 3] });
    expect(await visitTenants({ ...stage.deps, ...slots }, input)).toEqual({});
    expect(most).toBe(4);
  });

  it('visits those last in which the process ended, also in a later round', async () => {
    const stage = await stageVisit(async () => []);
    await stage.results.countStart(runId, 'tenant-1');
    expect(await stage.visit({ round: 2 })).toEqual({});
    expect(stage.started).toEqual([0, 2, 3, 1].map(tenantId));
    expect(await stage.results.openWork(runId)).toEqual(new Set());
  });

  it('is visited as ever if its starts cannot be counted', async () => {
    const stage = await stageVisit(async () => []);
    stage.results.countStart = () => Promise.reject(new BrokerError('storage_unavailable', 'Away.'));
    expect(await stage.visit()).toEqual({});
    expect(stage.started).toHaveLength(4);
    expect(stage.logger.events()).toContain('tenant_run.start_uncounted');
  });
});
