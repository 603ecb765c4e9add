import type { TableClient } from '@azure/data-tables';
import { type Clock, DeadlineError, withDeadline } from '../../core/clock.ts';
import type { TenantId } from '../../core/identifiers.ts';
import { httpStatusOf } from '../../core/outbound.ts';
import { GroupCommit } from '../../core/rows/group-commit.ts';
import {
  isItemMissing,
  keysOf,
  putAction,
  quoted,
  type Row,
  storageCall,
  Table,
  unlessMissing,
} from '../../core/rows/table.ts';
import {
  keysOfRun,
  newRunRow,
  numbersNames,
  outcomeColumns,
  readRequest,
  readRun,
  readTenantRun,
  shortRowsColumns,
  runColumns,
  runNames,
  tenantNames,
  tenantRunRow,
} from './run-entity.ts';
import type {
  NewRun,
  NewTenantRun,
  OutcomeCounts,
  Run,
  RunChange,
  RunFilter,
  RunId,
  RunLog,
  RunRequest,
  ShortRows,
  StoredTenantRun,
  TenantOutcome,
  TenantRun,
} from './run.ts';
import { recordDeleted } from './runs.ts';

/** The filter as OData conditions of the table Runs. Undefined: every run. */
export function filterOf({ job, active, starter, createdBeforeMs }: Omit<RunFilter, 'limit'>): string | undefined {
  const conditions = [
    job === undefined ? [] : `PartitionKey eq ${quoted(job)}`,
    active === true ? "(status eq 'pending' or status eq 'running')" : [],
    starter === undefined
      ? []
      : `startedBy eq ${quoted(starter.applicationId)} and starterObject eq ${quoted(starter.objectId)}`,
    // ISO 8601 in UTC sorts by time.
    createdBeforeMs === undefined ? [] : `createdAt lt ${quoted(new Date(createdBeforeMs).toISOString())}`,
  ].flat();
  return conditions.length === 0 ? undefined : conditions.join(' and ');
}

/** Collects the newest of many runs. It holds at most twice as many as are wanted. */
export class NewestRuns {
  readonly #limit: number;
  #runs: Run[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  add(run: Run): void {
    this.#runs.push(run);
    if (this.#runs.length >= 2 * this.#limit) this.#runs = [...this.list()];
  }

  /** The newest first. */
  list(): readonly Run[] {
    return this.#runs.toSorted((a, b) => b.createdAtMs - a.createdAtMs).slice(0, this.#limit);
  }
}

/**
 * A transaction may have 4 MiB ("Performing entity group transactions", Azure Table storage), and the longest record about
 * 200 KiB: trace, numbers, and rows that consist of quotes.
 */
const maxBatch = 20;
/** One insert is in flight, so that records gather. This many do not wait for it: storage may have lost it. */
const sideBySideFrom = 5;
/**
 * Longest wait for a shared insert, and again for a record that is then written alone. The SDK waits for a reply without a
 * limit.
 */
const deadlineMs = 30_000;

type Entity = ReturnType<typeof tenantRunRow>;

interface Write {
  readonly entity: Entity;
  /** Of the record that it replaces. */
  readonly version: string | undefined;
}

/**
 * Writes records of tenants. Those of a run that arrive during a write share the next one: one transaction replaces several
 * requests to storage.
 */
export class TenantRecords {
  readonly #table: Table;
  readonly #clock: Clock;
  readonly #writes: GroupCommit<Write>;

