import * as z from 'zod';
import { approvalStatuses, decisions } from '../approvals/approval.ts';
import { auditKinds, auditOutcomes } from '../audit/audit-log.ts';
import { reasonForm, reasonSchema } from '../core/caller.ts';
import { parseGuid } from '../core/identifiers.ts';
import { tenantStates } from '../core/outcomes.ts';
import { meantTime } from '../core/text.ts';
import { exportFormats, maxPageRows, windowPattern, windowRule } from '../runs/store/run.ts';
import { eventKinds } from '../tenant-events/tenant-event.ts';
import { maxTagLength, maxTags, tagPattern, tagRule } from '../tenants/tags.ts';

/** The parameter `limit` of a list. @param most the highest number that a caller may send. */
const limit = (most: number, byDefault: number, description: string) =>
  z.coerce.number().int().min(1).max(most).default(byDefault).meta({ description });

/** The parameter `continuation` of a list. @param most length of the longest one, in characters. */
const continuation = (most: number, description: string) =>
  z.string().min(1).max(most).optional().meta({ description });

const withSameFilters = 'The `continuation` of the previous answer. Send it with the same filters.';

/**
 * Schemas of queries and bodies. `POST /api/tokens` has its schema in lib/tokens/issue-token.ts.
 * All are strict: if a misspelt filter were ignored, the answer would contain more than the caller asked for.
 */

const tenantReference = z
  .string()
  .min(1)
  .max(253)
  .meta({ description: 'Tenant id (GUID), or any verified domain of the tenant.' });

/** Limit for the body of `POST /api/jobs/{job}/runs`: room for 5,000 tenants named by domain. */
export const maxStartRunBytes = 512 * 1024;

const tenantEntry = z.string().min(1).max(253);

/** The body of `POST /api/jobs/{job}/runs`. */
export const startRunSchema = z.strictObject({
  tenants: z.array(tenantEntry).min(1).max(5000).optional().meta({
    description:
      'Limits the run to these tenants: tenant ids, domains, `group:NAME`, `tag:NAME` and `tag:NAME=VALUE`. Groups and tags are resolved when the run is planned. Default: all tenants that the job is for.',
  }),
  except: z
    .array(tenantEntry)
    .max(5000)
    .optional()
    .meta({ description: 'Tenants that the run leaves out, written like `tenants`.' }),
  parameters: z
    .record(z.string().max(100), z.unknown())
    .optional()
    .meta({ description: 'Parameters of the job. `GET /api/jobs` has their schema.' }),
  window: z
    .string()
    .regex(windowPattern, `is not valid: a window is ${windowRule}`)
    // Keys may be guessed, and another caller must not start their runs.
    .refine((window) => !/^manual-[\da-f]{32}$/.test(window), 'is reserved for a request with an Idempotency-Key')
    .optional()
    .meta({
      description:
        'A name that is unique among the runs of the job. A second request with the same window starts nothing. Names of the form `2026-11-24T05:00Z` are reserved for scheduled runs and rejected.',
    }),
});

const limitOfStop = (meaning: string) => z.number().int().min(0).max(100_000).optional().meta({ description: meaning });

/** The body of `POST /api/plans/{planId}/go-on`. */
export const goOnSchema = z.strictObject({
  waitsFor: z.string().max(100).optional().meta({
    description:
      '`waitsFor` of the apply as you saw it: nothing that came later is released, and a repeated request changes nothing. Default: whatever it waits for now.',
  }),
  reason: reasonSchema.optional().meta({
    description: `Why. The plan shows it from then on, and a repeated request does not replace it: ${reasonForm}.`,
  }),
});

/** The body of `POST /api/plans/{planId}/apply`. */
export const applySchema = z.strictObject({
  waves: z.array(tenantEntry).min(1).max(20).optional().meta({
    description:
      'Parts of the tenants that have changes, one after another: `group:NAME`, `tag:NAME`, a tenant id or domain, or a share such as `10%`, which counts the tenants of the waves before. Together they are all tenants. Default: `["10%", "100%"]`, or `["100%"]` for one tenant.',
  }),
  stop: z
    .strictObject({
      failed: limitOfStop('Tenants in which a change may be refused or put back. Default: 3.'),
      unclear: limitOfStop('Tenants in which it may be unknown whether a change was made. Default: 1.'),
    })
    .optional()
    .meta({
      description:
        'When more tenants end badly, no further tenant is begun until a person goes on. In the first wave at most 0 may fail and 1 may be unclear.',
    }),
  pauseMinutes: z.number().int().min(0).max(7_200).optional().meta({
    description: 'How long a wave is left alone before it is read again and the next one begins. Default: 60.',
  }),
  confirmWaves: z.boolean().optional().meta({
    description: 'Whether a person must go on after each wave. Default: true.',
  }),
  reason: reasonSchema.optional().meta({ description: `Why. The people who approve it read it: ${reasonForm}.` }),
  askAgain: z.boolean().optional().meta({
    description: 'Asks for a new approval if the last one for this plan has ended.',
  }),
});

