import type { TableEntity } from '@azure/data-tables';
import * as z from 'zod';
import { approvalRanges } from '../access/policy/policy.ts';
import { type CallerRole, callerRoles, storedIdentity } from '../core/caller.ts';
import { isoTime } from '../core/clock.ts';
import { parseTenantId, type TenantId } from '../core/identifiers.ts';
import { column, Columns, flag, json, oneOf, type Properties, text, time } from '../core/rows/columns.ts';
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
const isoTimeSchema = z.iso.datetime().transform((at) => Date.parse(at));
const partySchema = z.object({ tenantId, ...storedIdentity, name: z.string() });
const factsSchema = z.array(z.object({ name: z.string(), value: z.string() }));
const role = z.enum(callerRoles);
const roles = z.array(role);
/** Of a person or caller. A role that this version does not know counts for nothing. */
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
      template: z.string().optional(),
      query: z.string().optional(),
      bodyNames: z.array(z.string()).optional(),
      roles: heldRoles.optional(),
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
  use: z
    .object({ id: z.string(), at: isoTimeSchema, answered: z.boolean() })
    .transform(({ at, ...use }) => ({ ...use, atMs: at }))
    .optional(),
  decisions: z.array(
    z
      .object({
        id: z.string(),
        decision: z.enum(decisions),
        decider: partySchema,
        roles: heldRoles,
        reason: z.string(),
        at: isoTimeSchema,
      })
      .transform(({ at, ...decision }) => ({ ...decision, atMs: at })),
  ),
});

type Document = Pick<Approval, 'asker' | 'reason' | 'terms' | 'correlationId' | 'use' | 'decisions'> & {
  readonly subject: Omit<Subject, 'digest' | 'tenantId' | 'details'>;
};

/** JSON has no undefined members, which zod cannot know. */
const document = json(documentSchema as unknown as z.ZodType<Document>, (stored) => {
  const { subject, asker, reason, terms, correlationId, use } = stored;
  return {
    subject,
    asker,
    reason,
    terms,
    correlationId,
    use: use && { id: use.id, at: isoTime(use.atMs), answered: use.answered },
    decisions: stored.decisions.map(({ atMs, ...decision }) => ({ ...decision, at: isoTime(atMs) })),
  };
});

const columns = new Columns({
  id: text,
  digest: text,
  asker: text,
  tenantId: column(parseTenantId),
  status: oneOf(approvalStatuses),
  askedAtMs: time,
  expiresAtMs: time,
  approvedAtMs: time.optional(),
  validUntilMs: time.optional(),
  closedAtMs: time.optional(),
  askRecorded: flag,
  announced: flag,
  endRecorded: flag,
  document,
  details: json<Subject['details']>(factsSchema).optional(),
});

/** The row of an approval. */
export function approvalRow(approval: Approval): TableEntity {
  const { id, subject, asker } = approval;
  const { digest, tenantId: customer, details, ...described } = subject;
  const rowKey = rowKeyOf(id);
  if (rowKey === undefined) throw new Error(`not the id of an approval: ${id}`);
  const fields = {
    ...approval,
    digest,
    asker: askerKeyOf(asker),
    tenantId: customer,
    document: { ...approval, subject: described },
    details: details.length === 0 ? undefined : details,
  };
  return { partitionKey, rowKey, ...columns.encode(fields) };
}

/** @throws TypeError for a row that no version of the broker wrote. A request is not served by such a row. */
export function readApproval(row: Properties): Approval {
  const { document: read, details = [], digest, tenantId: customer, asker: _, ...fields } = columns.require(row);
  const absent = { reason: undefined, use: undefined, approvedAtMs: undefined, validUntilMs: undefined };
  return {
    ...absent,
    closedAtMs: undefined,
    ...read,
    ...fields,
    subject: { ...read.subject, digest, tenantId: customer, details },
  };
}
