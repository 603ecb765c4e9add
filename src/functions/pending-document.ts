import { exampleApprovalId } from '../lib/api/examples.ts';
import { type AnswerDocument, jsonContent } from '../lib/api/route.ts';

/** Documents the answer 202 of a route whose rules may need an approval. */
export async function documentPending(): Promise<AnswerDocument> {
  const { pendingApprovalSchema } = await import('../lib/api/answers/approvals.ts');
  const example = {
    approvalId: exampleApprovalId,
    status: 'pending',
    rule: 'helpdesk may block users of gold tenants',
    detail: 'The request waits until one more person approves it. Send the same request again once it is approved.',
    approvalsNeeded: 1,
    approvalsGiven: 0,
    expiresAt: '2026-11-24T06:00:00.000Z',
  };
  return {
    status: 202,
    description: 'The request waits for an approval. Send the same request again after it.',
    contents: [jsonContent(pendingApprovalSchema, example)],
    headers: {
      Location: 'Address of the approval.',
      'Retry-After': 'Seconds until it is worth asking again.',
      'x-approval-id': 'Id of the approval. An answer of the resource never has it.',
    },
  };
}
