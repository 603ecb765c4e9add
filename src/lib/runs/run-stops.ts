import type { Clock } from '../runtime/clock.ts';
import { BrokerError } from '../model/errors.ts';
import { isEnded, type RunStop } from './run.ts';
import type { RunId } from './run-id.ts';
import type { RunLog } from './run-log.ts';

/** Tells the tenant runs of this process whether their run still wants them. */
export interface RunStops {
  /** Why no further tenant is to be attempted: `run_cancelled` or a failure of the credential; undefined: go on. */
  find(runId: RunId): Promise<RunStop | undefined>;
  /** Stops the run: at once in this process, within {@link lookAgainMs} in the others. */
  stop(runId: RunId, why: RunStop): Promise<void>;
  /** Forget the run: it has ended. */
  forget(runId: RunId): void;
}

/** One read per run and second, instead of one per tenant. */
export const lookAgainMs = 1_000;

interface Known {
  stop: RunStop | undefined;
  untilMs: number;
  looking: Promise<RunStop | undefined> | undefined;
}

export function createRunStops(deps: { readonly runLog: RunLog; readonly clock: Clock }): RunStops {
  const known = new Map<RunId, Known>();
  const at = (runId: RunId): Known => {
    const entry = known.get(runId) ?? { stop: undefined, untilMs: 0, looking: undefined };
    known.set(runId, entry);
    return entry;
  };
  const look = async (runId: RunId): Promise<RunStop | undefined> => {
    const run = await deps.runLog.find(runId);
    if (run === undefined) throw new BrokerError('run_not_found', `The record of the run ${runId} is gone.`);
    if (run.stoppedBy !== undefined) return run.stoppedBy;
    if (run.cancelRequestedAtMs !== undefined) return { code: 'run_cancelled', detail: 'The run was cancelled.' };
    // Ended by the watchdog while its batches go on.
    return isEnded(run.status) ? { code: 'not_attempted', detail: 'The run has ended.' } : undefined;
  };
  return {
    find: async (runId) => {
      const entry = at(runId);
      if (entry.stop !== undefined || deps.clock.nowMs() < entry.untilMs) return entry.stop;
      entry.looking ??= look(runId).finally(() => {
        entry.looking = undefined;
      });
      const stop = await entry.looking;
      entry.stop ??= stop;
      entry.untilMs = deps.clock.nowMs() + lookAgainMs;
      return entry.stop;
    },
    stop: async (runId, why) => {
      const entry = at(runId);
      // The first reason is the true one: what follows it are its consequences.
      if (entry.stop !== undefined) return;
      entry.stop = why;
      await deps.runLog.change(runId, { stoppedBy: why });
    },
    forget: (runId) => void known.delete(runId),
  };
}
