import { type Instance, instanceIdError, isFinal, type NewMessage } from '../instance.ts';
import { instanceOf, newRecord } from '../new-instance.ts';
import { type DurableClient, isRefused, matches } from '../operations.ts';
import type { EngineDeps } from '../engine.ts';
import type { HubStore } from './hub-store.ts';

type HubClientDeps = Pick<EngineDeps, 'clock' | 'log' | 'settings' | 'findFunction' | 'newGuid'> & {
  readonly store: HubStore;
};

/** The operations of a durable client on a shared hub. They read and write the store, whichever host runs the instance. */
export function hubOperations({ store, clock, log, settings, findFunction, newGuid }: HubClientDeps): DurableClient {
  const get = (instanceId: string): Instance | undefined => {
    const record = store.find(instanceId);
    return record && instanceOf(record);
  };
  const list: DurableClient['list'] = (query) =>
    store
      .list()
      .map((record) => instanceOf(record))
      .filter((instance) => matches(instance, query));
  const send = (message: NewMessage) => {
    const record = store.find(message.instanceId);
    if (!record) return 'notFound';
    if (isFinal(record.status)) return 'gone';
    store.send(message);
    return 'accepted';
  };
  return {
    start: (name, options) => {
      const instanceId = options.instanceId || newGuid().replaceAll('-', '');
      const reason = instanceIdError(instanceId);
      if (reason) return { kind: 'invalid', reason };
      const { input, version = settings.defaultVersion } = options;
      const target = findFunction('orchestration', name);
      const record = newRecord(
        { instanceId, name: target?.metadata.name ?? name, input, version },
        clock.nowMs(),
        newGuid,
      );
      const existing = store.create(record);
      return existing ? { kind: 'conflict', status: existing } : { kind: 'started', instanceId };
    },
    get,
    list,
    raiseEvent: (instanceId, name, input) => send({ kind: 'eventRaised', instanceId, name, input }),
    control: (instanceId, kind, reason) =>
      isRefused(store.find(instanceId)?.status, kind) ? 'refused' : send({ kind, instanceId, reason }),
    purge: (instanceId) => (store.find(instanceId) ? store.purge([instanceId]) : undefined),
    purgeBy: (query) => store.purge(list(query).map(({ record }) => record.instanceId)),
    // A host with entities does not join a hub.
    signalEntity: (name) => log('error', 'system', `The app has no entity "${name}".`),
    readEntity: () => undefined,
    history: ({ record }) => store.readHistory(record.instanceId),
  };
}
