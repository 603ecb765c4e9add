import * as z from 'zod';
import { endedStatuses, historyOutcomes } from '../../runs/history/tenant-numbers.ts';
import { parametersSchema, tenantCountsSchema } from './runs.ts';
import { count, guid, isoTime, text } from './shared.ts';

const columnSchema = z
  .object({
    name: text(
      'The name of a column of numbers, or of a column of booleans with the value that is counted: `registered=false`.',
    ),
    title: z.string(),
  })
  .meta({ id: 'HistoryColumn' });

const counted = {
  rows: count.optional().meta({
    description: 'Number of rows. Absent if it is not known, which is not zero: the tenant did not succeed.',
  }),
  numbers: z.record(z.string(), z.number()).readonly().optional().meta({
    description: 'The sum of each column of numbers, and the number of rows with each value of a column of booleans.',
  }),
};

const historySchema = z.object({
  job: z.string(),
  since: isoTime.meta({
    description:
      'Where the answer begins. With `truncated`, this is later than asked for: to read older runs, give it as `until`.',
  }),
  until: isoTime,
  parameters: parametersSchema
    .optional()
    .meta({ description: 'The parameters of these runs. Absent if they have none.' }),
  otherParameters: count.meta({
    description: 'Number of runs that were left out, because they had other parameters and cannot be compared.',
  }),
  truncated: z
    .boolean()
    .meta({ description: 'Whether the period has more than 1,000 runs, of which the older ones were left out.' }),
  columns: z.array(columnSchema).readonly().meta({ description: 'What `numbers` may have, in the order of the rows.' }),
  split: z
    .object({ column: z.string(), title: z.string(), values: z.array(z.string()).readonly() })
    .optional()
    .meta({ description: 'The column by which the job splits its history, and the values that these runs had.' }),
});

const runInHistory = z.object({ runId: z.string(), startedAt: isoTime });

const compared = runInHistory.extend(counted).meta({ id: 'RunInComparison' });

export const jobHistorySchema = historySchema
  .extend({
    comparison: z
      .object({
        tenants: count.meta({ description: 'Number of tenants whose rows were counted in both runs.' }),
        now: compared,
        before: compared,
      })
      .optional()
      .meta({
        description:
          'With `compare`: the newest and the oldest of these runs that are complete and over all tenants, with the sums of the tenants that were counted in both. Absent without two such runs, and without such tenants.',
      }),
    runs: z
      .array(
        runInHistory
          .extend({
            status: z.enum(endedStatuses),
            scope: z.enum(['all', 'selected']).meta({
              description: '`selected`: only requested tenants, as in a rerun. Its sums are not those of all tenants.',
            }),
            tenants: tenantCountsSchema,
            counted: count.meta({ description: 'Number of tenants whose rows are in these sums.' }),
            ...counted,
          })
          .meta({ id: 'RunInHistory' }),
      )
      .readonly()
      .meta({ description: 'The newest first.' }),
  })
  .meta({ id: 'JobHistory' });

export const tenantHistorySchema = historySchema
  .extend({
    tenantId: guid,
    runs: z
      .array(runInHistory.extend({ outcome: z.enum(historyOutcomes), ...counted }).meta({ id: 'TenantInHistory' }))
      .readonly()
      .meta({ description: 'The newest first. Runs that did not concern the tenant are left out.' }),
  })
  .meta({ id: 'TenantHistory' });

export type JobHistoryAnswer = z.output<typeof jobHistorySchema>;
export type TenantHistoryAnswer = z.output<typeof tenantHistorySchema>;
