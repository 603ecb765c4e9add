import { type OrchestrationContext, RetryOptions } from 'durable-functions';
import * as z from 'zod';
import { errorTable } from '../../core/errors.ts';
import { longestRetryAfterSeconds } from '../store/run.ts';
import {
  cancelEventName,
  cancelledWhileWaiting,
  checked,
  type FanOutInput,
  fanOutInputSchema,
  finished,
  oneRound,
  planned,
  type RunEnd,
  type Yields,
} from './fan-out.ts';
import type { FinishRunResult } from './finish-run.ts';

// The orchestration of an apply: waves of tenants, between which it may pause, or wait for a person. As deterministic as
// that of a run (fan-out.ts): what it decides by, activities read.

export const applyWavesName = 'apply-waves';
/** The activity that decides how an apply goes on. */
export const judgeWaveName = 'judge-wave';
/** External event after a person has decided. */
const decidedEventName = 'decided';

/**
 * Where an apply asks how to go on. `held`: in a wave, once those that were begun have their outcome. `sent`: after a wave.
 * `looked`: after the pause, when the wave was read again. `late`: at the end.
 */
export const wavePhases = ['held', 'sent', 'looked', 'late'] as const;

/** Input of {@link judgeWaveName}. */
export interface JudgeWaveInput {
  readonly runId: string;
  /** From 1. */
  readonly wave: number;
  readonly phase: (typeof wavePhases)[number];
  /** Times that the changes which do not show were looked for at the end. */
  readonly looks?: number | undefined;
}

const waveVerdictSchema = z.discriminatedUnion('next', [
  /** @param again Indexes of tenants to read again first. */
  z.object({ next: z.literal('go'), again: z.array(z.number()).optional() }),
  /** Until then, or until somebody decides. */
  z.object({ next: z.literal('wait'), untilMs: z.number() }),
  z.object({ next: z.literal('end') }),
]);
export type WaveVerdict = z.infer<typeof waveVerdictSchema>;

/** Rounds of a wave before what fails for a while is given up. A change decides about itself within seven minutes. */
const maxRounds = 60;
/** Times that accepted changes which do not show are looked for after the last wave. */
const lateLooks = 2;

/** Repeats a judgement for hours: without one, nobody would learn what became of the changes. */
const patientRetry = (): RetryOptions => {
  const options = new RetryOptions(5_000, 30);
  options.backoffCoefficient = 2;
  options.maxRetryIntervalInMilliseconds = 600_000;
  return options;
};

/** The clock of the instance that judges may be behind the platform's. */
const shortestWaitMs = 1_000;

/** Counts the rounds of the whole apply: a record is replaced by one of a later round only. */
interface Counter {
  round: number;
}

/** Orchestrates one apply. */
export function* applyWaves(context: OrchestrationContext): Yields<FinishRunResult> {
  const { df } = context;
  const input = fanOutInputSchema.parse(df.getInput<unknown>());
  df.setCustomStatus({ phase: 'listing' });
  const plan = yield* planned(context, input);
  const end: RunEnd = plan.ok
    ? yield* allWaves(context, input, plan.waves ?? [plan.attempt])
    : { stoppedBy: { code: plan.code, detail: plan.detail } };
  return yield* finished(context, input.runId, end);
}

function* allWaves(context: OrchestrationContext, input: FanOutInput, sizes: readonly number[]): Yields<RunEnd> {
  const counter: Counter = { round: 0 };
  const everyone = Array.from({ length: sizes.reduce((sum, size) => sum + size, 0) }, (_, index) => index);
  let first = 0;
  for (const [index, size] of sizes.entries()) {
    const wave = { wave: index + 1, indexes: everyone.slice(first, first + size) };
    first += size;
    const end = yield* oneWave(context, input, wave, counter);
    if (end === undefined) continue;
    // What was sent gets its outcome, and nothing more is sent.
    yield* visited(context, input, { indexes: everyone.slice(0, first), again: true, ending: true }, counter);
    return end;
  }
  for (let looks = 0; looks < lateLooks; looks += 1) {
    const verdict = yield* judged(context, { runId: input.runId, wave: sizes.length, phase: 'late', looks });
    if (verdict.next !== 'go' || verdict.again === undefined) break;
    yield* visited(context, input, { indexes: verdict.again, again: true }, counter);
  }
  return {};
}

