import * as z from 'zod';
import { auditOutcomes } from '../audit/audit-log.ts';
import { parseGuid } from '../model/identifiers.ts';
import { exportFormats } from '../runs/export-rows.ts';
import { tenantOutcomes } from '../runs/run.ts';
import { windowPattern } from '../runs/run-id.ts';
import { check } from './body.ts';

/**
 * What callers send, once: the handlers check with these schemas and the OpenAPI document is produced from them.
 * (`POST /api/tokens` has its schema beside the work, in lib/broker/issue-token.ts.)
 * All are strict: a misspelt filter that is passed over would show what was not asked for.
 */

const tenantReference = z
  .string()
  .min(1)
  .max(253)
  .meta({ description: 'Tenant id (GUID), or any domain that is verified in the tenant.' });

/** Of the body of `POST /api/jobs/{job}/runs`: 5,000 tenants by a domain of usual length. */
export const maxStartRunBytes = 512 * 1024;

/** The body of `POST /api/jobs/{job}/runs`. */
export const startRunSchema = z.strictObject({
  tenants: z
    .array(tenantReference)
    .min(1)
    .max(5000)
    .optional()
    .meta({ description: 'Only these tenants; absent: all delegated tenants.' }),
  parameters: z
    .record(z.string().max(100), z.unknown())
    .optional()
    .meta({ description: 'Handed to the job as they are; see the description of the job.' }),
  window: z
    .string()
    .regex(windowPattern, 'is not 1 to 46 letters, digits and ":._-", with a letter or digit in front')
    .optional()
    .meta({
      description:
        'Makes the run the only one of its job under this name, so that a repeated request starts nothing. The form `2026-11-24T05:00Z` belongs to the timer and is refused.',
    }),
});

/** The query of `GET /api/runs`. */
export const listRunsQuerySchema = z.strictObject({
  job: z.string().optional().meta({ description: 'Name of a job: only its runs.' }),
  limit: z.coerce.number().int().min(1).max(500).default(50).meta({ description: 'Most runs in the answer.' }),
});

/** The query of `GET /api/runs/{runId}/results`. */
export const resultsQuerySchema = z.strictObject({
  format: z
    .enum(exportFormats)
    .default('json')
    .meta({ description: 'A JSON array, JSON Lines, or CSV (RFC 4180, with a byte order mark for spreadsheets).' }),
});

/** The query of `GET /api/runs/{runId}/changes`. */
export const changesQuerySchema = z.strictObject({
  with: z
    .string()
    .max(100)
    .optional()
    .meta({ description: 'Id of the run to compare with; absent: the latest one before it over all tenants.' }),
});

/** The query of `GET /api/runs/{runId}/tenants`. */
export const runTenantsQuerySchema = z.strictObject({
  outcome: z
    .enum([...tenantOutcomes, 'waiting', 'not_attempted'])
    .optional()
    .meta({ description: 'Only tenants with this outcome.' }),
});

const time = z
  .union([z.iso.datetime({ offset: true }), z.iso.date()], {
    error: 'is not an ISO 8601 time such as 2026-11-24 or 2026-11-24T09:30:00Z',
  })
  .transform((text) => Date.parse(text));

const guid = z
  .string()
  .refine((text) => parseGuid(text) !== undefined, 'is not an application id (GUID)')
  .transform((text) => text.toLowerCase());

/** The query of `GET /api/audit`. */
export const auditQuerySchema = z.strictObject({
  from: time.optional().meta({ description: 'From this time on, ISO 8601. Absent: 24 hours before `to`.' }),
  to: time.optional().meta({ description: 'Before this time, ISO 8601. Absent: now.' }),
  caller: guid.optional().meta({ description: 'Application id of the caller.' }),
  tenant: tenantReference.optional(),
  outcome: z.enum(auditOutcomes).optional().meta({ description: 'Only entries with this outcome.' }),
  limit: z.coerce.number().int().min(1).max(1000).default(100).meta({ description: 'Most entries in one answer.' }),
  continuation: z
    .string()
    .min(1)
    .max(1024)
    .optional()
    .meta({ description: 'Of the answer before, with the same filters.' }),
});

/**
 * The query of a request, checked. A function key may travel in it as `code` and is the platform's business.
 * @throws BrokerError request_invalid that names the first wrong parameter.
 */
export function readQuery<T>(request: { readonly query: URLSearchParams }, schema: z.ZodType<T>): T {
  const { code: _functionKey, ...query } = Object.fromEntries(request.query);
  return check(query, schema, 'query');
}
