import type { Invoker } from '../app/invoker.ts';
import type { RegisteredFunction } from '../app/registry.ts';
import { type NamedData, resultJson, triggerOf } from '../app/rpc.ts';
import { stackOf } from '../runtime/errors.ts';
import type { HostLog } from '../runtime/host-log.ts';
import { activityFailure } from './activity-failure.ts';
import { callHttp, type HttpFetch } from './call-http.ts';
import type { ActivityTask, HttpTask, TaskOutcome } from './instance.ts';
import { missingFunction } from './missing-function.ts';

interface TaskRunnerDeps {
  readonly invoker: Pick<Invoker, 'invoke'>;
  readonly findActivity: (name: string) => RegisteredFunction | undefined;
  readonly extraInputs: (target: RegisteredFunction) => NamedData[];
  readonly fetch: HttpFetch;
  /** How many tasks run at the same time. The others wait in order. */
  readonly maxConcurrent: number;
  readonly log: HostLog;
}

interface QueuedTask {
  readonly task: ActivityTask | HttpTask;
  readonly instanceId: string;
  readonly done: (outcome: TaskOutcome) => void;
}

/** Runs activities and durable HTTP calls, at most `maxConcurrent` at a time. */
export class TaskRunner {
  readonly #deps: TaskRunnerDeps;
  #queue: QueuedTask[] = [];
  #next = 0;
  #active = 0;
  #stopped = false;

  constructor(deps: TaskRunnerDeps) {
    this.#deps = deps;
  }

  run(task: ActivityTask | HttpTask, instanceId: string, done: (outcome: TaskOutcome) => void): void {
    this.#queue.push({ task, instanceId, done });
    this.#fillSlots();
  }

  /** Starts no further tasks. The store still has the waiting ones for the next start. */
  stop(): void {
    this.#stopped = true;
  }

  #fillSlots(): void {
    while (!this.#stopped && this.#active < this.#deps.maxConcurrent && this.#next < this.#queue.length) {
      const queued = this.#queue[this.#next] as QueuedTask;
      this.#next += 1;
      // Calling shift() on an array of thousands for each task would cost more than the task.
      if (this.#next > 1024) {
        this.#queue = this.#queue.slice(this.#next);
        this.#next = 0;
      }
      this.#active += 1;
      void this.#execute(queued).then((outcome) => {
        this.#active -= 1;
        queued.done(outcome);
        this.#fillSlots();
      });
    }
  }

  #execute({ task, instanceId }: QueuedTask): Promise<TaskOutcome> {
    if (task.kind === 'http') return callHttp(this.#deps.fetch, task.request);
    return this.#runActivity(task, instanceId);
  }

  async #runActivity(task: ActivityTask, instanceId: string): Promise<TaskOutcome> {
    const target = this.#deps.findActivity(task.name);
    if (!target) return { ok: false, reason: missingFunction(task.name, 'activity'), details: '' };
    const outcome = await this.#deps.invoker.invoke(target, {
      inputData: [
        { name: triggerOf(target.metadata).name, data: task.input === undefined ? {} : { string: task.input } },
        ...this.#deps.extraInputs(target),
      ],
      triggerMetadata: { instanceId: { json: JSON.stringify(instanceId) } },
    });
    if (outcome.ok) return { ok: true, result: resultJson(outcome.response.returnValue) };
    this.#deps.log('error', 'system', `Executed with an error: ${stackOf(outcome.error)}`, task.name);
    return activityFailure(task.name, outcome.error);
  }
}
