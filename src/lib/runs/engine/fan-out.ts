import { type OrchestrationContext, RetryOptions, type Task } from 'durable-functions';
import * as z from 'zod';
import { errorTable } from '../../core/errors.ts';
import { longestRetryAfterSeconds } from '../store/run.ts';
import type { FinishRunInput, FinishRunResult } from './finish-run.ts';
import type { PlanRunResult } from './plan-run.ts';
import {
  errorCodeSchema,
  finishRunResultSchema,
  planRunResultSchema,
  summaryOf,
  tenantRunResultSchema,
  type TenantsVisitResult,
  tenantsVisitResultSchema,
  type VisitSummary,
  type VisitTenantsInput,
} from './run-schemas.ts';
import type { TenantRunInput } from './tenant-run.ts';

// The batches of a run, as deterministic as the orchestrations.

/** Input of `fan-out`. It holds all parameters, so that a new deployment cannot change a running orchestration. */
export const fanOutInputSchema = z.object({
  runId: z.string(),
  /** Tenants per sub-orchestration. Short histories matter because every step replays the whole history. */
  batchSize: z.number(),
  /** Tenants per activity. Absent in runs that were started before version 2.0.0 of the orchestration: each tenant is an activity. */
  groupSize: z.number().optional(),
  /** Batches start one after another. Absent in runs that were started before version 3.0.0 of the orchestration: all start at once. */
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
const batchInputSchema = z.object({
  runId: z.string(),
  indexes: z.array(z.number()),
  round: z.number(),
  /** No further round follows. */
  last: z.boolean(),
  /** As in the input of `fan-out`, which alone decides: a batch may have a later version than its run. */
  groupSize: z.number().optional(),
  /** Visits tenants that have a final record again. */
  again: z.boolean().optional(),
  /** External event for the run when an instance has taken the last activity of the batch. Absent: no batch waits for it. */
  takenEvent: z.string().optional(),
});
type BatchInput = z.infer<typeof batchInputSchema>;

/** What fixes the batches of a round. */
export type RoundInput = Omit<FanOutInput, 'retryDelaySeconds' | 'jitter'> & {
  readonly again?: boolean;
  /** Starts every batch, although a batch before it stops the run. */
  readonly everyBatch?: boolean;
};

/** @param open indexes of the tenants. */
function batchesOf(input: RoundInput, open: readonly number[], round: number): readonly BatchInput[] {
  const { runId, batchSize, groupSize, inTurn = false, rounds, again } = input;
  const batches: BatchInput[] = [];
  for (let start = 0; start < open.length; start += batchSize) {
    const end = start + batchSize;
    batches.push({
      runId,
      indexes: open.slice(start, end),
      round,
      last: round >= rounds,
      ...(groupSize === undefined ? {} : { groupSize }),
      ...(again === true ? { again } : {}),
      // A name of its own, because an activity that is repeated raises its event again.
      ...(inTurn && end < open.length ? { takenEvent: `taken-r${round}-b${batches.length}` } : {}),
    });
  }
  return batches;
}

/** Output of `fan-out-batch`. */
const batchResultSchema: z.ZodType<VisitSummary> = z.object({
  retry: z.array(z.number()),
  retryAfterSeconds: z.number(),
  stopCode: errorCodeSchema.optional(),
  lostBy: errorCodeSchema.optional(),
});

const stopSchema = z.object({ stopCode: z.string() });

/** Whether a batch tells to attempt no further tenant. @param result of the batch; undefined before its end. */
const stopsRun = (result: unknown): boolean => stopSchema.safeParse(result).success;

// The orchestrations. The platform replays them from their history at every step, possibly with a later build.
// So they use no clock, randomness, settings or I/O: only their input and the results of activities.
// A change in the order or number of `yield`s needs a new version (host.json `defaultVersion`) and a branch on
// `df.version`, or on a part of the input that earlier versions do not have. test/replay runs recorded histories of each
// version against the current code.

export const fanOutName = 'fan-out';
export const fanOutBatchName = 'fan-out-batch';
export const listTenantsName = 'list-tenants';
/** Visits one tenant. Runs that were started before version 2.0.0 of the orchestration call it. */
export const tenantRunName = 'tenant-run';
/** Visits several tenants. */
export const visitTenantsName = 'visit-tenants';
export const finishRunName = 'finish-run';
export const announceRunName = 'announce-run';
export const exportRunName = 'export-run';
/** External event that wakes a run that is waiting for its next round. */
export const cancelEventName = 'cancel';

/** Retries activities that failed because of the platform: a lost worker or the host's time limit. */
const platformRetry = (): RetryOptions => new RetryOptions(5_000, 4);

/** Retries storage failures for about ten minutes: 5 s, 10 s, … 320 s. */
const storageRetry = (): RetryOptions => {
  const options = new RetryOptions(5_000, 8);
  options.backoffCoefficient = 2;
  return options;
};

/** Retries notices five times within an hour, because chat services are sometimes down for minutes. */
const noticeRetry = (): RetryOptions => {
  const options = new RetryOptions(60_000, 5);
  options.backoffCoefficient = 3;
  return options;
};

export type Yields<T> = Generator<Task, T, unknown>;

/** Yields a task and validates its result, which was serialized and may come from another build. */
export function* checked<T>(task: Task, schema: z.ZodType<T>): Yields<T> {
  return schema.parse(yield task);
}

/** The version without the activity `export-run`. An instance that a host without versions started has none. */
const versionWithoutExport = '1.0.0';

/** Orchestrates one run: plan, rounds of batches, finish, announce, export. */
export function* fanOut(context: OrchestrationContext): Yields<FinishRunResult> {
  const { df } = context;
  const input = fanOutInputSchema.parse(df.getInput<unknown>());
  df.setCustomStatus({ phase: 'listing' });
  const plan = yield* planned(context, input);
  const end: RunEnd = plan.ok
    ? yield* allRounds(context, input, plan.attempt)
    : { stoppedBy: { code: plan.code, detail: plan.detail } };
  return yield* finished(context, input.runId, end);
}

/** Closes the run, announces it, and stores its exports. */
export function* finished(context: OrchestrationContext, runId: string, end: RunEnd): Yields<FinishRunResult> {
  const { df } = context;
  df.setCustomStatus({ phase: 'finishing' });
  const finish: FinishRunInput = { runId, ...end };
  const result = yield* checked(df.callActivityWithRetry(finishRunName, storageRetry(), finish), finishRunResultSchema);
  try {
    yield df.callActivityWithRetry(announceRunName, noticeRetry(), { runId });
  } catch {
    // The activity logged each failure. A missing notice does not fail the run.
  }
  const { version = '' } = df;
  if (version !== '' && version !== versionWithoutExport) {
    try {
      // After the notice, which must not wait for the export.
      yield df.callActivityWithRetry(exportRunName, platformRetry(), { runId });
    } catch {
      // The platform lost the worker four times. The rows are complete without an export.
    }
  }
  return result;
}

export function* planned(context: OrchestrationContext, input: FanOutInput): Yields<PlanRunResult> {
  for (let round = 1; ; round += 1) {
    const listing = context.df.callActivityWithRetry(listTenantsName, platformRetry(), { runId: input.runId });
    const plan = yield* checked(listing, planRunResultSchema);
    if (plan.ok || !plan.transient || round >= input.rounds) return plan;
    if (yield* cancelledWhileWaiting(context, delaySeconds(input, round, plan.retryAfterSeconds ?? 0))) return plan;
  }
}

/** The part of the `finish-run` input that the rounds determine. */
export type RunEnd = Omit<FinishRunInput, 'runId'>;

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
    if (yield* cancelledWhileWaiting(context, delaySeconds(input, round, demanded))) return {};
  }
  return {};
}

