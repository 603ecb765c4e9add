import { LRUCache } from 'lru-cache';
import type { Clock } from '../../core/clock.ts';
import { BrokerError } from '../../core/errors.ts';
import type { TenantId } from '../../core/identifiers.ts';
import type { TableHistory } from '../history/table-history.ts';
import type { QuerySlots } from './query-slots.ts';
import { isEnded, type RunId, type RunLog, type RunPlan, type RunResults, type RunStop } from './run.ts';
import type { LastResultsReader, TableScheduleLog } from './schedule-log.ts';
import { planDeleted } from './stored-plan.ts';

/** What a process remembers about a run that it executes. */
interface KnownRun {
  readonly plan: RunPlan;
  /** Tenants that had a record when this process first read the run. After a crash they are not started again. */
  readonly recordedBefore: ReadonlySet<TenantId>;
}

export const recordDeleted = (runId: RunId): BrokerError =>
  new BrokerError('run_not_found', `The record of the run ${runId} no longer exists.`);

/** Number of plans in memory. A plan of 5,000 tenants takes about 1 MB. */
const maxPlans = 8;

/** Caches plans per process, because thousands of activities each need one entry of the same plan. */
export function createRunPlans(deps: {
  readonly results: Pick<RunResults, 'plan'>;
  readonly runLog: Pick<RunLog, 'find' | 'tenants'>;
}) {
  const known = new LRUCache<RunId, Promise<KnownRun>>({ max: maxPlans });
  const read = async (runId: RunId): Promise<KnownRun> => {
    const run = await deps.runLog.find(runId);
    if (run === undefined) throw recordDeleted(runId);
    const plan = await deps.results.plan(run);
    if (plan === undefined) throw planDeleted(runId);
    const recordedBefore = new Set<TenantId>();
    for await (const { tenantId } of deps.runLog.tenants(runId)) recordedBefore.add(tenantId);
    return { plan, recordedBefore };
  };
  return {
    /** @throws BrokerError run_not_found; plan_changed if the stored plan is not the run's, or is gone. */
    get: (runId: RunId): Promise<KnownRun> => {
      const found = known.get(runId);
      if (found !== undefined) return found;
      const reading = read(runId);
      known.set(runId, reading);
      reading.catch(() => known.delete(runId));
      return reading;
    },
  };
}

/** Limits reads to one per run and second, instead of one per tenant. */
const rereadMs = 1_000;

interface Known {
  stop: RunStop | undefined;
  readAtMs: number;
  reading: Promise<RunStop | undefined> | undefined;
}

export type RunStops = ReturnType<typeof createRunStops>;

/** Tells the tenant runs of this process whether their run was stopped. */
export function createRunStops(deps: { readonly runLog: RunLog; readonly clock: Clock }) {
  const known = new Map<RunId, Known>();
  const at = (runId: RunId): Known => {
    const entry = known.get(runId) ?? { stop: undefined, readAtMs: -Infinity, reading: undefined };
    known.set(runId, entry);
    return entry;
  };
  const read = async (runId: RunId): Promise<RunStop | undefined> => {
    const run = await deps.runLog.find(runId);
    if (run === undefined) throw recordDeleted(runId);
    if (run.stoppedBy !== undefined) return run.stoppedBy;
    if (run.cancelRequestedAtMs !== undefined) return { code: 'run_cancelled', detail: 'The run was cancelled.' };
    // The watchdog ended the run while its batches were still executing.
    return isEnded(run.status) ? { code: 'not_attempted', detail: 'The run has ended.' } : undefined;
  };
  return {
    /** Why no further tenant may be attempted (`run_cancelled` or a credential failure), or undefined to continue. */
    find: async (runId: RunId): Promise<RunStop | undefined> => {
      const entry = at(runId);
      // A clock that is set back must not hide a cancellation.
      const isRecent = Math.abs(deps.clock.nowMs() - entry.readAtMs) < rereadMs;
      if (entry.stop !== undefined || isRecent) return entry.stop;
      entry.reading ??= read(runId).finally(() => {
        entry.reading = undefined;
      });
      const stop = await entry.reading;
      entry.stop ??= stop;
      entry.readAtMs = deps.clock.nowMs();
      return entry.stop;
    },
    /** Stops the run: immediately in this process, within {@link rereadMs} in others. */
    stop: async (runId: RunId, why: RunStop): Promise<void> => {
      const entry = at(runId);
      // Keep the first reason: later ones are its consequences.
      if (entry.stop !== undefined) return;
      entry.stop = why;
      try {
        await deps.runLog.change(runId, { stoppedBy: why });
      } catch (thrown) {
        // The call is repeated, and must write it then: an apply believes the record alone.
        entry.stop = undefined;
        throw thrown;
      }
    },
    /** Removes the run from memory after it has ended. */
    forget: (runId: RunId): void => void known.delete(runId),
  };
}

/** Access to stored runs, with the in-memory caches over them. */
export interface Runs {
  readonly log: RunLog;
  readonly schedules: Pick<TableScheduleLog, 'firstSeenMs'>;
  readonly querySlots: Pick<QuerySlots, 'take'>;
  readonly results: RunResults;
  readonly plans: ReturnType<typeof createRunPlans>;
  readonly stops: RunStops;
  readonly lastResults: LastResultsReader;
  readonly history: Pick<TableHistory, keyof TableHistory>;
}
