import type { Registry, RegisteredFunction } from './registry.ts';
import { type NamedData, triggerOf } from './rpc.ts';

/** The functions of a loaded app by name and kind, and what each is given beside its trigger. */
export class AppFunctions {
  readonly #registry: Registry;
  readonly #clientBindingJson: string;

  /** @param clientBindingJson the value of every durable client binding. */
  constructor(registry: Registry, clientBindingJson: string) {
    this.#registry = registry;
    this.#clientBindingJson = clientBindingJson;
  }

  all(): RegisteredFunction[] {
    return [...this.#registry.functions.values()];
  }

  /** Names are compared without case. */
  find(name: string): RegisteredFunction | undefined {
    return this.#registry.functions.get(name.toLowerCase());
  }

  /** @param kind of the trigger, without "Trigger". */
  findOf(kind: string, name: string): RegisteredFunction | undefined {
    const found = this.find(name);
    return found && isOf(kind, found) ? found : undefined;
  }

  /** The durable client for each input binding that asks for one. */
  extraInputs(target: RegisteredFunction): NamedData[] {
    return Object.entries(target.metadata.bindings)
      .filter(([, { type }]) => type === 'durableClient' || type === 'orchestrationClient')
      .map(([name]) => ({ name, data: { string: this.#clientBindingJson } }));
  }
}

export const isOf = (kind: string, { metadata }: RegisteredFunction): boolean =>
  triggerOf(metadata).binding.type.toLowerCase() === `${kind}trigger`;
