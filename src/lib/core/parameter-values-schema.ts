import * as z from 'zod';
import type { ParameterValues } from './parameters.ts';

/** Parameters that are shown. Those of an earlier version may have another form. Apart from the types, for pages without zod. */
export const parameterValuesSchema: z.ZodType<ParameterValues> = z.record(
  z.string(),
  z.union([z.string(), z.number(), z.boolean(), z.array(z.string())]),
);
