import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { StaleHostError } from '../../../src/durable/hub/hub-schema.ts';
import { HubStore } from '../../../src/durable/hub/hub-store.ts';
import { Journal } from '../../../src/durable/journal.ts';
import { newRecord } from '../../../src/durable/new-instance.ts';

let folder: string;
let stores: HubStore[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'host-hub-'));
  stores = [];
});
afterEach(() => {
  for (const store of stores) store.close();
  rmSync(folder, { recursive: true });
});

/** A host that is registered on the hub. */
function newHost(): HubStore {
  const store = new HubStore(join(folder, 'hub.sqlite'), 4);
  stores.push(store);
  store.join();
  return store;
}

const record = (instanceId: string) =>
  newRecord({ instanceId, name: 'test', version: undefined, input: 'null' }, 0, () => 'guid');

/** The changes of a turn that another host interrupts: it has taken mail, and hands on work, mail and a child. */
function commitTurn(store: HubStore, instanceId: string): void {
  const journal = new Journal(store);
  for (const { seq } of store.mail([0, 1, 2, 3])) journal.takeMail(seq);
  journal.saveInstance({ ...record(instanceId), status: 'Running' });
  journal.appendHistory(instanceId, ['event']);
  journal.createInstance(record('child'));
  journal.addWork({
    instanceId,
    executionId: 'one',
    task: { kind: 'activity', id: 0, name: 'note', input: undefined },
  });
  journal.post({ message: { kind: 'start', instanceId: 'child' }, delayMs: 0 });
  journal.commit();
}

/** Everything that a turn could change. */
const stateOf = (store: HubStore, instanceId: string) => ({
  status: store.find(instanceId)?.status,
  history: store.readHistory(instanceId),
  child: store.find('child')?.status,
  mail: store.mail([0, 1, 2, 3]).map(({ message }) => message.instanceId),
});

it('refuses the whole commit of a host that another one has declared dead while it was on its way', () => {
  const [stalled, other] = [newHost(), newHost()];
  stalled.create(record('a'));
  const before = stateOf(other, 'a');
  const row = other.hosts().find(({ id }) => id === stalled.hostId) ?? { id: 0, beat: 0 };
  expect(other.remove(row)).toBe(true);
  expect(() => commitTurn(stalled, 'a')).toThrow(StaleHostError);
  expect(stateOf(other, 'a')).toEqual(before);
  expect(other.claimWork(10)).toEqual([]);
  commitTurn(other, 'a');
  expect(stateOf(other, 'a')).toEqual({ status: 'Running', history: ['event'], child: 'Pending', mail: ['child'] });
  expect(other.claimWork(10)).toMatchObject([{ instanceId: 'a' }]);
});

it('refuses the whole commit that creates an instance which another host has created, until that one has ended', () => {
  const [host, other] = [newHost(), newHost()];
  host.create(record('a'));
  other.create(record('child'));
  const before = stateOf(other, 'a');
  expect(() => commitTurn(host, 'a')).toThrow(StaleHostError);
  expect(stateOf(other, 'a')).toEqual(before);
  expect(host.claimWork(10)).toEqual([]);
  const ended = new Journal(other);
  ended.saveInstance({ ...record('child'), status: 'Completed' });
  ended.commit();
  commitTurn(host, 'a');
  expect(stateOf(host, 'a')).toMatchObject({ status: 'Running', child: 'Pending' });
});

it('frees what a dead host had, and keeps a host that has shown a sign of life since it was looked at', () => {
  const [host, other] = [newHost(), newHost()];
  expect([0, 1].map((id) => host.takePartition(id))).toEqual([true, true]);
  expect(other.takePartition(1)).toBe(false);
  host.create(record('a'));
  commitTurn(host, 'a');
  expect(host.claimWork(10)).toHaveLength(1);
  const row = other.hosts().find(({ id }) => id === host.hostId) ?? { id: 0, beat: 0 };
  expect(host.beat()).toBe(true);
  expect(other.remove(row)).toBe(false);
  expect(other.partitionsOf(null)).toEqual([2, 3]);
  expect(other.claimWork(10)).toEqual([]);
  expect(other.remove({ ...row, beat: row.beat + 1 })).toBe(true);
  expect(host.beat()).toBe(false);
  expect(other.partitionsOf(null)).toEqual([0, 1, 2, 3]);
  expect(other.claimWork(10)).toHaveLength(1);
});

it('gives no partition and no work to a host that is not registered any more', () => {
  const [stalled, other] = [newHost(), newHost()];
  other.create(record('a'));
  commitTurn(other, 'a');
  stalled.leave();
  expect(stalled.takePartition(0)).toBe(false);
  expect(stalled.claimWork(10)).toEqual([]);
  expect(other.takePartition(0)).toBe(true);
  expect(other.claimWork(10)).toHaveLength(1);
});

it('numbers messages in their order of arrival, also when a partition moves to another host and back', () => {
  const [host, other] = [newHost(), newHost()];
  const loads = [host, other, host, other].map((store) => store.loadPartitions(new Set([0])).firstSeq ?? 0);
  expect(loads).toEqual(loads.toSorted((a, b) => a - b));
  expect(new Set(loads).size).toBe(4);
  // A hub of an earlier version has messages with large numbers.
  const journal = new Journal(host);
  const seq = 50 * 2 ** 32 + 7;
  journal.addMessage({ seq, instanceId: 'a', kind: 'start' });
  journal.commit();
  expect(other.loadPartitions(new Set([0])).firstSeq).toBeGreaterThan(seq);
});

it('stores the outcome of work of both hosts that did it, and deletes the work', () => {
  const [host, other] = [newHost(), newHost()];
  host.create(record('a'));
  commitTurn(host, 'a');
  const [work] = host.claimWork(1);
  const outcome = { kind: 'taskCompleted', instanceId: 'a', executionId: 'one', taskId: 0, result: '1' } as const;
  host.finishWork(work?.id ?? 0, outcome);
  other.finishWork(work?.id ?? 0, outcome);
  expect(other.mail([0, 1, 2, 3]).filter(({ message }) => message.kind === 'taskCompleted')).toHaveLength(2);
  host.leave();
  expect(other.claimWork(10)).toEqual([]);
});
