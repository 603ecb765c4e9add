import {
  decodeLedger,
  emptyLedger,
  encodeLedger,
  type Ledger,
  type LedgerStore,
  type StoredLedger,
} from '../../src/lib/microsoft/budgets/ledger.ts';
import type { FakeClock } from './fake-clock.ts';

/** More requests than any test needs. Processes that never rest would keep it busy for ever. */
const maxTransactions = 20_000;

/** A ledger in memory, as a storage service keeps it: with versions, a clock of its own, delays and failures. */
export class MemoryLedgerStore {
  transactions = 0;
  conflicts = 0;
  /** Milliseconds that each request takes. */
  delayMs: () => number = () => 0;
  /** Milliseconds between a write and its answer. */
  answersAfterMs: () => number = () => 0;
  /** Whether a request fails. */
  fails: () => boolean = () => false;
  text: string | undefined;
  #version = 0;
  #writtenAtMs = 0;
  readonly #clock: FakeClock;

  constructor(clock: FakeClock) {
    this.#clock = clock;
  }

  get ledger(): Ledger {
    return this.text === undefined ? emptyLedger : decodeLedger(this.text);
  }

  /** The store as one instance sees it. */
  client(): LedgerStore {
    return {
      read: async (): Promise<StoredLedger> => {
        await this.#request();
        const version = this.text === undefined ? undefined : String(this.#version);
        // The date of a reply is in whole seconds, the time of the write is not.
        const dateMs = Math.floor(this.#clock.nowMs() / 1000) * 1000;
        return { ledger: this.ledger, version, ageMs: Math.max(0, dateMs - this.#writtenAtMs) };
      },
      write: async (ledger, version) => {
        await this.#request();
        if (version !== (this.text === undefined ? undefined : String(this.#version))) {
          this.conflicts += 1;
          return false;
        }
        this.text = encodeLedger(ledger);
        this.#version += 1;
        this.#writtenAtMs = this.#clock.nowMs();
        const afterMs = this.answersAfterMs();
        if (afterMs > 0) await this.#clock.sleep(afterMs);
        return true;
      },
    };
  }

  async #request(): Promise<void> {
    this.transactions += 1;
    if (this.transactions > maxTransactions) await new Promise(() => undefined);
    const delayMs = this.delayMs();
    if (delayMs > 0) await this.#clock.sleep(delayMs);
    if (this.fails()) throw new Error('503 ServerBusy');
  }
}
