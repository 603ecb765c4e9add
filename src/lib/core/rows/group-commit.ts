import { type Clock, DeadlineError, noLongerNeeded, withDeadline } from '../clock.ts';

export interface GroupCommitSettings<T> {
  /** Only items of the same group share a write. */
  readonly groupOf: (item: T) => string;
  /** Maximum items per write. */
  readonly maxBatch: number;
  /** Maximum concurrent writes. */
  readonly maxWrites: number;
  /** Minimum waiting items that start another write while one is in flight, whoever waits for them. */
  readonly sideBySideFrom: number;
  /** Maximum time that a patient item waits for the write of another item, milliseconds. */
  readonly patienceMs: number;
  /** Maximum waiting items. Further items are rejected immediately. */
  readonly maxWaiting: number;
  /** Maximum duration of a `commit`, and of one write, milliseconds. */
  readonly deadlineMs: number;
}

/** Who waits for an item: a caller of the API, a job, or nobody. */
export type AwaitedBy = 'caller' | 'job' | 'nobody';

/** Makes all items durable. If it throws, none of them counts as durable. */
export type WriteBatch<T> = (items: readonly T[], signal: AbortSignal) => Promise<void>;

/** The maximum number of items is already waiting. */
class BacklogError extends Error {
  override readonly name = 'BacklogError';
}

interface Entry<T> {
  readonly item: T;
  readonly group: string;
  readonly deadlineAtMs: number;
  awaitedBy: AwaitedBy;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Writes concurrent items together (group commit). Items that arrive during a write share the next one. An item that
 * arrives alone is written immediately, unless nobody waits for it: then it starts no write for a while, but joins the next.
 * An item of a caller does not wait for a write that has none. A run keeps one in flight all the time, so callers would wait
 * for two.
 */
export class GroupCommit<T> {
  readonly #write: WriteBatch<T>;
  readonly #clock: Clock;
  readonly #settings: GroupCommitSettings<T>;
  #waiting: Entry<T>[] = [];
  /** The entries that are not settled yet, oldest first. */
  readonly #pending = new Set<Entry<T>>();
  #writes = 0;
  /** Writes in flight that callers wait for. */
  #writesOfCallers = 0;
  #watch: AbortController | undefined;

  constructor(deps: { readonly write: WriteBatch<T>; readonly clock: Clock }, settings: GroupCommitSettings<T>) {
    this.#write = deps.write;
    this.#clock = deps.clock;
    this.#settings = settings;
  }

  /**
   * Resolves once the item is durable.
   * @throws BacklogError, DeadlineError, or the error of the write.
   */
  async commit(item: T, awaitedBy: AwaitedBy = 'caller'): Promise<void> {
    const { maxWaiting, groupOf, deadlineMs } = this.#settings;
    if (this.#waiting.length >= maxWaiting) throw new BacklogError(`${maxWaiting} items are waiting already`);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const deadlineAtMs = this.#clock.nowMs() + deadlineMs;
    const entry = { item, group: groupOf(item), deadlineAtMs, awaitedBy, resolve, reject };
    this.#waiting.push(entry);
    this.#pending.add(entry);
    if (this.#watch === undefined) void this.#watchDeadlines();
    if (awaitedBy === 'nobody') void this.#endPatience(entry);
    this.#startWrites();
    return promise;
  }

  async #endPatience(entry: Entry<T>): Promise<void> {
    await this.#clock.sleep(this.#settings.patienceMs);
    entry.awaitedBy = 'job';
    this.#startWrites();
  }

  #startWrites(): void {
    while (this.#writes < this.#settings.maxWrites && this.#isWriteDue()) void this.#writeNext();
  }

  #isWriteDue(): boolean {
    if (this.#waiting.length >= this.#settings.sideBySideFrom) return true;
    const isAwaitedBy = (who: AwaitedBy): boolean => this.#waiting.some(({ awaitedBy }) => awaitedBy === who);
    return (isAwaitedBy('caller') && this.#writesOfCallers === 0) || (isAwaitedBy('job') && this.#writes === 0);
  }

  async #writeNext(): Promise<void> {
    const batch = this.#takeBatch();
    if (batch.length === 0) return;
    const items = batch.map((entry) => entry.item);
    const ofCallers = batch[0]?.awaitedBy === 'caller' ? 1 : 0;
    this.#writes += 1;
    this.#writesOfCallers += ofCallers;
    try {
      await withDeadline(this.#clock, this.#settings.deadlineMs, (signal) => this.#write(items, signal));
      for (const entry of batch) this.#settle(entry);
    } catch (error) {
      for (const entry of batch) this.#settle(entry, error);
    } finally {
      this.#writes -= 1;
      this.#writesOfCallers -= ofCallers;
      this.#startWrites();
    }
  }

  /**
   * The oldest of the most urgent entries, and as many others of its group as fit, in order of urgency. Drops entries that
   * have passed their deadline.
   */
  #takeBatch(): Entry<T>[] {
    const alive = this.#waiting.filter((entry) => this.#pending.has(entry)).toSorted(byUrgency);
    const batch = alive.filter((entry) => entry.group === alive[0]?.group).slice(0, this.#settings.maxBatch);
    const taken = new Set(batch);
    this.#waiting = alive.filter((entry) => !taken.has(entry));
    return batch;
  }

  #settle(entry: Entry<T>, error?: unknown): void {
    if (!this.#pending.delete(entry)) return;
    if (this.#pending.size === 0) this.#watch?.abort(noLongerNeeded);
    if (error === undefined) entry.resolve();
    else entry.reject(error);
  }

  /** One timer serves all entries, because the oldest entry has the earliest deadline. */
  async #watchDeadlines(): Promise<void> {
    this.#watch = new AbortController();
    try {
      for (let [oldest] = this.#pending; oldest !== undefined; [oldest] = this.#pending) {
        await this.#clock.sleep(oldest.deadlineAtMs - this.#clock.nowMs(), this.#watch.signal);
        for (const entry of this.#pending) {
          if (entry.deadlineAtMs > this.#clock.nowMs()) break;
          this.#settle(entry, new DeadlineError(this.#settings.deadlineMs));
        }
      }
    } catch {
      // Aborted: no entry is pending.
    }
    this.#watch = undefined;
    if (this.#pending.size > 0) void this.#watchDeadlines();
  }
}

const urgency: Readonly<Record<AwaitedBy, number>> = { caller: 0, job: 1, nobody: 2 };

const byUrgency = (one: { readonly awaitedBy: AwaitedBy }, other: { readonly awaitedBy: AwaitedBy }): number =>
  urgency[one.awaitedBy] - urgency[other.awaitedBy];
