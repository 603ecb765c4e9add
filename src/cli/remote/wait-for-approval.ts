import type { ApprovalAnswer } from '../../lib/api/answers/approvals.ts';
import { systemClock } from '../../lib/core/clock.ts';
import { exitCodes } from '../exit-codes.ts';
import { CommandOutcome } from '../run-program.ts';
import { say } from '../sign-in/output.ts';
import type { BrokerClient } from './broker-client.ts';

/** Time between two looks at an approval. */
const pauseMs = 5_000;

/**
 * Says that a request waits for other people, and waits with it if the person wants that.
 * @returns once the request is approved.
 * @throws CommandOutcome 1 without `--wait`, and if the approval ends. BrokerError of the broker.
 */
export async function waitForApproval(client: BrokerClient, id: string, wait: boolean): Promise<void> {
  say(`The request waits for the approval of other people: ${id}`);
  if (!wait) {
    say(`Repeat the same command once it is approved, or add --wait. \`ptb approvals show ${id}\` shows it.`);
    throw new CommandOutcome(exitCodes.failure);
  }
  for (;;) {
    await systemClock.sleep(pauseMs);
    const { status } = (await client.get(`/approvals/${encodeURIComponent(id)}`)) as ApprovalAnswer;
    if (status === 'approved') return;
    if (status === 'pending') continue;
    say(`The approval is ${status}. To ask again, repeat the command with --ask-again.`);
    throw new CommandOutcome(exitCodes.failure);
  }
}
