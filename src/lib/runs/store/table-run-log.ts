import type { TableClient, TableEntityQueryOptions, TransactionAction } from '@azure/data-tables';
import { type Clock, DeadlineError, withDeadline } from '../../core/clock.ts';
import { BrokerError } from '../../core/errors.ts';
import type { TenantId } from '../../core/identifiers.ts';
import { httpStatusOf } from '../../core/outbound.ts';
import { GroupCommit } from '../../core/rows/group-commit.ts';
import {
  createdTable,
  isRowMissing,
  isStorageConflict,
  isStorageMissing,
  quoted,
  storageCall,
  storageItems,
  unlessConflict,
  unlessMissing,
} from '../../core/rows/table.ts';
import {
  askedProperties,
  changeProperties,
  type Keys,
  keysOf,
  maxRequestLength,
  numbersProperties,
  outcomeOf,
  parametersProperties,
  readRequest,
  readRun,
  readTenantRun,
  requestProperties,
  requestText,
  runProperties,
  starterProperties,
  tenantRunEntity,
  tenantRunProperties,
  textAt,
} from './run-entity.ts';
import type { NewRun, OutcomeCounts, RunChange, RunFilter, RunLog } from './run-log.ts';
import { type Run, type RunId, type RunRequest, scopeOf, type TenantOutcome, type TenantRun } from './run.ts';

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
 * A transaction may have 4 MiB ("Performing entity group transactions", Azure Table storage), and a record with the longest
 * trace has about 80 KiB.
 */
const maxBatch = 25;
/** One insert is in flight, so that records gather. This many do not wait for it: storage may have lost it. */
const sideBySideFrom = 5;
/**
 * Longest wait for a shared insert, and again for a record that is then written alone. The SDK waits for a reply without a
 * limit.
 */
const deadlineMs = 30_000;

type Entity = ReturnType<typeof tenantRunEntity>;

/**
 * Writes records of tenants. Those of a run that arrive during an insert share the next one: one transaction replaces
 * several requests to storage.
 */
export class TenantRecords {
  readonly #table: () => Promise<TableClient>;
  readonly #clock: Clock;
  readonly #inserts: GroupCommit<Entity>;

