import type { Orchestrations } from '../runtime/orchestrations.ts';

/** What approvals use of the durable platform. */
export type ApprovalOrchestrations = Pick<Orchestrations, 'start' | 'state' | 'raise'>;

/** Name of the orchestration. */
export const approvalOrchestrationName = 'approval';
/** Event that wakes it after a decision. */
export const decidedEventName = 'decided';

/** The instance of an approval. No run has such an id. */
export const approvalInstanceId = (id: string): string => `approval-${id}`;
