import { randomUUID } from 'node:crypto';
import type { HostLogCategory, HostLogLevel } from '../runtime/host-log.ts';
import type { RegisteredFunction, Registry } from './registry.ts';
import type {
  CoreInvocationContext,
  InvocationRequest,
  InvocationResponse,
  NamedData,
  ProgrammingModel,
  TypedData,
} from './rpc.ts';
import { type IncomingTrace, newTraceContext } from './trace-context.ts';

export interface Invocation {
  readonly inputData: NamedData[];
  readonly triggerMetadata?: Record<string, TypedData>;
  readonly invocationId?: string;
  readonly retryContext?: InvocationRequest['retryContext'] | undefined;
  /** The trace that the invocation continues. */
  readonly trace?: IncomingTrace | undefined;
}

/** `raw` is the handler's own return value. Inspect it only: `response` is what leaves the worker. */
export type InvocationOutcome =
  | { readonly ok: true; readonly response: InvocationResponse; readonly raw: unknown }
  | { readonly ok: false; readonly error: Error };

/** Storage that hooks share: `hookData` within one invocation, `appHookData` across the whole app. */
interface HookStores {
  readonly hookData: Record<string, unknown>;
  readonly appHookData: Record<string, unknown>;
}

interface RunningInvocation {
  readonly context: CoreInvocationContext;
  readonly shared: HookStores;
  /** Sets the library's context, which log hooks receive. */
  bind(context: unknown): void;
  end(): void;
}

type InvocationModel = ReturnType<ProgrammingModel['getInvocationModel']>;

/** Runs functions through the programming model and calls the app's hooks before and after, as the worker does. */
export class Invoker {
  readonly #registry: Registry;
  readonly #running = new Set<Promise<InvocationOutcome>>();

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  /** Never rejects. An error that the function throws becomes part of the outcome. */
  invoke(target: RegisteredFunction, invocation: Invocation): Promise<InvocationOutcome> {
    const running = this.#invoke(target, invocation).then(
      (result): InvocationOutcome => ({ ok: true, ...result }),
      (thrown: unknown): InvocationOutcome => ({ ok: false, error: asError(thrown) }),
    );
    this.#running.add(running);
    void running.finally(() => this.#running.delete(running));
    return running;
  }

  /** Ends the wait of {@link idle} for an invocation that can never end. */
  forget(running: Promise<InvocationOutcome>): void {
    this.#running.delete(running);
  }

  /** Resolves when no invocation is running. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  async #invoke(
    target: RegisteredFunction,
    invocation: Invocation,
  ): Promise<{ response: InvocationResponse; raw: unknown }> {
    const model = this.#registry.model;
    if (!model) throw new Error('no programming model is set');
    const core = this.#coreContext(target, invocation);
    const invocationModel = model.getInvocationModel(core.context);
    try {
      return await this.#run(invocationModel, target, core);
    } finally {
      core.end();
    }
  }

  async #run(
    invocationModel: InvocationModel,
    target: RegisteredFunction,
    core: RunningInvocation,
  ): Promise<{ response: InvocationResponse; raw: unknown }> {
    const { context, inputs } = await invocationModel.getArguments();
    core.bind(context);

    const shared = { ...core.shared, invocationContext: context };
    const before = { ...shared, functionCallback: target.callback, inputs };
    core.context.state = 'preInvocationHooks';
    for (const hook of this.#registry.hooks('preInvocation')) await hook(before);

    const after = { ...shared, inputs: before.inputs, result: null as unknown, error: null as unknown };
    core.context.state = 'invocation';
    try {
      after.result = await invocationModel.invokeFunction(context, before.inputs, before.functionCallback);
    } catch (error) {
      after.error = error ?? new Error('Unknown error');
    }
    core.context.state = 'postInvocationHooks';
    for (const hook of this.#registry.hooks('postInvocation')) await hook(after);
    core.context.state = undefined;
    if (after.error !== undefined && after.error !== null) throw after.error;
    return { response: await invocationModel.getResponse(context, after.result), raw: after.result };
  }

  #coreContext(target: RegisteredFunction, invocation: Invocation): RunningInvocation {
    const invocationId = invocation.invocationId ?? randomUUID();
    const registry = this.#registry;
    const { name } = target.metadata;
    const shared: HookStores = { hookData: {}, appHookData: registry.appHooks.appHookData };
    let libraryContext: unknown;
    let ended = false;
    const context: CoreInvocationContext = {
      invocationId,
      metadata: target.metadata,
      request: {
        invocationId,
        functionId: name,
        inputData: invocation.inputData,
        triggerMetadata: invocation.triggerMetadata ?? {},
        traceContext: newTraceContext(invocation.trace),
        ...(invocation.retryContext ? { retryContext: invocation.retryContext } : {}),
      },
      log: (level: HostLogLevel, category: HostLogCategory, message: string) => {
        const entry = { level, message, category, invocationContext: libraryContext, ...shared };
        for (const hook of registry.hooks('log')) hook(entry);
        // The real host ignores a line whose invocation has ended (GrpcWorkerChannel.Log).
        if (ended) registry.log('debug', 'system', 'Dropped a line that was logged after the invocation.', name);
        else registry.log(entry.level, category, entry.message, name);
      },
    };
    return {
      context,
      shared,
      bind: (invocationContext) => {
        libraryContext = invocationContext;
      },
      end: () => {
        ended = true;
      },
    };
  }
}

function asError(thrown: unknown): Error {
  if (thrown instanceof Error) return thrown;
  return new Error(typeof thrown === 'string' ? thrown : (JSON.stringify(thrown) ?? 'Unknown error'));
}
