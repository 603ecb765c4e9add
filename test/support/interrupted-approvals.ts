import type { Approvals } from '../../src/lib/approvals/approvals.ts';
import type { ApprovalLog, ApprovalOrchestrations } from '../../src/lib/approvals/approval-log.ts';
import { BrokerError } from '../../src/lib/core/errors.ts';
import type { InstanceState } from '../../src/lib/core/orchestrations.ts';
import type { MemoryApprovalLog } from '../fakes/memory-approval-log.ts';

/** The process died. */
export class Killed extends Error {}

/** Kills the process at one of its next effects: a write, an entry of the audit log, a notice or a message. */
export class Killer {
  #left = Infinity;
  #isAfter = false;
  /** Effects until one fails. */
  #healthy = Infinity;

  /** @param after the effect happens, and nobody learns of it. */
  arm(effects: number, after: boolean): void {
    this.#left = effects;
    this.#healthy = Infinity;
    this.#isAfter = after;
  }

  /** Lets one of the next effects fail, once. @param after the effect happens, and its reply is lost. */
  failOnce(effects: number, after: boolean): void {
    this.#healthy = effects;
    this.#isAfter = after;
  }

  disarm(): void {
    this.#left = Infinity;
    this.#healthy = Infinity;
  }

  get isArmed(): boolean {
    return this.#left < Infinity || this.#healthy < Infinity;
  }

  get hasFailed(): boolean {
    return this.#healthy <= 0;
  }

  /** Whether the process has died. */
  get isDead(): boolean {
    return this.#left <= 0;
  }

  async effect<T>(run: () => Promise<T>): Promise<T> {
    this.#left -= 1;
    this.#healthy -= 1;
    if (this.#healthy === 0) {
      if (this.#isAfter) await run();
      throw new BrokerError('storage_unavailable', 'Storage does not answer.');
    }
    // Nothing happens after the death of a process.
    if (this.#left < 0 || (this.#left === 0 && !this.#isAfter)) throw new Killed();
    const result = await run();
    if (this.#left === 0) throw new Killed();
    return result;
  }
}

/** The log of a process that may be killed. */
export const interruptedLog = (log: MemoryApprovalLog, killer: Killer): ApprovalLog => ({
  find: (id) => log.find(id),
  current: (digest) => log.current(digest),
  list: (query) => log.list(query),
  unsettled: (sinceMs) => log.unsettled(sinceMs),
  purge: (beforeMs) => log.purge(beforeMs),
  create: (...args) => killer.effect(() => log.create(...args)),
  change: (...args) => killer.effect(() => log.change(...args)),
});

/** The other effects of a process that may be killed. */
export const interrupted = <D extends Pick<Approvals, 'audit' | 'notifier'>>(deps: D, killer: Killer): D => ({
  ...deps,
  audit: { record: (entry) => killer.effect(() => deps.audit.record(entry)) },
  notifier: { send: (notice) => killer.effect(() => deps.notifier.send(notice)) },
});

/** Orchestrations that only remember which instances exist. */
export class RememberedOrchestrations implements ApprovalOrchestrations {
  readonly states = new Map<string, InstanceState>();
  readonly #killer: Killer;

  constructor(killer: Killer) {
    this.#killer = killer;
  }

  async start(_: string, instanceId: string): Promise<void> {
    await this.#killer.effect(async () => void this.states.set(instanceId, 'active'));
  }

  async state(instanceId: string): Promise<InstanceState> {
    return this.states.get(instanceId) ?? 'unknown';
  }

  async raise(): Promise<void> {
    await this.#killer.effect(() => Promise.resolve());
  }
}
