import { BrokerError } from '../../src/lib/core/errors.ts';
import type { TenantId } from '../../src/lib/core/identifiers.ts';
import { wrongContinuation } from '../../src/lib/core/rows/continuation.ts';
import type { ParameterValues } from '../../src/lib/core/parameters.ts';
import {
  type NewRun,
  type NewTenantRun,
  type OutcomeCounts,
  type PlannedRun,
  type Run,
  type RunChange,
  type RunFilter,
  type RunId,
  type RunLog,
  type RunPlan,
  type RunRequest,
  type RunResults,
  type ShortRows,
  scopeOf,
  type StoredDocument,
  type StoredFormat,
  type StoredPlan,
  type TenantOutcome,
  type TenantRun,
  tenantOfShortRows,
} from '../../src/lib/runs/store/run.ts';
import { recordDeleted } from '../../src/lib/runs/store/runs.ts';
import type { RowText } from '../../src/lib/runs/job/row.ts';
import { checkPlanDigest, digestOf } from '../../src/lib/runs/store/stored-plan.ts';

const noTenants = { total: 0, succeeded: 0, failed: 0, skipped: 0, notAttempted: 0 };

/** A run log in memory. test/contract/run-log.test.ts runs against it and the real one. */
export class MemoryRunLog implements RunLog {
  /** While true every call fails with storage_unavailable. */
  broken = false;
  /** Number of reads of run records. */
  finds = 0;
  readonly #runs = new Map<RunId, { run: Run; request: RunRequest }>();
  readonly #tenants = new Map<RunId, Map<TenantId, TenantRun>>();
  readonly #rows = new Map<string, ShortRows>();

