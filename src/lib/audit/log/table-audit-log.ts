import type { Clock } from '../../core/clock.ts';
import { BrokerError } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';
import { once } from '../../core/single-flight.ts';
import { type AuditEntry, type AuditLog, type AuditPage, longestRecordSeconds } from '../audit-log.ts';
import { type AuditRow, toRow } from './audit-row.ts';
import { type AuditTable, loadTransport, maxTransaction, refusalOf, RisingTime, writeRows } from './insert-rows.ts';
import { GroupCommit } from '../../core/rows/group-commit.ts';
import { purgeRows, queryRows } from './query-rows.ts';
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
  readonly table: () => Promise<AuditTable>;
  readonly clock: Clock;
  readonly log: Logger;
  /** Returns a new UUID. */
  readonly newId: () => string;
}

/** The audit log in Azure Table storage (docs/audit.md). */
export function createTableAuditLog(deps: TableAuditLogDeps): AuditLog {
  const { clock, log, newId } = deps;
  const open = once(() => deps.table());
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
        throw failure('audit_unavailable', 'The audit record could not be written.', error);
      }
    },
    query: async (query): Promise<AuditPage> => {
      try {
        return await queryRows({ table: await open(), clock, log }, query);
      } catch (error) {
        if (error instanceof BrokerError) throw error;
        if (refusalOf(error).code === 'TableNotFound') return { entries: [] };
        throw failure('storage_unavailable', 'The audit log could not be read.', error);
      }
    },
    purge: async (beforeMs): Promise<number> => {
      try {
        return await purgeRows(await open(), beforeMs);
      } catch (error) {
        if (refusalOf(error).code === 'TableNotFound') return 0;
        throw failure('storage_unavailable', 'Old audit records could not be deleted.', error);
      }
    },
  };
}

function failure(code: 'audit_unavailable' | 'storage_unavailable', detail: string, cause: unknown): BrokerError {
  const refusal = refusalOf(cause);
  return new BrokerError(code, detail, { cause, logFields: { storageCode: refusal.code, status: refusal.status } });
}

/** Writes rows in groups, each with its place in the chain of this process. */
function groupCommits({ clock, newId }: TableAuditLogDeps, open: () => Promise<AuditTable>): GroupCommit<AuditRow> {
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