/** The query of `GET /api/plans`. */
export const listPlansQuerySchema = z.strictObject({ limit: limit(200, 50, 'Maximum number of plans in the answer.') });

/** The body of `POST /api/queries`. */
export const querySchema = z.strictObject({
  path: z.string().min(1).max(8_000).meta({
    description:
      'What to GET at Microsoft Graph: path and query, such as `/v1.0/users?$filter=accountEnabled eq false`. Without a version it is one of `v1.0`.',
  }),
  select: z.array(z.string().max(200)).min(1).max(100).optional().meta({
    description: 'Names for `$select`, if the path has none.',
  }),
  allPages: z.boolean().optional().meta({
    description:
      'Whether further pages of the answer are read: up to 500 pages, 50,000 rows and 16 MiB of a tenant. Default: the first page only.',
  }),
  tenants: z.array(tenantEntry).min(1).max(5000).optional().meta({
    description:
      'The tenants to ask: tenant ids, domains, `group:NAME`, `tag:NAME` and `tag:NAME=VALUE`. Default: every customer that the caller may read or that one of its rules covers.',
  }),
  except: z.array(tenantEntry).max(5000).optional().meta({
    description: 'Tenants that are left out, written like `tenants`.',
  }),
  check: z.boolean().optional().meta({
    description: 'Only checks the query, and starts nothing.',
  }),
});

/** A list of tenants in a query: entries with commas between them. */
const tenantList = z
  .string()
  .min(1)
  .max(8_000)
  .transform((text) => text.split(',').map((entry) => entry.trim()))
  .optional();

/** Filters by tenants, as several routes have them. */
const tenantFilter = {
  tenants: tenantList.meta({
    description:
      'Limits the answer to these tenants: tenant ids, domains, `group:NAME`, `tag:NAME` and `tag:NAME=VALUE`, with commas between them. Default: all.',
  }),
  except: tenantList.meta({ description: 'Tenants that are left out, written like `tenants`.' }),
};

/** The query of `GET /api/tenants`. */
export const tenantsQuerySchema = z.strictObject(tenantFilter);

const tag = z.string().max(maxTagLength, tagRule).regex(tagPattern, tagRule);

/** The body of `PUT /api/tenants/{tenant}/tags`. */
export const tagsSchema = z.strictObject({
  tags: z.array(tag).max(maxTags).optional().meta({
    description: 'All tags of the tenant from now on, as `NAME` or `NAME=VALUE`. Excludes `add` and `remove`.',
  }),
  add: z.array(tag).max(maxTags).optional().meta({
    description: 'Tags that the tenant gets. A tag with the same name and another value is replaced.',
  }),
  remove: z.array(tag).max(maxTags).optional().meta({
    description: 'Tags that the tenant loses: `NAME` whatever its value, or `NAME=VALUE`.',
  }),
});

/** The query of `GET /api/runs`. */
export const listRunsQuerySchema = z.strictObject({
  job: z.string().optional().meta({ description: 'Limits the list to the runs of this job.' }),
  limit: limit(500, 50, 'Maximum number of runs in the answer.'),
  failed: z.literal('true').optional().meta({
    description: 'Adds to those of the newest 50 runs of the answer that have ended which tenants have failed.',
  }),
});

/**
 * Longest continuation of rows, in characters. In the order of arrival it has two bits for each tenant, so this is enough for
 * 23,000. Servers read 8,192 characters of a request's first line.
 */
export const maxContinuation = 8_000;

