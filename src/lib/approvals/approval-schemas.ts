import * as z from 'zod';

/** Input of the orchestration and its activities. */
export const approvalInputSchema = z.object({ approvalId: z.string() });

/** Result of the activity `settle-approval`. */
export const settledSchema = z.union([
  z.object({ settled: z.literal(true) }),
  z.object({ settled: z.literal(false), wakeAtMs: z.number() }),
]);
export type Settled = z.infer<typeof settledSchema>;
