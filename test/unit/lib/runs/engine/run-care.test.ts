import { describe, expect, test, vi } from 'vitest';
import { BrokerError } from '../../../../../src/lib/core/errors.ts';
import type { Notice } from '../../../../../src/lib/notices/notice.ts';
import type { JobDefinition } from '../../../../../src/lib/runs/job/job.ts';
import { finishRun } from '../../../../../src/lib/runs/engine/finish-run.ts';
import { announceRun } from '../../../../../src/lib/runs/engine/announce-run.ts';
import { purgeRuns, watchRuns } from '../../../../../src/lib/runs/engine/watch-runs.ts';
import { applyWindow } from '../../../../../src/lib/runs/store/run.ts';
import { FakeOrchestrations } from '../../../../fakes/fake-orchestrations.ts';
import { MemoryScheduleLog } from '../../../../fakes/memory-schedule-log.ts';
import { runId, stageRun, tenantId } from '../store/stage.ts';

const hour = 3_600_000;

async function stage(more: Partial<JobDefinition> = {}) {
  const run = await stageRun(async () => [], 3, more);
  const orchestrations = new FakeOrchestrations();
  orchestrations.states.set(runId, 'active');
  const tuning = { batchSize: 100, groupSize: 10, inTurn: true, rounds: 3, retryDelaySeconds: 60 };
  const notices: Notice[] = [];
  const notifier = { send: async (notice: Notice) => void notices.push(notice) };
  const timer = { off: false };
  const schedules = new MemoryScheduleLog();
  const runs = { ...run.deps.runs, schedules };
  return {
    ...run,
    orchestrations,
    notices,
    notifier,
    watch: () =>
      watchRuns({
        ...run.deps,
        runs,
        orchestrations,
        tuning,
        announce: (ended) => announceRun({ ...run.deps, notifier, dashboardUrl: undefined }, { runId: ended }),
        timerIsOff: () => timer.off,
      }),
    purge: (retentionDays: number) =>
      purgeRuns({ ...run.deps, orchestrations, retentionDays, timerIsOff: () => timer.off }),
    timer,
    schedules,
  };
}

