import type { TableEntity } from '@azure/data-tables';
import * as z from 'zod';
import { approvalRanges } from '../access/policy/policy.ts';
import { type CallerRole, callerKinds, callerRoles } from '../core/caller.ts';
import { parseTenantId, type TenantId } from '../core/identifiers.ts';
import { grants } from '../core/secrets.ts';
import {
  type Approval,
  approvalKinds,
  approvalStatuses,
  askerKeyOf,
  decisions,
  rowKeyOf,
  type Subject,
} from './approval.ts';

/*
 * The row of an approval (docs/storage-schema.md). What queries filter by has a column of its own; the rest is one JSON
 * document. `details` is a column of its own too, because it may hold data of the customer: it is absent once the approval is
 * closed.
 */

export const partitionKey = 'approvals';

const tenantId = z
  .string()
  .transform((text) => parseTenantId(text))
  .refine((id): id is TenantId => id !== undefined, 'is not a tenant id');
const time = z.iso.datetime().transform((text) => Date.parse(text));
const partySchema = z.object({
  tenantId,
  applicationId: z.string(),
  objectId: z.string(),
  kind: z.enum(callerKinds),
  name: z.string(),
});
const factsSchema = z.array(z.object({ name: z.string(), value: z.string() }));
const role = z.enum(callerRoles);
const roles = z.array(role);
/** Of a decider. A role that this version does not know counts for nothing. */
const heldRoles = z
  .array(z.string())
  .transform((names) => names.filter((name) => role.safeParse(name).success) as CallerRole[]);

const documentSchema = z.object({
  subject: z.object({
    kind: z.enum(approvalKinds),
    title: z.string(),
    facts: factsSchema,
    rule: z.string(),
    audit: z.object({
      resource: z.string().optional(),
      scopes: z.array(z.string()),
      grant: z.enum(grants).optional(),
      application: z.string().optional(),
      method: z.string().optional(),
      path: z.string().optional(),
      cmdlet: z.string().optional(),
    }),
  }),
  asker: partySchema,
  reason: z.string().optional(),
  terms: z.object({
    from: roles,
    count: z.number().min(approvalRanges.count[0]),
    expiresMinutes: z.number(),
    validMinutes: z.number(),
  }),
  correlationId: z.string(),
  use: z.object({ id: z.string(), at: time, answered: z.boolean() }).optional(),
  decisions: z.array(
    z.object({
      id: z.string(),
      decision: z.enum(decisions),
      decider: partySchema,
      roles: heldRoles,
      reason: z.string(),
      at: time,
    }),
  ),
});

const rowSchema = z.object({
  id: z.string(),
  digest: z.string(),
  asker: z.string(),
  tenantId,
  status: z.enum(approvalStatuses),
  askedAt: time,
  expiresAt: time,
  approvedAt: time.optional(),
  validUntil: time.optional(),
  closedAt: time.optional(),
  askRecorded: z.boolean(),
  announced: z.boolean(),
  endRecorded: z.boolean(),
  document: z.string(),
  details: z.string().optional(),
});

type Described = Omit<Subject, 'digest' | 'tenantId' | 'details'>;

const iso = (ms: number): string => new Date(ms).toISOString();
const optionalTime = (name: string, ms: number | undefined): Record<string, string> =>
  ms === undefined ? {} : { [name]: iso(ms) };

/** The row of an approval. */
export function approvalRow(approval: Approval): TableEntity {
  const { id, subject, asker, reason, terms, correlationId, use, status } = approval;
  const { digest, tenantId: customer, details, ...described } = subject;
  const rowKey = rowKeyOf(id);
  if (rowKey === undefined) throw new Error(`not the id of an approval: ${id}`);
  const decided = approval.decisions.map(({ atMs, ...decision }) => ({ ...decision, at: iso(atMs) }));
  return {
    partitionKey,
    rowKey,
    id,
    digest,
    asker: askerKeyOf(asker),
    tenantId: customer,
    status,
    askedAt: iso(approval.askedAtMs),
    expiresAt: iso(approval.expiresAtMs),
    ...optionalTime('approvedAt', approval.approvedAtMs),
    ...optionalTime('validUntil', approval.validUntilMs),
    ...optionalTime('closedAt', approval.closedAtMs),
    askRecorded: approval.askRecorded,
    announced: approval.announced,
    endRecorded: approval.endRecorded,
    document: JSON.stringify({
      subject: described,
      asker,
      reason,
      terms,
      correlationId,
      use: use && { id: use.id, at: iso(use.atMs), answered: use.answered },
      decisions: decided,
    }),
    ...(details.length === 0 ? {} : { details: JSON.stringify(details) }),
  };
}

/** @throws ZodError or SyntaxError for a row that no version of the broker wrote. A request is not served by such a row. */
export function readApproval(row: unknown): Approval {
  const { document, details = '[]', digest, tenantId: customer, ...columns } = rowSchema.parse(row);
  const { subject, decisions: decided, reason, use, ...rest } = documentSchema.parse(JSON.parse(document));
  return {
    ...rest,
    id: columns.id,
    reason,
    use: use && { id: use.id, atMs: use.at, answered: use.answered },
    // JSON has no undefined members, which zod cannot know.
    subject: { ...(subject as Described), digest, tenantId: customer, details: factsSchema.parse(JSON.parse(details)) },
    askedAtMs: columns.askedAt,
    expiresAtMs: columns.expiresAt,
    status: columns.status,
    decisions: decided.map(({ at, ...decision }) => ({ ...decision, atMs: at })),
    approvedAtMs: columns.approvedAt,
    validUntilMs: columns.validUntil,
    closedAtMs: columns.closedAt,
    askRecorded: columns.askRecorded,
    announced: columns.announced,
    endRecorded: columns.endRecorded,
  };
}
