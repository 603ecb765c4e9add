import type { TableClient } from '@azure/data-tables';
import { type Clock, hourMs, minuteMs } from '../../core/clock.ts';
import { BrokerError } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';
import { once } from '../../core/single-flight.ts';
import { type AuditEntry, type AuditLog, longestRecordSeconds } from '../audit-log.ts';
import { type AuditRow, toRow } from './audit-row.ts';
import { loadTransport, maxTransaction, writeRows } from './insert-rows.ts';
import { httpStatusOf } from '../../core/outbound.ts';
import { GroupCommit } from '../../core/rows/group-commit.ts';
import { storageCodeOf, Table } from '../../core/rows/table.ts';
import { purgeRows, queryRows, unreadable } from './query-rows.ts';
import { canonicalText, hashOf, type LostRange, writeLink, writeLost } from '../chain/checkpoint.ts';

/** Maximum time that a caller waits for its record. */
const deadlineMs = longestRecordSeconds * 1000;
/** Storage accepts 2,000 rows per second in one partition. Four concurrent full transactions reach that. */
const maxWrites = 4;
/** A round trip to storage is mostly waiting. With this value, 50 concurrent records take one round trip, not two. */
const sideBySideFrom = 25;
/** Longer than most callers need to send their next request, whose record then shares the transaction. */
const patienceMs = 100;
/** About 3 s of work for storage at its limit. A record behind these would miss its deadline. */
const maxWaiting = 5_000;

export interface TableAuditLogDeps {
  /** Opens the table, which need not exist yet. Called at first use, and again after a failure. */
  readonly table: () => Promise<TableClient>;
  readonly clock: Clock;
  readonly log: Logger;
  /** Returns a new UUID. */
  readonly newId: () => string;
}

/** The audit log in Azure Table storage (docs/audit.md). */
export function createTableAuditLog(deps: TableAuditLogDeps): AuditLog {
  const { clock, log, newId } = deps;
  const open = once(() => deps.table());
  const stored = new Table(open, unreadable);
  const commits = groupCommits(deps, open);
  const times = new RisingTime(clock, log);

  return {
    record: async (entry: AuditEntry, { awaitedBy = 'caller' } = {}): Promise<void> => {
      try {
        const { atMs, writtenMs } = entry;
        const timed = writtenMs === undefined ? { atMs: times.of(atMs) } : { writtenMs: times.of(writtenMs) };
        const row = toRow({ ...entry, ...timed }, newId());
        await commits.commit(row, awaitedBy);
      } catch (error) {
        throw new BrokerError('audit_unavailable', 'The audit record could not be written.', {
          cause: error,
          logFields: { storageCode: storageCodeOf(error), status: httpStatusOf(error) },
        });
      }
    },
    query: (query) => queryRows({ table: stored, clock, log }, query),
    purge: (beforeMs) => purgeRows(stored.saying('Old audit records could not be deleted.'), beforeMs),
  };
}

/** Writes rows in groups, each with its place in the chain of this process. */
function groupCommits({ clock, newId }: TableAuditLogDeps, open: () => Promise<TableClient>): GroupCommit<AuditRow> {
  const transport = once(loadTransport);
  const chain = new RecordChain(newId);
  const write = async (rows: readonly AuditRow[], signal: AbortSignal): Promise<void> => {
    // Before anything else, so that the places have the order of the writes.
    const linked = chain.link(rows, clock.nowMs());
    let isDurable = false;
    try {
      await writeRows({ table: await open(), transport: await transport(), clock, newId }, linked.texts, signal);
      isDurable = true;
    } finally {
      linked.settle(isDurable);
    }
  };
  return new GroupCommit<AuditRow>(
    { clock, write },
    {
      groupOf: (row) => row.partitionKey,
      maxBatch: maxTransaction,
      maxWrites,
      sideBySideFrom,
      patienceMs,
      maxWaiting,
      deadlineMs,
    },
  );
}

/** Smaller steps back are usual when a clock is adjusted, and a checkpoint reads that far back. */
const unnoticedMs = minuteMs;
/** A larger step back ends an error of the clock, and what was recorded before it has the wrong time. */
const longestMs = hourMs;

/**
 * The time of a record, if the clock of the instance is set back by up to an hour: the latest time that it has shown. Thus no
 * record gets a time that a checkpoint has covered already.
 */
export class RisingTime {
  readonly #clock: Pick<Clock, 'nowMs'>;
  readonly #log: Logger;
  #latestMs = Number.NEGATIVE_INFINITY;
  #isBehind = false;

