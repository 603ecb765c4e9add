import type { TableClient } from '@azure/data-tables';
import { minuteMs } from '../../core/clock.ts';
import { createdTable, storageCall, unlessConflict, unlessMissing } from '../../core/rows/table.ts';

export interface ClaimRequest {
  readonly atMs: number;
  /** When the claim lapses if its holder does not end it. */
  readonly untilMs: number;
  /** The claim fails if a maintenance ended after this time. */
  readonly unlessEndedSinceMs?: number | undefined;
}

/**
 * Lets one instance at a time maintain a credential, whether its timer or a request started the maintenance. All methods
 * throw BrokerError storage_unavailable.
 */
export interface CareClaims {
  /** When the last maintenance of the application ended, whatever its outcome. */
  lastEndedMs(application: string): Promise<number | undefined>;
  /** @returns false if another instance holds the claim, or was faster. */
  claim(application: string, request: ClaimRequest): Promise<boolean>;
  /** Ends the claim and records the time. */
  end(application: string, atMs: number): Promise<void>;
}

/** Difference between two clocks up to which a time in the future counts. */
const clockToleranceMs = 5 * minuteMs;

/**
 * Whether somebody holds the claim, or ended a maintenance too recently. Times that a right clock cannot have written do
 * not count: a clock was set back since. Pure.
 */
export function isClaimed(
  found: { readonly untilMs: number; readonly endedMs?: number | undefined },
  { atMs, untilMs, unlessEndedSinceMs }: ClaimRequest,
): boolean {
  if (found.untilMs > atMs && found.untilMs <= untilMs + clockToleranceMs) return true;
  const endedMs = found.endedMs ?? 0;
  return unlessEndedSinceMs !== undefined && endedMs > unlessEndedSinceMs && endedMs <= atMs + clockToleranceMs;
}

/** Not the partition of the journal's entries: a claim must not conflict with a change of state. */
const partitionKey = 'care';

type Table = Pick<TableClient, 'createTable' | 'getEntity' | 'upsertEntity' | 'updateEntity' | 'createEntity'>;

interface Claim {
  readonly etag: string;
  readonly untilMs: number;
  readonly endedMs: number | undefined;
}

/** The claims in the journal's table, with one row per application. */
export class TableCareClaims implements CareClaims {
  readonly #table: () => Promise<Table>;

  /** @param open returns the table's client. The table is created on first use. */
  constructor(open: () => Promise<Table>) {
    this.#table = createdTable(open);
  }

  async lastEndedMs(application: string): Promise<number | undefined> {
    return (await this.#find(application))?.endedMs;
  }

  async claim(application: string, { atMs, untilMs, unlessEndedSinceMs }: ClaimRequest): Promise<boolean> {
    const found = await this.#find(application);
    if (found !== undefined && isClaimed(found, { atMs, untilMs, unlessEndedSinceMs })) return false;
    const entity = { partitionKey, rowKey: application, claimedUntil: new Date(untilMs) };
    return guarded(async () => {
      const table = await this.#table();
      return unlessConflict(() =>
        found === undefined ? table.createEntity(entity) : table.updateEntity(entity, 'Merge', { etag: found.etag }),
      );
    });
  }

  end(application: string, atMs: number): Promise<void> {
    const entity = { partitionKey, rowKey: application, claimedUntil: new Date(atMs), endedAt: new Date(atMs) };
    return guarded(async () => {
      await (await this.#table()).upsertEntity(entity, 'Merge');
    });
  }

  #find(application: string): Promise<Claim | undefined> {
    return guarded(async () => {
      const table = await this.#table();
      const entity = await unlessMissing(() =>
        table.getEntity<{ claimedUntil?: unknown; endedAt?: unknown }>(partitionKey, application),
      );
      return entity && { etag: entity.etag, untilMs: msOf(entity.claimedUntil) ?? 0, endedMs: msOf(entity.endedAt) };
    });
  }
}

const guarded = <T>(work: () => Promise<T>): Promise<T> =>
  storageCall(work, 'The claims of the credential journal cannot be read or written.');

const msOf = (value: unknown): number | undefined => (value instanceof Date ? value.getTime() : undefined);
