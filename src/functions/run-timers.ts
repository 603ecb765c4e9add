import { bootLog, isFunctionDisabled, type Services } from '../composition.ts';
import { watchApprovals } from '../lib/approvals/watch-approvals.ts';
import { adviceFor, BrokerError, errorTable, toBrokerError } from '../lib/core/errors.ts';
import { errorFields } from '../lib/core/log.ts';
import type { Notice } from '../lib/notices/notice.ts';
import { createPermissionWarnings, type Job } from '../lib/runs/job/job.ts';
import { scheduledWindow } from '../lib/runs/store/run.ts';
import type { Orchestrations } from '../lib/core/orchestrations.ts';
import { startRun } from '../lib/runs/engine/start-run.ts';
import { purgeRuns, watchRuns } from '../lib/runs/engine/watch-runs.ts';
import { announceEnd } from './fan-out.ts';
import { jobRegistry } from './job-registry.ts';
import { runDeps, scheduleName } from './orchestrations.ts';
import { durableTimer, type TimerDefinition } from './timer.ts';

/** Timers may fire slightly before the scheduled second. */
const earlyMs = 1_000;

/** The latest time of the schedule. */
const scheduledAtMs = (job: Job, nowMs: number): number => job.schedule?.latestAtMs(nowMs + earlyMs) ?? nowMs;

/**
 * Starts the run for the latest time of the schedule, even if the host was down then and the timer fires late. A second
 * firing for the same window finds the run and does nothing.
 */
export async function startScheduled(services: Services, job: Job, orchestrations: Orchestrations): Promise<void> {
  try {
    await startRun(runDeps(services, orchestrations), {
      job: job.name,
      window: scheduledWindow(scheduledAtMs(job, services.clock.nowMs())),
      startedBy: 'timer',
    });
  } catch (thrown) {
    if (!(thrown instanceof BrokerError && thrown.code === 'run_conflict')) throw thrown;
    services.log.log('info', 'schedule.run_exists', errorFields(thrown));
  }
}

/** Starts the run, and sends a notice if that fails. @throws what startScheduled throws. */
export async function fireSchedule(services: Services, job: Job, orchestrations: Orchestrations): Promise<void> {
  try {
    await startScheduled(services, job, orchestrations);
  } catch (thrown) {
    const { code } = toBrokerError(thrown);
    const nowMs = services.clock.nowMs();
    const notice: Notice = {
      kind: 'schedule.failed',
      key: `${job.name} ${scheduledAtMs(job, nowMs)}`,
      severity: 'critical',
      atMs: nowMs,
      title: `The scheduled run of ${job.name} could not be started: ${errorTable[code].title}`,
      text:
        'The broker retries every five minutes for six hours. ' +
        `If no run appears, start one: ptb run ${job.name}. ${adviceFor(code, 'operator')}`,
      facts: [{ name: 'Job', value: job.name }],
    };
    await services.notifier.send(notice).catch((unsent: unknown) => {
      services.log.log('warn', 'schedule.notice_failed', { job: job.name, ...errorFields(unsent) });
    });
    throw thrown;
  }
}

for (const job of jobRegistry.list()) {
  if (job.schedule === undefined) continue;
  durableTimer(
    {
      name: scheduleName(job.name),
      schedule: job.schedule.expression,
      // The timer `watch-runs` starts the missed run.
      logFailure: (fields) => bootLog.log('error', 'schedule.failed', { job: job.name, ...fields }),
    },
    (services, orchestrations) => fireSchedule(services, job, orchestrations),
  );
}

const timerIsOff = (job: string): boolean => isFunctionDisabled(scheduleName(job));

const warnOfPermissions = createPermissionWarnings(jobRegistry.list());

/** Repairs runs and approvals, and delivers notices meanwhile: a receiver may be slow. */
async function watch(services: Services, orchestrations: Orchestrations): Promise<void> {
  const delivered = services.notifications.deliverDue();
  try {
    await repair(services, orchestrations);
  } finally {
    await delivered;
  }
}

/**
 * Starts missed runs, resumes runs whose start failed, and closes runs whose orchestration ended unexpectedly. Repairs
 * approvals as well, first: that takes seconds, and runs may take minutes.
 */
async function repair(services: Services, orchestrations: Orchestrations): Promise<void> {
  await watchApprovals({ ...services.approvals, log: services.log, orchestrations }).catch((thrown: unknown) =>
    services.log.log('error', 'approval.watch_failed', errorFields(thrown)),
  );
  const announce = (runId: string): Promise<unknown> => announceEnd(services, { runId });
  await watchRuns({ ...runDeps(services, orchestrations), timerIsOff, announce });
  // Here and not at start-up, which loading the map would delay.
  warnOfPermissions(await services.permissionMap.current(), services.log);
}

/** Deletes runs that are older than RUN_RETENTION_DAYS, and old notices. */
async function purge(services: Services, orchestrations: Orchestrations): Promise<void> {
  await services.notifications
    .purge()
    .catch((thrown: unknown) => services.log.log('error', 'notice.purge_failed', errorFields(thrown)));
  const retentionDays = services.settings.RUN_RETENTION_DAYS;
  await purgeRuns({ ...runDeps(services, orchestrations), retentionDays, timerIsOff });
}

function runTimer(
  name: string,
  schedule: string,
  work: (services: Services, orchestrations: Orchestrations) => Promise<void>,
): void {
  const logFailure: TimerDefinition['logFailure'] = (fields) =>
    bootLog.log('error', 'run_care.failed', { timer: name, ...fields });
  durableTimer({ name, schedule, logFailure }, work);
}

runTimer('watch-runs', '20 */5 * * * *', watch);
runTimer('purge-runs', '0 43 2 * * *', purge);
