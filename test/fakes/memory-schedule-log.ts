import { BrokerError } from '../../src/lib/core/errors.ts';
import type { TableScheduleLog } from '../../src/lib/runs/store/schedule-log.ts';

/** A schedule log in memory. test/contract/schedule-log.test.ts runs against it and the real one. */
export class MemoryScheduleLog implements Pick<TableScheduleLog, 'firstSeenMs'> {
  /** While true every call fails with storage_unavailable. */
  broken = false;
  readonly firstSeen = new Map<string, number>();

  async firstSeenMs(job: string, initialMs: () => Promise<number>): Promise<number> {
    if (this.broken) throw new BrokerError('storage_unavailable', 'Storage is away.');
    const initial = this.firstSeen.get(job) ?? (await initialMs());
    const ms = this.firstSeen.get(job) ?? initial;
    this.firstSeen.set(job, ms);
    return ms;
  }
}
