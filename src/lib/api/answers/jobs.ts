import * as z from 'zod';
import { capitalized } from '../../core/text.ts';
import { topics } from '../../core/topics.ts';
import type { Job } from '../../runs/job/job.ts';
import { startRunSchema } from '../requests.ts';
import { isoTime, optionalText, optionalTexts } from './shared.ts';

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
    topic: z.enum(topics).optional().meta({ description: 'What the job is about. Absent if it names none.' }),
    schedule: optionalText('NCRONTAB expression with six fields, UTC. Absent if the job has no schedule.'),
    nextAt: isoTime.optional(),
    resources: z.array(z.string()).readonly(),
    permissions: z.array(z.string()).readonly().optional(),
    tenants: optionalTexts(
      'The tenants that the job is for, as entries like those of a rule. Absent if it is for all, and for a caller that the policy limits to some tenants.',
    ),
    except: optionalTexts('The tenants that the job is not for.'),
    parameters: parametersSchema,
    changes: z
      .literal(true)
      .optional()
      .meta({ description: 'The job changes tenants: it is planned, and the plan is applied. Absent: it reports.' }),
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

/**
 * The body of `POST /api/jobs/{job}/runs` with the parameters of each job, for the OpenAPI document. The job is in the path,
 * and OpenAPI cannot choose a schema by a path parameter. So `parameters` is any of the jobs' schemas, each with the job's
 * name: generators make a union of named types of it. A path of its own for each job would be exact, but would repeat the
 * operation with all its answers.
 */
export function startRunBody(jobs: readonly Job[]): z.ZodObject {
  const withParameters = jobs.filter(({ parameters }) => parameters.fields.length > 0);
  const ids = new Map<string, number>();
  const schemas = withParameters.map(({ name, parameters }) =>
    parameters.schema.meta({
      id: uniqueName(schemaName(name), ids),
      description: `Parameters of the job \`${name}\`.`,
    }),
  );
  const without = jobs.length > schemas.length ? [z.strictObject({}).meta({ description: 'Of every other job.' })] : [];
  return startRunSchema.extend({
    parameters: z
      .union([...schemas, ...without])
      .optional()
      .meta({ description: 'Parameters of the job in the path. An unknown name is refused.' }),
  });
}

/** `access-check` becomes `AccessCheckParameters`. */
const schemaName = (job: string): string => `${job.split('-').map(capitalized).join('')}Parameters`;

/** `a-1` and `a1` have the same words: the second one becomes `A1Parameters2`. No job's own name ends with a digit. */
function uniqueName(name: string, used: Map<string, number>): string {
  const count = (used.get(name) ?? 0) + 1;
  used.set(name, count);
  return count === 1 ? name : `${name}${count}`;
}
