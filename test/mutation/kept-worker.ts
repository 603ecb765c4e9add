/**
 * Runs the tests of consecutive mutants in one worker thread. Vitest starts a worker for every run, which takes longer
 * than the tests of one mutant. The worker keeps the modules of `src` and loads the test files anew for each run.
 */
import type { PoolRunnerInitializer, PoolWorker, ThreadsPoolWorker, WorkerRequest } from 'vitest/node';
import { ThreadsPoolWorker as Threads } from 'vitest/node';

type Listener = (argument: unknown) => void;
type Options = Parameters<PoolRunnerInitializer['createPoolWorker']>[0];

/** Each run adds a few listeners to the worker, so it is replaced after this many runs. */
const runsPerWorker = 100;

/**
 * Many mutants make a test wait for ever. The first run, without a mutant, has the longer limit of the configuration.
 * `vi.setConfig` is no alternative: in a kept worker it restores the test filter of an earlier run.
 */
const mutantTimeoutMs = 8_000;
/** Less, so that a mutant that makes a test wait for ever is detected by what the test waits for. */
const mutantPollMs = 6_000;

let kept: { readonly worker: ThreadsPoolWorker; runs: number } | undefined;

/** A mutant in code that runs when its module is loaded needs modules that are not loaded yet. So does the first run. */
function needsNewWorker(options: Options): boolean {
  const { mode, mutantActivation } = options.project.getProvidedContext() as Record<string, unknown>;
  return mode !== 'mutant' || mutantActivation === 'static';
}

/** Ends the worker. Otherwise it keeps the process alive. */
export async function endKeptWorker(): Promise<void> {
  const worker = kept?.worker;
  kept = undefined;
  await worker?.stop();
}

class KeptWorker implements PoolWorker {
  readonly name = 'kept';
  readonly #options: Options;
  readonly #listeners: [event: string, listener: Listener][] = [];
  #worker: ThreadsPoolWorker | undefined;
  #keep = true;

  constructor(options: Options) {
    this.#options = options;
  }

  async start(): Promise<void> {
    this.#keep = !needsNewWorker(this.#options);
    if (!this.#keep || (kept?.runs ?? 0) >= runsPerWorker) await endKeptWorker();
    if (kept === undefined) {
      const worker = new Threads(this.#options);
      await worker.start();
      kept = { worker, runs: 0 };
    }
    kept.runs += 1;
    this.#worker = kept.worker;
  }

  /** The worker would stop listening after a request to stop, so it does not get the request. */
  send(message: WorkerRequest): void {
    if (message.type === 'start' && this.#keep) {
      const expect = { poll: { timeout: mutantPollMs } };
      Object.assign(message.context.config, { testTimeout: mutantTimeoutMs, expect });
    }
    if (message.type !== 'stop') return this.#worker?.send(message);
    for (const [event, listener] of this.#listeners.slice())
      if (event === 'message') listener({ type: 'stopped', __vitest_worker_response__: true });
  }

  async stop(): Promise<void> {
    for (const [event, listener] of this.#listeners.splice(0)) this.#worker?.off(event, listener);
    if (!this.#keep) await endKeptWorker();
  }

  on(event: string, listener: Listener): void {
    this.#listeners.push([event, listener]);
    this.#worker?.on(event, listener);
  }

  off(event: string, listener: Listener): void {
    const at = this.#listeners.findIndex(([name, each]) => name === event && each === listener);
    if (at !== -1) this.#listeners.splice(at, 1);
    this.#worker?.off(event, listener);
  }

  deserialize(message: unknown): unknown {
    return message;
  }
}

export const keptWorker: PoolRunnerInitializer = {
  name: 'kept',
  createPoolWorker: (options) => new KeptWorker(options),
};
