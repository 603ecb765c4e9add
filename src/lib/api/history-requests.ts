import * as z from 'zod';
import { tenantFilter, time } from './requests.ts';

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
export const jobHistoryQuerySchema = z.strictObject({ ...history, ...tenantFilter });

/** The query of `GET /api/tenants/{tenant}/history`. */
export const tenantHistoryQuerySchema = z.strictObject({
  job: z.string().min(1).max(40).meta({ description: 'Name of the job.' }),
  ...history,
});
