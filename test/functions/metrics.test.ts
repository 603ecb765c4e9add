import { HttpRequest } from '@azure/functions';
import { expect, it, vi } from 'vitest';
import type { Services } from '../../src/composition.ts';
import { showMetrics } from '../../src/functions/metrics.ts';
import type { Caller } from '../../src/lib/core/caller.ts';
import { FakeClock } from '../fakes/fake-clock.ts';
import { MemoryRunLog } from '../fakes/memory-run-log.ts';
import { recordingLogger } from '../fakes/recording-logger.ts';
import { guid } from '../support/audit-entries.ts';
import { collectedFacts } from '../support/metric-facts.ts';
import { readExposition } from '../support/read-exposition.ts';

// licence-report starts at 05:00 UTC.
const nowMs = Date.parse('2026-11-24T06:00:00Z');

async function stage(...runs: readonly { readonly runId: string; readonly finishedAtMs?: number }[]) {
  const runLog = new MemoryRunLog();
  for (const { runId, finishedAtMs } of runs) {
    const [job = '', window = ''] = runId.split('@');
    await runLog.create({ runId, job, window, startedBy: 'timer', createdAtMs: nowMs }, { parameters: {} });
    if (finishedAtMs !== undefined) await runLog.change(runId, { status: 'completed', finishedAtMs });
  }
  const { metrics, health, tokens } = collectedFacts();
  const recorder = recordingLogger();
  const clock = new FakeClock(nowMs);
  const services = {
    clock,
    metrics,
    health: { report: async () => health },
    broker: { counts: tokens, waiting: 2 },
    requestSlots: { waiting: 1 },
    tenantSlots: { waiting: 0 },
    changeSlots: { waiting: 0 },
    gateway: { waiting: () => new Map([['graph', 3]]) },
    runs: { log: runLog },
  } as unknown as Services;
  const call = {
    request: new HttpRequest({ method: 'GET', url: 'http://localhost/api/metrics' }),
    caller: { roles: ['Metrics.Read'] } as unknown as Caller,
    correlationId: guid(3),
    log: recorder.log,
  };
  const answer = () => showMetrics.answer(services, call);
  const family = async (name: string) => familyOf(await answer(), name);
  return { clock, runLog, recorder, answer, family };
}

type Samples = readonly { readonly labels: Readonly<Record<string, string>>; readonly value: number }[];

const familyOf = ({ body }: { readonly body?: unknown }, name: string): Samples =>
  (readExposition(String(body)).find((each) => each.name === name)?.samples ?? []).map(({ labels, value }) => ({
    labels,
    value,
  }));

const lagOf = (samples: Samples) => samples.find(({ labels }) => labels['job_name'] === 'licence-report')?.value;

it('answers in the format of Prometheus, not to be stored', async () => {
  const { answer, family } = await stage();
  expect((await answer()).headers).toEqual({
    'content-type': 'text/plain; version=0.0.4; charset=utf-8',
    'cache-control': 'no-store',
  });
  expect(await family('ptb_queue_length')).toEqual([
    { labels: { queue: 'entra' }, value: 2 },
    { labels: { queue: 'resources' }, value: 1 },
    { labels: { queue: 'tenants' }, value: 0 },
  ]);
  expect(await family('ptb_gateway_queue_length')).toEqual([{ labels: { resource: 'graph' }, value: 3 }]);
  const [started] = await family('process_start_time_seconds');
  expect(started?.value).toBeLessThan(nowMs / 1000);
});

it('has processor time in seconds and memory in bytes', async () => {
  vi.spyOn(process, 'cpuUsage').mockReturnValue({ user: 2_500_000, system: 500_000 });
  vi.spyOn(process.memoryUsage, 'rss').mockReturnValue(1_048_576);
  const { family } = await stage();
  expect((await family('process_cpu_seconds_total')).map(({ value }) => value)).toEqual([3]);
  expect((await family('process_resident_memory_bytes')).map(({ value }) => value)).toEqual([1_048_576]);
});

it.each([
  ['no run has ever been', [], 0],
  ['the run has not started', [{ runId: 'licence-report@2026-11-23T05:00Z', finishedAtMs: 1 }], 3600],
  ['the run has not ended', [{ runId: 'licence-report@2026-11-24T05:00Z' }], 3600],
  ['the run has ended', [{ runId: 'licence-report@2026-11-24T05:00Z', finishedAtMs: nowMs - 1 }], 0],
])('the lag of a job of which %s', async (_, runs, expected) => {
  const { family } = await stage(...runs);
  expect(lagOf(await family('ptb_run_lag_seconds'))).toBe(expected);
});

it('counts active runs by job, also of a job that no longer exists', async () => {
  const { family } = await stage(
    { runId: 'licence-report@2026-11-24T05:00Z' },
    { runId: 'licence-report@manual-1' },
    { runId: 'gone-job@manual-2' },
    { runId: 'mfa-report@manual-3', finishedAtMs: 1 },
  );
  const active = Object.fromEntries(
    (await family('ptb_active_runs')).map(({ labels, value }) => [labels['job_name'], value]),
  );
  expect(active).toMatchObject({ 'licence-report': 2, 'gone-job': 1, 'mfa-report': 0 });
});

it('answers without runs while storage does not tell about them, and logs it', async () => {
  const { runLog, recorder, family } = await stage({ runId: 'licence-report@2026-11-24T05:00Z' });
  runLog.broken = true;
  expect([await family('ptb_active_runs'), await family('ptb_runs_readable')]).toEqual([
    [],
    [{ labels: {}, value: 0 }],
  ]);
  expect(recorder.events()).toContain('metrics.runs_unreadable');
});

it('answers without runs after five seconds while storage hangs', async () => {
  const { runLog, clock, recorder, answer } = await stage();
  runLog.list = () => new Promise(() => undefined);
  const answering = answer();
  await clock.advance(5_000);
  const answered = await answering;
  expect([familyOf(answered, 'ptb_runs_readable'), familyOf(answered, 'ptb_queue_length').length]).toEqual([
    [{ labels: {}, value: 0 }],
    3,
  ]);
  expect(recorder.events()).toContain('metrics.runs_unreadable');
});
