import * as z from 'zod';
import { auditOutcomes } from '../../audit/audit-log.ts';
import { grants } from '../../model/token.ts';
import { errorCodeSchema, guid, isoTime } from './shared.ts';

const auditEntrySchema = z
  .object({
    at: isoTime,
    correlationId: guid,
    tokenId: guid,
    outcome: z.enum(auditOutcomes),
    code: errorCodeSchema.optional().meta({ description: 'Why it was denied.' }),
    caller: z.object({
      applicationId: guid.meta({
        description: 'Application id; for a job of the broker itself the nil UUID, and `rule` says which.',
      }),
      objectId: z.string(),
      kind: z.enum(['application', 'user']),
    }),
    rule: z
      .string()
      .optional()
      .meta({ description: 'The rule of the policy that allowed it, or `job:NAME` for a job of the broker.' }),
    tenantId: guid.optional(),
    tenantAsked: z.string().optional().meta({ description: 'As the caller wrote it.' }),
    resource: z.string(),
    scopes: z
      .array(z.string())
      .readonly()
      .meta({ description: 'Issued: what the token carries. Denied: what was asked for.' }),
    grant: z.enum(grants),
    application: z.string().optional().meta({ description: "Which of the broker's applications redeemed." }),
    expiresAt: isoTime.optional(),
    tokenFingerprint: z.string().optional().meta({ description: 'SHA-256 of the token, hexadecimal.' }),
    fromCache: z.boolean().optional(),
    excessScopes: z
      .array(z.string())
      .readonly()
      .optional()
      .meta({ description: 'Beyond the rule, handed out on purpose.' }),
  })
  .meta({ id: 'AuditEntry' });

export const auditAnswerSchema = z
  .object({
    from: isoTime,
    to: isoTime,
    entries: z.array(auditEntrySchema).readonly().meta({ description: 'Newest first.' }),
    continuation: z
      .string()
      .optional()
      .meta({ description: 'Present while there may be more, even where this page has no entry.' }),
  })
  .meta({ id: 'Audit' });
export type AuditAnswer = z.output<typeof auditAnswerSchema>;
