import type { TableClient } from '@azure/data-tables';
import type { Clock } from '../../core/clock.ts';
import { BrokerError } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';
import { once } from '../../core/single-flight.ts';
import { type AuditEntry, type AuditLog, longestRecordSeconds } from '../audit-log.ts';
import { type AuditRow, toRow } from './audit-row.ts';
import { loadTransport, maxTransaction, RisingTime, writeRows } from './insert-rows.ts';
import { httpStatusOf } from '../../core/outbound.ts';
import { GroupCommit } from '../../core/rows/group-commit.ts';
import { storageCodeOf, Table } from '../../core/rows/table.ts';
import { purgeRows, queryRows, unreadable } from './query-rows.ts';
import { RecordChain } from '../chain/record-chain.ts';

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
