import type { HostLog } from '../runtime/host-log.ts';
import {
  type FunctionCallback,
  type FunctionMetadata,
  type HookCallback,
  type HookName,
  hookNames,
  type ProgrammingModel,
} from './rpc.ts';

export interface RegisteredFunction {
  readonly metadata: FunctionMetadata;
  readonly callback: FunctionCallback;
}

/** The functions, hooks and programming model that the app registers while it is loaded. */
export class Registry {
  /** By name in lower case. */
  readonly functions = new Map<string, RegisteredFunction>();
  /** Shared by the hooks of the app: `appHookData` by all, `hookData` by appStart and appTerminate. */
  readonly appHooks = { hookData: {} as Record<string, unknown>, appHookData: {} as Record<string, unknown> };
  readonly log: HostLog;
  model: ProgrammingModel | undefined;
  readonly #hooks = new Map<HookName, HookCallback[]>(hookNames.map((name) => [name, []]));
  #locked = false;

  /** @param log receives the entries that the app writes. */
  constructor(log: HostLog) {
    this.log = log;
  }

  hooks(name: HookName): readonly HookCallback[] {
    return this.#hooks.get(name) ?? [];
  }

  /** Rejects further functions, as the worker does after the start. */
  lock(): void {
    this.#locked = true;
  }

  /**
   * @returns a function that undoes the registration.
   * @throws Error after {@link lock}, and for a name that is already registered. Names ignore case, as in the host.
   */
  registerFunction(metadata: FunctionMetadata, callback: FunctionCallback): () => void {
    if (this.#locked) throw systemError('A function can only be registered during app startup.');
    const key = metadata.name.toLowerCase();
    if (this.functions.has(key)) {
      throw systemError(`A function with the id "${metadata.name}" has already been registered.`);
    }
    this.functions.set(key, { metadata, callback });
    return () => this.functions.delete(key);
  }

  /**
   * @returns a function that undoes the registration.
   * @throws RangeError marked as a system error for an unknown hook. The library detects old hosts by it.
   */
  registerHook(name: string, callback: HookCallback): () => void {
    const list = this.#hooks.get(name as HookName);
    if (!list) {
      throw Object.assign(new RangeError(`Unrecognized hook "${name}"`), { isAzureFunctionsSystemError: true });
    }
    list.push(callback);
    return () => {
      const at = list.indexOf(callback);
      if (at !== -1) list.splice(at, 1);
    };
  }
}

function systemError(message: string): Error {
  return Object.assign(new Error(message), { isAzureFunctionsSystemError: true });
}
