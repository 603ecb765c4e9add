import * as z from 'zod';
import { isoTime } from './shared.ts';

const columnSchema = z
  .object({
    name: z.string(),
    title: z.string(),
    type: z.enum(['text', 'number', 'boolean', 'date']),
  })
  .meta({ id: 'Column' });

const jobSchema = z
  .object({
    name: z.string(),
    title: z.string(),
    description: z.string().optional(),
    schedule: z.string().optional().meta({ description: 'NCRONTAB with six fields, UTC; absent: only when asked.' }),
    nextAt: isoTime.optional(),
    resources: z.array(z.string()).readonly(),
    permissions: z.array(z.string()).readonly().optional(),
    timeoutSeconds: z.int().min(1).max(3600).meta({ description: 'For one tenant.' }),
    columns: z.array(columnSchema).readonly().optional().meta({ description: 'Of the result, after the tenant.' }),
  })
  .meta({ id: 'Job' });

export const jobsAnswerSchema = z.object({ jobs: z.array(jobSchema).readonly() }).meta({ id: 'Jobs' });
export type JobsAnswer = z.output<typeof jobsAnswerSchema>;
