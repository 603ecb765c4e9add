import type { InvocationContext } from '@azure/functions';
import * as df from 'durable-functions';
import { bootLog, isFunctionDisabled, type Services, services, withInvocation } from '../composition.ts';
import { errorFields } from '../lib/runtime/log.ts';
import type { Orchestrations } from '../lib/runs/orchestrations.ts';
import { purgeRuns } from '../lib/runs/purge-runs.ts';
import { watchRuns } from '../lib/runs/watch-runs.ts';
import { orchestrationsOf, scheduleName, runDeps } from './orchestrations.ts';

const timerIsOff = (job: string): boolean => isFunctionDisabled(scheduleName(job));

/** Every five minutes: starts what a timer could not, takes up runs whose start died, closes those whose orchestration did. */
const watch = async (services: Services, orchestrations: Orchestrations): Promise<void> => {
  await watchRuns({
    ...runDeps(services, orchestrations),
    timerIsOff,
  });
};

/** Daily: deletes what is older than RUN_RETENTION_DAYS. */
const purge = async (services: Services, orchestrations: Orchestrations): Promise<void> => {
  const retentionDays = services.settings.RUN_RETENTION_DAYS;
  await purgeRuns({ ...runDeps(services, orchestrations), retentionDays, timerIsOff });
};

function timer(
  name: string,
  schedule: string,
  work: (services: Services, orchestrations: Orchestrations) => Promise<void>,
): void {
  df.app.client.timer(name, {
    schedule,
    handler: (_timer: unknown, client: df.DurableClient, context: InvocationContext) =>
      withInvocation(context, async () => {
        try {
          await work(await services(), orchestrationsOf(client));
        } catch (thrown) {
          // The platform does not repeat a failed timer; its next firing does.
          bootLog.log('error', 'run_care.failed', { timer: name, ...errorFields(thrown) });
          throw thrown;
        }
      }),
  });
}

timer('watch-runs', '20 */5 * * * *', watch);
timer('purge-runs', '0 43 2 * * *', purge);
