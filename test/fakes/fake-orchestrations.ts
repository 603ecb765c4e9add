import { BrokerError } from '../../src/lib/core/errors.ts';
import type { InstanceState, Orchestrations } from '../../src/lib/core/orchestrations.ts';

/** An in-memory durable platform. */
export class FakeOrchestrations implements Orchestrations {
  /** Set to make starts fail. */
  broken = false;
  readonly started: { name: string; instanceId: string; input: unknown }[] = [];
  readonly raised: string[] = [];
  readonly terminated: string[] = [];
  readonly purged: number[] = [];
  readonly states = new Map<string, InstanceState>();

  async start(name: string, instanceId: string, input: unknown): Promise<void> {
    if (this.broken) throw new BrokerError('storage_unavailable', 'The platform is away.');
    this.started.push({ name, instanceId, input });
    this.states.set(instanceId, 'active');
  }

  async state(instanceId: string): Promise<InstanceState> {
    return this.states.get(instanceId) ?? 'unknown';
  }

  async raise(instanceId: string, event: string): Promise<void> {
    this.raised.push(`${instanceId} ${event}`);
  }

  async terminate(instanceId: string): Promise<void> {
    this.terminated.push(instanceId);
    this.states.set(instanceId, 'ended');
  }

  async purge(createdBeforeMs: number): Promise<number> {
    this.purged.push(createdBeforeMs);
    return 0;
  }
}
