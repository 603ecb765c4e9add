import * as z from 'zod';
import { isoTime } from './shared.ts';

const continuation = z.string().optional().meta({ description: 'Present if more follow, even if this page is empty.' });

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
    checkpoints: z
      .array(z.string())
      .readonly()
      .meta({ description: 'Each a JWS in compact form, oldest first. docs/audit-evidence.md describes the payload.' }),
    keys: z
      .array(z.looseObject({}))
      .readonly()
      .meta({ description: 'Public keys as JWK with `kid`. One that Key Vault no longer has is missing.' }),
    continuation,
  })
  .meta({ id: 'AuditCheckpoints' });
export type AuditCheckpointsAnswer = z.output<typeof auditCheckpointsAnswerSchema>;