describe('the watchdog', () => {
  test('does not touch a run that makes progress', async () => {
    const { watch, attempt, clock, runLog } = await stage();
    await clock.advance(hour);
    await attempt(0);
    expect(await watch()).toMatchObject({ resumed: [], closed: [] });
    expect(await runLog.find(runId)).toMatchObject({ status: 'running' });
  });

  test('starts a run with a record but no orchestration, once', async () => {
    const { watch, clock, runLog, orchestrations } = await stage();
    await runLog.create(
      { runId: 'probe@w2', job: 'probe', window: 'w2', startedBy: 'timer', createdAtMs: clock.nowMs() },
      { parameters: {} },
    );
    expect(await watch()).toMatchObject({ resumed: [], closed: [] });
    await clock.advance(61_000);
    expect(await watch()).toMatchObject({ resumed: ['probe@w2'], closed: [] });
    expect(await watch()).toMatchObject({ resumed: [], closed: [] });
    expect(orchestrations.started).toHaveLength(1);
  });

  test('looks at every active run, however many there are and however old one is', async () => {
    const { watch, clock, runLog, orchestrations } = await stage();
    for (let count = 0; count < 1_200; count += 1) {
      const window = `w${count}`;
      await runLog.create(
        { runId: `probe@${window}`, job: 'probe', window, startedBy: 'timer', createdAtMs: clock.nowMs() + count },
        { parameters: {} },
      );
    }
    await clock.advance(62_000);
    const { resumed } = await watch();
    expect(resumed).toHaveLength(1_200);
    expect(orchestrations.started).toHaveLength(1_200);
  });

  test('closes a run whose orchestration failed, with the recorded results', async () => {
    const { watch, attempt, clock, runLog, orchestrations } = await stage();
    await attempt(0);
    orchestrations.states.set(runId, 'ended');
    await clock.advance(120_000);
    expect(await watch()).toMatchObject({ resumed: [], closed: [runId] });
    const stoppedBy = { code: 'internal', detail: 'The orchestration of the run failed.' };
    expect(await runLog.find(runId)).toMatchObject({
      status: 'failed',
      stoppedBy,
      tenants: { succeeded: 1, notAttempted: 2 },
    });
    expect(await watch()).toMatchObject({ resumed: [], closed: [] });
  });

  test('restarts a run that the platform has lost', async () => {
    const { watch, clock, orchestrations } = await stage();
    orchestrations.states.delete(runId);
    expect(await watch()).toMatchObject({ resumed: [], closed: [] });
    await clock.advance(120_000);
    expect(await watch()).toMatchObject({ resumed: [runId], closed: [] });
  });

  test('ends a run without progress for longer than a tenant may take', async () => {
    const { watch, attempt, clock, runLog, orchestrations } = await stage();
    await clock.advance(hour);
    await attempt(0);
    await clock.advance(1.5 * hour);
    expect((await watch()).closed).toEqual([]);
    await clock.advance(hour);
    expect((await watch()).closed).toEqual([runId]);
    expect(orchestrations.terminated).toEqual([runId]);
    expect(await runLog.find(runId)).toMatchObject({
      status: 'failed',
      stoppedBy: { detail: 'The run made no progress and was ended.' },
    });
  });

  test("adds the job's timeout, in seconds, to the patience of two hours", async () => {
    const { watch, clock } = await stage({ timeoutSeconds: 1800 });
    await clock.advance(2.5 * hour - 1);
    expect((await watch()).closed).toEqual([]);
    await clock.advance(1);
    expect((await watch()).closed).toEqual([runId]);
  });

  test('adds an hour for a run whose job no longer exists', async () => {
    const { watch, clock, deps } = await stage({ timeoutSeconds: 1 });
    vi.spyOn(deps.jobs, 'find').mockReturnValue(undefined);
    await clock.advance(3 * hour - 1);
    expect((await watch()).closed).toEqual([]);
    await clock.advance(1);
    expect((await watch()).closed).toEqual([runId]);
  });

  test('logs the run that it closed and what its orchestration did', async () => {
    for (const state of ['ended', 'active'] as const) {
      const { watch, clock, orchestrations, logger } = await stage();
      orchestrations.states.set(runId, state);
      await clock.advance(25 * hour);
      await watch();
      const line = logger.lines.find((each) => each.line.includes('run.closed_by_watchdog'));
      expect(line?.level).toBe('error');
      expect(JSON.parse(line?.line ?? '{}')).toMatchObject({ runId, state });
    }
  });

  test('waits for a day, and no longer, while other runs make progress', async () => {
    const { watch, clock, runLog, orchestrations } = await stage();
    const other = { runId: 'probe@w2', job: 'probe', window: 'w2', startedBy: 'timer' };
    await clock.advance(24 * hour - 1);
    await runLog.create({ ...other, createdAtMs: clock.nowMs() }, { parameters: {} });
    orchestrations.states.set('probe@w2', 'active');
    expect((await watch()).closed).toEqual([]);
    await clock.advance(1);
    expect((await watch()).closed).toEqual([runId]);
  });

  test('does not touch a run that waits behind an active run, or one that has just ended', async () => {
    const { watch, clock, runLog, orchestrations } = await stage();
    const other = { runId: 'probe@w2', job: 'probe', window: 'w2', startedBy: 'timer' };
    await runLog.create({ ...other, createdAtMs: clock.nowMs() }, { parameters: {} });
    await runLog.change('probe@w2', { status: 'running', startedAtMs: clock.nowMs() });
    orchestrations.states.set('probe@w2', 'active');
    const record = { name: 'x', outcome: 'succeeded', round: 1, rows: 0, columns: [], startedAtMs: 0 } as const;
    for (let tenant = 1; tenant <= 5; tenant += 1) {
      await clock.advance(hour);
      await runLog.recordTenant('probe@w2', { ...record, tenantId: tenantId(tenant), finishedAtMs: clock.nowMs() });
      expect((await watch()).closed).toEqual([]);
    }
    await runLog.change('probe@w2', { status: 'completed', finishedAtMs: clock.nowMs() });
    await clock.advance(hour);
    expect((await watch()).closed).toEqual([]);
    await clock.advance(2 * hour);
    expect((await watch()).closed).toEqual([runId]);
  });

  test('ends a run without progress for a day, however busy other runs are', async () => {
    const { watch, clock, runLog, orchestrations } = await stage();
    await clock.advance(25 * hour);
    await runLog.create(
      { runId: 'probe@w2', job: 'probe', window: 'w2', startedBy: 'timer', createdAtMs: clock.nowMs() },
      { parameters: {} },
    );
    orchestrations.states.set('probe@w2', 'active');
    expect((await watch()).closed).toEqual([runId]);
  });

  test('writes the export of a run that it closed, after the notices of all', async () => {
    const { watch, attempt, orchestrations, results, notifier, logger } = await stage();
    await attempt(0);
    orchestrations.states.set(runId, 'ended');
    const order: string[] = [];
    const putExport = results.putExport.bind(results);
    results.putExport = async (...args) => {
      order.push(`export ${args[1]}`);
      return putExport(...args);
    };
    notifier.send = async () => void order.push('notice');
    await watch();
    expect(order).toEqual(['notice', 'export jsonl', 'export csv']);
    expect(logger.events()).not.toContain('run.export_failed');
  });

  test('announces a run that it closed, and ignores a failing notifier', async () => {
    const { watch, orchestrations, notices } = await stage();
    orchestrations.states.set(runId, 'ended');
    await watch();
    expect(notices).toMatchObject([
      { severity: 'critical', title: expect.stringContaining('probe was stopped') as string },
    ]);
    const deaf = await stage();
    deaf.notifier.send = async () => Promise.reject(new Error('the chat is down'));
    deaf.orchestrations.states.set(runId, 'ended');
    expect((await deaf.watch()).closed).toEqual([runId]);
    expect(deaf.logger.events()).toContain('run.not_announced');
  });

  test('closes a run as completed when all its tenants finished before the orchestration failed', async () => {
    const { watch, attempt, runLog, orchestrations } = await stage();
    for (const index of [0, 1, 2]) await attempt(index);
    orchestrations.states.set(runId, 'ended');
    expect((await watch()).closed).toEqual([runId]);
    const run = await runLog.find(runId);
    expect(run).toMatchObject({ status: 'completed', tenants: { succeeded: 3, notAttempted: 0 } });
    expect(run?.stoppedBy).toBeUndefined();
  });

  test('prevents batches of an ended run from starting another tenant', async () => {
    for (const done of [1, 3]) {
      const { watch, attempt, started, orchestrations } = await stage();
      for (let index = 0; index < done; index += 1) await attempt(index);
      orchestrations.states.set(runId, 'ended');
      await watch();
      expect(await attempt(2, { round: 2 })).toMatchObject({ outcome: 'not_attempted' });
      expect(started).toHaveLength(done);
    }
  });

  describe('with a missed scheduled window', () => {
    // The test clock starts at midnight.
    const schedule = '0 0 5 * * *';
    const window = 'probe@2026-11-24T05:00Z';

    test('starts it once, minutes later', async () => {
      const { watch, clock, runLog, orchestrations } = await stage({ schedule });
      await clock.advance(5 * hour + 60_000);
      expect((await watch()).started).toEqual([]);
      await clock.advance(5 * 60_000);
      expect((await watch()).started).toEqual([window]);
      expect((await watch()).started).toEqual([]);
      expect(await runLog.find(window)).toMatchObject({ startedBy: 'timer', scope: 'all' });
      expect(orchestrations.started.map(({ instanceId }) => instanceId)).toEqual([window]);
    });

    test('does not start it when it is too old, the timer is disabled, or the timer never ran', async () => {
      const late = await stage({ schedule });
      await late.clock.advance(12 * hour);
      expect((await late.watch()).started).toEqual([]);
      const off = await stage({ schedule });
      off.timer.off = true;
      await off.clock.advance(6 * hour);
      expect((await off.watch()).started).toEqual([]);
      const fresh = await stage({ schedule });
      await fresh.runLog.remove(runId);
      await fresh.clock.advance(6 * hour);
      expect((await fresh.watch()).started).toEqual([]);
    });

    test.each([
      ['hours before it, and the process restarted since', 0],
      ['seconds after it, because its timer started the process', 5 * hour + 1_000],
    ])('starts it for a new job whose schedule was first seen %s', async (_when, firstSeenMs) => {
      const { watch, clock, runLog } = await stage({ schedule });
      await runLog.remove(runId);
      await clock.advance(firstSeenMs);
      expect((await watch()).started).toEqual([]);
      await clock.advance(5 * hour - firstSeenMs);
      runLog.broken = true;
      await expect(watch()).rejects.toMatchObject({ code: 'storage_unavailable' });
      runLog.broken = false;
      await clock.advance(5 * 60_000);
      expect((await watch()).started).toEqual([window]);
    });

    test('does not start it for a new job whose schedule was first seen later', async () => {
      const { watch, clock, runLog } = await stage({ schedule });
      await runLog.remove(runId);
      await clock.advance(5 * hour + 5 * 60_000);
      expect((await watch()).started).toEqual([]);
      await clock.advance(5 * 60_000);
      expect((await watch()).started).toEqual([]);
      // The next day's window.
      await clock.advance(24 * hour);
      expect((await watch()).started).toEqual(['probe@2026-11-25T05:00Z']);
    });

    test('does not store a first-seen time while the timer is disabled', async () => {
      const { watch, clock, runLog, timer, schedules } = await stage({ schedule });
      await runLog.remove(runId);
      timer.off = true;
      await watch();
      expect(schedules.firstSeen.size).toBe(0);
      await clock.advance(5 * hour + 10 * 60_000);
      timer.off = false;
      expect((await watch()).started).toEqual([]);
    });

    test('retries at the next check when the first-seen time cannot be read', async () => {
      const { watch, clock, schedules, logger } = await stage({ schedule });
      await clock.advance(6 * hour);
      schedules.broken = true;
      expect((await watch()).started).toEqual([]);
      expect(logger.events()).toContain('run.watch_failed');
      schedules.broken = false;
      expect((await watch()).started).toEqual([window]);
    });
  });

  describe('that fails to start a missed window', () => {
    const schedule = '0 0 5 * * *';
    const window = 'probe@2026-11-24T05:00Z';

    test('because another instance did leaves the run to that instance', async () => {
      const { watch, clock, runLog, logger, orchestrations } = await stage({ schedule });
      await clock.advance(6 * hour);
      // The other instance creates the record between our read and our write.
      runLog.create = async () => false;
      expect((await watch()).started).toEqual([]);
      expect(orchestrations.started).toEqual([]);
      expect(logger.events()).not.toContain('run.watch_failed');
      expect(logger.events()).not.toContain('run.missed_start');
    });

    test('because storage is unavailable logs it and starts the run at the next check', async () => {
      const { watch, clock, runLog, logger } = await stage({ schedule });
      await clock.advance(6 * hour);
      const create = runLog.create.bind(runLog);
      runLog.create = () => Promise.reject(new Error('away'));
      expect((await watch()).started).toEqual([]);
      expect(logger.events()).toContain('run.watch_failed');
      runLog.create = create;
      expect((await watch()).started).toEqual([window]);
    });
  });

  test('gives an apply eight days, whatever its tenants do', async () => {
    const { watch, clock, runLog, orchestrations } = await stage();
    await runLog.change(runId, { status: 'completed' });
    const window = applyWindow('a'.repeat(64));
    const apply = `probe@${window}`;
    await runLog.create(
      { runId: apply, job: 'probe', window, startedBy: 'ada', createdAtMs: clock.nowMs() },
      { parameters: {} },
    );
    orchestrations.states.set(apply, 'active');
    await clock.advance(8 * 24 * hour - 1);
    expect((await watch()).closed).toEqual([]);
    await clock.advance(1);
    expect((await watch()).closed).toEqual([apply]);
  });

  test('counts from the start of a run that has waited for its turn, and from its creation without a start', async () => {
    for (const startedLate of [true, false]) {
      const { watch, clock, runLog, orchestrations } = await stage({ timeoutSeconds: 60 });
      await runLog.change(runId, { status: 'completed' });
      const late = { runId: 'probe@w2', job: 'probe', window: 'w2', startedBy: 'timer', createdAtMs: clock.nowMs() };
      await runLog.create(late, { parameters: {} });
      orchestrations.states.set('probe@w2', 'active');
      await clock.advance(2 * hour);
      if (startedLate) await runLog.change('probe@w2', { status: 'running', startedAtMs: clock.nowMs() });
      await clock.advance(61_000);
      expect((await watch()).closed).toEqual(startedLate ? [] : ['probe@w2']);
    }
  });

  test('names the run or the job that it could not look at', async () => {
    const { watch, clock, orchestrations, schedules, logger } = await stage({ schedule: '0 0 5 * * *' });
    await clock.advance(6 * hour);
    schedules.broken = true;
    orchestrations.state = async () => Promise.reject(new Error('the platform is away'));
    await watch();
    const lines = logger.lines.filter(({ line }) => line.includes('run.watch_failed'));
    expect(lines.map(({ level }) => level)).toEqual(['error', 'error']);
    expect(lines.map(({ line }) => JSON.parse(line) as object)).toMatchObject([
      { job: 'probe', code: 'storage_unavailable' },
      { runId },
    ]);
  });

  test('says which run it started late, and which it could not announce', async () => {
    const { watch, clock, orchestrations, notifier, logger } = await stage({ schedule: '0 0 5 * * *' });
    await clock.advance(6 * hour);
    orchestrations.states.set(runId, 'ended');
    notifier.send = async () => Promise.reject(new Error('the chat is down'));
    await watch();
    const warned = logger.lines.filter(({ level }) => level === 'warn').map(({ line }) => JSON.parse(line) as object);
    expect(warned).toMatchObject([
      { event: 'run.missed_start', runId: 'probe@2026-11-24T05:00Z' },
      { event: 'run.not_announced', runId },
    ]);
  });

  test('does not touch a run that ended after it was listed', async () => {
    const { watch, runLog, orchestrations } = await stage();
    orchestrations.states.set(runId, 'ended');
    const state = orchestrations.state.bind(orchestrations);
    orchestrations.state = async (instanceId) => {
      await runLog.change(runId, { status: 'completed' });
      return state(instanceId);
    };
    expect((await watch()).closed).toEqual([]);
    expect(await runLog.find(runId)).toMatchObject({ status: 'completed' });
  });

  test('continues with other runs after a failure', async () => {
    const { watch, clock, runLog, orchestrations, logger } = await stage();
    await runLog.create(
      { runId: 'probe@w2', job: 'probe', window: 'w2', startedBy: 'timer', createdAtMs: clock.nowMs() },
      { parameters: {} },
    );
    orchestrations.states.set(runId, 'ended');
    await clock.advance(120_000);
    orchestrations.broken = true;
    expect(await watch()).toMatchObject({ resumed: [], closed: [runId] });
    expect(logger.events()).toContain('run.watch_failed');
  });
});

