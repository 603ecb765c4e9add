/**
 * The orchestration of an approval. The platform replays it from its history at every step, possibly with a later build: see
 * lib/runs/engine/fan-out.ts for the rules. The record in the table decides what is served. This only announces the request and
 * closes the record when its time is over.
 */
import { type OrchestrationContext, RetryOptions, type Task } from 'durable-functions';
import { approvalInputSchema, decidedEventName, settledSchema } from './approval-log.ts';

export const announceApprovalName = 'announce-approval';
export const settleApprovalName = 'settle-approval';

/** The shortest wait. The clock of the instance that settles may be behind the platform's. */
const shortestWaitMs = 5_000;

/** Retries notices for almost seven minutes: a request expires within minutes, and a decider looks at the dashboard too. */
const noticeRetry = (): RetryOptions => {
  const options = new RetryOptions(10_000, 5);
  options.backoffCoefficient = 3;
  return options;
};

/** Retries storage failures for about ten minutes: 5 s, 10 s, … 320 s. Then the watchdog starts a new instance. */
const storageRetry = (): RetryOptions => {
  const options = new RetryOptions(5_000, 8);
  options.backoffCoefficient = 2;
  return options;
};

/** Announces a request, and then settles it after each decision and at the end of its time. */
export function* waitForApproval(context: OrchestrationContext): Generator<Task, { readonly settled: true }, unknown> {
  const { df } = context;
  const input = approvalInputSchema.parse(df.getInput<unknown>());
  try {
    yield df.callActivityWithRetry(announceApprovalName, noticeRetry(), input);
  } catch {
    // The activity logged each failure. A missing notice does not stop anything.
  }
  for (;;) {
    const settled = settledSchema.parse(yield df.callActivityWithRetry(settleApprovalName, storageRetry(), input));
    if (settled.settled) return { settled: true };
    const earliestMs = df.currentUtcDateTime.getTime() + shortestWaitMs;
    const timer = df.createTimer(new Date(Math.max(settled.wakeAtMs, earliestMs)));
    const decided = df.waitForExternalEvent(decidedEventName);
    const first = yield df.Task.any([timer, decided]);
    // A pending timer would keep the instance running.
    if (first === decided) timer.cancel();
  }
}
