import * as df from 'durable-functions';
import { announceApproval } from '../lib/approvals/announce-approval.ts';
import { approvalInputSchema } from '../lib/approvals/approval-schemas.ts';
import { approvalOrchestrationName } from '../lib/approvals/approval-orchestrations.ts';
import { settleApproval } from '../lib/approvals/settle-approval.ts';
import { announceApprovalName, settleApprovalName, waitForApproval } from '../lib/approvals/wait-for-approval.ts';
import { activity } from './activity.ts';

df.app.orchestration(approvalOrchestrationName, waitForApproval);

activity(announceApprovalName, approvalInputSchema, ({ approvals, log }, input) =>
  announceApproval({ ...approvals, log }, input),
);

activity(settleApprovalName, approvalInputSchema, ({ approvals, log }, input) =>
  settleApproval({ ...approvals, log }, input),
);
