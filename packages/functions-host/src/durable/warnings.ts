import { adviceFor } from '../app/unsupported.ts';
import type { HostLog } from '../runtime/host-log.ts';
import type { LeafAction } from './actions.ts';
import type { Instance } from './instance.ts';

/**
 * Logs failed orchestrations, and warnings about orchestrations that will not do what their authors expect, each
 * warning once per instance.
 */
export class OrchestrationWarnings {
  readonly #log: HostLog;
  readonly #logged = new Set<string>();

  constructor(log: HostLog) {
    this.#log = log;
  }

  openTasks(instance: Instance, count: number): void {
    const consequence = `has returned, but it ends only when its ${count} open task(s) end.`;
    this.#logOnce(instance, 'open', `${consequence} Cancel timers that are not needed.`);
  }

  repeatedTask(instance: Instance, action: LeafAction): void {
    this.#logOnce(
      instance,
      'repeated',
      `yields the task for ${nameOf(action)} a second time inside Task.any or Task.all. The task is scheduled again, as in Azure, and later results may reach the wrong task (azure-functions-durable-js issue 574).`,
    );
  }

  version(instance: Instance, text: string): void {
    this.#logOnce(instance, 'version', text);
  }

  /** Logs the reason if the instance has failed, as the extension does. */
  failed({ record: { instanceId, name, status, output } }: Instance): void {
    if (status !== 'Failed') return;
    const reason = String(JSON.parse(output ?? 'null'));
    const text = `${instanceId}: Function '${name} (Orchestrator)' failed with an error. Reason: ${reason}`;
    this.#log('error', 'system', `${text}${adviceFor(reason)}`, name);
  }

  #logOnce({ record }: Instance, topic: string, text: string): void {
    const key = `${topic} ${record.instanceId}`;
    if (this.#logged.has(key)) return;
    this.#logged.add(key);
    this.#log('warning', 'system', `Orchestration ${record.instanceId} (${record.name}) ${text}`, record.name);
  }
}

function nameOf(action: LeafAction): string {
  if ('functionName' in action) return `"${action.functionName}"`;
  return action.actionType === 5 ? 'a timer' : 'an entity or HTTP call';
}
