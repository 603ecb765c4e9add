import * as z from 'zod';
import { auditOutcomes } from '../../audit/audit-log.ts';
import type { ExtractLine } from '../../audit/proof/layout.ts';
import { callerRoles } from '../../core/caller.ts';
import { grants } from '../../core/secrets.ts';
import { callerKindFields, errorCodeSchema, guid, isoTime, optionalText, optionalTexts, texts } from './shared.ts';

const auditEntrySchema = z
  .object({
    at: isoTime,
    correlationId: guid,
    tokenId: guid,
    outcome: z.enum(auditOutcomes),
    code: errorCodeSchema.optional().meta({ description: 'Why the request was denied.' }),
    caller: z.object({
      applicationId: guid.meta({
        description: 'Application id. For a job of the broker: the nil UUID, and `rule` names the job.',
      }),
      objectId: z.string(),
      ...callerKindFields,
    }),
    roles: z
      .array(z.enum(callerRoles))
      .readonly()
      .optional()
      .meta({ description: 'App roles that the caller held. Absent in records of earlier versions.' }),
    rule: optionalText('The policy rule that allowed the request, or `job:NAME` for a job of the broker.'),
    run: optionalText(
      'Id of the run that sent the request: a query, or the apply of a plan. Of a tool: the run that it reads.',
    ),
    plan: optionalText('Digest of the plan that a change belongs to.'),
    changeSha256: optionalText('SHA-256 of the change with its values, as the plan holds it, in hexadecimal.'),
    tenantId: guid.optional(),
    tenantAsked: optionalText('The tenant as the caller named it.'),
    resource: optionalText('Absent if `route` is present.'),
    scopes: texts(
      'If issued: the scopes of the token. If denied: the requested scopes. For a request through the gateway: the permissions of the rule that open it.',
    ),
    requestedScopes: optionalTexts('Scopes that the caller requested for an issued token.'),
    grant: z.enum(grants).optional().meta({ description: 'Absent if `route` is present.' }),
    kind: z.enum(['request', 'approval', 'tags', 'tool']).optional().meta({
      description:
        'Absent for a token. `tags`: a change of the tags of a tenant. `tool`: a call of a tool by an agent.',
    }),
    tool: optionalText('The tool that was called.'),
    client: optionalText('What the client of the tool calls itself. Nobody has checked it.'),
    approvalId: optionalText(
      'The approval of a step, or the one under which the token was issued or the request sent.',
    ),
    breakGlass: z.literal(true).optional().meta({ description: 'Present if a rule for emergencies served it.' }),
    reason: optionalText('Why the caller asked, decided, or declared an emergency.'),
    method: optionalText('Method of the request.'),
    path: optionalText('Path of the request as it was sent, without query. Absent if it could not be read.'),
    template: optionalText('The path with `*` in place of each key.'),
    query: optionalText('Names of the query options, and of the properties in them. Never values.'),
    bodyNames: optionalTexts('Names of the properties of the body, or of the parameters of the cmdlet. Never values.'),
    cmdlet: optionalText('Cmdlet of an InvokeCommand of Exchange.'),
    bodySha256: optionalText('SHA-256 of the body of the request, in hexadecimal.'),
    uti: optionalText(
      'Id of the token that was issued or went with the request: `uniqueTokenIdentifier` in the logs of the tenant.',
    ),
    status: z.number().int().optional().meta({ description: 'HTTP status that the resource answered with.' }),
    requestId: optionalText('`request-id` that the resource answered with.'),
    bytes: z.number().int().optional().meta({ description: 'Size of the body that the resource answered with.' }),
    route: optionalText(
      'Method and path of a request that was refused because of its caller or its form. Absent for requests of tokens that were understood.',
    ),
    application: optionalText("The one of the broker's applications that requested the token from Entra."),
    expiresAt: isoTime.optional(),
    tokenFingerprint: optionalText('SHA-256 of the token in hexadecimal.'),
    fromCache: z.boolean().optional(),
    excessScopes: optionalTexts('Scopes of the token beyond those of the rule, which tolerates them.'),
    tagsAdded: optionalTexts('Tags that the tenant got.'),
    tagsRemoved: optionalTexts('Tags that the tenant lost.'),
  })
  .meta({ id: 'AuditEntry' });

export const auditAnswerSchema = z
  .object({
    from: isoTime,
    to: isoTime,
    entries: z.array(auditEntrySchema).readonly().meta({ description: 'Newest first.' }),
    callerNames: z.record(z.string(), z.string()).readonly().optional().meta({
      description:
        'Names that the policy has now for the callers of these entries, by application or object id. Absent if it has none.',
    }),
    continuation: optionalText('Present if there may be more entries, even if this page is empty.'),
  })
  .meta({ id: 'Audit' });
export type AuditAnswer = z.output<typeof auditAnswerSchema>;

const continuation = optionalText('Present if more follow, even if this page is empty.');

export const auditRecordsAnswerSchema = z
  .object({
    from: isoTime,
    to: isoTime,
    records: z
      .array(z.looseObject({ PartitionKey: z.string(), RowKey: z.string() }).readonly())
      .readonly()
      .meta({ description: 'Newest first, with all columns. docs/audit.md says what they mean.' }),
    continuation,
  })
  .meta({ id: 'AuditRecords' });
export type AuditRecordsAnswer = z.output<typeof auditRecordsAnswerSchema>;

export const auditCheckpointsAnswerSchema = z
  .object({
    broker: guid.meta({ description: 'Tenant id of the partner. New checkpoints sign it.' }),
    checkpoints: texts('Each a JWS in compact form, oldest first. docs/audit-evidence.md describes the payload.'),
    keys: z
      .array(z.looseObject({}))
      .readonly()
      .meta({ description: 'Public keys as JWK with `kid`. One that Key Vault no longer has is missing.' }),
    continuation,
  })
  .meta({ id: 'AuditCheckpoints' });
export type AuditCheckpointsAnswer = z.output<typeof auditCheckpointsAnswerSchema>;

export const auditExtractAnswerSchema = z
  .object({
    lines: z
      .array(z.looseObject({}))
      .readonly()
      .meta({ description: 'Lines of the file, in their order. Write each as JSON, without changing it.' }),
    continuation,
  })
  .meta({ id: 'AuditExtract' });
/** The schema says of the lines what clients need. */
export type AuditExtractAnswer = Omit<z.output<typeof auditExtractAnswerSchema>, 'lines'> & {
  readonly lines: readonly ExtractLine[];
};

export const auditHeadsAnswerSchema = z
  .object({
    heads: texts('Each a JWS in compact form, oldest first. docs/audit-evidence.md describes the payload.'),
    continuation,
  })
  .meta({ id: 'AuditHeads' });
export type AuditHeadsAnswer = z.output<typeof auditHeadsAnswerSchema>;
