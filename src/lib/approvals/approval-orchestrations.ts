import type { Clock } from '../core/clock.ts';
import { withDeadline } from '../core/deadline.ts';
import { errorFields, type Logger } from '../core/log.ts';
import type { Orchestrations } from '../core/orchestrations.ts';

/** What approvals use of the durable platform. */
export type ApprovalOrchestrations = Pick<Orchestrations, 'start' | 'state' | 'raise'>;

/** Name of the orchestration. */
export const approvalOrchestrationName = 'approval';
/** Event that wakes it after a decision. */
export const decidedEventName = 'decided';

/** The instance of an approval. No run has such an id. */
export const approvalInstanceId = (id: string): string => `approval-${id}`;

/** A person or caller waits this long, at most, for the orchestration to be woken, in milliseconds. */
const longestWakeMs = 3_000;

/** Tells the orchestration of an approval that its record has changed. Never throws: it looks again later without this. */
export async function wake(
  clock: Clock,
  approvalId: string,
  { orchestrations, log }: { readonly orchestrations: Pick<Orchestrations, 'raise'>; readonly log: Logger },
): Promise<void> {
  const raise = (): Promise<void> => orchestrations.raise(approvalInstanceId(approvalId), decidedEventName);
  try {
    await withDeadline(clock, longestWakeMs, raise);
  } catch (thrown) {
    log.log('warn', 'approval.not_woken', { approvalId, ...errorFields(thrown) });
  }
}
