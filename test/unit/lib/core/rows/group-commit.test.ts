import { describe, expect, it } from 'vitest';
import {
  type AwaitedBy,
  GroupCommit,
  type GroupCommitSettings,
} from '../../../../../src/lib/core/rows/group-commit.ts';
import { FakeClock, settle } from '../../../../fakes/fake-clock.ts';

/** A store in which the test ends each write. */
class ManualStore {
  readonly writes: { items: readonly string[]; signal: AbortSignal; done: () => void; fail: (error: Error) => void }[] =
    [];

  readonly write = (items: readonly string[], signal: AbortSignal): Promise<void> => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.writes.push({ items, signal, done: resolve, fail: reject });
    return promise;
  };

  get batches(): string[] {
    return this.writes.map(({ items }) => items.join(','));
  }
}

function start(changes: Partial<GroupCommitSettings<string>> = {}) {
  const clock = new FakeClock();
  const store = new ManualStore();
  const settings = {
    groupOf: () => 'g',
    maxBatch: 3,
    maxWrites: 2,
    sideBySideFrom: 3,
    patienceMs: 100,
    maxWaiting: 100,
    deadlineMs: 3000,
    ...changes,
  };
  const commits = new GroupCommit<string>({ write: store.write, clock }, settings);
  const outcomes: Record<string, string> = {};
  const commit = (item: string, awaitedBy?: AwaitedBy): void => {
    commits.commit(item, awaitedBy).then(
      () => (outcomes[item] = 'durable'),
      (error: unknown) => (outcomes[item] = error instanceof Error ? error.name : 'thrown'),
    );
  };
  return { clock, store, outcomes, commit };
}

