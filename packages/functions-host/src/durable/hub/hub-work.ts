import type { DurableSettings } from '../../app/host-json.ts';
import type { EngineDeps } from '../engine.ts';
import type { NewMessage, TaskOutcome } from '../instance.ts';
import { TaskRunner } from '../task-runner.ts';
import type { ClaimedWork } from './hub-schema.ts';
import type { HubStore } from './hub-store.ts';

interface HubWorkDeps extends Pick<EngineDeps, 'invoker' | 'extraInputs' | 'fetch' | 'log' | 'findFunction'> {
  readonly store: Pick<HubStore, 'claimWork' | 'finishWork'>;
  readonly settings: Pick<DurableSettings, 'maxConcurrentActivityFunctions'>;
  /** Runs work with the store that may fail. */
  readonly attempt: (work: () => void) => void;
}

/** The activities and HTTP requests of the hub that one host has taken. */
export class HubWork {
  readonly #deps: HubWorkDeps;
  readonly #tasks: TaskRunner;
  /** Outcomes that are not stored yet, by the id of the work. */
  readonly #outcomes = new Map<number, NewMessage>();
  #active = 0;
  #state: 'running' | 'stopping' | 'closed' = 'running';

  constructor(deps: HubWorkDeps) {
    this.#deps = deps;
    this.#tasks = new TaskRunner({
      ...deps,
      findActivity: (name) => deps.findFunction('activity', name),
      maxConcurrent: deps.settings.maxConcurrentActivityFunctions,
    });
  }

  /** Takes as much work as this host has room for. */
  claim(): void {
    const free = this.#deps.settings.maxConcurrentActivityFunctions - this.#active;
    if (free <= 0) return;
    for (const work of this.#deps.store.claimWork(free)) this.#run(work);
  }

  /** Stores the outcomes. What cannot be stored is tried again with the next call: no other host repeats work of a live one. */
  storeOutcomes(): void {
    for (const [id, message] of this.#outcomes) {
      this.#outcomes.delete(id);
      try {
        this.#deps.store.finishWork(id, message);
      } catch (error) {
        // At the end, so that the others come first then.
        this.#outcomes.set(id, message);
        throw error;
      }
    }
  }

  /** Takes no more work. */
  stop(): void {
    this.#state = 'stopping';
    this.#tasks.stop();
  }

  /** Drops what ends from now on. */
  close(): void {
    this.#state = 'closed';
  }

  #run(work: ClaimedWork): void {
    this.#active += 1;
    this.#tasks.run(work.task, work.instanceId, (outcome) => {
      this.#active -= 1;
      if (this.#state === 'closed') return;
      this.#outcomes.set(work.id, messageOf(work, outcome));
      this.#deps.attempt(() => {
        this.storeOutcomes();
        if (this.#state === 'running') this.claim();
      });
    });
  }
}

function messageOf({ instanceId, executionId, task }: ClaimedWork, outcome: TaskOutcome): NewMessage {
  const target = { instanceId, executionId, taskId: task.id };
  if (outcome.ok) return { kind: 'taskCompleted', ...target, result: outcome.result };
  const { ok: _ok, ...failure } = outcome;
  return { kind: 'taskFailed', ...target, ...failure };
}
