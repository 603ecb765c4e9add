import type { HostLog } from '../options.ts';
import type { LeafAction } from './actions.ts';
import type { Instance } from './instance.ts';

/** Warnings about orchestrations that will not do what their authors expect, each given once per instance. */
export class Advice {
  readonly #log: HostLog;
  readonly #given = new Set<string>();

  constructor(log: HostLog) {
    this.#log = log;
  }

  openTasks(instance: Instance, count: number): void {
    this.#give(
      instance,
      'open',
      `has returned, but ends only when its ${count} open task(s) do. Cancel timers that are not needed.`,
    );
  }

  repeatedTask(instance: Instance, action: LeafAction): void {
    const what =
      'functionName' in action
        ? `"${action.functionName}"`
        : action.actionType === 5
          ? 'a timer'
          : 'an entity or HTTP call';
    this.#give(
      instance,
      'repeated',
      `yields the task for ${what} a second time inside Task.any or Task.all. It is scheduled again, as in Azure, and later results may reach the wrong task (azure-functions-durable-js issue 574).`,
    );
  }

  version(instance: Instance, said: string): void {
    this.#give(instance, 'version', said);
  }

  #give({ record }: Instance, topic: string, said: string): void {
    const key = `${topic} ${record.instanceId}`;
    if (this.#given.has(key)) return;
    this.#given.add(key);
    this.#log('warning', 'system', `Orchestration ${record.instanceId} (${record.name}) ${said}`, record.name);
  }
}
