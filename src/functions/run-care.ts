import { bootLog, isFunctionDisabled, type Services } from '../composition.ts';
import type { Orchestrations } from '../lib/core/orchestrations.ts';
import { watchApprovals } from '../lib/approvals/watch-approvals.ts';
import { createPermissionWarnings } from '../lib/runs/job/job.ts';
import { purgeRuns, watchRuns } from '../lib/runs/engine/watch-runs.ts';
import { errorFields } from '../lib/core/log.ts';
import { jobRegistry } from './job-registry.ts';
import { runDeps, scheduleName } from './orchestrations.ts';
import { durableTimer, type TimerDefinition } from './timer.ts';

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
  await watchRuns({ ...runDeps(services, orchestrations), timerIsOff });
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
