import type { Engine } from './engine.ts';
import { entityIdOf } from './entity.ts';
import { type Instance, instanceIdError, isFinal, type RuntimeStatus } from './instance.ts';

export interface InstanceQuery {
  readonly createdFromMs?: number | undefined;
  readonly createdToMs?: number | undefined;
  readonly statuses?: ReadonlySet<RuntimeStatus> | undefined;
  readonly idPrefix?: string | undefined;
}

interface StartOptions {
  /** Defaults to a new GUID. */
  readonly instanceId?: string | undefined;
  /** JSON text. */
  readonly input: string;
  /** Defaults to defaultVersion of host.json. */
  readonly version?: string | undefined;
}

type StartResult =
  | { readonly kind: 'started'; readonly instanceId: string }
  | { readonly kind: 'conflict'; readonly status: RuntimeStatus }
  | { readonly kind: 'invalid'; readonly reason: string };

/** `refused`: the extension allows the operation only in another status. */
export type SendResult = 'accepted' | 'notFound' | 'gone' | 'refused';

type ControlKind = 'terminate' | 'suspend' | 'resume';

/** What the HTTP API needs of {@link DurableOperations}. */
export type DurableClient = Pick<DurableOperations, keyof DurableOperations>;

/** The operations of a durable client. Each returns after its changes are committed to the store. */
export class DurableOperations {
  readonly #engine: Engine;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** Starts an orchestration. Exactly one of several simultaneous starts with the same id succeeds. */
  start(name: string, options: StartOptions): StartResult {
    const { deps, table } = this.#engine;
    // The extension also accepts a name that the app does not have. The orchestration then fails.
    const target = deps.findFunction('orchestration', name);
    const instanceId = options.instanceId || deps.newGuid().replaceAll('-', '');
    const idError = instanceIdError(instanceId);
    if (idError) return { kind: 'invalid', reason: idError };
    const created = table.create(
      {
        instanceId,
        name: target?.metadata.name ?? name,
        input: options.input,
        version: options.version ?? deps.settings.defaultVersion,
      },
      deps.settings.overridableExistingInstanceStates === 'AnyState',
    );
    if (!created) return { kind: 'conflict', status: table.get(instanceId)?.record.status ?? 'Running' };
    this.#engine.deliver({ kind: 'start', instanceId });
    this.#engine.commit();
    return { kind: 'started', instanceId };
  }

  get(instanceId: string): Instance | undefined {
    return this.#engine.table.get(instanceId);
  }

  /** Sorted by id, because paging relies on this order. */
  list(query: InstanceQuery): Instance[] {
    const matching: Instance[] = [];
    for (const instance of this.#engine.table.all()) if (matches(instance, query)) matching.push(instance);
    return matching.toSorted((a, b) => (a.record.instanceId < b.record.instanceId ? -1 : 1));
  }

  /** @param input JSON text. */
  raiseEvent(instanceId: string, name: string, input: string | null): SendResult {
    return this.#send(instanceId, () => this.#engine.deliver({ kind: 'eventRaised', instanceId, name, input }));
  }

  control(instanceId: string, kind: ControlKind, reason: string): SendResult {
    if (isRefused(this.get(instanceId)?.record.status, kind)) return 'refused';
    return this.#send(instanceId, () => this.#engine.deliver({ kind, instanceId, reason }));
  }

  /**
   * Deletes an instance if it has ended.
   * @returns the number of deleted instances, or undefined when the instance does not exist.
   */
  purge(instanceId: string): number | undefined {
    const instance = this.#engine.table.get(instanceId);
    if (!instance) return undefined;
    return this.#purge([instance]);
  }

  /** Deletes all matching instances that have ended. @returns their number. */
  purgeBy(query: InstanceQuery): number {
    return this.#purge(this.list(query));
  }

  /** @param input JSON text. */
  signalEntity(name: string, key: string, operation: string, input: string | undefined): void {
    const requestId = this.#engine.deps.newGuid();
    this.#engine.entities.send(entityIdOf(name, key), {
      kind: 'operation',
      requestId,
      operation,
      input,
      caller: undefined,
    });
    this.#engine.commit();
  }

  /** The state as JSON text, or undefined when the entity does not exist. */
  readEntity(name: string, key: string): string | undefined {
    return this.#engine.entities.read(entityIdOf(name, key));
  }

  /** Every event of an instance as JSON text, oldest first. */
  history(instance: Instance): readonly string[] {
    return this.#engine.table.history(instance);
  }

  #send(instanceId: string, deliver: () => void): SendResult {
    const instance = this.#engine.table.get(instanceId);
    if (!instance) return 'notFound';
    if (isFinal(instance.record.status)) return 'gone';
    deliver();
    this.#engine.commit();
    return 'accepted';
  }

  #purge(instances: readonly Instance[]): number {
    const ended = instances.filter(({ record }) => isFinal(record.status));
    for (const instance of ended) this.#engine.table.delete(instance);
    this.#engine.commit();
    return ended.length;
  }
}

/** Whether the extension refuses the operation in this status. */
export function isRefused(status: RuntimeStatus | undefined, kind: ControlKind): boolean {
  if (status === undefined || isFinal(status)) return false;
  const suspended = status === 'Suspended';
  return (kind === 'suspend' && suspended) || (kind === 'resume' && !suspended);
}

export function matches({ record }: Instance, query: InstanceQuery): boolean {
  if (query.createdFromMs !== undefined && record.createdAtMs < query.createdFromMs) return false;
  if (query.createdToMs !== undefined && record.createdAtMs > query.createdToMs) return false;
  if (query.statuses && !query.statuses.has(record.status)) return false;
  return query.idPrefix === undefined || record.instanceId.startsWith(query.idPrefix);
}
