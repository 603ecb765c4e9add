/** The batches of a run. The orchestrations of `fan-out.ts` import this file, so it is as deterministic as they are. */
import * as z from 'zod';
import { errorCodeSchema } from './run-schemas.ts';
import type { VisitSummary } from './visit-summary.ts';

/** Input of `fan-out`. It holds all parameters, so that a new deployment cannot change a running orchestration. */
export const fanOutInputSchema = z.object({
  runId: z.string(),
  /** Tenants per sub-orchestration. Short histories matter because every step replays the whole history. */
  batchSize: z.number(),
  /** Tenants per activity. Absent in runs that were started before version 2.0.0: each tenant is an activity. */
  groupSize: z.number().optional(),
  /** Batches start one after another. Absent in runs that were started before version 3.0.0: all start at once. */
  inTurn: z.boolean().optional(),
  /** Maximum attempts for a tenant that fails transiently, including the first. */
  rounds: z.number(),
  /** Delay before the second round; it doubles for each further round. */
  retryDelaySeconds: z.number(),
  /** Number in [0, 1) that lengthens the delays, so that runs that started together do not retry together. */
  jitter: z.number(),
});
export type FanOutInput = z.infer<typeof fanOutInputSchema>;

/** Input of `fan-out-batch`. */
export const batchInputSchema = z.object({
  runId: z.string(),
  indexes: z.array(z.number()),
  round: z.number(),
  /** No further round follows. */
  last: z.boolean(),
  /** As in the input of `fan-out`, which alone decides: a batch may have a later version than its run. */
  groupSize: z.number().optional(),
  /** External event for the run when an instance has taken the last activity of the batch. Absent: no batch waits for it. */
  takenEvent: z.string().optional(),
});
export type BatchInput = z.infer<typeof batchInputSchema>;

/** @param open indexes of the tenants. */
export function batchesOf(input: FanOutInput, open: readonly number[], round: number): readonly BatchInput[] {
  const { runId, batchSize, groupSize, inTurn = false, rounds } = input;
  const batches: BatchInput[] = [];
  for (let start = 0; start < open.length; start += batchSize) {
    const end = start + batchSize;
    batches.push({
      runId,
      indexes: open.slice(start, end),
      round,
      last: round >= rounds,
      ...(groupSize === undefined ? {} : { groupSize }),
      // A name of its own, because an activity that is repeated raises its event again.
      ...(inTurn && end < open.length ? { takenEvent: `taken-r${round}-b${batches.length}` } : {}),
    });
  }
  return batches;
}

/** Output of `fan-out-batch`. */
export const batchResultSchema: z.ZodType<VisitSummary> = z.object({
  retry: z.array(z.number()),
  retryAfterSeconds: z.number(),
  stopCode: errorCodeSchema.optional(),
  lostBy: errorCodeSchema.optional(),
});

const stopSchema = z.object({ stopCode: z.string() });

/** Whether a batch tells to attempt no further tenant. @param result of the batch; undefined before its end. */
export const stopsRun = (result: unknown): boolean => stopSchema.safeParse(result).success;
