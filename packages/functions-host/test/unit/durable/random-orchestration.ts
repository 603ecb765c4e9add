import { setTimeout as delay } from 'node:timers/promises';
import type { Context, OrchestrationContext, Task } from './library-types.ts';
import { seeded, type TestApp } from './test-app.ts';

/** What `chaos` returns: how many results it has seen, and those that reached a task they were not meant for. */
export interface ChaosOutput {
  readonly seen: number;
  readonly mismatches: string[];
}

interface Labelled {
  readonly task: Task;
  readonly label: string;
  /** Every attempt fails. */
  readonly fails: boolean;
}

/**
 * An orchestration of random shape: activities and children with and without retries, timers, groups inside groups,
 * waited for with `all` or `any`, round after round. Every result is checked against the task that asked for it, so a
 * task id given out in another order than the library's is seen at once.
 */
export function registerChaos({ df }: TestApp): void {
  const attempts = new Map<string, number>();
  df.app.activity('work', {
    handler: async ({ label, failures, pauseMs }: { label: string; failures: number; pauseMs: number }) => {
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

  const retry = (random: () => number): InstanceType<typeof df.RetryOptions> => {
    const options = new df.RetryOptions(1 + Math.floor(random() * 3), 3);
    options.backoffCoefficient = 1 + random();
    return options;
  };

  function leaf(context: Context, random: () => number, label: string): Labelled {
    const kind = random();
    const failures = random() < 0.4 ? 1 + Math.floor(random() * 4) : 0;
    const pauseMs = Math.floor(random() * 4);
    // Three attempts outlast two failures; without retries one failure is the end.
    if (kind < 0.3)
      return { task: context.df.callActivity('work', { label, failures: 0, pauseMs }), label, fails: false };
    if (kind < 0.65)
      return {
        task: context.df.callActivityWithRetry('work', retry(random), { label, failures, pauseMs }),
        label,
        fails: failures > 2,
      };
    if (kind < 0.75)
      return { task: context.df.callSubOrchestrator('childWork', { label, failures: 0 }), label, fails: false };
    return {
      task: context.df.callSubOrchestratorWithRetry('childWork', retry(random), { label, failures }),
      label,
      fails: failures > 2,
    };
  }

  df.app.orchestration('chaos', function* (context: OrchestrationContext) {
    const { seed, rounds } = context.df.getInput<{ seed: number; rounds: number }>();
    const random = seeded(seed);
    const mismatches: string[] = [];
    let seen = 0;
    const check = (given: unknown, { label }: Labelled): void => {
      seen += 1;
      if (given !== label) mismatches.push(`${label} got ${JSON.stringify(given)}`);
    };
    for (let round = 0; round < rounds; round += 1) {
      const items = Array.from({ length: 1 + Math.floor(random() * 7) }, (_, index) =>
        leaf(context, random, `${seed}/${round}/${index}`),
      );
      const timer = context.df.createTimer(
        new Date(context.df.currentUtcDateTime.getTime() + Math.floor(random() * 6)),
      );
      const shape = random();
      try {
        if (shape < 0.35) {
          const results: unknown[] = yield context.df.Task.all(items.map(({ task }) => task));
          items.forEach((item, index) => check(results[index], item));
        } else if (shape < 0.6) {
          const winner: Task = yield context.df.Task.any([...items.map(({ task }) => task), timer]);
          const item = items.find(({ task }) => task === winner);
          if (item) check(winner.result, item);
        } else if (shape < 0.8) {
          const half = Math.ceil(items.length / 2);
          const groups = [items.slice(0, half), items.slice(half)].filter((group) => group.length > 0);
          const results: unknown[][] = yield context.df.Task.all(
            groups.map((group) => context.df.Task.all(group.map(({ task }) => task))),
          );
          groups.forEach((group, at) => group.forEach((item, index) => check(results[at]?.[index], item)));
        } else {
          for (const item of items) check(yield item.task, item);
        }
      } catch (error) {
        // `all` fails with its first failure, whoever that is: the message must name one that was to fail.
        const { message } = error as Error;
        const named = items.find(({ label }) => message.includes(`${label} is not ready`));
        seen += 1;
        if (!named?.fails) mismatches.push(`unexpected failure: ${message.split('\n')[0]}`);
      }
      if (!timer.isCompleted && random() < 0.7 && 'id' in timer && (timer as { id: unknown }).id !== false)
        timer.cancel();
    }
    return { seen, mismatches } satisfies ChaosOutput;
  });
}