export function* oneRound(
  context: OrchestrationContext,
  input: RoundInput,
  open: readonly number[],
  round: number,
): Yields<readonly VisitSummary[]> {
  const batches = batchesOf(input, open, round);
  const start = (batch: BatchInput, place: number): Task =>
    // The form is reserved for batches: see windowPattern.
    context.df.callSubOrchestrator(fanOutBatchName, batch, `${input.runId}:r${round}:b${place}`);
  if (input.inTurn === true) return yield* inTurn(context, batches, start, input.everyBatch === true);
  return yield* checked(context.df.Task.all(batches.map(start)), z.array(batchResultSchema));
}

/**
 * Starts each batch when an instance has taken the last activity of the one before: the activities of all runs wait in one
 * queue, so a run must not fill it. If the event is lost, the batch before ends, and the next one starts then.
 * Each task is part of one `any` only, because the platform would schedule it again with a second one
 * (azure-functions-durable-js issue 574). To yield it alone afterwards schedules nothing.
 */
function* inTurn(
  context: OrchestrationContext,
  batches: readonly BatchInput[],
  start: (batch: BatchInput, place: number) => Task,
  everyBatch: boolean,
): Yields<readonly VisitSummary[]> {
  const started: Task[] = [];
  for (const [place, batch] of batches.entries()) {
    const task = start(batch, place);
    started.push(task);
    if (batch.takenEvent === undefined) break;
    yield context.df.Task.any([task, context.df.waitForExternalEvent(batch.takenEvent)]);
    if (!everyBatch && started.some(({ result }) => stopsRun(result))) break;
  }
  const results: VisitSummary[] = [];
  // Backwards, because the last batch is scheduled only when it is yielded.
  for (const task of started.toReversed()) results.push(yield* checked(task, batchResultSchema));
  return results;
}

