import * as df from 'durable-functions';
import { bootLog, type Services, services, withInvocation } from '../composition.ts';
import { adviceFor } from '../lib/model/advice.ts';
import { BrokerError, errorTable, toBrokerError } from '../lib/model/errors.ts';
import { errorFields } from '../lib/runtime/log.ts';
import type { Notice } from '../lib/notifications/notice.ts';
import type { Job } from '../lib/runs/job.ts';
import { scheduledWindow } from '../lib/runs/run-id.ts';
import type { Orchestrations } from '../lib/runs/orchestrations.ts';
import { startRun } from '../lib/runs/start-run.ts';
import { jobRegistry } from './job-registry.ts';
import { orchestrationsOf, scheduleName, runDeps } from './orchestrations.ts';

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
    await startRun(runDeps(services, orchestrations), {
      job: job.name,
      window: scheduledWindow(scheduledAtMs),
      startedBy: 'timer',
    });
  } catch (thrown) {
    if (!(thrown instanceof BrokerError && thrown.code === 'run_conflict')) throw thrown;
    services.log.log('info', 'schedule.run_exists', errorFields(thrown));
  }
}

/** The same, and people hear of it when it cannot be done. @throws what startScheduled throws. */
export async function fireSchedule(services: Services, job: Job, orchestrations: Orchestrations): Promise<void> {
  try {
    await startScheduled(services, job, orchestrations);
  } catch (thrown) {
    const { code } = toBrokerError(thrown);
    const notice: Notice = {
      severity: 'error',
      title: `The scheduled run of ${job.name} could not be started: ${errorTable[code].title}`,
      text:
        'It is tried again every five minutes, for six hours; before the first scheduled run of a job only until the ' +
        `app restarts. Where no run appears, start one: ptb run ${job.name}. ${adviceFor(code, 'operator')}`,
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
  df.app.client.timer(scheduleName(job.name), {
    schedule: job.schedule.expression,
    handler: (_timer, client, context) =>
      withInvocation(context, async () => {
        try {
          await fireSchedule(await services(), job, orchestrationsOf(client));
        } catch (thrown) {
          // The platform does not repeat a failed timer; `watch-runs` does.
          bootLog.log('error', 'schedule.failed', { job: job.name, ...errorFields(thrown) });
          throw thrown;
        }
      }),
  });
}