  constructor(table: Table, clock: Clock) {
    this.#table = table;
    this.#clock = clock;
    this.#writes = new GroupCommit<Write>(
      { clock, write: (writes, signal) => table.use((client) => writeTogether(client, writes, signal)) },
      {
        groupOf: ({ entity }) => entity.partitionKey,
        maxBatch,
        maxWrites: 4,
        sideBySideFrom,
        patienceMs: 0,
        maxWaiting: Number.POSITIVE_INFINITY,
        deadlineMs,
      },
    );
  }

  /**
   * Writes a record unless one of the same or a later round exists.
   * @param replaced the record that the tenant has, if it was read.
   * @returns the record that is now stored.
   * @throws DeadlineError, or the failure of the SDK.
   */
  async record(runId: RunId, record: NewTenantRun, replaced?: StoredTenantRun): Promise<TenantRun> {
    const entity = tenantRunRow(runId, record);
    if (await this.#writeWithOthers({ entity, version: replaced?.version })) return record;
    return withDeadline(this.#clock, deadlineMs, (signal) => this.#recordAlone(entity, record, signal));
  }

  async #recordAlone(entity: Entity, record: TenantRun, abortSignal: AbortSignal): Promise<TenantRun> {
    let found: Row | undefined;
    for (;;) {
      if ((await this.#table.putIfUnchanged(entity, found?.etag, { abortSignal })) !== undefined) return record;
      found = await this.#table.find(entity, { abortSignal });
      const earlier = found && readTenantRun(found);
      if (earlier !== undefined && earlier.round >= record.round) return earlier;
    }
  }

  /**
   * @returns false if storage refused the record, or one that shared its transaction. Also false if there was no answer in
   * time: perhaps only the write before this one has none.
   */
  async #writeWithOthers(write: Write): Promise<boolean> {
    try {
      await this.#writes.commit(write, 'job');
      return true;
    } catch (thrown) {
      if (thrown instanceof DeadlineError) return false;
      const status = httpStatusOf(thrown);
      if (status !== undefined && status >= 400 && status < 500) return false;
      throw thrown;
    }
  }
}

async function writeTogether(table: TableClient, writes: readonly Write[], abortSignal: AbortSignal): Promise<void> {
  const [only, ...others] = writes;
  if (only !== undefined && only.version === undefined && others.length === 0)
    await table.createEntity(only.entity, { abortSignal });
  else
    await table.submitTransaction(
      writes.map(({ entity, version }) => putAction(entity, version)),
      { abortSignal },
    );
}

const runsTable = 'Runs';
const tenantRunsTable = 'TenantRuns';

/** A filter may have 15 comparisons ("Querying tables and entities", Azure Table storage). One is that of the partition. */
const maxComparisons = 14;

/** Stores the run log in two tables: Runs (partition job, row window) and TenantRuns (partition run id, row tenant id). */
export class TableRunLog implements RunLog {
  readonly #runs: Table;
  readonly #tenantRuns: Table;
  readonly #tenantRecords: TenantRecords;
  readonly #newId: () => string;

  /** @param table returns the client for a table name. The table is created on first use. */
  constructor(table: (name: string) => Promise<TableClient>, newId: () => string, clock: Clock) {
    this.#newId = newId;
    this.#runs = new Table(() => table(runsTable));
    this.#tenantRuns = new Table(() => table(tenantRunsTable));
    this.#tenantRecords = new TenantRecords(this.#tenantRuns, clock);
  }

  async create(run: NewRun, request: RunRequest): Promise<boolean> {
    const claimId = this.#newId();
    const row = newRunRow(run, request, claimId);
    if ((await this.#runs.putIfUnchanged(row, undefined)) !== undefined) return true;
    // The SDK retries requests that got no answer, so the existing row may be the one this call wrote.
    return (await this.#runs.find(row, selected(['claimId'])))?.['claimId'] === claimId;
  }

  async find(runId: RunId): Promise<Run | undefined> {
    const row = await this.#row(runId, [...keyNames, ...runColumns.names]);
    return row && readRun(row);
  }

  async request(runId: RunId): Promise<RunRequest | undefined> {
    const row = await this.#row(runId);
    return row && readRequest(row);
  }

  async #row(runId: RunId, select?: readonly string[]): Promise<Row | undefined> {
    const keys = keysOfRun(runId);
    return keys && this.#runs.find(keys, select && selected(select));
  }

  async list({ limit, ...filter }: RunFilter): Promise<readonly Run[]> {
    // The keys do not sort by time, so all matching rows are read.
    const newest = new NewestRuns(limit);
    for await (const run of this.runs(filter)) newest.add(run);
    return newest.list();
  }

  async *runs(filter: Omit<RunFilter, 'limit'>): AsyncGenerator<Run, void, undefined> {
    const conditions = filterOf(filter);
    const query = { select: [...keyNames, ...runNames], ...(conditions && { filter: conditions }) };
    for await (const row of this.#runs.rows(query)) yield readRun(row);
  }

  async change(runId: RunId, change: RunChange): Promise<void> {
    const keys = keysOfRun(runId);
    if (keys === undefined) return;
    const row = { ...keys, ...runColumns.change(change) };
    const update = () => this.#runs.use((client) => client.updateEntity(row, 'Merge'));
    if ((await storageCall(() => unlessMissing(update, isItemMissing))) === undefined) throw recordDeleted(runId);
  }

  async changeBy(runId: RunId, decide: (run: Run) => RunChange | undefined): Promise<RunChange | undefined> {
    for (;;) {
      const row = await this.#row(runId, [...keyNames, ...runColumns.names]);
      const change = row && decide(readRun(row));
      if (row === undefined || change === undefined) return undefined;
      const merged = { ...keysOf(row), ...runColumns.change(change) };
      if ((await this.#runs.putIfUnchanged(merged, row.etag, { mode: 'Merge' })) !== undefined) return change;
    }
  }

  async remove(runId: RunId): Promise<void> {
    await this.#tenantRuns.removeRange(`PartitionKey eq ${quoted(runId)}`);
    const keys = keysOfRun(runId);
    if (keys !== undefined) await this.#runs.remove(keys);
  }

  async recordTenant(runId: RunId, record: NewTenantRun, replaced?: StoredTenantRun): Promise<TenantRun> {
    return storageCall(() => this.#tenantRecords.record(runId, record, replaced));
  }

  recordTenants(runId: RunId, records: readonly NewTenantRun[]): Promise<void> {
    return this.#tenantRuns.putAll(records.map((record) => tenantRunRow(runId, record)));
  }

  async findTenant(runId: RunId, tenantId: TenantId, select?: readonly string[]): Promise<TenantRun | undefined> {
    const row = await this.#tenantRuns.find({ partitionKey: runId, rowKey: tenantId }, select && selected(select));
    return row && readTenantRun(row);
  }

  async shortRows(runId: RunId, tenantId: TenantId): Promise<ShortRows | undefined> {
    const keys = { partitionKey: runId, rowKey: tenantId };
    const row = await this.#tenantRuns.find(keys, selected(shortRowsColumns.names));
    return row && shortRowsColumns.decode(row);
  }

  async *allShortRows(runId: RunId): AsyncGenerator<ShortRows, void, undefined> {
    for await (const row of this.#rowsOf(runId, shortRowsColumns.names)) {
      const rows = shortRowsColumns.decode(row);
      if (rows !== undefined) yield rows;
    }
  }

  findOutcome(runId: RunId, tenantId: TenantId): Promise<TenantRun | undefined> {
    return this.findTenant(runId, tenantId, tenantNames);
  }

  async findOutcomes(runId: RunId, tenantIds: readonly TenantId[]): Promise<readonly StoredTenantRun[]> {
    const found: StoredTenantRun[] = [];
    for (let start = 0; start < tenantIds.length; start += maxComparisons) {
      const keys = tenantIds.slice(start, start + maxComparisons).map((tenantId) => `RowKey eq ${quoted(tenantId)}`);
      for await (const row of this.#rowsOf(runId, tenantNames, `(${keys.join(' or ')})`)) {
        const record = readTenantRun(row);
        if (record !== undefined) found.push({ ...record, version: row.etag });
      }
    }
    return found;
  }

  tenants(runId: RunId, outcome?: TenantOutcome): AsyncGenerator<TenantRun, void, undefined> {
    return this.#records(runId, outcome && `outcome eq ${quoted(outcome)}`);
  }

  numbers(runId: RunId): ReturnType<RunLog['numbers']> {
    return this.#records(runId, undefined, numbersNames);
  }

  /** @param condition an OData filter. */
  async *#records(
    runId: RunId,
    condition?: string,
    names: readonly string[] = tenantNames,
  ): AsyncGenerator<TenantRun, void, undefined> {
    for await (const row of this.#rowsOf(runId, names, condition)) {
      const record = readTenantRun(row);
      if (record !== undefined) yield record;
    }
  }

  async countTenants(runId: RunId): Promise<OutcomeCounts> {
    const counts = { succeeded: 0, failed: 0, skipped: 0, retrying: 0 };
    for await (const row of this.#rowsOf(runId, outcomeColumns.names)) counts[outcomeColumns.require(row).outcome] += 1;
    return counts;
  }

  #rowsOf(runId: RunId, select: readonly string[], condition?: string): AsyncIterable<Row> {
    const more = condition === undefined ? '' : ` and ${condition}`;
    return this.#tenantRuns.rows({ filter: `PartitionKey eq ${quoted(runId)}${more}`, select: [...select] });
  }
}

const keyNames = ['partitionKey', 'rowKey'];
const selected = (names: readonly string[]) => ({ queryOptions: { select: [...names] } });