describe('GroupCommit', () => {
  it('writes a single item immediately and resolves only after the write', async () => {
    const { store, outcomes, commit } = start();
    commit('a');
    await settle();
    expect(store.batches).toEqual(['a']);
    expect(outcomes).toEqual({});
    store.writes[0]?.done();
    await settle();
    expect(outcomes).toEqual({ a: 'durable' });
  });

  it('combines items that arrive during a write into the next write', async () => {
    const { store, outcomes, commit } = start();
    for (const item of ['a', 'b', 'c']) commit(item);
    expect(store.batches).toEqual(['a']);
    store.writes[0]?.done();
    await settle();
    expect(store.batches).toEqual(['a', 'b,c']);
    expect(outcomes).toEqual({ a: 'durable' });
  });

  it('starts a second concurrent write when sideBySideFrom items wait, and never a third', async () => {
    const { store, commit } = start({ sideBySideFrom: 2 });
    for (const item of ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']) commit(item);
    expect(store.batches).toEqual(['a', 'b,c']);
    store.writes[0]?.done();
    await settle();
    expect(store.batches).toEqual(['a', 'b,c', 'd,e,f']);
  });

  it('starts a second concurrent write only with a full batch when sideBySideFrom equals maxBatch', async () => {
    const { store, commit } = start();
    for (const item of ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']) commit(item);
    expect(store.batches).toEqual(['a', 'b,c,d']);
    store.writes[0]?.done();
    await settle();
    expect(store.batches).toEqual(['a', 'b,c,d', 'e,f,g']);
  });

  it('writes the item of a caller at once while jobs keep a write in flight, together with items of jobs', async () => {
    const { store, commit } = start({ maxWrites: 3 });
    commit('job 1', 'job');
    commit('job 2', 'job');
    expect(store.batches).toEqual(['job 1']);
    commit('caller 1');
    expect(store.batches).toEqual(['job 1', 'caller 1,job 2']);
    // Callers still share writes with each other, and jobs start none beside them.
    commit('caller 2');
    commit('job 3', 'job');
    expect(store.batches).toHaveLength(2);
    store.writes[0]?.done();
    await settle();
    expect(store.batches).toHaveLength(2);
    store.writes[1]?.done();
    await settle();
    expect(store.batches).toEqual(['job 1', 'caller 1,job 2', 'caller 2,job 3']);
  });

  it('writes the items of callers first if there are more than fit', () => {
    const { store, commit } = start({ maxBatch: 2, sideBySideFrom: 10 });
    commit('job 1', 'job');
    for (const item of ['job 2', 'job 3', 'job 4']) commit(item, 'job');
    commit('caller 1');
    expect(store.batches).toEqual(['job 1', 'caller 1,job 2']);
  });

  it('starts no write of its own for a job while callers write', async () => {
    const { store, commit } = start();
    commit('caller 1');
    commit('job 1', 'job');
    expect(store.batches).toEqual(['caller 1']);
    store.writes[0]?.done();
    await settle();
    expect(store.batches).toEqual(['caller 1', 'job 1']);
  });

  it('writes a patient item after its patience, or earlier with another item', async () => {
    const { clock, store, commit } = start();
    commit('a', 'nobody');
    commit('b', 'nobody');
    await clock.advance(99);
    expect(store.batches).toEqual([]);
    await clock.advance(1);
    expect(store.batches).toEqual(['a,b']);
    store.writes[0]?.done();
    commit('c', 'nobody');
    await clock.advance(50);
    commit('d');
    expect(store.batches).toEqual(['a,b', 'd,c']);
    await clock.advance(100);
    expect(store.batches).toEqual(['a,b', 'd,c']);
  });

  it('does not let patient items delay others, neither by their number nor by their group', async () => {
    const { store, commit } = start({ groupOf: (item) => item[0] ?? '', maxWrites: 1, sideBySideFrom: 10 });
    for (const item of ['x1', 'y1', 'y2']) commit(item, 'nobody');
    for (const item of ['y3', 'y4', 'y5', 'y6']) commit(item);
    expect(store.batches).toEqual(['y3,y1,y2']);
    store.writes[0]?.done();
    await settle();
    expect(store.batches).toEqual(['y3,y1,y2', 'y4,y5,y6']);
  });

  it('writes patient items at once if sideBySideFrom items wait', async () => {
    const { store, commit } = start();
    for (const item of ['a', 'b', 'c']) commit(item, 'nobody');
    expect(store.batches).toEqual(['a,b,c']);
  });

  it('never mixes groups in one write and keeps the order within each group', async () => {
    const { store, commit } = start({ groupOf: (item) => item[0] ?? '', maxWrites: 1 });
    for (const item of ['x1', 'y1', 'x2', 'y2', 'x3']) commit(item);
    for (let write = 0; write < 4; write += 1) {
      store.writes[write]?.done();
      await settle();
    }
    expect(store.batches).toEqual(['x1', 'y1,y2', 'x2,x3']);
  });

  it('rejects all items of a failed write and no others', async () => {
    const { store, outcomes, commit } = start({ maxWrites: 1 });
    for (const item of ['a', 'b', 'c']) commit(item);
    store.writes[0]?.fail(new RangeError('full'));
    await settle();
    store.writes[1]?.done();
    await settle();
    expect(outcomes).toEqual({ a: 'RangeError', b: 'durable', c: 'durable' });
  });

  it('rejects an item at its deadline and aborts its write', async () => {
    const { clock, store, outcomes, commit } = start({ maxWrites: 1 });
    commit('a');
    await clock.advance(1000);
    commit('b');
    await clock.advance(1999);
    expect(outcomes).toEqual({});
    await clock.advance(1);
    expect(outcomes).toEqual({ a: 'DeadlineError' });
    expect(store.writes[0]?.signal.aborted).toBe(true);
    // The hanging write is aborted, so that b is written.
    expect(store.batches).toEqual(['a', 'b']);
    await clock.advance(1000);
    expect(outcomes).toEqual({ a: 'DeadlineError', b: 'DeadlineError' });
    commit('c');
    await clock.advance(3000);
    expect(store.batches).toEqual(['a', 'b', 'c']);
  });

  it('does not write an item that reached its deadline while it waited', async () => {
    const { clock, store, outcomes, commit } = start({ maxWrites: 1 });
    commit('a');
    commit('b');
    await clock.advance(3000);
    expect(outcomes).toEqual({ a: 'DeadlineError', b: 'DeadlineError' });
    commit('c');
    await settle();
    expect(store.batches).toEqual(['a', 'c']);
  });

  it('ignores a write that ends after the deadline', async () => {
    const { clock, store, outcomes, commit } = start();
    commit('a');
    await clock.advance(3000);
    store.writes[0]?.done();
    await settle();
    expect(outcomes).toEqual({ a: 'DeadlineError' });
  });

  it('rejects an item immediately when maxWaiting items are waiting', async () => {
    const { store, outcomes, commit } = start({ maxWaiting: 2, maxWrites: 1 });
    for (const item of ['a', 'b', 'c', 'd']) commit(item);
    await settle();
    expect(outcomes).toEqual({ d: 'BacklogError' });
    store.writes[0]?.done();
    await settle();
    expect(store.batches).toEqual(['a', 'b,c']);
  });

  it('leaves no timer behind once all items are settled', async () => {
    const { clock, store, commit } = start();
    commit('a');
    await settle();
    expect(clock.sleeping).toBeGreaterThan(0);
    store.writes[0]?.done();
    await settle();
    expect(clock.sleeping).toBe(0);
  });
});
