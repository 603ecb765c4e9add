import { type DurableClient, OrchestrationRuntimeStatus } from 'durable-functions';
import type { Services } from '../composition.ts';
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

/** The services, completed with what starting and watching runs needs in one invocation. */
export const runDeps = (services: Services, orchestrations: Orchestrations): Services & StartRunDeps => ({
  ...services,
  jobs: jobRegistry,
  orchestrations,
  tuning: services.runTuning,
});
