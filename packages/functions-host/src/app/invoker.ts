import { randomUUID } from 'node:crypto';
import type { HostLogCategory, HostLogLevel } from '../runtime/host-log.ts';
import type { RegisteredFunction, Registry } from './registry.ts';
import type { CoreInvocationContext, InvocationRequest, InvocationResponse, NamedData, TypedData } from './rpc.ts';

export interface Invocation {
  readonly inputData: NamedData[];
  readonly triggerMetadata?: Record<string, TypedData>;
  readonly invocationId?: string;
  readonly retryContext?: InvocationRequest['retryContext'] | undefined;
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
    const { context, inputs } = await invocationModel.getArguments();
    core.bind(context);

    const shared = { ...core.shared, invocationContext: context };
    const before = { ...shared, functionCallback: target.callback, inputs };
    core.context.state = 'preInvocationHooks';
    for (const hook of this.#registry.hooks('preInvocation')) await hook(before);

    const after = { ...shared, inputs: before.inputs, result: undefined as unknown, error: undefined as unknown };
    core.context.state = 'invocation';
    try {
      after.result = await invocationModel.invokeFunction(context, before.inputs, before.functionCallback);
    } catch (error) {
      after.error = error ?? new Error('Unknown error');
    }
    core.context.state = 'postInvocationHooks';
    for (const hook of this.#registry.hooks('postInvocation')) await hook(after);
    if (after.error !== undefined && after.error !== null) throw after.error;
    const response = await invocationModel.getResponse(context, after.result);
    core.context.state = undefined;
    return { response, raw: after.result };
  }

  #coreContext(
    target: RegisteredFunction,
    invocation: Invocation,
  ): { context: CoreInvocationContext; shared: HookStores; bind(context: unknown): void } {
    const invocationId = invocation.invocationId ?? randomUUID();
    const registry = this.#registry;
    const shared: HookStores = { hookData: {}, appHookData: registry.appHookData };
    let libraryContext: unknown;
    const context: CoreInvocationContext = {
      invocationId,
      metadata: target.metadata,
      request: {
        invocationId,
        functionId: target.metadata.name,
        inputData: invocation.inputData,
        triggerMetadata: invocation.triggerMetadata ?? {},
        ...(invocation.retryContext ? { retryContext: invocation.retryContext } : {}),
      },
      log: (level: HostLogLevel, category: HostLogCategory, message: string) => {
        const entry = { level, message, category, invocationContext: libraryContext, ...shared };
        for (const hook of registry.hooks('log')) hook(entry);
        registry.log(entry.level, category, entry.message, target.metadata.name);
      },
    };
    return {
      context,
      shared,
      bind: (invocationContext) => {
        libraryContext = invocationContext;
      },
    };
  }
}

function asError(thrown: unknown): Error {
  if (thrown instanceof Error) return thrown;
  return new Error(typeof thrown === 'string' ? thrown : (JSON.stringify(thrown) ?? 'Unknown error'));
}
