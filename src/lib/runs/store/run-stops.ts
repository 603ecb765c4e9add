import type { Clock } from '../../core/clock.ts';
import { BrokerError } from '../../core/errors.ts';
import { isEnded, type RunStop } from './run.ts';
import type { RunId } from './run-id.ts';
import type { RunLog } from './run-log.ts';

/** Tells the tenant runs of this process whether their run was stopped. */
export interface RunStops {
  /** Why no further tenant may be attempted (`run_cancelled` or a credential failure), or undefined to continue. */
  find(runId: RunId): Promise<RunStop | undefined>;
  /** Stops the run: immediately in this process, within {@link rereadMs} in others. */
  stop(runId: RunId, why: RunStop): Promise<void>;
  /** Removes the run from memory after it has ended. */
  forget(runId: RunId): void;
}

/** Limits reads to one per run and second, instead of one per tenant. */
const rereadMs = 1_000;

interface Known {
  stop: RunStop | undefined;
  readAtMs: number;
  reading: Promise<RunStop | undefined> | undefined;
}

export function createRunStops(deps: { readonly runLog: RunLog; readonly clock: Clock }): RunStops {
  const known = new Map<RunId, Known>();
  const at = (runId: RunId): Known => {
    const entry = known.get(runId) ?? { stop: undefined, readAtMs: -Infinity, reading: undefined };
    known.set(runId, entry);
    return entry;
  };
  const read = async (runId: RunId): Promise<RunStop | undefined> => {
    const run = await deps.runLog.find(runId);
    if (run === undefined) throw new BrokerError('run_not_found', `The record of the run ${runId} no longer exists.`);
    if (run.stoppedBy !== undefined) return run.stoppedBy;
    if (run.cancelRequestedAtMs !== undefined) return { code: 'run_cancelled', detail: 'The run was cancelled.' };
    // The watchdog ended the run while its batches were still executing.
    return isEnded(run.status) ? { code: 'not_attempted', detail: 'The run has ended.' } : undefined;
  };
  return {
    find: async (runId) => {
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
    stop: async (runId, why) => {
      const entry = at(runId);
      // Keep the first reason: later ones are its consequences.
      if (entry.stop !== undefined) return;
      entry.stop = why;
      await deps.runLog.change(runId, { stoppedBy: why });
    },
    forget: (runId) => void known.delete(runId),
  };
}
