import type { Run } from './run.ts';
import { quoted } from '../../core/rows/storage-filter.ts';
import type { RunFilter } from './run-log.ts';

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
