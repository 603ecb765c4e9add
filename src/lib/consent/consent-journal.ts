import type { TenantId } from '../core/identifiers.ts';
import type { ScopedResource } from './customer-grants.ts';

/** A consent that is withdrawn to be given again. */
export interface JournalEntry {
  readonly tenantId: TenantId;
  /** Name of the customer. */
  readonly name: string;
  readonly startedAtMs: number;
  /** What was consented before the withdrawal. */
  readonly before: readonly ScopedResource[];
  /** What is to be consented after it. */
  readonly after: readonly ScopedResource[];
}

/**
 * Remembers withdrawn consents until they are given again. Partner Center can extend a consent only by withdrawing all of
 * it first, so the journal is the only record of the former grants if the command is killed in between.
 */
export interface ConsentJournal {
  /** Resolves once the entry is on disk. */
  save(entry: JournalEntry): Promise<void>;
  list(): Promise<readonly JournalEntry[]>;
  drop(tenantId: TenantId): Promise<void>;
}
