import type { TableClient } from '@azure/data-tables';
import type { ContainerClient } from '@azure/storage-blob';
import type { Clock } from '../../core/clock.ts';
import { historyTable, TableHistory } from '../history/table-history.ts';
import { BlobRunResults } from './blob-run-results.ts';
import { QuerySlots } from './query-slots.ts';
import type { OutcomeCounts, RunId } from './run.ts';
import { createRunPlans, createRunStops, type Runs } from './runs.ts';
import { createLastResults, TableScheduleLog } from './schedule-log.ts';
import { TableRunLog } from './table-run-log.ts';

/** Counts are used again for this many times the duration of their reading, so that readers take a fifth of the time. */
const restFactor = 4;
/** Longest use, so that a person who watches a run sees it move, milliseconds. */
const longestMs = 10_000;

interface Reading {
  readonly counts: Promise<OutcomeCounts>;
  readAtMs: number;
  /** Infinity while it is read. */
  usableMs: number;
}

/**
 * A log of runs whose counts are read once for all who ask at the same time or shortly after. The counts of a run over
 * 20,000 tenants are 20 requests to storage, and every open dashboard asks for them again and again. Those of a small run
 * are as new as ever.
 */
export class RecentCountsRunLog extends TableRunLog {
  readonly #clock: Clock;
  readonly #readings = new Map<RunId, Reading>();

  constructor(table: (name: string) => Promise<TableClient>, newId: () => string, clock: Clock) {
    super(table, newId, clock);
    this.#clock = clock;
  }

  override countTenants(runId: RunId): Promise<OutcomeCounts> {
    const startedMs = this.#clock.nowMs();
    // The clock may have been set back since.
    for (const [id, { readAtMs, usableMs }] of this.#readings)
      if (Math.abs(startedMs - readAtMs) >= usableMs) this.#readings.delete(id);
    const known = this.#readings.get(runId);
    if (known !== undefined) return known.counts;
    const reading: Reading = { counts: super.countTenants(runId), readAtMs: startedMs, usableMs: Infinity };
    this.#readings.set(runId, reading);
    reading.counts.then(
      () => {
        reading.readAtMs = this.#clock.nowMs();
        reading.usableMs = Math.min(longestMs, restFactor * Math.max(0, reading.readAtMs - startedMs));
      },
      () => this.#readings.delete(runId),
    );
    return reading.counts;
  }
}

interface RunsDeps {
  readonly storage: {
    table(name: string): Promise<TableClient>;
    container(name: string): Promise<ContainerClient>;
  };
  readonly clock: Clock;
  readonly newId: () => string;
}

export function createRuns({ storage, clock, newId }: RunsDeps): Runs {
  const log = new RecentCountsRunLog((name) => storage.table(name), newId, clock);
  const results = new BlobRunResults((name) => storage.container(name), {
    clock,
    newId,
    shortRows: (...of) => log.shortRows(...of),
  });
  return {
    log,
    schedules: new TableScheduleLog((name) => storage.table(name)),
    querySlots: new QuerySlots({ table: () => storage.table('QuerySlots'), runLog: log, clock }),
    results,
    plans: createRunPlans({ results, runLog: log }),
    stops: createRunStops({ runLog: log, clock }),
    lastResults: createLastResults({ runLog: log, clock }),
    history: new TableHistory(() => storage.table(historyTable)),
  };
}
