/** `ended`: completed, failed or terminated. `unknown`: the platform has no such instance. */
export type InstanceState = 'active' | 'ended' | 'unknown';

/** Port to the durable platform. Each call ends in time. @throws BrokerError storage_unavailable */
export interface Orchestrations {
  /** @throws BrokerError run_conflict if an instance with this id has not ended. */
  start(name: string, instanceId: string, input: unknown): Promise<void>;
  state(instanceId: string): Promise<InstanceState>;
  /** Raises an external event. Does nothing if the instance has ended or is unknown. */
  raise(instanceId: string, event: string): Promise<void>;
  /** Terminates an instance. Does nothing if the instance has ended or is unknown. */
  terminate(instanceId: string, reason: string): Promise<void>;
  /** Deletes the histories of ended instances created before this time. @returns how many were deleted. */
  purge(createdBeforeMs: number): Promise<number>;
}