  constructor(clock: Pick<Clock, 'nowMs'>, log: Logger) {
    this.#clock = clock;
    this.#log = log;
  }

  /** @param atMs by the clock. */
  of(atMs: number): number {
    const nowMs = this.#clock.nowMs();
    const behindMs = this.#latestMs - nowMs;
    const isBehind = behindMs > unnoticedMs && behindMs <= longestMs;
    if (isBehind && !this.#isBehind) this.#log.log('warn', 'audit.clock_set_back', { seconds: behindMs / 1000 });
    this.#isBehind = isBehind;
    if (isBehind) return atMs + behindMs;
    this.#latestMs = behindMs > longestMs ? nowMs : Math.max(this.#latestMs, nowMs);
    return atMs;
  }
}

/** After this time without a record the next one starts a new chain, so that checkpoints can forget old ones. */
const longestPauseMs = hourMs;
/** Ranges in one column, which holds 32,000 characters. */
const maxLost = 200;

/** Records of one write, in their place. */
export interface LinkedRows {
  /** The canonical JSON of each record. */
  readonly texts: readonly string[];
  /** Tells the chain what became of the write. Called once. */
  settle(isDurable: boolean): void;
}

interface Write {
  readonly range: LostRange;
  readonly announced: readonly LostRange[];
}

/**
 * The chain of this process: gives each record its place and the hash of the record before it, when its write begins.
 * Writes run side by side and may fail, so a record also says up to which place all are settled. A reader who misses a
 * record can thus tell whether it ever was durable.
 */
export class RecordChain {
  readonly #newId: () => string;
  #id = '';
  #seq = 0;
  #head = '';
  #lastMs = Number.NEGATIVE_INFINITY;
  /** Writes that are not settled, oldest first. */
  readonly #open = new Set<Write>();
  /** Failed writes that no durable record announces yet, oldest first. */
  #lost: LostRange[] = [];

  /** @param newId returns a new UUID. */
  constructor(newId: () => string) {
    this.#newId = newId;
  }

  /** Gives the records of one write their places, in this order. */
  link(rows: readonly AuditRow[], nowMs: number): LinkedRows {
    if (nowMs - this.#lastMs > longestPauseMs) this.#start();
    this.#lastMs = nowMs;
    const [oldest] = this.#open;
    const settled = (oldest?.range.first ?? this.#seq + 1) - 1;
    const announced = this.#lost;
    const before = this.#head;
    const first = this.#seq + 1;
    const texts = rows.map((row, index) => this.#place(row, settled, index === 0 ? announced : []));
    const write: Write = { range: { first, last: this.#seq, before }, announced };
    const id = this.#id;
    this.#open.add(write);
    return { texts, settle: (isDurable) => this.#settle(id, write, isDurable) };
  }

  #start(): void {
    this.#id = this.#newId();
    this.#seq = 0;
    this.#head = '';
    this.#open.clear();
    this.#lost = [];
  }

  #place({ partitionKey, rowKey, ...columns }: AuditRow, settled: number, announced: readonly LostRange[]): string {
    this.#seq += 1;
    const chain = writeLink({ id: this.#id, seq: this.#seq, settled, previous: this.#head });
    const chainLost = announced.length === 0 ? undefined : writeLost(announced);
    const text = canonicalText({ PartitionKey: partitionKey, RowKey: rowKey, ...columns, chain, chainLost });
    this.#head = hashOf(text);
    return text;
  }

  #settle(id: string, write: Write, isDurable: boolean): void {
    if (id !== this.#id || !this.#open.delete(write)) return;
    if (isDurable) this.#lost = this.#lost.filter((range) => !write.announced.includes(range));
    else this.#lost = merged([...this.#lost, write.range]);
  }
}

/** Joins neighbours, and if there are too many, also the oldest two with what is between them. */
function merged(ranges: readonly LostRange[]): LostRange[] {
  const joined: LostRange[] = [];
  for (const range of ranges.toSorted((one, other) => one.first - other.first)) {
    const last = joined.at(-1);
    if (last !== undefined && last.last + 1 === range.first) joined[joined.length - 1] = { ...last, last: range.last };
    else joined.push(range);
  }
  const [oldest, next] = joined;
  if (joined.length <= maxLost || oldest === undefined || next === undefined) return joined;
  return [{ ...oldest, last: next.last }, ...joined.slice(2)];
}
