import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, beforeEach, expect, it, vi } from 'vitest';
import type { Services } from '../../src/composition.ts';
import type { TimerDefinition } from '../../src/functions/timer.ts';
import { jobs } from '../../src/jobs/index.ts';
import type { Orchestrations } from '../../src/lib/core/orchestrations.ts';
import type { Notice } from '../../src/lib/notices/notice.ts';
import type { ApplyRequest } from '../../src/lib/runs/store/run.ts';
import { FakeOrchestrations } from '../fakes/fake-orchestrations.ts';
import { MemoryScheduleLog } from '../fakes/memory-schedule-log.ts';
import { runId, stageRun, tenantId } from '../unit/lib/runs/store/stage.ts';

type Work = (services: Services, orchestrations: Orchestrations) => Promise<unknown>;

/** The timers that the module registers. */
const timers = new Map<string, Work>();
vi.mock('../../src/functions/timer.ts', () => ({
  durableTimer: ({ name }: TimerDefinition, work: Work) => void timers.set(name, work),
}));

const dayMs = 86_400_000;
const deliverDue = vi.fn<() => Promise<void>>(async () => undefined);
const purge = vi.fn<() => Promise<void>>(async () => undefined);

async function stage(settings: Partial<Services['settings']>) {
  const run = await stageRun(async () => []);
  const notices: Notice[] = [];
  const orchestrations = new FakeOrchestrations();
  orchestrations.states.set(runId, 'active');
  const services = {
    ...run.deps,
    runs: { ...run.deps.runs, schedules: new MemoryScheduleLog() },
    tuning: { batchSize: 100, groupSize: 10, inTurn: true, rounds: 3, retryDelaySeconds: 60 },
    notifier: { send: async (notice: Notice) => void notices.push(notice) },
    notifications: { deliverDue, purge },
    permissionMap: { current: run.deps.permissionMap },
    settings,
  } as unknown as Services;
  const fire = (name: string): Promise<unknown> | undefined => timers.get(name)?.(services, orchestrations);
  return { ...run, notices, orchestrations, fire };
}

beforeAll(async () => {
  await import('../../src/functions/run-timers.ts');
});
// The app's own jobs have schedules. Without their timers, only the run of the test concerns the watchdog.
beforeEach(() => {
  vi.clearAllMocks();
  for (const { name } of jobs) vi.stubEnv(`AzureWebJobs.schedule-${name}.Disabled`, 'true');
  return () => vi.unstubAllEnvs();
});

it.each([
  { RUN_RETENTION_DAYS: 10, AUDIT_RETENTION_DAYS: 100 },
  { RUN_RETENTION_DAYS: 100, AUDIT_RETENTION_DAYS: 10 },
])('purge-runs keeps runs for RUN_RETENTION_DAYS, with %o', async (settings) => {
  const { fire, runLog, clock } = await stage(settings);
  await runLog.change(runId, { status: 'completed' });
  await clock.advance(settings.RUN_RETENTION_DAYS * dayMs - 1);
  await fire('purge-runs');
  expect(await runLog.find(runId)).toMatchObject({ runId });
  await clock.advance(2);
  await fire('purge-runs');
  expect(await runLog.find(runId)).toBeUndefined();
});

it('purge-runs also deletes histories, and watch-runs does not', async () => {
  const { fire, orchestrations } = await stage({ RUN_RETENTION_DAYS: 10, AUDIT_RETENTION_DAYS: 100 });
  await fire('watch-runs');
  expect(orchestrations.purged).toHaveLength(0);
  await fire('purge-runs');
  expect(orchestrations.purged).toHaveLength(1);
});

it('watch-runs closes a run whose orchestration ended unexpectedly, and purge-runs does not', async () => {
  const { fire, runLog, orchestrations, clock } = await stage({ RUN_RETENTION_DAYS: 10, AUDIT_RETENTION_DAYS: 100 });
  orchestrations.states.set(runId, 'ended');
  await clock.advance(120_000);
  await fire('purge-runs');
  expect(await runLog.find(runId)).toMatchObject({ status: 'running' });
  await fire('watch-runs');
  expect(await runLog.find(runId)).toMatchObject({ status: 'failed' });
});

it('watch-runs announces an apply whose orchestration ended as one', async () => {
  const { fire, runLog, results, notices, orchestrations, clock } = await stage({
    RUN_RETENTION_DAYS: 10,
    AUDIT_RETENTION_DAYS: 100,
  });
  const applyId = `probe@apply-${'0'.repeat(32)}`;
  const change: ApplyRequest = {
    kind: 'apply',
    plan: 'probe@plan',
    digest: 'd',
    waves: [1],
    stop: { failed: 0, unclear: 0 },
    pauseMinutes: 0,
    confirmWaves: false,
    expiresAtMs: clock.nowMs() + dayMs,
    rules: [],
  };
  const window = applyId.slice('probe@'.length);
  await runLog.create(
    { runId: applyId, job: 'probe', window, startedBy: 'x', createdAtMs: clock.nowMs() },
    { parameters: {}, change },
  );
  await results.putPlan(applyId, {
    job: 'probe',
    parameters: {},
    attempt: [{ tenantId: tenantId(0), name: 'T', wave: 1 }],
    decided: [],
    change,
  });
  await runLog.change(applyId, { status: 'running', startedAtMs: clock.nowMs() });
  orchestrations.states.set(applyId, 'ended');
  await clock.advance(120_000);
  await fire('watch-runs');
  expect(await runLog.find(applyId)).toMatchObject({ status: 'failed' });
  expect(notices).toMatchObject([{ kind: 'apply.ended', text: expect.stringContaining('ptb plans show probe@plan') }]);
});

it('watch-runs delivers notices and waits for it, also when it cannot repair, and purge-runs deletes old ones', async () => {
  const { fire, runLog } = await stage({ RUN_RETENTION_DAYS: 10, AUDIT_RETENTION_DAYS: 100 });
  await fire('watch-runs');
  expect([deliverDue.mock.calls.length, purge.mock.calls.length]).toEqual([1, 0]);
  runLog.broken = true;
  let isDelivered = false;
  deliverDue.mockImplementationOnce(async () => {
    await sleep(20);
    isDelivered = true;
  });
  await expect(fire('watch-runs')).rejects.toMatchObject({ code: 'storage_unavailable' });
  expect(isDelivered).toBe(true);
  runLog.broken = false;
  purge.mockImplementationOnce(() => Promise.reject(new Error('no storage')));
  await fire('purge-runs');
  expect([deliverDue.mock.calls.length, purge.mock.calls.length]).toEqual([2, 1]);
});
