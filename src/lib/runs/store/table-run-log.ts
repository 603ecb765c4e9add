import type { TableClient, TableEntityQueryOptions, TransactionAction } from '@azure/data-tables';
import { BrokerError } from '../../core/errors.ts';
import type { TenantId } from '../../core/identifiers.ts';
import { type Run, type RunRequest, scopeOf, type TenantOutcome, type TenantRun } from './run.ts';
import {
  changeProperties,
  type Keys,
  keysOf,
  maxRequestLength,
  numbersProperties,
  outcomeOf,
  readRequest,
  readRun,
  readTenantRun,
  requestProperties,
  requestText,
  runProperties,
  tenantRunEntity,
  tenantRunProperties,
  textAt,
  starterProperties,
} from './run-entity.ts';
import { askedProperties, parametersProperties } from './parameters-entity.ts';
import { filterOf, NewestRuns } from './run-filter.ts';
import type { RunId } from './run-id.ts';
import type { NewRun, OutcomeCounts, RunChange, RunFilter, RunLog } from './run-log.ts';
import { TenantRecords } from './tenant-records.ts';
import type { Clock } from '../../core/clock.ts';
import { createdTable } from '../../core/rows/created-table.ts';
import { quoted } from '../../core/rows/storage-filter.ts';
import {
  isRowMissing,
  isStorageConflict,
  isStorageMissing,
  storageCall,
  storageItems,
  unlessMissing,
} from '../../core/rows/table.ts';

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
