import type { DurableSettings } from '../app/host-json.ts';
import { Alarms } from '../runtime/alarms.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Journal } from './journal.ts';
import type { LostWork } from './recovery.ts';
import type { Store } from './store.ts';

/** A row of the store: the last time at which the host was known to run, or empty after a clean stop. */
const key = 'alive';

type Timeouts = Pick<DurableSettings, 'controlQueueVisibilityTimeoutMs' | 'workItemQueueVisibilityTimeoutMs'>;

/** Until when the work of the host that used the store before is hidden. Undefined after a clean stop. */
export function readLostWork(store: Store, timeouts: Timeouts): LostWork | undefined {
  const text = store.readValue(key) ?? '';
  if (text === '') return undefined;
  return {
    controlUntilMs: Number(text) + timeouts.controlQueueVisibilityTimeoutMs,
    activitiesUntilMs: Number(text) + timeouts.workItemQueueVisibilityTimeoutMs,
  };
}

const [minIntervalMs, maxIntervalMs] = [1_000, 30_000];

/** Records that the host runs, as a real host renews the messages that it has taken. */
export class Heartbeat {
  readonly #clock: Clock;
  readonly #journal: Journal;
  readonly #alarms: Alarms;
  readonly #intervalMs: number;

  constructor(clock: Clock, journal: Journal, timeouts: Timeouts) {
    this.#clock = clock;
    this.#journal = journal;
    this.#alarms = new Alarms(clock);
    const shortest = Math.min(timeouts.controlQueueVisibilityTimeoutMs, timeouts.workItemQueueVisibilityTimeoutMs);
    this.#intervalMs = Math.min(maxIntervalMs, Math.max(minIntervalMs, shortest / 5));
  }

  /** Beats now and regularly until {@link stop}. Without a store it does nothing. */
  start(): void {
    if (!this.#journal.durable) return;
    const nowMs = this.#clock.nowMs();
    this.#save(String(nowMs));
    this.#alarms.set(nowMs + this.#intervalMs, () => this.start());
  }

  /** @param clean whether all work has ended, so that the next host need not wait. */
  stop(clean: boolean): void {
    this.#alarms.stop();
    if (clean) this.#save('');
  }

  #save(value: string): void {
    this.#journal.saveValue(key, value);
    this.#journal.commit();
  }
}
