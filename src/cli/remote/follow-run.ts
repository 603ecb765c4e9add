import { setTimeout as delay } from 'node:timers/promises';
import type { RunAnswer } from '../../lib/http/api/answers/runs.ts';
import { exitCodes } from '../exit-codes.ts';
import { CommandOutcome } from '../run-program.ts';
import type { BrokerClient } from './broker-client.ts';
import type { Progress } from './progress.ts';

/** Often enough for a bar that moves, seldom enough for a run that takes an hour. */
const pollMs = { first: 300, longest: 5_000 };

export const runPath = (runId: string): string => `/runs/${encodeURIComponent(runId)}`;

/** Watches a run until it has ended. The pause grows, for a long run is no less long for being asked about. */
export async function followRun(client: BrokerClient, runId: string, progress: Progress): Promise<RunAnswer> {
  let pauseMs = pollMs.first;
  for (;;) {
    const run = (await client.get(runPath(runId))) as RunAnswer;
    if (run.status !== 'pending' && run.status !== 'running') {
      progress.done(run);
      return run;
    }
    progress.update(run);
    await delay(pauseMs);
    pauseMs = Math.min(pollMs.longest, pauseMs * 1.2);
  }
}

/** Ends the command with the exit code that fits how the run ended; 0 returns. @throws CommandOutcome */
export function exitByRun(run: Pick<RunAnswer, 'status' | 'tenants' | 'stoppedBy'>): void {
  if (run.status === 'failed') {
    const signIn = run.stoppedBy !== undefined && /^(credential_|client_credential_)/.test(run.stoppedBy.code);
    throw new CommandOutcome(signIn ? exitCodes.signInNeeded : exitCodes.failure);
  }
  if (run.status === 'cancelled') throw new CommandOutcome(exitCodes.failure);
  if (run.tenants.failed + run.tenants.notAttempted > 0) throw new CommandOutcome(exitCodes.partial);
}
