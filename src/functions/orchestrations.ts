import { type DurableClient, OrchestrationRuntimeStatus } from 'durable-functions';
import type { Services } from '../composition.ts';
import type { Orchestrations } from '../lib/core/orchestrations.ts';
import { runConflict, type StartRunDeps } from '../lib/runs/engine/start-run.ts';
import { jobRegistry } from './job-registry.ts';

/** Adapts the durable client of one invocation to the port of lib/runs. */
export function orchestrationsOf(client: DurableClient): Orchestrations {
  return {
    start: async (name, instanceId, input) => {
      try {
        await client.startNew(name, { instanceId, input });
      } catch (error) {
        throw isExistingInstance(error) ? runConflict(instanceId) : error;
      }
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

/** The same for a client that is made at the first use. */
export function lazyOrchestrations(client: () => DurableClient): Orchestrations {
  let made: Orchestrations | undefined;
  const port = (): Orchestrations => (made ??= orchestrationsOf(client()));
  return {
    start: async (name, instanceId, input) => port().start(name, instanceId, input),
    state: async (instanceId) => port().state(instanceId),
    raise: async (instanceId, event) => port().raise(instanceId, event),
    terminate: async (instanceId, reason) => port().terminate(instanceId, reason),
    purge: async (createdBeforeMs) => port().purge(createdBeforeMs),
  };
}

const { Completed, Failed, Terminated, Canceled } = OrchestrationRuntimeStatus;
const endedStatuses: ReadonlySet<OrchestrationRuntimeStatus> = new Set([Completed, Failed, Terminated, Canceled]);

// durable-functions 3.5 has no error types for an existing and an unknown instance. Only the messages identify them.
const isExistingInstance = (error: unknown): boolean =>
  error instanceof Error && /status code: 409|already exists/.test(error.message);

const isUnknownInstance = (error: unknown): boolean =>
  error instanceof Error && /replied with HTTP 404|No instance with ID/.test(error.message);

/** Name of the timer that starts scheduled runs of a job. */
export const scheduleName = (job: string): string => `schedule-${job}`;

/** The services with the dependencies for starting and watching runs in one invocation. */
export const runDeps = (services: Services, orchestrations: Orchestrations): Services & StartRunDeps => ({
  ...services,
  jobs: jobRegistry,
  orchestrations,
});
