import type { RunAnswer } from '../../lib/api/answers/runs.ts';
import { type Clock, systemClock } from '../../lib/runtime/clock.ts';
import { BrokerError } from '../../lib/model/errors.ts';
import { exitCodeOf, exitCodes } from '../exit-codes.ts';
import { CommandOutcome } from '../run-program.ts';
import type { BrokerClient } from './broker-client.ts';
import type { Progress } from './progress.ts';

/** Often enough for a bar that moves, seldom enough for a run that takes an hour. */
const pollMs = { first: 300, longest: 5_000 };

export const runPath = (runId: string): string => `/runs/${encodeURIComponent(runId)}`;

/** A broker that restarts or stumbles for this long does not end an hour's watching. */
const patienceMs = 300_000;

/**
 * Watches a run until it has ended. The pause grows, for a long run is no less long for being asked about.
 * @throws BrokerError what the broker answers; a transient failure only when it lasts five minutes.
 */
export async function followRun(
  client: BrokerClient,
  runId: string,
  progress: Progress,
  clock: Clock = systemClock,
): Promise<RunAnswer> {
  let pauseMs = pollMs.first;
  let failingSinceMs: number | undefined;
  for (;;) {
    let run: RunAnswer | undefined;
    try {
      run = (await client.get(runPath(runId))) as RunAnswer;
      failingSinceMs = undefined;
    } catch (thrown) {
      failingSinceMs ??= clock.nowMs();
      const passing = thrown instanceof BrokerError && thrown.transient;
      if (!passing || clock.nowMs() - failingSinceMs >= patienceMs) throw thrown;
    }
    if (run !== undefined) {
      if (run.status !== 'pending' && run.status !== 'running') {
        progress.done(run);
        return run;
      }
      progress.update(run);
    }
    await clock.sleep(pauseMs);
    pauseMs = Math.min(pollMs.longest, pauseMs * 1.2);
  }
}

/** Ends the command with the exit code that fits how the run ended; 0 returns. @throws CommandOutcome */
export function exitByRun(run: Pick<RunAnswer, 'status' | 'tenants' | 'stoppedBy'>): void {
  if (run.status === 'failed') {
    const { stoppedBy } = run;
    throw new CommandOutcome(stoppedBy === undefined ? exitCodes.failure : exitCodeOf(stoppedBy.code));
  }
  if (run.status === 'cancelled') throw new CommandOutcome(exitCodes.failure);
  if (run.tenants.failed + run.tenants.notAttempted > 0) throw new CommandOutcome(exitCodes.partial);
}
