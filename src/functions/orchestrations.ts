import { type DurableClient, OrchestrationRuntimeStatus } from 'durable-functions';
import type { Services } from '../composition.ts';
import { type Clock, DeadlineError, minuteMs, systemClock, withDeadline } from '../lib/core/clock.ts';
import { BrokerError } from '../lib/core/errors.ts';
import type { Orchestrations } from '../lib/core/orchestrations.ts';
import { runConflict, type StartRunDeps } from '../lib/runs/engine/start-run.ts';
import { jobRegistry } from './job-registry.ts';

/** Longest wait for the platform. Its client has no limit: while storage hangs, it does not answer. */
const answerMs = 30_000;
/** The same for the deletion of histories, of which there may be thousands. */
const purgeMs = 5 * minuteMs;

/**
 * Adapts the durable client of one invocation to the port of lib/runs.
 * @throws BrokerError storage_unavailable, from each call, if the platform does not answer in time.
 */
export function orchestrationsOf(client: DurableClient, clock: Clock = systemClock): Orchestrations {
  const inTime = async <T>(work: () => Promise<T>, ms = answerMs): Promise<T> => {
    try {
      return await withDeadline(clock, ms, work);
    } catch (error) {
      if (!(error instanceof DeadlineError)) throw error;
      throw new BrokerError('storage_unavailable', `The Durable Functions extension did not answer in ${ms / 1000} s.`);
    }
  };
  const unlessUnknown = async (work: () => Promise<unknown>): Promise<void> => {
    try {
      await inTime(work);
    } catch (error) {
      if (!isUnknownInstance(error)) throw error;
    }
  };
  return {
    start: async (name, instanceId, input) => {
      try {
        await inTime(() => client.startNew(name, { instanceId, input }));
      } catch (error) {
        throw isExistingInstance(error) ? runConflict(instanceId) : error;
      }
    },
    state: async (instanceId) => {
      try {
        const { runtimeStatus } = await inTime(() => client.getStatus(instanceId));
        return endedStatuses.has(runtimeStatus) ? 'ended' : 'active';
      } catch (error) {
        if (isUnknownInstance(error)) return 'unknown';
        throw error;
      }
    },
    raise: (instanceId, event) => unlessUnknown(() => client.raiseEvent(instanceId, event, {})),
    terminate: (instanceId, reason) => unlessUnknown(() => client.terminate(instanceId, encodeURIComponent(reason))),
    purge: async (createdBeforeMs) => {
      const range = { createdTimeFrom: new Date(0), createdTimeTo: new Date(createdBeforeMs) };
      const purge = () => client.purgeInstanceHistoryBy({ ...range, runtimeStatus: [...endedStatuses] });
      return (await inTime(purge, purgeMs)).instancesDeleted;
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