  constructor(table: () => Promise<TableClient>, clock: Clock) {
    this.#table = table;
    this.#clock = clock;
    this.#inserts = new GroupCommit<Entity>(
      { clock, write: async (entities, signal) => insert(await table(), entities, signal) },
      {
        groupOf: ({ partitionKey }) => partitionKey,
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
   * @returns the record that is now stored.
   * @throws DeadlineError, or the failure of the SDK.
   */
  async record(runId: RunId, record: TenantRun): Promise<TenantRun> {
    const entity = tenantRunEntity(runId, record);
    if (await this.#insertWithOthers(entity)) return record;
    return withDeadline(this.#clock, deadlineMs, (signal) => this.#recordAlone(entity, record, signal));
  }

  async #recordAlone(entity: Entity, record: TenantRun, abortSignal: AbortSignal): Promise<TenantRun> {
    const { partitionKey, rowKey } = entity;
    const table = await this.#table();
    for (;;) {
      if (await unlessConflict(() => table.createEntity(entity, { abortSignal }))) return record;
      const found = await unlessMissing(() => table.getEntity(partitionKey, rowKey, { abortSignal }), isRowMissing);
      const earlier = found && readTenantRun(found);
      if (found === undefined || earlier === undefined) continue;
      if (earlier.round >= record.round) return earlier;
      try {
        await table.updateEntity(entity, 'Replace', { etag: found.etag, abortSignal });
        return record;
      } catch (thrown) {
        if (!isStorageConflict(thrown) && !isStorageMissing(thrown)) throw thrown;
      }
    }
  }

  /**
   * @returns false if storage refused the record, or one that shared its transaction. Also false if there was no answer in
   * time: perhaps only the insert before this one has none.
   */
  async #insertWithOthers(entity: Entity): Promise<boolean> {
    try {
      await this.#inserts.commit(entity, 'job');
      return true;
    } catch (thrown) {
      if (thrown instanceof DeadlineError) return false;
      const status = httpStatusOf(thrown);
      if (status !== undefined && status >= 400 && status < 500) return false;
      throw thrown;
    }
  }
}

async function insert(table: TableClient, entities: readonly Entity[], abortSignal: AbortSignal): Promise<void> {
  const [only, ...others] = entities;
  if (only !== undefined && others.length === 0) await table.createEntity(only, { abortSignal });
  else
    await table.submitTransaction(
      entities.map((entity): TransactionAction => ['create', entity]),
      { abortSignal },
    );
}

const runsTable = 'Runs';
const tenantRunsTable = 'TenantRuns';

/** Limit of "Performing entity group transactions" (Azure Table storage): 100 entities of one partition. */
const maxPerTransaction = 100;

/** A filter may have 15 comparisons ("Querying tables and entities", Azure Table storage). One is that of the partition. */
const maxComparisons = 14;

/** Stores the run log in two tables: Runs (partition job, row window) and TenantRuns (partition run id, row tenant id). */
export class TableRunLog implements RunLog {
  readonly #runs: () => Promise<TableClient>;
  readonly #tenantRuns: () => Promise<TableClient>;
  readonly #tenantRecords: TenantRecords;
  readonly #newId: () => string;

  /** @param table returns the client for a table name. The table is created on first use. */
  constructor(table: (name: string) => Promise<TableClient>, newId: () => string, clock: Clock) {
    this.#newId = newId;
    this.#runs = createdTable(() => table(runsTable));
    this.#tenantRuns = createdTable(() => table(tenantRunsTable));
    this.#tenantRecords = new TenantRecords(this.#tenantRuns, clock);
  }

  async create(run: NewRun, request: RunRequest): Promise<boolean> {
    if (requestText(request).length > maxRequestLength)
      throw new BrokerError('request_invalid', 'The parameters and tenants of the run are too large to store.');
    const parameters = parametersProperties(request.parameters);
    const keys = { partitionKey: run.job, rowKey: run.window };
    const claimId = this.#newId();
    try {
      const table = await this.#runs();
      await table.createEntity({
        ...keys,
        claimId,
        status: 'pending',
        startedBy: run.startedBy,
        ...starterProperties(run.starter),
        createdAt: new Date(run.createdAtMs).toISOString(),
        scope: scopeOf(request),
        ...requestProperties(request),
        ...parameters,
        ...askedProperties(run.asked),
        ...(run.query === undefined ? {} : { query: run.query }),
        ...(run.correlationId === undefined ? {} : { correlationId: run.correlationId }),
      });
      return true;
    } catch (thrown) {
      // The SDK retries requests that got no answer, so the existing row may be the one this call wrote.
      if (isStorageConflict(thrown)) return (await this.#get(this.#runs, keys, ['claimId']))?.['claimId'] === claimId;
      return storageCall(() => Promise.reject(thrown));
    }
  }

  async find(runId: RunId): Promise<Run | undefined> {
    const entity = await this.#get(this.#runs, keysOf(runId), [...runProperties, 'parameters', 'asked']);
    return entity && readRun(entity);
  }

  async request(runId: RunId): Promise<RunRequest | undefined> {
    const entity = await this.#get(this.#runs, keysOf(runId));
    return entity && readRequest(entity);
  }

  async list({ limit, ...filter }: RunFilter): Promise<readonly Run[]> {
    // The keys do not sort by time, so all matching rows are read.
    const newest = new NewestRuns(limit);
    for await (const run of this.runs(filter)) newest.add(run);
    return newest.list();
  }

  async *runs(filter: Omit<RunFilter, 'limit'>): AsyncGenerator<Run, void, undefined> {
    const text = filterOf(filter);
    const query = { select: [...runProperties], ...(text === undefined ? {} : { filter: text }) };
    for await (const entity of this.#query(this.#runs, query)) yield readRun(entity);
  }

  async change(runId: RunId, change: RunChange): Promise<void> {
    const keys = keysOf(runId);
    if (keys === undefined) return;
    await storageCall(async () => (await this.#runs()).updateEntity({ ...keys, ...changeProperties(change) }, 'Merge'));
  }

  async remove(runId: RunId): Promise<void> {
    let batch: TransactionAction[] = [];
    const flush = async (): Promise<void> => {
      const actions = batch;
      batch = [];
      if (actions.length > 0) await storageCall(async () => (await this.#tenantRuns()).submitTransaction(actions));
    };
    const query = { filter: `PartitionKey eq ${quoted(runId)}`, select: ['partitionKey', 'rowKey'] };
    for await (const { partitionKey = '', rowKey = '' } of this.#query(this.#tenantRuns, query)) {
      batch.push(['delete', { partitionKey, rowKey }]);
      if (batch.length === maxPerTransaction) await flush();
    }
    await flush();
    const keys = keysOf(runId);
    if (keys === undefined) return;
    await storageCall(async () => {
      try {
        await (await this.#runs()).deleteEntity(keys.partitionKey, keys.rowKey);
      } catch (thrown) {
        if (!isStorageMissing(thrown)) throw thrown;
      }
    });
  }

  async recordTenant(runId: RunId, record: TenantRun): Promise<TenantRun> {
    return storageCall(() => this.#tenantRecords.record(runId, record));
  }

  async recordTenants(runId: RunId, records: readonly TenantRun[]): Promise<void> {
    for (let start = 0; start < records.length; start += maxPerTransaction) {
      const actions = records
        .slice(start, start + maxPerTransaction)
        .map((record): TransactionAction => ['upsert', tenantRunEntity(runId, record), 'Replace']);
      await storageCall(async () => (await this.#tenantRuns()).submitTransaction(actions));
    }
  }

  async findTenant(runId: RunId, tenantId: TenantId): Promise<TenantRun | undefined> {
    const entity = await this.#get(this.#tenantRuns, { partitionKey: runId, rowKey: tenantId });
    return entity && readTenantRun(entity);
  }

  async findOutcome(runId: RunId, tenantId: TenantId): Promise<TenantRun | undefined> {
    const keys = { partitionKey: runId, rowKey: tenantId };
    const entity = await this.#get(this.#tenantRuns, keys, [...tenantRunProperties]);
    return entity && readTenantRun(entity);
  }

  async findOutcomes(runId: RunId, tenantIds: readonly TenantId[]): Promise<readonly TenantRun[]> {
    const found: TenantRun[] = [];
    for (let start = 0; start < tenantIds.length; start += maxComparisons) {
      const keys = tenantIds.slice(start, start + maxComparisons).map((tenantId) => `RowKey eq ${quoted(tenantId)}`);
      for await (const record of this.#records(runId, `(${keys.join(' or ')})`)) found.push(record);
    }
    return found;
  }

  tenants(runId: RunId, outcome?: TenantOutcome): AsyncGenerator<TenantRun, void, undefined> {
    return this.#records(runId, outcome && `outcome eq ${quoted(outcome)}`);
  }

  numbers(runId: RunId): ReturnType<RunLog['numbers']> {
    return this.#records(runId, undefined, numbersProperties);
  }

  /** @param condition an OData filter. */
  async *#records(
    runId: RunId,
    condition?: string,
    properties: readonly string[] = tenantRunProperties,
  ): AsyncGenerator<TenantRun, void, undefined> {
    const more = condition === undefined ? '' : ` and ${condition}`;
    const query = { filter: `PartitionKey eq ${quoted(runId)}${more}`, select: [...properties] };
    for await (const entity of this.#query(this.#tenantRuns, query)) {
      const record = readTenantRun(entity);
      if (record !== undefined) yield record;
    }
  }

  async countTenants(runId: RunId): Promise<OutcomeCounts> {
    const counts = { succeeded: 0, failed: 0, skipped: 0, retrying: 0 };
    const query = { filter: `PartitionKey eq ${quoted(runId)}`, select: ['outcome'] };
    for await (const entity of this.#query(this.#tenantRuns, query)) counts[outcomeOf(textAt(entity, 'outcome'))] += 1;
    return counts;
  }

  async *#query(table: () => Promise<TableClient>, queryOptions: TableEntityQueryOptions) {
    const client = await storageCall(table);
    yield* storageItems(client.listEntities({ queryOptions }));
  }

  async #get(table: () => Promise<TableClient>, keys: Keys | undefined, select?: string[]) {
    if (keys === undefined) return undefined;
    const options = select === undefined ? {} : { queryOptions: { select } };
    return storageCall(async () => {
      const client = await table();
      return unlessMissing(() => client.getEntity(keys.partitionKey, keys.rowKey, options), isRowMissing);
    });
  }
}
