import { type DurableClient, OrchestrationRuntimeStatus } from 'durable-functions';
import type { Services } from '../composition.ts';
import type { FinishRunDeps } from '../lib/runs/finish-run.ts';
import type { Orchestrations } from '../lib/runs/orchestrations.ts';
import type { StartRunDeps } from '../lib/runs/start-run.ts';
import { jobRegistry } from './job-registry.ts';

/** The durable client of one invocation behind the port that runs are started through. */
export function orchestrationsOf(client: DurableClient): Orchestrations {
  return {
    start: async (name, instanceId, input) => {
      await client.startNew(name, { instanceId, input });
    },
    state: async (instanceId) => {
      try {
        const { runtimeStatus } = await client.getStatus(instanceId);
        return endedStatuses.has(runtimeStatus) ? 'ended' : 'active';
      } catch (error) {
        if (isUnknownInstance(error)) return 'unknown';
        throw error;
      }
    },
    raise: async (instanceId, event) => {
      try {
        await client.raiseEvent(instanceId, event, {});
      } catch (error) {
        if (!isUnknownInstance(error)) throw error;
      }
    },
    terminate: async (instanceId, reason) => {
      try {
        await client.terminate(instanceId, encodeURIComponent(reason));
      } catch (error) {
        if (!isUnknownInstance(error)) throw error;
      }
    },
    purge: async (createdBeforeMs) => {
      const { instancesDeleted } = await client.purgeInstanceHistoryBy({
        createdTimeFrom: new Date(0),
        createdTimeTo: new Date(createdBeforeMs),
        runtimeStatus: [...endedStatuses],
      });
      return instancesDeleted;
    },
  };
}

const { Completed, Failed, Terminated, Canceled } = OrchestrationRuntimeStatus;
const endedStatuses: ReadonlySet<OrchestrationRuntimeStatus> = new Set([Completed, Failed, Terminated, Canceled]);

// durable-functions 3.5 has no error of its own for it: its texts for status and events are the only sign.
const isUnknownInstance = (error: unknown): boolean =>
  error instanceof Error && /replied with HTTP 404|No instance with ID/.test(error.message);

/** The function that starts a job on time. */
export const scheduleName = (job: string): string => `schedule-${job}`;

/** What it takes to close the record of a run. */
export const finishDeps = (services: Services): FinishRunDeps => ({
  clock: services.clock,
  log: services.log,
  runLog: services.runLog,
  results: services.runResults,
  stops: services.runStops,
});

/** What it takes to start runs in one invocation. */
export const startDeps = (services: Services, orchestrations: Orchestrations): StartRunDeps => ({
  jobs: jobRegistry,
  runLog: services.runLog,
  orchestrations,
  clock: services.clock,
  random: services.random,
  log: services.log,
  tuning: services.runTuning,
});
