import type { Clock } from '../runtime/clock.ts';
import { DeadlineError, noLongerNeeded, withDeadline } from '../runtime/deadline.ts';

export interface GroupCommitSettings<T> {
  /** Items that may share a write have the same group. */
  readonly groupOf: (item: T) => string;
  /** Most items of one write. */
  readonly maxBatch: number;
  /** Most writes at one time. */
  readonly maxWrites: number;
  /** So many must wait before a write starts beside one that is under way; fewer wait for its end. */
  readonly sideBySideFrom: number;
  /** Most items that wait; beyond it they are refused at once. */
  readonly maxWaiting: number;
  /** From `commit` to its answer, and for one write, milliseconds. */
  readonly deadlineMs: number;
}

/** Makes all of the items durable, or throws: then none of them counts as durable. */
export type WriteBatch<T> = (items: readonly T[], signal: AbortSignal) => Promise<void>;

/** More items wait than the store can take. */
class BacklogError extends Error {
  override readonly name = 'BacklogError';
}

interface Entry<T> {
  readonly item: T;
  readonly group: string;
  readonly deadlineAtMs: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Shares the cost of durable writes among those who wait for one at the same time: what arrives while a write is under
 * way goes out together with the next. A lone item does not wait for company.
 */
export class GroupCommit<T> {
  readonly #write: WriteBatch<T>;
  readonly #clock: Clock;
  readonly #settings: GroupCommitSettings<T>;
  #waiting: Entry<T>[] = [];
  /** All that have no answer yet, oldest first. */
  readonly #unanswered = new Set<Entry<T>>();
  #writes = 0;
  #watch: AbortController | undefined;

  constructor(deps: { readonly write: WriteBatch<T>; readonly clock: Clock }, settings: GroupCommitSettings<T>) {
    this.#write = deps.write;
    this.#clock = deps.clock;
    this.#settings = settings;
  }

  /**
   * Resolves when the item is durable.
   * @throws BacklogError, DeadlineError, or what the write threw.
   */
  async commit(item: T): Promise<void> {
    const { maxWaiting, groupOf, deadlineMs } = this.#settings;
    if (this.#waiting.length >= maxWaiting) throw new BacklogError(`${maxWaiting} items wait already`);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const entry = { item, group: groupOf(item), deadlineAtMs: this.#clock.nowMs() + deadlineMs, resolve, reject };
    this.#waiting.push(entry);
    this.#unanswered.add(entry);
    if (this.#watch === undefined) void this.#watchDeadlines();
    this.#startWrites();
    return promise;
  }

  #startWrites(): void {
    const { sideBySideFrom, maxWrites } = this.#settings;
    while (this.#waiting.length > 0 && this.#writes < maxWrites) {
      if (this.#writes > 0 && this.#waiting.length < sideBySideFrom) return;
      void this.#writeNext();
    }
  }

  async #writeNext(): Promise<void> {
    const batch = this.#takeBatch();
    if (batch.length === 0) return;
    const items = batch.map((entry) => entry.item);
    this.#writes += 1;
    try {
      await withDeadline(this.#clock, this.#settings.deadlineMs, (signal) => this.#write(items, signal));
      for (const entry of batch) this.#answer(entry);
    } catch (error) {
      for (const entry of batch) this.#answer(entry, error);
    } finally {
      this.#writes -= 1;
      this.#startWrites();
    }
  }

  /** The oldest that waits, and all of its group that fit. Those that were given up are dropped. */
  #takeBatch(): Entry<T>[] {
    const alive = this.#waiting.filter((entry) => this.#unanswered.has(entry));
    const batch = alive.filter((entry) => entry.group === alive[0]?.group).slice(0, this.#settings.maxBatch);
    const taken = new Set(batch);
    this.#waiting = alive.filter((entry) => !taken.has(entry));
    return batch;
  }

  #answer(entry: Entry<T>, error?: unknown): void {
    if (!this.#unanswered.delete(entry)) return;
    if (this.#unanswered.size === 0) this.#watch?.abort(noLongerNeeded);
    if (error === undefined) entry.resolve();
    else entry.reject(error);
  }

  /** One timer for all: the oldest entry has the earliest deadline. */
  async #watchDeadlines(): Promise<void> {
    this.#watch = new AbortController();
    try {
      for (let [oldest] = this.#unanswered; oldest !== undefined; [oldest] = this.#unanswered) {
        await this.#clock.sleep(oldest.deadlineAtMs - this.#clock.nowMs(), this.#watch.signal);
        for (const entry of this.#unanswered) {
          if (entry.deadlineAtMs > this.#clock.nowMs()) break;
          this.#answer(entry, new DeadlineError(this.#settings.deadlineMs));
        }
      }
    } catch {
      // Aborted, because nobody waits any more.
    }
    this.#watch = undefined;
    if (this.#unanswered.size > 0) void this.#watchDeadlines();
  }
}
