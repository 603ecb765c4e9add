import type {
  CredentialJournal,
  CredentialState,
  JournalEntry,
} from '../../src/lib/tokens/credential/credential-journal.ts';
import { BrokerError } from '../../src/lib/core/errors.ts';

/** A credential journal in memory. test/contract/credential-journal.test.ts runs against it and the real one. */
export class MemoryCredentialJournal implements CredentialJournal {
  /** While true every call fails. */
  down = false;
  readonly #entries = new Map<string, JournalEntry>();

  async read(application: string): Promise<JournalEntry> {
    this.#failIfDown();
    return this.#entries.get(application) ?? {};
  }

  async record(application: string, happened: Omit<JournalEntry, 'state'>): Promise<void> {
    this.#merge(application, happened);
  }

  async changeState(application: string, state: CredentialState, atMs: number): Promise<boolean> {
    this.#failIfDown();
    const present = this.#entries.get(application)?.state;
    if (present?.status === state.status && present.thresholdDays === state.thresholdDays) return false;
    this.#merge(application, { state: { ...state, sinceMs: atMs } });
    return true;
  }

  #merge(application: string, change: JournalEntry): void {
    this.#failIfDown();
    const { unknownKeys = '', ...entry } = { ...this.#entries.get(application), ...change };
    this.#entries.set(application, { ...entry, ...(unknownKeys === '' ? {} : { unknownKeys }) });
  }

  #failIfDown(): void {
    if (this.down) throw new BrokerError('storage_unavailable', 'The journal is down.');
  }
}
