import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { createJobRegistry, defineJob } from '../../../../../src/lib/runs/job/job.ts';
import { startRunSchema } from '../../../../../src/lib/api/requests.ts';
import { applyWindow, parseRunId } from '../../../../../src/lib/runs/store/run.ts';
import { startRun, type StartRunDeps } from '../../../../../src/lib/runs/engine/start-run.ts';
import { BrokerError } from '../../../../../src/lib/core/errors.ts';
import { FakeOrchestrations } from '../../../../fakes/fake-orchestrations.ts';
import { FakeClock } from '../../../../fakes/fake-clock.ts';
import { MemoryRunLog } from '../../../../fakes/memory-run-log.ts';
import { recordingLogger } from '../../../../fakes/recording-logger.ts';
import { tenantId } from '../store/stage.ts';

function stage() {
  const clock = new FakeClock();
  const runLog = new MemoryRunLog();
  const orchestrations = new FakeOrchestrations();
  const logger = recordingLogger();
  const jobs = createJobRegistry([
    defineJob({
      name: 'probe',
      title: 'Probe',
      resources: [],
      timeoutSeconds: 1,
      parameters: z.object({ days: z.int().default(7), note: z.string().optional() }),
      run: async () => [],
    }),
  ]);
  const deps: StartRunDeps = {
    jobs,
    runs: { log: runLog },
    orchestrations,
    clock,
    random: () => 0.25,
    log: logger.log,
    tuning: { batchSize: 100, groupSize: 10, inTurn: true, rounds: 3, retryDelaySeconds: 60 },
  };
  const start = (more: object = {}): Promise<string> =>
    startRun(deps, { job: 'probe', window: 'w', startedBy: 'timer', ...more });
  return { start, started: orchestrations.started, runLog, clock, orchestrations, logger };
}

