import { messageOf } from '../../runtime/errors.ts';
import { Engine, type EngineDeps } from '../engine.ts';
import type { InstanceRecord } from '../instance.ts';
import type { HubView } from '../instance-table.ts';
import { Journal } from '../journal.ts';
import type { Store } from '../store.ts';
import { TaskRunner } from '../task-runner.ts';
import { type ClaimedWork, partitionOf, StaleHostError } from './hub-schema.ts';
import type { HubStore } from './hub-store.ts';
import { Membership } from './membership.ts';

/** How often a host looks for what other hosts have left for it. The look is one number of the file's header. */
const pollMs = 10;

export interface SharedHubDeps extends Omit<EngineDeps, 'journal' | 'hub'> {
  readonly store: HubStore;
  /** After how many milliseconds without a sign of life a host counts as dead. */
  readonly deadAfterMs: number;
  /** Milliseconds of a clock that nobody sets. */
  readonly monotonicMs: () => number;
  /** Timer triggers that are not started. They run on one host: the one with partition 0. */
  readonly newTriggers: (journal: Journal) => { start(): void; stop(): void };
}

/**
 * One of several hosts on a hub, as on Azure Storage: each runs the orchestrations of its partitions, and any of them takes
 * activities. A commit of a host that others have declared dead is refused, so an instance has one execution that counts.
 * Activities may run twice.
 */
export class SharedHub implements HubView {
  readonly #deps: SharedHubDeps;
  readonly #membership: Membership;
  readonly #tasks: TaskRunner;
  #partitions = new Set<number>();
  #engine: { readonly engine: Engine; readonly journal: Journal } | undefined;
  #triggers: { stop(): void } | undefined;
  #state: 'running' | 'stopping' | 'closed' = 'running';
  /** The registration under which it has its partitions. */
  #hostId = 0;
  /** A commit was refused. */
  #stale = false;
  #activeWork = 0;
  #version = 0;
  #mailAtMs = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(deps: SharedHubDeps) {
    this.#deps = deps;
    this.#membership = new Membership(deps);
    this.#tasks = new TaskRunner({
      ...deps,
      findActivity: (name) => deps.findFunction('activity', name),
      maxConcurrent: deps.settings.maxConcurrentActivityFunctions,
    });
  }

  start(): void {
    this.#poll();
  }

  runs(instanceId: string): boolean {
    return this.#partitions.has(partitionOf(instanceId, this.#deps.store.partitionCount));
  }

  find(instanceId: string): InstanceRecord | undefined {
    return this.#deps.store.find(instanceId);
  }

  /** Hands the partitions to other hosts and takes no more work. Work under way still ends here. */
  stop(): void {
    this.#state = 'stopping';
    this.#tasks.stop();
    this.#use(new Set());
  }

  /** Leaves the hub. Work that has not ended is repeated by other hosts. */
  close(): void {
    this.#state = 'closed';
    clearTimeout(this.#timer);
    this.#deps.store.leave();
  }

  #poll(): void {
    try {
      if (this.#stale || this.#membership.isDue()) this.#use(this.#membership.partitions(this.#state === 'running'));
      if (this.#state === 'running') this.#takeWhatIsNew();
    } catch (error) {
      this.#deps.log('error', 'system', `The hub could not be read: ${messageOf(error)}`);
    }
    this.#timer = setTimeout(() => this.#poll(), pollMs);
  }

  /** Starts to run these partitions, and stops to run others. */
  #use(partitions: ReadonlySet<number>): void {
    const { store } = this.#deps;
    const lost = [...this.#partitions].filter((id) => !partitions.has(id));
    const gained = [...partitions].filter((id) => !this.#partitions.has(id));
    if (!this.#stale && store.hostId === this.#hostId && lost.length + gained.length === 0) return;
    this.#retire();
    this.#stale = false;
    this.#hostId = store.hostId;
    for (const id of lost) store.freePartition(id);
    this.#partitions = new Set(partitions);
    if (partitions.size > 0) this.#engine = this.#newEngine();
    if (!partitions.has(0)) this.#stopTriggers();
    else if (this.#triggers === undefined) {
      const triggers = this.#deps.newTriggers(new Journal(this.#store()));
      this.#triggers = triggers;
      triggers.start();
    }
    this.#mailAtMs = 0;
  }

  #stopTriggers(): void {
    this.#triggers?.stop();
    this.#triggers = undefined;
  }

  /** Drops the instances from memory. Turns under way are not committed. */
  #retire(): void {
    this.#engine?.engine.stop();
    this.#engine?.journal.commit();
    this.#engine?.journal.close();
    this.#engine = undefined;
  }

  #newEngine(): { readonly engine: Engine; readonly journal: Journal } {
    const journal = new Journal(this.#store());
    const engine = new Engine({ ...this.#deps, journal, hub: this });
    engine.load(this.#deps.store.loadPartitions(this.#partitions));
    engine.start();
    return { engine, journal };
  }

  /** The store as an engine sees it. A refused commit ends the engine, which starts again from what is stored. */
  #store(): Store {
    const { store } = this.#deps;
    const { hostId } = store;
    return {
      load: () => store.load(),
      readHistory: (instanceId) => store.readHistory(instanceId),
      readValue: (key) => store.readValue(key),
      commit: (changes) => {
        // Another host may have run the partitions in between.
        if (store.hostId !== hostId) return;
        try {
          store.commit(changes);
        } catch (error) {
          if (!(error instanceof StaleHostError)) throw error;
          this.#stale = true;
        }
      },
      close: () => undefined,
    };
  }

  #takeWhatIsNew(): void {
    const { store, monotonicMs } = this.#deps;
    const version = store.dataVersion();
    if (version === this.#version && !store.posted && monotonicMs() < this.#mailAtMs) return;
    this.#version = version;
    store.posted = false;
    this.#deliverMail();
    this.#claimWork();
    this.#mailAtMs = monotonicMs() + store.nextMailMs([...this.#partitions]);
  }

  #deliverMail(): void {
    if (!this.#engine) return;
    const { engine, journal } = this.#engine;
    for (const { seq, message } of this.#deps.store.mail([...this.#partitions])) {
      journal.takeMail(seq);
      engine.deliver(message);
    }
    engine.commit();
  }

  #claimWork(): void {
    const free = this.#deps.settings.maxConcurrentActivityFunctions - this.#activeWork;
    if (free <= 0) return;
    for (const work of this.#deps.store.claimWork(free)) this.#run(work);
  }

  #run({ id, instanceId, executionId, task }: ClaimedWork): void {
    this.#activeWork += 1;
    this.#tasks.run(task, instanceId, (outcome) => {
      this.#activeWork -= 1;
      if (this.#state === 'closed') return;
      const target = { instanceId, executionId, taskId: task.id };
      const { ok: _ok, ...rest } = outcome;
      this.#deps.store.finishWork(
        id,
        outcome.ok
          ? { kind: 'taskCompleted', ...target, result: outcome.result }
          : { kind: 'taskFailed', ...target, ...(rest as Omit<Extract<typeof outcome, { ok: false }>, 'ok'>) },
      );
      if (this.#state === 'running') this.#claimWork();
    });
  }
}
