/**
 * The orchestrations. Replayed from their history at every step, possibly by a later build: so no clock, no chance,
 * no settings, no I/O, only what comes in the input and from activities. A change in the order or number of their
 * `yield`s needs a new version (host.json `defaultVersion`) and a branch on `df.version`; test/replay holds recorded
 * histories of each version against today's code.
 */
import { type OrchestrationContext, RetryOptions, type Task } from 'durable-functions';
import * as z from 'zod';
import { errorTable } from '../model/errors.ts';
import type { FinishRunInput, FinishRunResult } from './finish-run.ts';
import type { PlanRunResult } from './plan-run.ts';
import { longestRetryAfterSeconds } from './run.ts';
import { errorCodeSchema, finishRunResultSchema, planRunResultSchema, tenantRunResultSchema } from './run-schemas.ts';
import type { TenantRunInput } from './tenant-run.ts';

export const fanOutName = 'fan-out';
export const fanOutBatchName = 'fan-out-batch';
export const listTenantsName = 'list-tenants';
export const tenantRunName = 'tenant-run';
export const finishRunName = 'finish-run';
export const announceRunName = 'announce-run';
/** External event that wakes a run which waits for its next round. */
export const cancelEventName = 'cancel';

/** Input of `fan-out`: everything that steers it, so that a changed setting cannot derail a run under way. */
const fanOutInputSchema = z.object({
  runId: z.string(),
  /** Tenants per sub-orchestration: keeps each history short, since every step replays the whole of it. */
  batchSize: z.number(),
  /** How often the run comes to a tenant that fails transiently, the first time included. */
  rounds: z.number(),
  /** Wait before the second round; doubles with each further one. */
  retryDelaySeconds: z.number(),
  /** Number in [0, 1) that stretches the waits, so that runs started together do not retry together. */
  jitter: z.number(),
});
export type FanOutInput = z.infer<typeof fanOutInputSchema>;

const batchInputSchema = z.object({
  runId: z.string(),
  indexes: z.array(z.number()),
  round: z.number(),
  /** No further round follows. */
  last: z.boolean(),
});
type BatchInput = z.infer<typeof batchInputSchema>;

const batchResultSchema = z.object({
  /** Places in the plan that are to be tried again. */
  retry: z.array(z.number()),
  retryAfterSeconds: z.number(),
  /** Why tenants of the batch were not attempted. */
  stopCode: errorCodeSchema.optional(),
  /** Why tenants of the batch have no record. */
  lostBy: errorCodeSchema.optional(),
});
type BatchResult = z.infer<typeof batchResultSchema>;

/** For activities that the platform itself failed: a lost worker, a time limit of the host. */
const afterPlatformFailure = (): RetryOptions => new RetryOptions(5_000, 4);

/** The record of a run is worth ten minutes of patience: 5 s, 10 s, … 320 s. */
const whileStorageIsAway = (): RetryOptions => {
  const options = new RetryOptions(5_000, 8);
  options.backoffCoefficient = 2;
  return options;
};

/** Chats are down for minutes at times: five tries within an hour. */
const whileNobodyListens = (): RetryOptions => {
  const options = new RetryOptions(60_000, 5);
  options.backoffCoefficient = 3;
  return options;
};

type Yields<T> = Generator<Task, T, unknown>;

/** The result of a task, checked: what comes back has been text in between, and may come from another build. */
function* checked<T>(task: Task, schema: z.ZodType<T>): Yields<T> {
  return schema.parse(yield task);
}

/** One run over all its tenants: plan, rounds of batches, finish. */
export function* fanOut(context: OrchestrationContext): Yields<FinishRunResult> {
  const { df } = context;
  const input = fanOutInputSchema.parse(df.getInput<unknown>());
  df.setCustomStatus({ phase: 'listing' });
  const plan = yield* planned(context, input);
  const end: RunEnd = plan.ok
    ? yield* allRounds(context, input, plan.attempt)
    : { stoppedBy: { code: plan.code, detail: plan.detail } };
  df.setCustomStatus({ phase: 'finishing' });
  const finish: FinishRunInput = { runId: input.runId, ...end };
  const finished = yield* checked(
    df.callActivityWithRetry(finishRunName, whileStorageIsAway(), finish),
    finishRunResultSchema,
  );
  try {
    yield df.callActivityWithRetry(announceRunName, whileNobodyListens(), { runId: input.runId });
  } catch {
    // The activity has said so in the log each time; a run is none the worse for it.
  }
  return finished;
}

