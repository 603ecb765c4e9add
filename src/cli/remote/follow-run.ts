import type { RunAnswer } from '../../lib/api/answers/runs.ts';
import { type Clock, systemClock } from '../../lib/core/clock.ts';
import { BrokerError } from '../../lib/core/errors.ts';
import { outcomeStyle } from '../../lib/core/outcomes.ts';
import { exitCodeOf, exitCodes } from '../exit-codes.ts';
import { CommandOutcome } from '../run-program.ts';
import type { BrokerClient } from './broker-client.ts';
import type { Progress } from './progress.ts';

/** Short enough for a moving progress bar, long enough for a run that takes an hour. */
const pollMs = { first: 300, longest: 5_000 };

export const runPath = (runId: string): string => `/runs/${encodeURIComponent(runId)}`;

/** Transient failures for this long do not end the command, so that a restart of the broker does not either. */
const patienceMs = 300_000;

/** Failures in a row after which a note says that the command goes on. One alone is soon forgotten. */
const notedFailures = 3;
const outageNote = 'The broker does not answer. This command tries again for five minutes.';

/** Time without a finished tenant after which a note explains it. */
const standstillMs = 45_000;
const standstillNote =
  'No tenant has finished for 45 seconds. If an instance was stopped, its work continues on another one, about 75 seconds later.';

interface FollowOptions {
  readonly clock?: Clock;
  /** Says, while no tenant finishes, whether to follow no longer. */
  readonly waits?: () => Promise<boolean>;
  /** What is said when no tenant has finished for 45 seconds. */
  readonly note?: string;
}

/**
 * Polls a run until it has ended. The interval grows with the duration.
 * @returns the run; one that is under way if it waits.
 * @throws BrokerError what the broker answers. A transient failure is thrown only after five minutes.
 */
export async function followRun(
  client: BrokerClient,
  runId: string,
  progress: Progress,
  { clock = systemClock, waits, note = standstillNote }: FollowOptions = {},
): Promise<RunAnswer> {
  let pauseMs = pollMs.first;
  let failingSinceMs: number | undefined;
  let failures = 0;
  const moves = noteStandstill(progress, clock, note);
  let isOver = false;
  for (;;) {
    let run: RunAnswer | undefined;
    try {
      run = (await client.get(runPath(runId))) as RunAnswer;
      if (isUnderWay(run) && !moves(run)) isOver = (await waits?.()) ?? false;
      failingSinceMs = undefined;
      failures = 0;
    } catch (thrown) {
      failingSinceMs ??= clock.nowMs();
      const isTransient = thrown instanceof BrokerError && thrown.transient;
      if (!isTransient || clock.nowMs() - failingSinceMs >= patienceMs) throw thrown;
      failures += 1;
      if (failures === notedFailures) progress.note(outageNote);
    }
    if (run !== undefined) {
      if (isOver || !isUnderWay(run)) {
        progress.done(run);
        return run;
      }
      progress.update(run);
    }
    await clock.sleep(pauseMs);
    pauseMs = Math.min(pollMs.longest, pauseMs * 1.2);
  }
}

const isUnderWay = ({ status }: RunAnswer): boolean => status === 'pending' || status === 'running';

/** Returns a function that takes each state of a run, returns whether it has moved, and once says why it may not move. */
function noteStandstill(progress: Progress, clock: Clock, note: string): (run: RunAnswer) => boolean {
  let last = '';
  let sinceMs = clock.nowMs();
  let isNoted = false;
  return ({ status, progress: { done, retrying } }) => {
    const state = `${status} ${done} ${retrying}`;
    if (state !== last) {
      last = state;
      sinceMs = clock.nowMs();
      return true;
    }
    if (!isNoted && clock.nowMs() - sinceMs >= standstillMs) {
      isNoted = true;
      progress.note(note);
    }
    return false;
  };
}

/** Returns if all tenants succeeded. @throws CommandOutcome with the exit code for the outcome of the run. */
export function exitByRun(run: Pick<RunAnswer, 'outcome' | 'stoppedBy'>): void {
  const { exitCode } = outcomeStyle(run.outcome);
  if (exitCode === exitCodes.ok) return;
  throw new CommandOutcome(run.stoppedBy === undefined ? exitCode : exitCodeOf(run.stoppedBy.code));
}
