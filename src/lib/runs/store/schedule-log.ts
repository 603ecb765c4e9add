import type { TableClient } from '@azure/data-tables';
import { createdTable } from '../../core/rows/created-table.ts';
import { storageCall, unlessConflict, unlessMissing } from '../../core/rows/table.ts';

/** Stores since when each job has had a schedule. Throws BrokerError `storage_unavailable`. */
export interface ScheduleLog {
  /**
   * Returns when the job's schedule was first seen. Stores `initialMs()` if there is no time yet. Concurrent first calls
   * return the same time.
   */
  firstSeenMs(job: string, initialMs: () => Promise<number>): Promise<number>;
}

const schedulesTable = 'Schedules';
const partitionKey = 'schedule';

/** The schedule log in Azure Table storage, with one row per job. Each instance reads a row once. */
export class TableScheduleLog implements ScheduleLog {
  readonly #table: () => Promise<TableClient>;
  readonly #known = new Map<string, number>();

  /** @param table returns the client for a table name. The table is created on first use. */
  constructor(table: (name: string) => Promise<TableClient>) {
    this.#table = createdTable(() => table(schedulesTable));
  }

  async firstSeenMs(job: string, initialMs: () => Promise<number>): Promise<number> {
    const known = this.#known.get(job);
    if (known !== undefined) return known;
    const firstSeenMs = (await this.#find(job)) ?? (await this.#create(job, await initialMs()));
    this.#known.set(job, firstSeenMs);
    return firstSeenMs;
  }

  #find(job: string): Promise<number | undefined> {
    return storageCall(async () => {
      const table = await this.#table();
      const row = await unlessMissing(() => table.getEntity(partitionKey, job));
      const ms = Date.parse(String(row?.['firstSeenAt']));
      return Number.isNaN(ms) ? undefined : ms;
    });
  }

  async #create(job: string, firstSeenMs: number): Promise<number> {
    const entity = { partitionKey, rowKey: job, firstSeenAt: new Date(firstSeenMs).toISOString() };
    const created = await storageCall(() => unlessConflict(async () => (await this.#table()).createEntity(entity)));
    // Another instance was first, or the row has no readable time.
    return created ? firstSeenMs : ((await this.#find(job)) ?? firstSeenMs);
  }
}
