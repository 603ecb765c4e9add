/** `ended`: completed, failed or terminated. `unknown`: the platform has no such instance (any more). */
export type InstanceState = 'active' | 'ended' | 'unknown';

/** What this program needs of the durable platform. */
export interface Orchestrations {
  start(name: string, instanceId: string, input: unknown): Promise<void>;
  state(instanceId: string): Promise<InstanceState>;
  /** Raises an external event; to an instance that has ended or is unknown, nothing happens. */
  raise(instanceId: string, event: string): Promise<void>;
  /** Ends an instance; one that has ended or is unknown stays as it is. */
  terminate(instanceId: string, reason: string): Promise<void>;
  /** Deletes the histories of instances that have ended. @returns how many. */
  purge(createdBeforeMs: number): Promise<number>;
}