describe('purgeRuns', () => {
  test('deletes ended runs older than the retention time with all their data, and histories after two weeks', async () => {
    const { purge, attempt, clock, runLog, results, orchestrations } = await stage();
    await attempt(0);
    await runLog.change(runId, { status: 'completed' });
    await clock.advance(29 * 24 * hour);
    expect(await purge(30)).toMatchObject({ runs: 0 });
    await clock.advance(2 * 24 * hour);
    expect(await purge(30)).toMatchObject({ runs: 1 });
    expect(await runLog.find(runId)).toBeUndefined();
    expect(await runLog.findTenant(runId, tenantId(0))).toBeUndefined();
    expect(await results.plan({ runId })).toBeUndefined();
    expect(orchestrations.purged.at(-1)).toBe(clock.nowMs() - 14 * 24 * hour);
  });

  test('deletes all old runs of a busy day, and continues the next time after eight minutes', async () => {
    const { purge, clock, runLog, results, logger } = await stage();
    const names = Array.from({ length: 501 }, (_, index) => `query@${index}`);
    for (const [index, name] of names.entries()) {
      const window = String(index);
      await runLog.create(
        { runId: name, job: 'query', window, startedBy: 'x', createdAtMs: index },
        { parameters: {} },
      );
      await runLog.change(name, { status: 'completed' });
    }
    await clock.advance(31 * 24 * hour);
    const remove = results.remove.bind(results);
    results.remove = async (name) => {
      if (name === 'query@499') await clock.advance(480_000);
      return remove(name);
    };
    expect(await purge(30)).toMatchObject({ runs: 500 });
    expect(logger.lines.at(-1)?.line).toContain('"left":1');
    expect(await purge(30)).toMatchObject({ runs: 1 });
  });

  test('keeps the history for 400 days, or as long as runs if they are kept longer', async () => {
    const { purge, attempt, clock, deps } = await stage();
    for (const index of [0, 1, 2]) await attempt(index);
    await finishRun(deps, { runId });
    const kept = async () =>
      (await deps.runs.history.runs({ job: 'probe', sinceMs: 0, untilMs: clock.nowMs() }, 9)).length;
    await clock.advance(399 * 24 * hour);
    await purge(30);
    expect(await kept()).toBe(1);
    await clock.advance(2 * 24 * hour);
    await purge(500);
    expect(await kept()).toBe(1);
    await purge(90);
    expect(await kept()).toBe(0);
  });

  test('deletes runs also while the history cannot be purged', async () => {
    const { purge, clock, runLog, deps, logger } = await stage();
    await runLog.change(runId, { status: 'completed' });
    deps.runs.history.purge = () => Promise.reject(new BrokerError('storage_unavailable', 'Away.'));
    await clock.advance(31 * 24 * hour);
    expect(await purge(30)).toMatchObject({ runs: 1 });
    expect(logger.lines.map(({ line }) => line).join()).toContain('history.purge_failed');
  });

  test('logs what it deleted, what it could not delete and what is left, and nothing otherwise', async () => {
    const { purge, clock, runLog, results, deps, logger, orchestrations } = await stage();
    const said = () =>
      logger.lines
        .splice(0)
        .map(({ level, line }) => ({ level, ...(JSON.parse(line) as object) }))
        .filter((line) => JSON.stringify(line).includes('purge'));
    expect(await purge(30)).toEqual({ runs: 0, histories: 0 });
    expect(said()).toEqual([]);
    await runLog.change(runId, { status: 'completed' });
    await clock.advance(30 * 24 * hour);
    // To the millisecond as old as runs may be.
    expect(await purge(30)).toMatchObject({ runs: 0 });
    await clock.advance(1);
    const remove = results.remove.bind(results);
    results.remove = async () => Promise.reject(new BrokerError('storage_unavailable', 'Away.'));
    orchestrations.purge = async () => 3;
    deps.runs.history.purge = async () => 2;
    expect(await purge(30)).toEqual({ runs: 0, histories: 3 });
    expect(said()).toMatchObject([
      { level: 'error', event: 'run.purge_failed', runId, code: 'storage_unavailable' },
      { level: 'info', event: 'history.purged', runs: 2 },
      { level: 'info', event: 'run.purged', runs: 0, histories: 3, left: 0 },
    ]);
    results.remove = remove;
    orchestrations.purge = async () => 0;
    deps.runs.history.purge = async () => 0;
    expect(await purge(30)).toEqual({ runs: 1, histories: 0 });
    expect(said()).toMatchObject([{ event: 'run.purged', runs: 1, histories: 0, left: 0 }]);
  });

  test('keeps an active run of any age', async () => {
    const { purge, clock, runLog } = await stage();
    await clock.advance(100 * 24 * hour);
    expect(await purge(30)).toMatchObject({ runs: 0 });
    expect(await runLog.find(runId)).toMatchObject({ status: 'running' });
  });

  test('keeps the latest run of an enabled timer', async () => {
    const { purge, timer, clock, runLog } = await stage({ schedule: '0 0 5 1 * *' });
    const create = (window: string, startedBy: string): Promise<boolean> =>
      runLog.create(
        { runId: `probe@${window}`, job: 'probe', window, startedBy, createdAtMs: clock.nowMs() },
        { parameters: {} },
      );
    await runLog.change(runId, { status: 'completed' });
    await clock.advance(hour);
    await create('by-hand', 'a-caller');
    await runLog.change('probe@by-hand', { status: 'completed' });
    await clock.advance(31 * 24 * hour);
    expect(await purge(30)).toMatchObject({ runs: 1 });
    expect(await runLog.find(runId)).toMatchObject({ startedBy: 'timer', status: 'completed' });
    await create('next', 'timer');
    expect(await purge(30)).toMatchObject({ runs: 1 });
    expect(await runLog.find(runId)).toBeUndefined();
    await runLog.change('probe@next', { status: 'completed' });
    await clock.advance(31 * 24 * hour);
    timer.off = true;
    expect(await purge(30)).toMatchObject({ runs: 1 });
  });
});
