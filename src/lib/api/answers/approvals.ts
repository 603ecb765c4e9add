import * as z from 'zod';
import { approvalKinds, approvalStatuses, decisions } from '../../approvals/approval.ts';
import { callerRoles } from '../../core/caller.ts';
import { grants } from '../../core/secrets.ts';
import { exampleApprovalId } from '../examples.ts';
import { type AnswerDocument, jsonContent } from '../route.ts';
import { callerKindFields, count, guid, isoTime, optionalText, text, texts } from './shared.ts';

const approvalId = text('Id of the approval. It begins with the time of the request, in UTC.');

const partySchema = z.object({
  objectId: guid.meta({ description: 'Object id of the person or service principal.' }),
  applicationId: guid.meta({ description: 'The application that it used.' }),
  ...callerKindFields,
  name: text(
    'The name that the policy gives the caller, or the one in its token: with the start of its id if an application chose it. That of an agent begins with "agent".',
  ),
});

const factsSchema = z.array(z.object({ name: z.string(), value: z.string() })).readonly();

const summaryFields = {
  id: approvalId,
  kind: z.enum(approvalKinds).meta({ description: 'Whether a token or a request through the gateway is approved.' }),
  title: text('What is approved, in one line.'),
  status: z.enum(approvalStatuses).meta({
    description:
      'pending: waits for decisions. approved: the request is served. denied, revoked: ended by a decider. expired: ended without enough decisions. used: the change was sent. ended: the validity is over.',
  }),
  rule: text('The policy rule that asks for the approval.'),
  tenantId: guid,
  facts: factsSchema.meta({ description: 'What the approval is bound to, for people.' }),
  asker: partySchema,
  reason: optionalText('Why the asker wants it.'),
  askedAt: isoTime,
  expiresAt: isoTime.meta({ description: 'When a pending request expires.' }),
  approvalsNeeded: count,
  approvalsGiven: count,
  deciders: z
    .array(partySchema)
    .readonly()
    .meta({ description: 'Who has approved, denied or revoked it, in this order.' }),
  approvedAt: isoTime.optional(),
  validUntil: isoTime.optional().meta({ description: 'Until when the approved request is served.' }),
  servedOnce: z.boolean().meta({
    description: 'Whether the approval serves one request only: every request through the gateway that is not GET.',
  }),
  validMinutes: count.meta({ description: 'How long the approved request is served.' }),
  use: z.object({ at: isoTime, answered: z.boolean() }).optional().meta({
    description:
      'When the one request left. Unless `answered` is true, it may have reached the resource or not: its process died, or no answer came.',
  }),
  closedAt: isoTime.optional(),
  possibleDecisions: z
    .array(z.enum(decisions))
    .readonly()
    .meta({ description: 'What you may decide now. Empty if you may not decide on it.' }),
};

const approvalSummarySchema = z.object(summaryFields).meta({ id: 'ApprovalSummary' });

export const approvalsAnswerSchema = z
  .object({
    approvals: z.array(approvalSummarySchema).readonly().meta({ description: 'Newest first.' }),
    continuation: optionalText('Present if there may be more, even if this page is empty.'),
  })
  .meta({ id: 'Approvals' });
export type ApprovalsAnswer = z.output<typeof approvalsAnswerSchema>;

export const approvalSchema = z
  .object({
    ...summaryFields,
    details: factsSchema.meta({
      description:
        'Query, headers and body of a request. They may hold data of the customer, so they are removed when the approval is closed. Texts in members that hold secrets are hidden.',
    }),
    digest: text('SHA-256 of all that the approval is bound to, in hexadecimal.'),
    from: z
      .array(z.enum(callerRoles))
      .readonly()
      .meta({ description: 'App roles that a decider must hold, all of them.' }),
    decisions: z
      .array(z.object({ decision: z.enum(decisions), decider: partySchema, reason: z.string(), at: isoTime }))
      .readonly(),
    correlationId: guid.meta({ description: 'Of the request that asked.' }),
  })
  .meta({ id: 'Approval' });
export type ApprovalAnswer = z.output<typeof approvalSchema>;

/** The body of 202. */
export const pendingApprovalSchema = z
  .object({
    approvalId,
    status: z.literal('pending'),
    rule: z.string(),
    detail: text('What to do.'),
    approvalsNeeded: count,
    approvalsGiven: count,
    expiresAt: isoTime,
  })
  .meta({ id: 'PendingApproval', description: 'The request waits for the approval of other people.' });
export type PendingApprovalAnswer = z.output<typeof pendingApprovalSchema>;

export const tokenAnswerSchema = z
  .object({
    accessToken: text('The access token for the `Authorization` header of requests to the resource. A secret.'),
    tokenType: z.literal('Bearer'),
    expiresAt: isoTime,
    expiresInSeconds: z.int().min(0),
    tenantId: guid,
    resource: z.string(),
    scopes: texts('What the token contains: delegated scopes or app roles.'),
    grant: z.enum(grants),
    tokenId: guid.meta({ description: 'Identifies this token in the audit log.' }),
  })
  .meta({ id: 'Token' });
export type TokenAnswer = z.output<typeof tokenAnswerSchema>;

/** Documents the answer 202 of a route whose rules may need an approval. */
export function documentPending(): AnswerDocument {
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
