import * as z from 'zod';
import { isoTime } from './shared.ts';

const columnSchema = z
  .object({
    name: z.string(),
    title: z.string(),
    type: z.enum(['text', 'number', 'boolean', 'date']),
  })
  .meta({ id: 'Column' });

/** The keywords of JSON Schema that a job's parameters use. Readers ignore others. */
const parametersSchema = z
  .object({
    type: z.literal('object'),
    properties: z.record(z.string(), z.looseObject({})).readonly(),
    required: z.array(z.string()).readonly().optional(),
    additionalProperties: z.literal(false),
  })
  .readonly()
  .meta({ description: 'JSON Schema (2020-12) of the parameters that a run of the job accepts.' });

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
    tenants: z.array(z.string()).readonly().optional().meta({
      description:
        'The tenants that the job is for, as entries like those of a rule. Absent if it is for all, and for a caller that the policy limits to some tenants.',
    }),
    except: z.array(z.string()).readonly().optional().meta({ description: 'The tenants that the job is not for.' }),
    parameters: parametersSchema,
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
