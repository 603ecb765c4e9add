import * as z from 'zod';
import { count } from './shared.ts';

export const checkedQuerySchema = z
  .object({
    path: z.string().meta({ description: 'Path and query as they will be sent.' }),
    request: z.string().meta({ description: 'Method and canonical path, as the audit log will show them.' }),
    anyOf: z.array(z.string()).readonly().meta({
      description: 'Each of these permissions opens the request. Empty: it needs several together.',
    }),
    rules: z
      .array(z.object({ rule: z.string(), permissions: z.array(z.string()).readonly() }))
      .readonly()
      .meta({ description: 'Rules of the policy that open the request to the caller, and by which permissions.' }),
    tenants: z
      .object({
        chosen: count.meta({ description: 'Customers that would be asked.' }),
        open: count.meta({ description: 'Those in which a rule opens the request. The others get a refusal each.' }),
      })
      .meta({ description: 'As the policy, the groups and the tags are now.' }),
  })
  .meta({ id: 'CheckedQuery' });

export type CheckedQueryAnswer = z.output<typeof checkedQuerySchema>;
