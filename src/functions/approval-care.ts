import * as df from 'durable-functions';
import { announceApproval, settleApproval } from '../lib/approvals/watch-approvals.ts';
import { approvalInputSchema, approvalOrchestrationName } from '../lib/approvals/approval-log.ts';
import { announceApprovalName, settleApprovalName, waitForApproval } from '../lib/approvals/wait-for-approval.ts';
import { activity } from './activity.ts';

df.app.orchestration(approvalOrchestrationName, waitForApproval);

activity(announceApprovalName, approvalInputSchema, ({ approvals, log }, input) =>
  announceApproval({ ...approvals, log }, input),
);

activity(settleApprovalName, approvalInputSchema, ({ approvals, log }, input) =>
  settleApproval({ ...approvals, log }, input),
);