describe('startRun', () => {
  test('rejects a window in the form of a time unless a timer starts it', async () => {
    const { start, started } = stage();
    const window = '2026-11-24T05:00Z';
    await expect(start({ window, startedBy: 'a-caller' })).rejects.toMatchObject({ code: 'request_invalid' });
    expect(started).toEqual([]);
    expect(await start({ window })).toBe(`probe@${window}`);
  });

  test('rejects the window of an apply for everything else', async () => {
    const { start, started } = stage();
    const window = applyWindow('a'.repeat(64));
    await expect(start({ window })).rejects.toMatchObject({ code: 'request_invalid' });
    expect(started).toEqual([]);
  });

  test('logs who started it for how many tenants, and that it was resumed', async () => {
    const { start, runLog, clock, orchestrations, logger } = stage();
    await start({ startedBy: 'ada', limits: async () => ({ tenants: [tenantId(1), tenantId(2)] }) });
    orchestrations.states.clear();
    await clock.advance(61_000);
    await expect(start()).rejects.toMatchObject({ code: 'run_conflict', logFields: { runId: 'probe@w' } });
    expect(logger.lines.map(({ level, line }) => ({ level, ...(JSON.parse(line) as object) }))).toMatchObject([
      { level: 'info', event: 'run.started', runId: 'probe@w', startedBy: 'ada', tenants: 2 },
      { level: 'warn', event: 'run.resumed', runId: 'probe@w' },
    ]);
    expect(await runLog.find('probe@w')).toBeDefined();
  });

  test('creates the record and starts the orchestration with the run id and all parameters', async () => {
    const { start, started, runLog } = stage();
    expect(await start({ limits: async () => ({ tenants: [tenantId(1)] }), parameters: { days: 1 } })).toBe('probe@w');
    expect(started).toEqual([
      {
        name: 'fan-out',
        instanceId: 'probe@w',
        input: {
          runId: 'probe@w',
          batchSize: 100,
          groupSize: 10,
          inTurn: true,
          rounds: 3,
          retryDelaySeconds: 60,
          jitter: 0.25,
        },
      },
    ]);
    expect(await runLog.request('probe@w')).toEqual({ tenants: [tenantId(1)], parameters: { days: 1 } });
  });

  test('stores the defaults, also for a timer', async () => {
    const { start, runLog } = stage();
    await start();
    expect(await runLog.request('probe@w')).toEqual({ parameters: { days: 7 } });
    expect((await runLog.find('probe@w'))?.parameters).toEqual({ days: 7 });
  });

  test('creates no record for parameters that the job does not accept', async () => {
    const { start, runLog, started } = stage();
    await expect(start({ parameters: { days: '1', notes: 'x' } })).rejects.toMatchObject({
      code: 'request_invalid',
      detail:
        '"notes" is no parameter of probe; did you mean "note"? "days" must be a whole number. The parameters of the job: days, note.',
    });
    expect([await runLog.list({ limit: 10 }), started]).toEqual([[], []]);
  });

  test('lets one of fifty concurrent starts succeed and rejects the others with run_conflict', async () => {
    const { start, started } = stage();
    const results = await Promise.allSettled(Array.from({ length: 50 }, () => start()));
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const result of results)
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'run_conflict' });
    expect(started).toHaveLength(1);
  });

  test('creates no record for an unknown job or an invalid window', async () => {
    const { start, runLog } = stage();
    await expect(start({ job: 'nope' })).rejects.toMatchObject({ code: 'job_unknown' });
    await expect(start({ job: 'x'.repeat(41) })).rejects.toMatchObject({
      detail: `There is no job "${'x'.repeat(40)}".`,
    });
    await expect(start({ job: 'porbe' })).rejects.toMatchObject({
      detail: 'There is no job "porbe"; did you mean "probe"?',
    });
    await expect(start({ window: 'a/b' })).rejects.toMatchObject({ code: 'request_invalid' });
    expect(await runLog.list({ limit: 10 })).toEqual([]);
  });

  test.each(['w:r1:b0', '2026-11-24T05:00Z:r3:b49', 'w:R1:B0', 'a:r1:b0:r2:b1'])(
    'rejects the window %s, because a batch of another run has an id of this form',
    async (window) => {
      const { start, runLog, started } = stage();
      await expect(start({ window, startedBy: 'a-caller' })).rejects.toMatchObject({ code: 'request_invalid' });
      expect(startRunSchema.safeParse({ window }).success).toBe(false);
      expect([await runLog.list({ limit: 10 }), started]).toEqual([[], []]);
    },
  );

  test.each(['w:r1', 'r1:b0', 'w:r1:b', 'w:r1:b0x', 'w:b0:r1'])('accepts the window %s', async (window) => {
    expect(startRunSchema.safeParse({ window }).success).toBe(true);
    expect(await stage().start({ window })).toBe(`probe@${window}`);
  });

  test('finds the run that an older build started for a window of a form that is rejected now', () => {
    expect(parseRunId('probe@w:r1:b0')).toEqual({ job: 'probe', window: 'w:r1:b0' });
  });

  test('says that the record is gone, not that the run exists, while the platform has its instance', async () => {
    const { start, runLog, orchestrations } = stage();
    await start();
    await expect(start()).rejects.toMatchObject({ code: 'run_conflict', detail: 'The run probe@w already exists.' });
    await runLog.remove('probe@w');
    await expect(start()).rejects.toMatchObject({
      code: 'run_conflict',
      detail: expect.stringContaining('The record of the run probe@w was deleted') as string,
    });
    orchestrations.states.set('probe@w', 'ended');
    expect(await start()).toBe('probe@w');
  });

  test('answers run_conflict and creates no record while the platform has an active instance with the id', async () => {
    const { start, runLog, orchestrations, started } = stage();
    orchestrations.states.set('probe@w', 'active');
    await expect(start()).rejects.toMatchObject({ code: 'run_conflict' });
    expect([await runLog.find('probe@w'), started]).toEqual([undefined, []]);
    orchestrations.states.set('probe@w', 'ended');
    expect(await start()).toBe('probe@w');
  });

  test('completes a start that was interrupted more than a minute ago', async () => {
    const { start, started, clock, orchestrations } = stage();
    orchestrations.broken = true;
    await expect(start()).rejects.toMatchObject({
      code: 'storage_unavailable',
      detail: expect.stringContaining('The run probe@w may have started') as string,
    });
    orchestrations.broken = false;
    await expect(start()).rejects.toMatchObject({ code: 'run_conflict' });
    expect(started).toHaveLength(0);
    await clock.advance(61_000);
    await expect(start()).rejects.toMatchObject({ code: 'run_conflict' });
    expect(started).toHaveLength(1);
  });

  test.each([
    new BrokerError('internal', 'Unexpected.', { logFields: { traceId: 't' } }),
    new BrokerError('storage_unavailable', 'Away.', { logFields: { traceId: 't' }, retryAfterSeconds: 7 }),
  ])('keeps the code and facts of a failure after the record, and names the run: $code', async (failure) => {
    const { start, orchestrations } = stage();
    orchestrations.start = async () => {
      throw failure;
    };
    const { code, logFields, retryAfterSeconds } = failure;
    await expect(start()).rejects.toMatchObject({
      code,
      logFields,
      retryAfterSeconds,
      cause: failure,
      detail: expect.stringContaining(`${failure.detail} The run probe@w may have started`) as string,
    });
  });

  test('answers a repeated request with the run that the first one started while this one looked for it', async () => {
    const { start, started, orchestrations } = stage();
    const state = orchestrations.state.bind(orchestrations);
    const first = Promise.withResolvers<string>();
    orchestrations.state = async (id) => {
      orchestrations.state = state;
      await start({ requestDigest: 'd' }).then(first.resolve, first.reject);
      return state(id);
    };
    expect(await start({ requestDigest: 'd' })).toBe(await first.promise);
    expect(started).toHaveLength(1);
  });

  test('does not restart a run that is active or has ended', async () => {
    const { start, started, clock, runLog, orchestrations } = stage();
    await start();
    await clock.advance(600_000);
    await expect(start()).rejects.toMatchObject({ code: 'run_conflict' });
    await runLog.change('probe@w', { status: 'completed' });
    orchestrations.states.clear();
    await expect(start()).rejects.toMatchObject({ code: 'run_conflict' });
    expect(started).toHaveLength(1);
  });
});
