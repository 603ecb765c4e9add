import { setTimeout as delay } from 'node:timers/promises';
import type { Context, OrchestrationContext, Task } from './library-types.ts';
import { seeded, type TestApp } from './test-app.ts';

/** The output of `chaos`: the number of results received, and the results that reached the wrong task. */
export interface ChaosOutput {
  readonly received: number;
  readonly mismatches: string[];
}

interface WorkInput {
  readonly label: string;
  /** How many attempts fail. */
  readonly failures: number;
  readonly pauseMs: number;
}

interface LabelledTask {
  readonly task: Task;
  readonly label: string;
  /** Whether every attempt fails. */
  readonly fails: boolean;
}

type Random = () => number;
type Check = (result: unknown, item: LabelledTask) => void;

/**
 * Registers an orchestration with a random shape. Each round creates activities and children with and without retries,
 * and a timer, and waits for them with `all`, `any`, nested groups or one by one. The orchestration compares every
 * result with the label of the task that requested it, so it detects a task id that the host assigned in another order
 * than the library.
 */
export function registerChaos(app: TestApp): void {
  registerWork(app);
  app.df.app.orchestration('chaos', function* (context: OrchestrationContext) {
    const { seed, rounds } = context.df.getInput<{ seed: number; rounds: number }>();
    const random = seeded(seed);
    const mismatches: string[] = [];
    let received = 0;
    const check: Check = (result, { label }) => {
      received += 1;
      if (result !== label) mismatches.push(`${label} got ${JSON.stringify(result)}`);
    };
    for (let round = 0; round < rounds; round += 1) {
      const items = Array.from({ length: 1 + Math.floor(random() * 7) }, (_, index) =>
        createTask(app, context, random, `${seed}/${round}/${index}`),
      );
      const timer = context.df.createTimer(
        new Date(context.df.currentUtcDateTime.getTime() + Math.floor(random() * 6)),
      );
      try {
        yield* awaitItems(context, { items, timer, shape: random() }, check);
      } catch (error) {
        // `all` fails with its first failure. The message must name a task that was meant to fail.
        const { message } = error as Error;
        const failed = items.find(({ label }) => message.includes(`${label} is not ready`));
        received += 1;
        if (!failed?.fails) mismatches.push(`unexpected failure: ${message.split('\n')[0]}`);
      }
      if (!timer.isCompleted && random() < 0.7 && 'id' in timer && (timer as { id: unknown }).id !== false)
        timer.cancel();
    }
    return { received, mismatches } satisfies ChaosOutput;
  });
}

/** Registers the activity `work`, which returns its label after some failures, and `childWork`, which calls it. */
function registerWork({ df }: TestApp): void {
  const attempts = new Map<string, number>();
  df.app.activity('work', {
    handler: async ({ label, failures, pauseMs }: WorkInput) => {
      const failed = attempts.get(label) ?? 0;
      if (pauseMs > 0) await delay(pauseMs);
      if (failed < failures) {
        attempts.set(label, failed + 1);
        throw new Error(`${label} is not ready`);
      }
      return label;
    },
  });
  df.app.orchestration('childWork', function* (context: OrchestrationContext) {
    const { label, failures } = context.df.getInput<{ label: string; failures: number }>();
    return (yield context.df.callActivity('work', { label, failures, pauseMs: 0 })) as string;
  });
}

/** Creates a random task. With retries it has three attempts. */
function createTask({ df }: TestApp, context: Context, random: Random, label: string): LabelledTask {
  const retry = (): InstanceType<typeof df.RetryOptions> => {
    const options = new df.RetryOptions(1 + Math.floor(random() * 3), 3);
    options.backoffCoefficient = 1 + random();
    return options;
  };
  const kind = random();
  const failures = random() < 0.4 ? 1 + Math.floor(random() * 4) : 0;
  const pauseMs = Math.floor(random() * 4);
  const fails = failures > 2;
  if (kind < 0.3)
    return { task: context.df.callActivity('work', { label, failures: 0, pauseMs }), label, fails: false };
  if (kind < 0.65)
    return { task: context.df.callActivityWithRetry('work', retry(), { label, failures, pauseMs }), label, fails };
  if (kind < 0.75)
    return { task: context.df.callSubOrchestrator('childWork', { label, failures: 0 }), label, fails: false };
  return { task: context.df.callSubOrchestratorWithRetry('childWork', retry(), { label, failures }), label, fails };
}

interface Round {
  readonly items: readonly LabelledTask[];
  readonly timer: Task;
  /** Selects how the round waits; in [0, 1). */
  readonly shape: number;
}

/** Waits for the tasks of a round and checks their results. */
function* awaitItems(context: Context, { items, timer, shape }: Round, check: Check): Generator<Task, void, unknown> {
  if (shape < 0.35) {
    const results = (yield context.df.Task.all(items.map(({ task }) => task))) as unknown[];
    items.forEach((item, index) => check(results[index], item));
  } else if (shape < 0.6) {
    const winner = (yield context.df.Task.any([...items.map(({ task }) => task), timer])) as Task;
    const item = items.find(({ task }) => task === winner);
    if (item) check(winner.result, item);
  } else if (shape < 0.8) {
    const half = Math.ceil(items.length / 2);
    const groups = [items.slice(0, half), items.slice(half)].filter((group) => group.length > 0);
    const results = (yield context.df.Task.all(
      groups.map((group) => context.df.Task.all(group.map(({ task }) => task))),
    )) as unknown[][];
    groups.forEach((group, at) => group.forEach((item, index) => check(results[at]?.[index], item)));
  } else {
    for (const item of items) check(yield item.task, item);
  }
}
