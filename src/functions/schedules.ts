import * as df from 'durable-functions';
import { bootLog, type Services, services, withInvocation } from '../composition.ts';
import { BrokerError } from '../lib/errors.ts';
import { errorFields } from '../lib/log.ts';
import type { Job } from '../lib/runs/job.ts';
import { scheduledWindow } from '../lib/runs/run-id.ts';
import type { Orchestrations } from '../lib/runs/orchestrations.ts';
import { startRun } from '../lib/runs/start-run.ts';
import { jobRegistry } from './job-registry.ts';
import { orchestrationsOf, startDeps } from './orchestrations.ts';

/** Timers may fire a little before the second that they stand for. */
const earlyMs = 1_000;

/**
 * Starts the run of the window that the timer stands for: the latest time of the schedule, also when the host was down
 * then and fires late. A second firing for the same window finds the run and does nothing.
 */
export async function startScheduled(services: Services, job: Job, orchestrations: Orchestrations): Promise<void> {
  const nowMs = services.clock.nowMs();
  const scheduledAtMs = job.schedule?.latestAtMs(nowMs + earlyMs) ?? nowMs;
  try {
    await startRun(startDeps(services, orchestrations), {
      job: job.name,
      window: scheduledWindow(scheduledAtMs),
      startedBy: 'timer',
    });
  } catch (thrown) {
    if (!(thrown instanceof BrokerError && thrown.code === 'run_conflict')) throw thrown;
    services.log.log('info', 'schedule.run_exists', errorFields(thrown));
  }
}

for (const job of jobRegistry.list()) {
  if (job.schedule === undefined) continue;
  df.app.client.timer(`schedule-${job.name}`, {
    schedule: job.schedule.expression,
    handler: (_timer, client, context) =>
      withInvocation(context, async () => {
        try {
          await startScheduled(await services(), job, orchestrationsOf(client));
        } catch (thrown) {
          // The platform does not repeat a failed timer: the log is all there is.
          bootLog.log('error', 'schedule.failed', { job: job.name, ...errorFields(thrown) });
          throw thrown;
        }
      }),
  });
}