/** The query of `GET /api/runs/{runId}/results`. */
export const resultsQuerySchema = z.strictObject({
  format: z
    .enum(exportFormats)
    .default('json')
    .meta({ description: 'JSON, JSON Lines, or CSV (RFC 4180, with a byte order mark for spreadsheets).' }),
  limit: limit(maxPageRows, 1000, 'Maximum number of rows in the answer. It has fewer if they take more than 1 MiB.'),
  order: z.enum(['plan', 'arrival']).default('plan').meta({
    description:
      '`plan`: tenants in the order of the plan. `arrival`: tenants as they finish, for reading a run in progress: follow `continuation` until it is absent, which it is once the run has ended. A page may be empty; wait a moment then. Not for CSV.',
  }),
  continuation: continuation(
    maxContinuation,
    'The `continuation` of the previous page. Send it with the same format and tenants.',
  ),
  ...tenantFilter,
});

/** The query of `GET /api/runs/{runId}/changes`. */
export const changesQuerySchema = z.strictObject({
  with: z
    .string()
    .max(100)
    .optional()
    .meta({ description: 'Id of the run to compare with. Default: the latest earlier run over all tenants.' }),
  ...tenantFilter,
});

/** The query of `GET /api/runs/{runId}/tenants`. */
export const runTenantsQuerySchema = z.strictObject({
  outcome: z.enum(tenantStates).optional().meta({ description: 'Limits the list to tenants with this outcome.' }),
  ...tenantFilter,
});

/** A time in a query, as milliseconds. */
const time = z
  .union([z.iso.datetime({ offset: true }), z.iso.date()], {
    error: ({ input }) => {
      const meant = meantTime(String(input));
      const question = meant === undefined ? '' : `; did you mean ${meant}?`;
      return `is not an ISO 8601 time such as 2026-11-24 or 2026-11-24T09:30:00Z${question}`;
    },
  })
  .transform((text) => Date.parse(text));

const guid = z
  .string()
  .refine((text) => parseGuid(text) !== undefined, 'is not an application id (GUID)')
  .transform((text) => text.toLowerCase());

/** The query of `GET /api/audit`. */
export const auditQuerySchema = z.strictObject({
  from: time
    .optional()
    .meta({ description: 'Start of the range, inclusive, ISO 8601. Default: 24 hours before `to`, or before now.' }),
  to: time.optional().meta({
    description:
      'End of the range, exclusive, ISO 8601. Default: now, or after the newest record, because the clock of an instance may be ahead.',
  }),
  caller: guid.optional().meta({ description: 'Limits the answer to this caller (application id).' }),
  tenant: tenantReference.optional(),
  outcome: z.enum(auditOutcomes).optional().meta({ description: 'Limits the answer to entries with this outcome.' }),
  kind: z.enum(auditKinds).optional().meta({
    description:
      'Limits the answer to tokens, requests through the gateway, steps of approvals, changes of tags, or calls of tools.',
  }),
  approval: z
    .string()
    .regex(/^[\w-]{1,64}$/, 'is not the id of an approval')
    .optional()
    .meta({ description: 'Limits the answer to one approval: its steps, and what was served under it.' }),
  breakGlass: z
    .literal('true')
    .transform(() => true as const)
    .optional()
    .meta({ description: 'Limits the answer to what rules for emergencies served.' }),
  limit: limit(1000, 100, 'Maximum number of entries in the answer.'),
  continuation: continuation(1024, withSameFilters),
});

/** The query of `GET /api/approvals`. */
export const listApprovalsQuerySchema = z.strictObject({
  status: z.enum(approvalStatuses).optional().meta({ description: 'Limits the list to approvals with this status.' }),
  mine: z
    .enum(['true', 'false'])
    .transform((text) => text === 'true')
    .optional()
    .meta({ description: 'Limits the list to what you asked for.' }),
  limit: limit(500, 50, 'Maximum number of approvals in the answer.'),
  continuation: continuation(64, withSameFilters),
});

/** The body of `POST /api/approvals/{id}/decision`. */
export const decisionSchema = z.strictObject({
  decision: z.enum(decisions).meta({
    description: 'approve, deny: on a pending request. revoke: ends a pending or an approved one.',
  }),
  reason: reasonSchema.meta({ description: `Why. The asker and auditors read it. It has ${reasonForm}.` }),
});

/** An empty text is no place: as 0, it would be the end of the log, or all of it. */
const place = z
  .string()
  .regex(/^\d{1,12}$/, 'is not the `sequence` or `continuation` of an answer')
  .transform(Number);

