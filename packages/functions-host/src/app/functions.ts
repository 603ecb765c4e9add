import type { Registry, RegisteredFunction } from './registry.ts';
import { type NamedData, triggerOf } from './rpc.ts';

/** Looks up the functions of a loaded app by name and trigger, and provides their durable client inputs. */
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

  /** Ignores the case of the name. */
  find(name: string): RegisteredFunction | undefined {
    return this.#registry.functions.get(name.toLowerCase());
  }

  /**
   * Ignores the case of the name.
   * @param kind the trigger type without "Trigger": `activity`, `orchestration`, …
   */
  findByTrigger(kind: string, name: string): RegisteredFunction | undefined {
    const found = this.find(name);
    return found && hasTrigger(kind, found) ? found : undefined;
  }

  /** One value for each durable client binding of the function. */
  extraInputs(target: RegisteredFunction): NamedData[] {
    return Object.entries(target.metadata.bindings)
      .filter(([, { type }]) => type === 'durableClient' || type === 'orchestrationClient')
      .map(([name]) => ({ name, data: { string: this.#clientBindingJson } }));
  }
}

/** @param kind the trigger type without "Trigger". */
export const hasTrigger = (kind: string, { metadata }: RegisteredFunction): boolean =>
  triggerOf(metadata).binding.type.toLowerCase() === `${kind}trigger`;
