import type { HostLog } from '../options.ts';
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

/** What the app registered: its functions, hooks and programming model. Closed once the app is loaded. */
export class Registry {
  readonly functions = new Map<string, RegisteredFunction>();
  /** Shared by every hook of the app (`appHookData`). */
  readonly appHookData: Record<string, unknown> = {};
  readonly log: HostLog;
  model: ProgrammingModel | undefined;
  readonly #hooks = new Map<HookName, HookCallback[]>(hookNames.map((name) => [name, []]));
  #locked = false;

  constructor(log: HostLog) {
    this.log = log;
  }

  hooks(name: HookName): readonly HookCallback[] {
    return this.#hooks.get(name) ?? [];
  }

  /** After this, registering is an error, as in the worker. */
  lock(): void {
    this.#locked = true;
  }

  /** @throws Error after {@link lock}, and for a name that is taken (compared without case, as routes of the host are). */
  registerFunction(metadata: FunctionMetadata, callback: FunctionCallback): () => void {
    if (this.#locked) throw systemError('A function can only be registered during app startup.');
    const key = metadata.name.toLowerCase();
    if (this.functions.has(key)) {
      throw systemError(`A function with the id "${metadata.name}" has already been registered.`);
    }
    this.functions.set(key, { metadata, callback });
    return () => this.functions.delete(key);
  }

  /** @throws RangeError marked as a system error for an unknown hook: the library recognises old hosts by it. */
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
