import { messageOf } from '../../runtime/errors.ts';
import { Engine, type EngineDeps } from '../engine.ts';
import type { InstanceRecord } from '../instance.ts';
import type { HubView } from '../instance-table.ts';
import { Journal } from '../journal.ts';
import type { Store } from '../store.ts';
import { partitionOf, StaleHostError } from './hub-schema.ts';
import type { HubStore } from './hub-store.ts';
import { HubWork } from './hub-work.ts';
import { Membership } from './membership.ts';

/** How often a host looks for what other hosts have left for it. The look is one number of the file's header. */
const pollMs = 10;
/** After a failure of the store the pause doubles up to this, milliseconds. */
const longestPauseMs = 1_000;

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
  readonly #work: HubWork;
  #partitions = new Set<number>();
  #engine: { readonly engine: Engine; readonly journal: Journal } | undefined;
  #triggers: { stop(): void } | undefined;
  #isStopping = false;
  /** The registration under which it has its partitions. */
  #hostId = 0;
  /** Memory may differ from the store: a commit was refused, or the store failed. */
  #stale = false;
  /** Failures of the store one after another. */
  #failures = 0;
  #version = 0;
  #mailAtMs = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(deps: SharedHubDeps) {
    this.#deps = deps;
    this.#membership = new Membership(deps);
    this.#work = new HubWork({ ...deps, attempt: (work) => this.#attempt(work) });
  }

  start(): void {
    this.#poll();
  }

  runs(instanceId: string): boolean {
    return this.#partitions.has(partitionOf(instanceId, this.#deps.store.partitionCount));
  }

  find(instanceId: string): InstanceRecord | undefined {
    try {
      return this.#deps.store.find(instanceId);
    } catch (error) {
      // The turn that asks for it ends half-way.
      this.#failed(error);
      throw error;
    }
  }

  /** Hands the partitions to other hosts and takes no more work. Work under way still ends here. */
  stop(): void {
    this.#isStopping = true;
    this.#work.stop();
    this.#attempt(() => this.#use(new Set()));
  }

  /** Leaves the hub. Work that has not ended is repeated by other hosts. */
  close(): void {
    clearTimeout(this.#timer);
    this.#work.close();
    this.#deps.store.leave();
  }

  #poll(): void {
    this.#attempt(() => {
      if (this.#stale || this.#membership.isDue()) this.#use(this.#membership.partitions(!this.#isStopping));
      this.#work.storeOutcomes();
      if (!this.#isStopping) this.#takeWhatIsNew();
      this.#failures = 0;
    });
    this.#timer = setTimeout(() => this.#poll(), Math.min(longestPauseMs, pollMs * 2 ** this.#failures));
  }

  /** Works with the store. After a failure the engine starts again from what is stored. */
  #attempt(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#failed(error);
    }
  }

  #failed(error: unknown): void {
    this.#distrustMemory();
    this.#failures += 1;
    this.#deps.log('error', 'system', `The hub could not be read or written, and is tried again: ${messageOf(error)}`);
  }

  /** Memory is ahead of the store after a commit that failed. A later commit would leave a gap in a history. */
  #distrustMemory(): void {
    this.#stale = true;
    this.#engine?.journal.close();
  }

  /** Starts to run these partitions, and stops to run others. */
  #use(partitions: ReadonlySet<number>): void {
    const { store } = this.#deps;
    const lost = [...this.#partitions].filter((id) => !partitions.has(id));
    const gained = [...partitions].filter((id) => !this.#partitions.has(id));
    if (!this.#stale && store.hostId === this.#hostId && lost.length + gained.length === 0) return;
    this.#retire();
    this.#stale = false;
    // Another host may have run the triggers in between, so they read their status again.
    if (!partitions.has(0) || store.hostId !== this.#hostId) this.#stopTriggers();
    this.#hostId = store.hostId;
    for (const id of lost) store.freePartition(id);
    this.#partitions = new Set(partitions);
    if (partitions.size > 0) this.#startEngine();
    if (partitions.has(0)) this.#startTriggers();
    this.#mailAtMs = 0;
  }

  #startTriggers(): void {
    if (this.#triggers !== undefined) return;
    const triggers = this.#deps.newTriggers(new Journal(this.#store()));
    this.#triggers = triggers;
    triggers.start();
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

  #startEngine(): void {
    const journal = new Journal(this.#store());
    const engine = new Engine({ ...this.#deps, journal, hub: this });
    this.#engine = { engine, journal };
    engine.load(this.#deps.store.loadPartitions(this.#partitions));
    engine.start();
  }

  /**
   * The store under the present registration. Changes under an earlier one are dropped: another host may have run the
   * partitions in between. A commit never throws; after one that failed, the engine starts again.
   */
  #store(): Store {
    const { store } = this.#deps;
    const { hostId } = store;
    return {
      load: () => store.load(),
      readHistory: (instanceId) => store.readHistory(instanceId),
      readValue: (key) => store.readValue(key),
      commit: (changes) => {
        if (store.hostId !== hostId) return;
        try {
          store.commit(changes);
        } catch (error) {
          if (error instanceof StaleHostError) this.#distrustMemory();
          else this.#failed(error);
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
    this.#work.claim();
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
}