/** Orchestrates one batch. The host and the limiters decide how many tenants are visited at a time. */
export function* fanOutBatch(context: OrchestrationContext): Yields<VisitSummary> {
  const { groupSize, ...batch } = batchInputSchema.parse(context.df.getInput<unknown>());
  try {
    if (groupSize === undefined) return yield* oneByOne(context, batch);
    return yield* inGroups(context, batch, groupSize);
  } catch {
    // Activities never throw, so the platform failed one of them four times. The other tenants' results are recorded.
    // Retrying the whole batch costs one lookup for each of those, because the next round checks the record first.
    return { retry: batch.indexes, retryAfterSeconds: 0 };
  }
}

/** Schedules one activity per tenant. */
function* oneByOne(context: OrchestrationContext, { runId, indexes, round, last }: BatchInput): Yields<VisitSummary> {
  const tasks = indexes.map((index) => {
    const input: TenantRunInput = { runId, index, round, last };
    return context.df.callActivityWithRetry(tenantRunName, platformRetry(), input);
  });
  return summaryOf(indexes, yield* checked(context.df.Task.all(tasks), z.array(tenantRunResultSchema)));
}

/** Schedules one activity per group of tenants, and further ones for the tenants that these had no time for. */
function* inGroups(context: OrchestrationContext, batch: BatchInput, groupSize: number): Yields<VisitSummary> {
  const { indexes, takenEvent, ...rest } = batch;
  const results: TenantsVisitResult[] = [];
  for (let open = indexes; open.length > 0; ) {
    const tasks: Task[] = [];
    for (let start = 0; start < open.length; start += groupSize) {
      const isLastTaken = open === indexes && start + groupSize >= open.length;
      const input: VisitTenantsInput = {
        ...rest,
        indexes: open.slice(start, start + groupSize),
        ...(isLastTaken && takenEvent !== undefined ? { takenEvent } : {}),
      };
      tasks.push(context.df.callActivityWithRetry(visitTenantsName, platformRetry(), input));
    }
    const visited = yield* checked(context.df.Task.all(tasks), z.array(tenantsVisitResultSchema));
    results.push(...visited);
    open = visited.flatMap(({ left = [] }) => left);
  }
  const stopCode = results.find((result) => result.stopCode !== undefined)?.stopCode;
  const lostBy = results.find((result) => result.lostBy !== undefined)?.lostBy;
  return {
    retry: results.flatMap(({ retry = [] }) => retry),
    retryAfterSeconds: Math.max(0, ...results.map(({ retryAfterSeconds = 0 }) => retryAfterSeconds)),
    ...(stopCode === undefined ? {} : { stopCode }),
    ...(lostBy === undefined ? {} : { lostBy }),
  };
}

function delaySeconds(input: FanOutInput, round: number, demandedSeconds: number): number {
  const backOff = input.retryDelaySeconds * 2 ** (round - 1) * (1 + input.jitter / 2);
  return Math.min(longestRetryAfterSeconds, Math.max(backOff, demandedSeconds));
}

export function* cancelledWhileWaiting(context: OrchestrationContext, seconds: number): Yields<boolean> {
  const timer = context.df.createTimer(new Date(context.df.currentUtcDateTime.getTime() + seconds * 1000));
  const cancelled = context.df.waitForExternalEvent(cancelEventName);
  const first = yield context.df.Task.any([timer, cancelled]);
  if (first !== cancelled) return false;
  // A pending timer would keep the instance running.
  timer.cancel();
  return true;
}
