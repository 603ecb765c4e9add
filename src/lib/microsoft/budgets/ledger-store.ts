import type { Ledger } from './ledger.ts';

/** A ledger as it was read. */
export interface StoredLedger {
  readonly ledger: Ledger;
  /** The version to replace; undefined if there is no ledger yet. */
  readonly version: string | undefined;
  /** How long ago it was written, by the clock of the storage service, milliseconds. */
  readonly ageMs: number;
}

/** Keeps the ledger. Both methods throw if the store does not answer in time. */
export interface LedgerStore {
  read(): Promise<StoredLedger>;
  /** Replaces the version that was read. @returns false if somebody else has replaced it. */
  write(ledger: Ledger, version: string | undefined): Promise<boolean>;
}