  async create(run: NewRun, request: RunRequest): Promise<boolean> {
    this.#touch();
    if (this.#runs.has(run.runId)) return false;
    this.#runs.set(run.runId, {
      run: {
        ...run,
        status: 'pending',
        scope: scopeOf(request),
        tenants: noTenants,
        // Like in the table, where an earlier version wrote none.
        ...(Object.keys(request.parameters).length === 0
          ? {}
          : { parameters: structuredClone(request.parameters) as ParameterValues }),
      },
      request: structuredClone(request),
    });
    return true;
  }

  async find(runId: RunId): Promise<Run | undefined> {
    this.#touch();
    this.finds += 1;
    return this.#runs.get(runId)?.run;
  }

  async request(runId: RunId): Promise<RunRequest | undefined> {
    this.#touch();
    return structuredClone(this.#runs.get(runId)?.request);
  }

  async list({ limit, ...filter }: RunFilter): Promise<readonly Run[]> {
    const runs: Run[] = [];
    for await (const run of this.runs(filter)) runs.push(run);
    return runs.toSorted((a, b) => b.createdAtMs - a.createdAtMs).slice(0, limit);
  }

  async *runs({
    job,
    active,
    starter,
    createdBeforeMs = Number.POSITIVE_INFINITY,
  }: Omit<RunFilter, 'limit'>): AsyncGenerator<Run, void, undefined> {
    this.#touch();
    for (const { run } of this.#runs.values()) {
      if (job !== undefined && run.job !== job) continue;
      if (active === true && run.status !== 'pending' && run.status !== 'running') continue;
      if (starter && (run.startedBy !== starter.applicationId || run.starter?.objectId !== starter.objectId)) continue;
      if (run.createdAtMs < createdBeforeMs) yield run;
    }
  }

  async remove(runId: RunId): Promise<void> {
    this.#touch();
    this.#tenants.delete(runId);
    this.#runs.delete(runId);
    for (const key of this.#rows.keys()) if (key.startsWith(`${runId} `)) this.#rows.delete(key);
  }

  async change(runId: RunId, change: RunChange): Promise<void> {
    this.#touch();
    const entry = this.#runs.get(runId);
    if (entry === undefined) throw recordDeleted(runId);
    entry.run = { ...entry.run, ...change };
  }

  async changeBy(runId: RunId, decide: (run: Run) => RunChange | undefined): Promise<RunChange | undefined> {
    this.#touch();
    const run = this.#runs.get(runId)?.run;
    const change = run && decide(run);
    if (change !== undefined) await this.change(runId, change);
    return change;
  }

  async recordTenant(runId: RunId, record: NewTenantRun): Promise<TenantRun> {
    this.#touch();
    const earlier = this.#of(runId).get(record.tenantId);
    if (earlier !== undefined && earlier.round >= record.round) return earlier;
    return this.#set(runId, record);
  }

  async recordTenants(runId: RunId, records: readonly NewTenantRun[]): Promise<void> {
    this.#touch();
    for (const record of records) this.#set(runId, record);
  }

  async shortRows(runId: RunId, tenantId: TenantId): Promise<ShortRows | undefined> {
    this.#touch();
    return this.#rows.get(`${runId} ${tenantId}`);
  }

  async findTenant(runId: RunId, tenantId: TenantId): Promise<TenantRun | undefined> {
    this.#touch();
    return this.#of(runId).get(tenantId);
  }

  async findOutcome(runId: RunId, tenantId: TenantId): Promise<TenantRun | undefined> {
    this.#touch();
    const record = this.#of(runId).get(tenantId);
    if (record === undefined) return undefined;
    const { trace: _, ...rest } = record;
    return rest;
  }

  async findOutcomes(runId: RunId, tenantIds: readonly TenantId[]): Promise<readonly TenantRun[]> {
    const found = await Promise.all(tenantIds.map((tenantId) => this.findOutcome(runId, tenantId)));
    return found.filter((record) => record !== undefined);
  }

  async *tenants(runId: RunId, outcome?: TenantOutcome): AsyncGenerator<TenantRun, void, undefined> {
    this.#touch();
    // A table returns its rows in this order.
    const records = [...this.#of(runId).values()].toSorted((a, b) => (a.tenantId < b.tenantId ? -1 : 1));
    for (const { trace: _, ...record } of records)
      if (outcome === undefined || record.outcome === outcome) yield record;
  }

  async countTenants(runId: RunId): Promise<OutcomeCounts> {
    this.#touch();
    const counts = { succeeded: 0, failed: 0, skipped: 0, retrying: 0 };
    for (const { outcome } of this.#of(runId).values()) counts[outcome] += 1;
    return counts;
  }

  async *numbers(runId: RunId): ReturnType<RunLog['numbers']> {
    this.#touch();
    for (const { tenantId, outcome, rows, numbers } of this.#of(runId).values())
      yield { tenantId, outcome, rows, ...(numbers === undefined ? {} : { numbers }) };
  }

  async *allShortRows(runId: RunId): AsyncGenerator<ShortRows, void, undefined> {
    this.#touch();
    for (const [key, rows] of this.#rows) if (key.startsWith(`${runId} `)) yield rows;
  }

  #set(runId: RunId, { rowsText, ...record }: NewTenantRun): TenantRun {
    this.#of(runId).set(record.tenantId, record);
    const { rowsName } = record;
    const key = `${runId} ${record.tenantId}`;
    if (rowsName === undefined || rowsText === undefined) this.#rows.delete(key);
    else this.#rows.set(key, { rowsName, rowsText });
    return record;
  }

  #of(runId: RunId): Map<TenantId, TenantRun> {
    const tenants = this.#tenants.get(runId) ?? new Map<TenantId, TenantRun>();
    this.#tenants.set(runId, tenants);
    return tenants;
  }

  #touch(): void {
    if (this.broken) throw new BrokerError('storage_unavailable', 'Storage is away.');
  }
}

const stored = (plan: RunPlan): StoredPlan => ({ ...structuredClone(plan), digest: digestOf(JSON.stringify(plan)) });

/** Plans and rows in memory, tested by the same contract. */
export class MemoryRunResults implements RunResults {
  readonly #plans = new Map<RunId, StoredPlan>();
  readonly #rows = new Map<string, string>();
  readonly #log: Pick<RunLog, 'shortRows'> | undefined;
  /** Number of plan reads. */
  planReads = 0;

  /** @param log has the rows that are short. */
  constructor(log?: Pick<RunLog, 'shortRows'>) {
    this.#log = log;
  }

  async putPlan(runId: RunId, plan: RunPlan): Promise<StoredPlan> {
    const kept = this.#plans.get(runId) ?? stored(plan);
    this.#plans.set(runId, kept);
    return kept;
  }

  async plan({ runId, planDigest }: PlannedRun): Promise<StoredPlan | undefined> {
    this.planReads += 1;
    const plan = this.#plans.get(runId);
    if (plan !== undefined) checkPlanDigest({ runId, planDigest }, plan.digest);
    return plan;
  }

  /** What somebody with access to the storage account could do. */
  overwritePlan(runId: RunId, plan: RunPlan): void {
    this.#plans.set(runId, stored(plan));
  }

  async putRows(runId: RunId, rowsName: string, jsonLines: RowText): Promise<void> {
    this.#rows.set(`${runId} ${rowsName}`, Buffer.from(jsonLines as string).toString());
  }

  /** The same, with rows. */
  removeRows(runId: RunId, rowsName: string): void {
    this.#rows.delete(`${runId} ${rowsName}`);
  }

  async *rows(runId: RunId, rowsName: string, fromByte = 0): AsyncGenerator<string, void, undefined> {
    const tenantId = tenantOfShortRows(rowsName);
    const short = tenantId && (await this.#log?.shortRows(runId, tenantId));
    if (short !== undefined && short.rowsName !== rowsName)
      throw wrongContinuation('names rows that a later attempt has replaced');
    const text = short?.rowsText ?? this.#rows.get(`${runId} ${rowsName}`);
    if (text === undefined)
      throw new BrokerError('storage_unavailable', 'There are no such rows.', {
        logFields: { storageCode: 'BlobNotFound' },
      });
    yield Buffer.from(text).subarray(fromByte).toString();
  }

  async putExport(runId: RunId, format: StoredFormat, text: AsyncIterable<string>): Promise<void> {
    let whole = '';
    for await (const piece of text) whole += piece;
    this.#rows.set(`${runId} export.${format}`, whole);
  }

  async *export(runId: RunId, format: StoredFormat): AsyncGenerator<string, void, undefined> {
    yield* this.rows(runId, `export.${format}`);
  }

  async countStart(runId: RunId, work: string): Promise<number> {
    const name = `${runId} starts/${work}`;
    const count = Number(this.#rows.get(name) ?? 0) + 1;
    this.#rows.set(name, String(count));
    return count;
  }

  async endWork(runId: RunId, work: string): Promise<void> {
    this.#rows.delete(`${runId} starts/${work}`);
  }

  async openWork(runId: RunId): Promise<ReadonlySet<string>> {
    const prefix = `${runId} starts/`;
    const names = [...this.#rows.keys()].filter((key) => key.startsWith(prefix));
    return new Set(names.map((name) => name.slice(prefix.length)));
  }

  async document(runId: RunId, name: string): Promise<StoredDocument | undefined> {
    const text = this.#rows.get(`${runId} documents/${name}`);
    return text === undefined ? undefined : { text, version: digestOf(text) };
  }

  async putDocument(runId: RunId, name: string, text: string, version: string | undefined) {
    // Without an await in between, as storage compares and writes in one step.
    const stored = this.#rows.get(`${runId} documents/${name}`);
    if ((stored === undefined ? undefined : digestOf(stored)) !== version) return undefined;
    this.#rows.set(`${runId} documents/${name}`, text);
    return digestOf(text);
  }

  async remove(runId: RunId): Promise<void> {
    this.#plans.delete(runId);
    for (const key of this.#rows.keys()) if (key.startsWith(`${runId} `)) this.#rows.delete(key);
  }
}
