import * as z from 'zod';
import { errorCodes } from '../../core/errors.ts';
import { healthStatuses } from '../../tokens/credential/credential-journal.ts';
import { count, errorCodeSchema, isoTime, text } from './shared.ts';

const status = z.enum(healthStatuses);
const day = z.int().meta({ description: 'Whole days. Negative after the end.' });

export const healthWordSchema = z.object({ status }).meta({
  id: 'HealthWord',
  description: 'The answer to a request without a token, and to a caller without any app role.',
});

export const misconfiguredSchema = z
  .object({ status: z.literal('down'), code: errorCodeSchema, detail: z.string(), advice: z.string() })
  .meta({
    id: 'Misconfigured',
    description: 'The answer while settings are wrong. It names the settings. No caller can be authenticated.',
  });

const findingSchema = z
  .object({
    severity: z.enum(['notice', 'degraded', 'down']),
    code: z.enum([
      ...errorCodes,
      'end_unknown',
      'expires_soon',
      'mfa_missing',
      'rotation_failed',
      'rotation_overdue',
      'unknown_keys',
      'version_skipped',
    ]),
    message: z.string(),
    advice: z.string(),
  })
  .meta({ id: 'Finding' });

const credentialHealthSchema = z
  .object({
    application: z.string(),
    state: z.object({ status, thresholdDays: z.int().optional() }),
    account: z.string().optional(),
    mfa: z.boolean().optional(),
    obtainedAt: isoTime.optional(),
    ageDays: day.optional(),
    expiresAt: isoTime.optional(),
    daysLeft: day.optional(),
    clientCredential: z
      .object({ kind: z.string(), endsAt: isoTime.optional(), daysLeft: day.optional() })
      .optional()
      .meta({ description: '`kind` is `secret`, `certificate` or `federated`.' }),
    lastRotation: isoTime.optional(),
    lastFailure: z.object({ at: isoTime, code: errorCodeSchema, meaning: z.string(), advice: z.string() }).optional(),
    mfaProbe: z
      .object({ at: isoTime, compliant: z.boolean() })
      .optional()
      .meta({ description: 'Whether Partner Center accepted the MFA claim of the token at the last check.' }),
    findings: z.array(findingSchema).readonly(),
  })
  .meta({ id: 'CredentialHealth' });

const part = z.object({ status, problem: z.string().optional() });

export const healthReportSchema = z
  .object({
    status,
    checkedAt: isoTime,
    applications: z.array(credentialHealthSchema).readonly(),
    policy: part.extend({
      state: z.enum(['current', 'last-good', 'deny-all']),
      rules: count,
      unused: z.object({ rules: count, since: isoTime }).optional().meta({
        description:
          'Rules for tokens, requests and changes that nobody used since a day: 90 days ago, or when the broker began to note use. `ptb policy unused` names them.',
      }),
    }),
    storage: part,
    keyVault: part.extend({ lastReadAt: isoTime.optional() }),
    notifications: part.meta({ description: 'Delivery of notices. `ok` if no target is configured.' }),
    tenants: part.meta({
      description:
        'Whether each domain in TENANTS_INCLUDE and TENANTS_EXCLUDE belongs to a tenant, as this instance last read it.',
    }),
    permissionMap: part
      .extend({
        source: z.string().optional(),
        retrievedAt: isoTime.optional(),
        sha256: z.string().optional(),
        permissions: count.optional(),
      })
      .meta({
        description:
          "The map by which requests to Microsoft Graph are judged. `source` is `built-in`, or where Microsoft's published file was read from.",
      }),
    auditCheckpoints: part
      .extend({ state: z.enum(['off', 'none', 'current', 'late']).optional(), lastAt: isoTime.optional() })
      .meta({
        description:
          'Signed checkpoints of the audit log. `off` if their timer is disabled; `none` if none was written yet and the instance has just started; `late` if the last one is older than 15 minutes.',
      }),
    settings: part.meta({
      description: 'Whether the settings of the app are known ones, and not misspelt or those of an earlier version.',
    }),
    partnerName: text('The setting `PARTNER_NAME`.').optional(),
    tokens: z
      .object({ issued: count, fromCache: count })
      .meta({ description: 'Tokens issued by this instance since its start.' }),
    release: z
      .object({ version: z.string(), commit: z.string().optional(), jobs: z.string().optional(), sha256: z.string() })
      .optional()
      .meta({
        description:
          'What is deployed. `jobs` names the project whose jobs replace those of the release. `sha256` is the digest of the files in `dist`, as the app reports them. Absent: the app was not packaged.',
      }),
  })
  .meta({ id: 'HealthReport', description: 'The answer to a caller with any app role.' });

export type HealthWord = z.output<typeof healthWordSchema>;
export type HealthReportAnswer = z.output<typeof healthReportSchema>;
export type Misconfigured = z.output<typeof misconfiguredSchema>;
