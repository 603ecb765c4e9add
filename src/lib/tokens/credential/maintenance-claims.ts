import type { TableClient } from '@azure/data-tables';
import { isAhead } from '../../core/clock.ts';
import { Columns, dateTime } from '../../core/rows/columns.ts';
import { type Row, Table } from '../../core/rows/table.ts';

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

/** Whether somebody holds the claim, or ended a maintenance too recently. Pure. */
export function isClaimed(
  { claimedUntilMs, endedAtMs }: { readonly claimedUntilMs?: number; readonly endedAtMs?: number },
  { atMs, untilMs, unlessEndedSinceMs }: ClaimRequest,
): boolean {
  if (isAhead(claimedUntilMs, atMs, untilMs - atMs)) return true;
  return unlessEndedSinceMs !== undefined && isAhead(endedAtMs, unlessEndedSinceMs, atMs - unlessEndedSinceMs);
}

/** Not the partition of the journal's entries: a claim must not conflict with a change of state. */
const partitionKey = 'care';
const columns = new Columns({ claimedUntilMs: dateTime.lenient(), endedAtMs: dateTime.lenient() });

/** The claims in the journal's table, with one row per application. */
export class TableCareClaims implements CareClaims {
  readonly #table: Table;

  constructor(open: () => Promise<TableClient>) {
    this.#table = new Table(open, 'The claims of the credential journal cannot be read or written.');
  }

  async lastEndedMs(application: string): Promise<number | undefined> {
    return columns.decode((await this.#find(application)) ?? {})?.endedAtMs;
  }

  async claim(application: string, request: ClaimRequest): Promise<boolean> {
    const found = await this.#find(application);
    if (isClaimed(columns.decode(found ?? {}) ?? {}, request)) return false;
    const row = { partitionKey, rowKey: application, ...columns.encode({ claimedUntilMs: request.untilMs }) };
    return (await this.#table.putIfUnchanged(row, found?.etag, { mode: 'Merge' })) !== undefined;
  }

  end(application: string, atMs: number): Promise<void> {
    const ended = columns.encode({ claimedUntilMs: atMs, endedAtMs: atMs });
    return this.#table.put({ partitionKey, rowKey: application, ...ended }, 'Merge');
  }

  #find(application: string): Promise<Row | undefined> {
    return this.#table.find({ partitionKey, rowKey: application });
  }
}