interface Wave {
  readonly wave: number;
  readonly indexes: readonly number[];
}

/** @returns how the apply ends, if it does. */
function* oneWave(
  context: OrchestrationContext,
  input: FanOutInput,
  { wave, indexes }: Wave,
  counter: Counter,
): Yields<RunEnd | undefined> {
  const { runId } = input;
  for (;;) {
    context.df.setCustomStatus({ phase: 'running', wave, tenants: indexes.length });
    const { stopCode } = yield* visited(context, input, { indexes }, counter);
    if (stopCode !== undefined && stopCode !== 'apply_held')
      return stopCode === 'run_cancelled' ? {} : { stoppedBy: { code: stopCode, detail: errorTable[stopCode].title } };
    // Some were not begun when the apply was held.
    const phase = stopCode === 'apply_held' ? 'held' : 'sent';
    const verdict = yield* judged(context, { runId, wave, phase });
    if (verdict.next === 'end') return {};
    if (phase === 'held') continue;
    if (verdict.again !== undefined) yield* visited(context, input, { indexes: verdict.again, again: true }, counter);
    break;
  }
  const verdict = yield* judged(context, { runId, wave, phase: 'looked' });
  return verdict.next === 'end' ? {} : undefined;
}

/** Asks how to go on until it is known, and waits in between. */
function* judged(
  context: OrchestrationContext,
  input: JudgeWaveInput,
): Yields<Exclude<WaveVerdict, { readonly next: 'wait' }>> {
  for (;;) {
    const verdict = yield* checked(
      context.df.callActivityWithRetry(judgeWaveName, patientRetry(), input),
      waveVerdictSchema,
    );
    if (verdict.next !== 'wait') return verdict;
    context.df.setCustomStatus({ phase: 'waiting', wave: input.wave, untilMs: verdict.untilMs });
    const earliestMs = context.df.currentUtcDateTime.getTime() + shortestWaitMs;
    const timer = context.df.createTimer(new Date(Math.max(verdict.untilMs, earliestMs)));
    const decided = context.df.waitForExternalEvent(decidedEventName);
    const cancelled = context.df.waitForExternalEvent(cancelEventName);
    const woken = yield context.df.Task.any([timer, decided, cancelled]);
    // A pending timer would keep the instance running.
    if (woken !== timer) timer.cancel();
  }
}

type Visited = Pick<Wave, 'indexes'> & {
  readonly again?: boolean;
  /** Whoever ends the apply again does not cut short what finds out how it ended. */
  readonly ending?: boolean;
};

/** Visits tenants until each has its outcome. A hold ends it once those that were begun have theirs. */
function* visited(
  context: OrchestrationContext,
  { runId, batchSize, groupSize, inTurn }: FanOutInput,
  { indexes, again = false, ending = false }: Visited,
  counter: Counter,
) {
  const last = counter.round + maxRounds;
  let open = indexes;
  let failures = 0;
  let stopCode: keyof typeof errorTable | undefined;
  while (open.length > 0 && counter.round < last) {
    counter.round += 1;
    // After a hold, too, what was begun in later batches is read.
    const round = {
      runId,
      batchSize,
      rounds: last,
      again,
      everyBatch: true,
      ...(groupSize && { groupSize }),
      ...(inTurn && { inTurn }),
    };
    const results = yield* oneRound(context, round, open, counter.round);
    stopCode ??= results.find((result) => result.stopCode !== undefined)?.stopCode;
    open = results.flatMap(({ retry }) => retry);
    if (open.length === 0 || (!again && stopCode !== undefined && stopCode !== 'apply_held')) break;
    // Changes that are on their way say when they are due. Failures that pass do not.
    failures = results.some(({ retryAfterSeconds }) => retryAfterSeconds > 0) ? 0 : failures + 1;
    const backOff = Math.min(60, 2 ** failures);
    const seconds = Math.max(backOff, ...results.map(({ retryAfterSeconds }) => retryAfterSeconds));
    const waitSeconds = Math.min(longestRetryAfterSeconds, seconds);
    if (ending) {
      yield context.df.createTimer(new Date(context.df.currentUtcDateTime.getTime() + waitSeconds * 1000));
    } else if (yield* cancelledWhileWaiting(context, waitSeconds)) {
      stopCode = 'run_cancelled';
      break;
    }
  }
  return { stopCode };
}
