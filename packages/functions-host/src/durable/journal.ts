import type { EntityRecord, QueuedEntityMessage } from './entity.ts';
import type { EventText } from './history.ts';
import type { InstanceRecord, Message, OpenTask } from './instance.ts';
import type { ChangeSet, Mail, Store, Work } from './store.ts';

const emptyChanges = (): ChangeSet => ({
  instances: new Map(),
  history: new Map(),
  tasks: new Map(),
  messages: new Map(),
  entities: new Map(),
  entityMessages: new Map(),
  values: new Map(),
  shared: { created: new Set(), mail: [], takenMail: [], work: [] },
});

/**
 * Collects changes for the next transaction. The commit writes rows in their state at that time. A row that is added
 * and removed between two commits, such as most messages, is never written. Without a store the journal does nothing.
 */
export class Journal {
  #store: Store | undefined;
  #changes = emptyChanges();
  #dirty = false;

  constructor(store: Store | undefined) {
    this.#store = store;
  }

  /** Whether histories can be read back from the store. */
  get durable(): boolean {
    return this.#store !== undefined;
  }

  readHistory(instanceId: string): EventText[] {
    return this.#store?.readHistory(instanceId) ?? [];
  }

  saveInstance(record: InstanceRecord): void {
    this.#change()?.instances.set(record.instanceId, record);
  }

  /** Saves an instance that must not exist on the hub, or must have ended there. */
  createInstance(record: InstanceRecord): void {
    this.#change().shared.created.add(record.instanceId);
    this.saveInstance(record);
  }

  /** Deletes the instance with its history and tasks. */
  deleteInstance(instanceId: string): void {
    const changes = this.#change();
    if (!changes) return;
    changes.instances.set(instanceId, undefined);
    changes.history.set(instanceId, { reset: true, events: [] });
    changes.tasks.delete(instanceId);
  }

  resetHistory(instanceId: string): void {
    this.#change()?.history.set(instanceId, { reset: true, events: [] });
  }

  appendHistory(instanceId: string, events: readonly EventText[]): void {
    const history = this.#change()?.history;
    if (!history) return;
    const entry = history.get(instanceId);
    if (entry) entry.events.push(...events);
    else history.set(instanceId, { reset: false, events: [...events] });
  }

  openTask(instanceId: string, task: OpenTask): void {
    this.#tasks(instanceId)?.set(task.id, task);
  }

  closeTask(instanceId: string, id: number): void {
    this.#tasks(instanceId)?.set(id, undefined);
  }

  addMessage(message: Message): void {
    this.#change()?.messages.set(message.seq, message);
  }

  removeMessage(seq: number): void {
    remove(this.#change()?.messages, seq);
  }

  saveEntity(entityId: string, record: EntityRecord | undefined): void {
    this.#change()?.entities.set(entityId, record);
  }

  addEntityMessage(message: QueuedEntityMessage): void {
    this.#change()?.entityMessages.set(message.seq, message);
  }

  removeEntityMessage(seq: number): void {
    remove(this.#change()?.entityMessages, seq);
  }

  saveValue(key: string, value: string): void {
    this.#change()?.values.set(key, value);
  }

  post(mail: Mail): void {
    this.#change().shared.mail.push(mail);
  }

  /** Deletes mail that this host has delivered. */
  takeMail(seq: number): void {
    this.#change().shared.takenMail.push(seq);
  }

  addWork(work: Work): void {
    this.#change().shared.work.push(work);
  }

  /** Writes the collected changes to the store. */
  commit(): void {
    if (!this.#store || !this.#dirty) return;
    const changes = this.#changes;
    this.#changes = emptyChanges();
    this.#dirty = false;
    this.#store.commit(changes);
  }

  /** Drops all further changes. Work that ends after the host has stopped is repeated after the next start. */
  close(): void {
    this.#store = undefined;
  }

  #change(): ChangeSet {
    if (!this.#store) return emptyChanges();
    this.#dirty = true;
    return this.#changes;
  }

  #tasks(instanceId: string): Map<number, OpenTask | undefined> {
    const tasks = this.#change()?.tasks;
    const existing = tasks.get(instanceId);
    if (existing) return existing;
    const created = new Map<number, OpenTask | undefined>();
    tasks.set(instanceId, created);
    return created;
  }
}

/** Drops a row that the store does not have yet, or marks a stored row for deletion. */
function remove<T>(rows: Map<number, T | undefined> | undefined, seq: number): void {
  if (rows?.get(seq) !== undefined) rows.delete(seq);
  else rows?.set(seq, undefined);
}
