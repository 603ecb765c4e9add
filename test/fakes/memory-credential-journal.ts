import type {
  CredentialJournal,
  CredentialState,
  JournalEntry,
  JournalFailure,
  JournalWitness,
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

  async recordRotation(application: string, rotatedAtMs: number): Promise<void> {
    this.#merge(application, { rotatedAtMs });
  }

  async recordFailure(application: string, failure: JournalFailure): Promise<void> {
    this.#merge(application, { failure });
  }

  async recordWitness(application: string, witness: JournalWitness): Promise<void> {
    this.#merge(application, { witness });
  }

  async recordMfaProbe(application: string, mfaProbe: NonNullable<JournalEntry['mfaProbe']>): Promise<void> {
    this.#merge(application, { mfaProbe });
  }

  async recordUnknownKeys(application: string, keys: string): Promise<void> {
    this.#failIfDown();
    const { unknownKeys: _former, ...entry } = this.#entries.get(application) ?? {};
    this.#entries.set(application, { ...entry, ...(keys === '' ? {} : { unknownKeys: keys }) });
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
    this.#entries.set(application, { ...this.#entries.get(application), ...change });
  }

  #failIfDown(): void {
    if (this.down) throw new BrokerError('storage_unavailable', 'The journal is down.');
  }
}