/** The query of `GET /api/tenants/{tenant}/events`. Strict, like those in requests.ts. */
export const tenantEventsQuerySchema = z.strictObject({
  kind: z.enum(eventKinds).optional().meta({ description: 'Limits the answer to events of this kind.' }),
  since: time
    .optional()
    .meta({ description: 'Limits the answer to events that were noticed at this time or later, ISO 8601.' }),
  after: place.optional().meta({ description: 'Limits the answer to events with a higher `sequence`.' }),
  limit: limit(500, 100, 'Maximum number of events in the answer.'),
  continuation: place.optional().meta({ description: withSameFilters }),
});

/** The query of `GET /api/events`. */
export const eventsQuerySchema = tenantEventsQuerySchema.extend(tenantFilter);

const withSameRange = 'The `continuation` of the previous answer. Send it with the same range.';

/** The query of `GET /api/audit/records`. */
export const auditRecordsQuerySchema = z.strictObject({
  from: time.optional().meta({ description: 'Start of the range, inclusive, ISO 8601. Default: the oldest record.' }),
  to: time.optional().meta({ description: 'End of the range, exclusive, ISO 8601. Default: now.' }),
  continuation: continuation(1024, withSameRange),
});

/** The query of `GET /api/audit/checkpoints`. */
export const auditCheckpointsQuerySchema = z.strictObject({
  from: time.optional().meta({ description: 'Start of the records that they cover, ISO 8601. Default: the first.' }),
  continuation: continuation(1024, withSameRange),
});

/** Limit for the body of `POST /api/policy/replays`: room for a policy of some thousand lines. */
export const maxReplayBytes = 512 * 1024;

/** The body of `POST /api/policy/replays`. */
export const replaySchema = z.strictObject({
  policy: z.string().min(1).optional().meta({
    description: 'The text of a policy file. Absent: the policy in force, to see what is used of it.',
  }),
  since: time
    .optional()
    .meta({ description: 'Start of the period, inclusive, ISO 8601. Default: 7 days before `until`.' }),
  until: time.optional().meta({ description: 'End of the period, exclusive, ISO 8601. Default: now.' }),
});

/** The query of `GET /api/audit/extract`. */
export const auditExtractQuerySchema = z.strictObject({
  tenant: z.string().min(1).max(253).meta({ description: 'Tenant id, or any domain of the tenant.' }),
  since: time.meta({ description: 'Start of the period, inclusive, ISO 8601.' }),
  until: time.meta({ description: 'End of the period, exclusive, ISO 8601.' }),
  withholdBefore: time.optional().meta({
    description: 'Records before this time are withheld: counted and proven, and shown as a hash. ISO 8601.',
  }),
  withhold: z
    .string()
    .max(2_000)
    .transform((text) => text.split(','))
    .pipe(z.array(z.string().min(6).max(128)).max(50))
    .optional()
    .meta({
      description:
        'Ids or user principal names, separated by commas: records that contain one of them are withheld. At least 6 characters each.',
    }),
  continuation: continuation(1024, 'Send it with the same query.'),
});

/** The query of `GET /api/audit/heads`. */
export const auditHeadsQuerySchema = z.strictObject({
  from: time.optional().meta({ description: 'Time from which on heads are wanted, ISO 8601. Default: the first.' }),
  continuation: continuation(1024, withSameRange),
});

const history = {
  since: time.optional().meta({
    description:
      'Limits the answer to runs that started at this time or later, ISO 8601. Default: 90 days before `until`.',
  }),
  until: time
    .optional()
    .meta({ description: 'Limits the answer to runs that started before, ISO 8601. Default: now.' }),
  value: z.string().min(1).max(100).optional().meta({
    description:
      'Counts only rows with this value of the column by which the job splits its history: one of `split.values`.',
  }),
};

/** The query of `GET /api/jobs/{job}/history`. Strict, like those in requests.ts. */
export const jobHistoryQuerySchema = z.strictObject({
  ...history,
  ...tenantFilter,
  compare: z.literal('true').optional().meta({
    description: 'Also compares the newest with the oldest run, over the tenants that were counted in both.',
  }),
});

/** The query of `GET /api/tenants/{tenant}/history`. */
export const tenantHistoryQuerySchema = z.strictObject({
  job: z.string().min(1).max(40).meta({ description: 'Name of the job.' }),
  ...history,
});
