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
    schedule: z
      .string()
      .optional()
      .meta({ description: 'NCRONTAB expression with six fields, UTC. Absent if the job has no schedule.' }),
    nextAt: isoTime.optional(),
    resources: z.array(z.string()).readonly(),
    permissions: z.array(z.string()).readonly().optional(),
    timeoutSeconds: z.int().min(1).max(3600).meta({ description: 'Time limit for one tenant.' }),
    columns: z
      .array(columnSchema)
      .readonly()
      .optional()
      .meta({ description: 'Columns of the result, after those that name the tenant.' }),
  })
  .meta({ id: 'Job' });

export const jobsAnswerSchema = z.object({ jobs: z.array(jobSchema).readonly() }).meta({ id: 'Jobs' });
export type JobsAnswer = z.output<typeof jobsAnswerSchema>;
