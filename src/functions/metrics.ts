import { isFunctionDisabled, type Services } from '../composition.ts';
import type { ProcessFacts, RunFacts } from '../lib/health/collect-metrics.ts';
import type { RouteDocument } from '../lib/api/route.ts';
import type { Job } from '../lib/runs/job/job.ts';
import { runIdOf, scheduledWindow } from '../lib/runs/store/run.ts';
import { withDeadline } from '../lib/core/clock.ts';
import { errorFields } from '../lib/core/log.ts';
import { jobRegistry } from './job-registry.ts';
import { scheduleName } from './orchestrations.ts';
import { route } from './route.ts';

/** Active runs that are counted. More are not told apart. */
const maxActiveRuns = 1_000;

/** Longest wait for runs. While storage hangs, the other metrics matter most, and Prometheus waits for 10 s by default. */
const runsTimeoutMs = 5_000;

export const showMetrics = route(
  { name: 'metrics', method: 'GET', path: '/metrics', access: 'Metrics.Read', failures: [], document },
  async (services, { log }) => {
    const { clock, metrics, broker, requestSlots, tenantSlots, changeSlots, gateway } = services;
    const reading = withDeadline(clock, runsTimeoutMs, () => runFacts(services)).catch((thrown: unknown) => {
      log.log('warn', 'metrics.runs_unreadable', errorFields(thrown));
      return undefined;
    });
    const [runs, health] = await Promise.all([reading, services.health.report()]);
    const { expositionType, metricsText } = await import('../lib/health/collect-metrics.ts');
    const body = metricsText({
      metrics,
      health,
      tokens: broker.counts,
      waiting: {
        entra: broker.waiting,
        resources: requestSlots.waiting,
        tenants: tenantSlots.waiting + changeSlots.waiting,
      },
      gatewayWaiting: gateway.waiting(),
      runs,
      process: processFacts(services.clock.nowMs()),
    });
    return { status: 200, headers: { 'content-type': expositionType, 'cache-control': 'no-store' }, body };
  },
);

const processFacts = (nowMs: number): ProcessFacts => {
  const { user, system } = process.cpuUsage();
  return {
    startedAtSeconds: nowMs / 1000 - process.uptime(),
    cpuSeconds: (user + system) / 1e6,
    residentBytes: process.memoryUsage.rss(),
  };
};

/** @throws BrokerError storage_unavailable */
async function runFacts(services: Services): Promise<RunFacts> {
  const jobs = jobRegistry.list();
  const active = await services.runs.log.list({ active: true, limit: maxActiveRuns });
  const names = [...new Set([...jobs.map(({ name }) => name), ...active.map(({ job }) => job)])];
  const lags = await Promise.all(jobs.map((job) => lagOf(services, job)));
  return {
    active: names.map((job) => ({ job, runs: active.filter((run) => run.job === job).length })),
    lag: lags.flatMap((lag) => lag ?? []),
  };
}

async function lagOf(
  { clock, runs }: Services,
  { name: job, schedule }: Job,
): Promise<RunFacts['lag'][number] | undefined> {
  if (schedule === undefined || isFunctionDisabled(scheduleName(job))) return undefined;
  const nowMs = clock.nowMs();
  const scheduledAtMs = schedule.latestAtMs(nowMs);
  if (scheduledAtMs === undefined) return undefined;
  const run = await runs.log.find(runIdOf(job, scheduledWindow(scheduledAtMs)));
  // A new job first runs at its next scheduled time.
  const isNew = run === undefined && (await runs.log.list({ job, limit: 1 })).length === 0;
  const isDone = isNew || run?.finishedAtMs !== undefined;
  return { job, seconds: isDone ? 0 : (nowMs - scheduledAtMs) / 1000 };
}

async function document(): Promise<RouteDocument> {
  const example =
    '# HELP ptb_active_runs Runs that are pending or running.\n# TYPE ptb_active_runs gauge\nptb_active_runs{job_name="licence-report"} 1\n';
  return {
    group: 'Health',
    summary: 'Show metrics',
    description:
      'Counts and states of this instance in the text format of Prometheus, version 0.0.4. No metric names a tenant or a caller. See docs/metrics.md.',
    answers: [{ status: 200, description: 'The metrics.', contents: [{ mediaType: 'text/plain', example }] }],
  };
}
