import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Heartbeat, readLostWork } from '../../../src/durable/heartbeat.ts';
import type { InstanceRecord, Message } from '../../../src/durable/instance.ts';
import { Journal } from '../../../src/durable/journal.ts';
import { newRecord } from '../../../src/durable/new-instance.ts';
import { SqliteStore } from '../../../src/durable/sqlite-store.ts';
import type { ChangeSet } from '../../../src/durable/store.ts';
import { StepClock } from '../step-clock.ts';

/** Keeps what was committed. */
class WatchedStore extends SqliteStore {
  readonly commits: ChangeSet[] = [];
  override commit(changes: ChangeSet): void {
    this.commits.push(changes);
    super.commit(changes);
  }
}

let store: WatchedStore;
let journal: Journal;
beforeEach(() => {
  store = new WatchedStore(':memory:');
  journal = new Journal(store);
});
afterEach(() => {
  store.close();
});

const record = (id: string): InstanceRecord =>
  newRecord({ instanceId: id, name: 'f', version: undefined, input: 'null' }, 5, () => 'a-b-c');
const message = (seq: number): Message => ({ kind: 'start', instanceId: 'one', seq });

describe('Journal', () => {
  it('writes nothing without changes, and each change once', () => {
    journal.commit();
    journal.saveValue('a', '1');
    journal.commit();
    journal.commit();
    expect(store.commits).toHaveLength(1);
    expect(store.readValue('a')).toBe('1');
  });

  it('never writes a message that was processed before the commit, and deletes one that was stored', () => {
    journal.addMessage(message(1));
    journal.addMessage(message(2));
    journal.removeMessage(1);
    journal.commit();
    expect([...(store.commits[0]?.messages ?? [])]).toEqual([[2, message(2)]]);
    journal.removeMessage(2);
    journal.commit();
    expect([...(store.commits[1]?.messages ?? [])]).toEqual([[2, undefined]]);
    expect(store.load().messages).toEqual([]);
  });

  it('does the same with messages to entities', () => {
    const queued = (seq: number) => ({ seq, entityId: '@box@a', message: { kind: 'release', owner: 'x' } }) as const;
    journal.addEntityMessage(queued(1));
    journal.addEntityMessage(queued(2));
    journal.removeEntityMessage(1);
    journal.commit();
    expect(store.load().entityMessages).toEqual([queued(2)]);
    journal.removeEntityMessage(2);
    journal.commit();
    expect(store.load().entityMessages).toEqual([]);
  });

  it('writes a record in its state at the time of the commit', () => {
    const changing = record('one');
    journal.createInstance(changing);
    changing.status = 'Running';
    journal.commit();
    expect(store.load().instances).toMatchObject([{ instanceId: 'one', executionId: 'abc', status: 'Running' }]);
  });

  it('appends to a history, and forgets it with what came before', () => {
    journal.appendHistory('one', ['1', '2']);
    journal.commit();
    journal.appendHistory('one', ['3']);
    journal.appendHistory('one', ['4']);
    journal.appendHistory('two', ['5']);
    journal.commit();
    expect([journal.readHistory('one'), journal.readHistory('two')]).toEqual([['1', '2', '3', '4'], ['5']]);
    journal.appendHistory('one', ['lost']);
    journal.resetHistory('one');
    journal.appendHistory('one', ['6']);
    journal.commit();
    expect([journal.readHistory('one'), journal.readHistory('two')]).toEqual([['6'], ['5']]);
  });

  it('deletes an instance with its history and its tasks', () => {
    const task = (id: number) => ({ kind: 'activity', id, name: 'f', input: undefined }) as const;
    for (const id of ['one', 'two']) {
      journal.createInstance(record(id));
      journal.appendHistory(id, ['1']);
      journal.openTask(id, task(1));
      journal.openTask(id, task(2));
    }
    journal.commit();
    journal.openTask('one', task(3));
    journal.deleteInstance('one');
    journal.closeTask('two', 1);
    journal.commit();
    const { instances, tasks } = store.load();
    expect(instances.map(({ instanceId }) => instanceId)).toEqual(['two']);
    expect(tasks.map(({ instanceId, task: { id } }) => [instanceId, id])).toEqual([['two', 2]]);
    expect([journal.readHistory('one'), journal.readHistory('two')]).toEqual([[], ['1']]);
  });

  it('drops everything after it is closed', () => {
    expect(journal.durable).toBe(true);
    journal.close();
    journal.saveValue('a', '1');
    journal.addMessage(message(1));
    journal.commit();
    expect([journal.durable, store.commits, journal.readHistory('one')]).toEqual([false, [], []]);
  });
});

describe('Heartbeat', () => {
  const timeouts = (controlQueueVisibilityTimeoutMs: number, workItemQueueVisibilityTimeoutMs: number) => ({
    controlQueueVisibilityTimeoutMs,
    workItemQueueVisibilityTimeoutMs,
  });

  it.each([
    [timeouts(60_000, 300_000), 12_000],
    [timeouts(3_600_000, 3_600_000), 30_000],
    [timeouts(300_000, 100), 1_000],
  ])('beats often enough for %j', async (given, intervalMs) => {
    const clock = new StepClock(1_000_000);
    const heartbeat = new Heartbeat(clock, journal, given);
    heartbeat.start();
    expect(store.readValue('alive')).toBe('1000000');
    await clock.advance(intervalMs - 1);
    expect(store.readValue('alive')).toBe('1000000');
    await clock.advance(1);
    expect(store.readValue('alive')).toBe(String(1_000_000 + intervalMs));
    heartbeat.stop(false);
    await clock.advance(intervalMs * 3);
    expect(readLostWork(store, given)).toEqual({
      controlUntilMs: 1_000_000 + intervalMs + given.controlQueueVisibilityTimeoutMs,
      activitiesUntilMs: 1_000_000 + intervalMs + given.workItemQueueVisibilityTimeoutMs,
    });
  });

  it('leaves nothing to wait for after a clean stop', () => {
    const given = timeouts(60_000, 60_000);
    expect(readLostWork(store, given)).toBeUndefined();
    const heartbeat = new Heartbeat(new StepClock(5), journal, given);
    heartbeat.start();
    heartbeat.stop(true);
    expect(readLostWork(store, given)).toBeUndefined();
  });

  it('does nothing without a store', async () => {
    const clock = new StepClock(0);
    new Heartbeat(clock, new Journal(undefined), timeouts(60_000, 60_000)).start();
    await clock.advance(60_000);
    expect(clock.longestSleepMs).toBe(0);
  });
});
