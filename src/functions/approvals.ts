import * as df from 'durable-functions';
import type { ApprovalAnswer, ApprovalsAnswer } from '../lib/api/answers/approvals.ts';
import { exampleApproval, exampleApprovalId, exampleApprovalSummary } from '../lib/api/examples.ts';
import { decisionSchema, listApprovalsQuerySchema } from '../lib/api/requests.ts';
import { directoryFailures, jsonContent, type RouteDocument } from '../lib/api/route.ts';
import { approvalInputSchema, approvalOrchestrationName } from '../lib/approvals/approval-log.ts';
import { decideApproval } from '../lib/approvals/decide-approval.ts';
import {
  listApprovals,
  showApproval,
  summariseApproval,
  viewApproval,
  visible,
  type VisibleApproval,
} from '../lib/approvals/read-approvals.ts';
import { announceApprovalName, settleApprovalName, waitForApproval } from '../lib/approvals/wait-for-approval.ts';
import { announceApproval, settleApproval } from '../lib/approvals/watch-approvals.ts';
import { activity } from './activity.ts';
import { route } from './route.ts';

const noStore = { 'cache-control': 'no-store' };

/** Deciders, and those who may ask. */
const readers = ['Approvals.Decide', 'Tokens.Request', 'Requests.Send'] as const;

route(
  {
    name: 'approvals',
    method: 'GET',
    path: '/approvals',
    access: readers,
    query: listApprovalsQuerySchema,
    failures: [...directoryFailures, 'storage_unavailable'],
    document: documentList,
  },
  async ({ approvals, clock }, { caller, query }) => {
    const page = await listApprovals(approvals, caller, query);
    const nowMs = clock.nowMs();
    const answer: ApprovalsAnswer = {
      ...page,
      approvals: page.approvals.map(({ approval, possibleDecisions }) =>
        summariseApproval(approval, nowMs, possibleDecisions),
      ),
    };
    return { status: 200, headers: noStore, jsonBody: answer };
  },
);

route(
  {
    name: 'approvals-show',
    method: 'GET',
    path: '/approvals/{approvalId}',
    access: readers,
    failures: ['approval_not_found', ...directoryFailures, 'storage_unavailable'],
    document: documentShow,
  },
  async ({ approvals, clock }, { caller, path }) => {
    const found = await showApproval(approvals, caller, path.approvalId);
    return { status: 200, headers: noStore, jsonBody: answerOf(found, clock.nowMs()) };
  },
);

route(
  {
    name: 'approvals-decide',
    method: 'POST',
    path: '/approvals/{approvalId}/decision',
    access: readers,
    body: decisionSchema,
    durable: true,
    failures: [
      'approval_not_found',
      'decision_refused',
      'approval_conflict',
      ...directoryFailures,
      'storage_unavailable',
      'audit_unavailable',
    ],
    document: documentDecide,
  },
  async ({ approvals, clock }, call) => {
    const decided = await decideApproval(approvals, call.path.approvalId, call.body, call);
    const { policy } = await approvals.policy.current();
    const { signInClientId } = approvals;
    const nowMs = clock.nowMs();
    const seen = visible({ policy, signInClientId }, decided, call.caller, nowMs);
    return { status: 200, headers: noStore, jsonBody: answerOf(seen, nowMs) };
  },
);

const answerOf = ({ approval, possibleDecisions }: VisibleApproval, nowMs: number): ApprovalAnswer =>
  viewApproval(approval, nowMs, possibleDecisions);

df.app.orchestration(approvalOrchestrationName, waitForApproval);

activity(announceApprovalName, approvalInputSchema, ({ approvals, log }, input) =>
  announceApproval({ ...approvals, log }, input),
);

activity(settleApprovalName, approvalInputSchema, ({ approvals, log }, input) =>
  settleApproval({ ...approvals, log }, input),
);

const idParameter = { approvalId: { description: 'Id of the approval.', example: exampleApprovalId } };

async function documentList(): Promise<RouteDocument> {
  const { approvalsAnswerSchema } = await import('../lib/api/answers/approvals.ts');
  const example = { approvals: [exampleApprovalSummary] };
  return {
    group: 'Approvals',
    summary: 'List approvals',
    description:
      'To a caller with the role Approvals.Decide: the requests for all tenants whose data it may read (`reads` in the policy). To others: what they asked for. Follow `continuation` until it is absent: a page may be empty although older entries exist.',
    queryExample: { status: 'pending' },
    answers: [{ status: 200, description: 'One page.', contents: [jsonContent(approvalsAnswerSchema, example)] }],
  };
}

async function documentShow(): Promise<RouteDocument> {
  const { approvalSchema } = await import('../lib/api/answers/approvals.ts');
  return {
    group: 'Approvals',
    summary: 'Show an approval',
    description: 'Everything that is decided on, and the decisions so far. For the asker, and for deciders.',
    pathParameters: idParameter,
    answers: [{ status: 200, description: 'The approval.', contents: [jsonContent(approvalSchema, exampleApproval)] }],
  };
}

async function documentDecide(): Promise<RouteDocument> {
  const { approvalSchema } = await import('../lib/api/answers/approvals.ts');
  return {
    group: 'Approvals',
    summary: 'Decide on a request',
    description:
      'Only people with the role Approvals.Decide decide, each once, and never on their own request. They approve only through the application with which people sign in to the broker. `deny` ends a pending request. `revoke` ends a pending or an approved one, also by a person who approved it, and by the asker. A decision holds on every instance as soon as it is answered. A token that was handed out works until it expires.',
    pathParameters: idParameter,
    bodyExample: { decision: 'approve', reason: 'Agreed with the customer in ticket 4711.' },
    answers: [
      {
        status: 200,
        description: 'The approval with the decision.',
        contents: [jsonContent(approvalSchema, exampleApproval)],
      },
    ],
  };
}
