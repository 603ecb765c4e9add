import type { TableClient } from '@azure/data-tables';
import type { Clock } from '../../core/clock.ts';
import type { RunId } from './run-id.ts';
import type { OutcomeCounts } from './run-log.ts';
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