function* planned(context: OrchestrationContext, input: FanOutInput): Yields<PlanRunResult> {
  for (let round = 1; ; round += 1) {
    const listing = context.df.callActivityWithRetry(listTenantsName, afterPlatformFailure(), { runId: input.runId });
    const plan = yield* checked(listing, planRunResultSchema);
    if (plan.ok || !plan.transient || round >= input.rounds) return plan;
    if (yield* cancelledWhileWaiting(context, waitSeconds(input, round, plan.retryAfterSeconds ?? 0))) return plan;
  }
}

/** What the orchestration has to say about the end of the run. */
type RunEnd = Omit<FinishRunInput, 'runId'>;

function* allRounds(context: OrchestrationContext, input: FanOutInput, attempt: number): Yields<RunEnd> {
  let open: readonly number[] = Array.from({ length: attempt }, (_, index) => index);
  for (let round = 1; open.length > 0; round += 1) {
    context.df.setCustomStatus({ phase: 'running', round, tenants: open.length });
    const results = yield* oneRound(context, input, open, round);
    const stopCode = results.find((result) => result.stopCode !== undefined)?.stopCode;
    if (stopCode === 'run_cancelled') return {};
    if (stopCode !== undefined) return { stoppedBy: { code: stopCode, detail: errorTable[stopCode].title } };
    open = results.flatMap(({ retry }) => retry);
    if (open.length === 0 || round >= input.rounds) {
      const lostBy = results.find((result) => result.lostBy !== undefined)?.lostBy;
      return lostBy === undefined ? {} : { lostBy };
    }
    context.df.setCustomStatus({ phase: 'waiting', round, tenants: open.length });
    const demanded = Math.max(...results.map(({ retryAfterSeconds }) => retryAfterSeconds));
    if (yield* cancelledWhileWaiting(context, waitSeconds(input, round, demanded))) return {};
  }
  return {};
}

function* oneRound(
  context: OrchestrationContext,
  input: FanOutInput,
  open: readonly number[],
  round: number,
): Yields<readonly BatchResult[]> {
  const batches: Task[] = [];
  for (let start = 0; start < open.length; start += input.batchSize) {
    const batch: BatchInput = {
      runId: input.runId,
      indexes: open.slice(start, start + input.batchSize),
      round,
      last: round >= input.rounds,
    };
    batches.push(context.df.callSubOrchestrator(fanOutBatchName, batch, `${input.runId}:r${round}:b${batches.length}`));
  }
  return yield* checked(context.df.Task.all(batches), z.array(batchResultSchema));
}

/** One batch: an activity per tenant, all at once; how many really run at a time is the host's and the limiters' business. */
export function* fanOutBatch(context: OrchestrationContext): Yields<BatchResult> {
  const { runId, indexes, round, last } = batchInputSchema.parse(context.df.getInput<unknown>());
  const tasks = indexes.map((index) => {
    const input: TenantRunInput = { runId, index, round, last };
    return context.df.callActivityWithRetry(tenantRunName, afterPlatformFailure(), input);
  });
  try {
    const results = yield* checked(context.df.Task.all(tasks), z.array(tenantRunResultSchema));
    const retry = indexes.filter((_, place) => results[place]?.outcome === 'retrying');
    const retryAfterSeconds = Math.max(0, ...results.map((result) => result.retryAfterSeconds ?? 0));
    const stopCode = results.find(({ outcome }) => outcome === 'not_attempted')?.code;
    const lostBy = results.find(({ outcome, unrecorded }) => unrecorded === true && outcome !== 'retrying')?.code;
    return {
      retry,
      retryAfterSeconds,
      ...(stopCode === undefined ? {} : { stopCode }),
      ...(lostBy === undefined ? {} : { lostBy }),
    };
  } catch {
    // An activity never throws, so the platform has failed one four times. What the others did is on record, and the
    // next round asks the record first: to name all of them costs a look each.
    return { retry: indexes, retryAfterSeconds: 0 };
  }
}

function waitSeconds(input: FanOutInput, round: number, demandedSeconds: number): number {
  const backOff = input.retryDelaySeconds * 2 ** (round - 1) * (1 + input.jitter / 2);
  return Math.min(longestRetryAfterSeconds, Math.max(backOff, demandedSeconds));
}

function* cancelledWhileWaiting(context: OrchestrationContext, seconds: number): Yields<boolean> {
  const timer = context.df.createTimer(new Date(context.df.currentUtcDateTime.getTime() + seconds * 1000));
  const cancelled = context.df.waitForExternalEvent(cancelEventName);
  const first = yield context.df.Task.any([timer, cancelled]);
  if (first !== cancelled) return false;
  // A timer left running would keep the instance alive.
  timer.cancel();
  return true;
}
