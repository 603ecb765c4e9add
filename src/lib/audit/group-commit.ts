import type { Clock } from '../runtime/clock.ts';
import { DeadlineError, noLongerNeeded, withDeadline } from '../runtime/deadline.ts';

export interface GroupCommitSettings<T> {
  /** Only items of the same group share a write. */
  readonly groupOf: (item: T) => string;
  /** Maximum items per write. */
  readonly maxBatch: number;
  /** Maximum concurrent writes. */
  readonly maxWrites: number;
  /** Minimum waiting items that start another write while one is in flight. Fewer items wait for it to end. */
  readonly sideBySideFrom: number;
  /** Maximum time that a patient item waits for the write of another item, milliseconds. */
  readonly patienceMs: number;
  /** Maximum waiting items. Further items are rejected immediately. */
  readonly maxWaiting: number;
  /** Maximum duration of a `commit`, and of one write, milliseconds. */
  readonly deadlineMs: number;
}

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
  /** Waits for the write of another item. */
  isPatient: boolean;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Writes concurrent items together (group commit). Items that arrive during a write share the next one. An item that
 * arrives alone is written immediately, unless it is patient: then it starts no write for a while, but joins the next.
 */
export class GroupCommit<T> {
  readonly #write: WriteBatch<T>;
  readonly #clock: Clock;
  readonly #settings: GroupCommitSettings<T>;
  #waiting: Entry<T>[] = [];
  /** The entries that are not settled yet, oldest first. */
  readonly #pending = new Set<Entry<T>>();
  #writes = 0;
  #watch: AbortController | undefined;

  constructor(deps: { readonly write: WriteBatch<T>; readonly clock: Clock }, settings: GroupCommitSettings<T>) {
    this.#write = deps.write;
    this.#clock = deps.clock;
    this.#settings = settings;
  }

  /**
   * Resolves once the item is durable.
   * @param isPatient whether nobody waits for the item.
   * @throws BacklogError, DeadlineError, or the error of the write.
   */
  async commit(item: T, isPatient = false): Promise<void> {
    const { maxWaiting, groupOf, deadlineMs } = this.#settings;
    if (this.#waiting.length >= maxWaiting) throw new BacklogError(`${maxWaiting} items are waiting already`);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const deadlineAtMs = this.#clock.nowMs() + deadlineMs;
    const entry = { item, group: groupOf(item), deadlineAtMs, isPatient, resolve, reject };
    this.#waiting.push(entry);
    this.#pending.add(entry);
    if (this.#watch === undefined) void this.#watchDeadlines();
    if (isPatient) void this.#endPatience(entry);
    this.#startWrites();
    return promise;
  }

  async #endPatience(entry: Entry<T>): Promise<void> {
    await this.#clock.sleep(this.#settings.patienceMs);
    entry.isPatient = false;
    this.#startWrites();
  }

  #startWrites(): void {
    const { sideBySideFrom, maxWrites } = this.#settings;
    while (this.#waiting.length > 0 && this.#writes < maxWrites) {
      if (this.#waiting.length < sideBySideFrom && (this.#writes > 0 || this.#waiting.every(isPatient))) return;
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
      for (const entry of batch) this.#settle(entry);
    } catch (error) {
      for (const entry of batch) this.#settle(entry, error);
    } finally {
      this.#writes -= 1;
      this.#startWrites();
    }
  }

  /**
   * The oldest waiting entry and as many others of its group as fit, patient ones last. Drops entries that have passed their
   * deadline.
   */
  #takeBatch(): Entry<T>[] {
    const alive = this.#waiting.filter((entry) => this.#pending.has(entry)).toSorted(byPatience);
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

interface Patience {
  readonly isPatient: boolean;
}
const isPatient = (entry: Patience): boolean => entry.isPatient;
const byPatience = (one: Patience, other: Patience): number => Number(one.isPatient) - Number(other.isPatient);
