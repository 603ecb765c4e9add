import { describe, expect, it } from 'vitest';
import { GroupCommit, type GroupCommitSettings } from '../../../../../src/lib/core/rows/group-commit.ts';
import { FakeClock, settle } from '../../../../fakes/fake-clock.ts';

/** Counts the timers that have been started. */
class CountingClock extends FakeClock {
  timers = 0;
  override sleep(ms: number, signal?: AbortSignal): Promise<void> {
    this.timers += 1;
    return super.sleep(ms, signal);
  }
}

/** One write at a time. The test ends each write. */
function start(changes: Partial<GroupCommitSettings<string>> = {}) {
  const clock = new CountingClock();
  const ends: (() => void)[] = [];
  const write = (): Promise<void> => new Promise((resolve) => ends.push(resolve));
  const settings = {
    groupOf: () => 'g',
    maxBatch: 3,
    maxWrites: 1,
    sideBySideFrom: 3,
    patienceMs: 100,
    maxWaiting: 100,
    deadlineMs: 3000,
    ...changes,
  };
  const commits = new GroupCommit<string>({ write, clock }, settings);
  const outcomes: Record<string, string> = {};
  const commit = (item: string): Promise<unknown> =>
    commits.commit(item).then(
      () => (outcomes[item] = 'durable'),
      (error: unknown) => (outcomes[item] = error instanceof Error ? error.name : 'thrown'),
    );
  return { clock, commits, commit, outcomes, ends };
}

describe('GroupCommit', () => {
  it('uses one timer for all waiting items and does not restart it after each settled item', async () => {
    const { clock, commit, ends, outcomes } = start();
    for (const item of ['a', 'b', 'c']) void commit(item);
    // One for the write, one for the waiting items.
    expect(clock.sleeping).toBe(2);
    ends[0]?.();
    await settle();
    expect(outcomes).toEqual({ a: 'durable' });
    expect([clock.sleeping, clock.timers]).toEqual([2, 3]);
  });

  it('applies the deadline to items that arrive just as the last pending item settles', async () => {
    const { clock, commit, ends, outcomes } = start();
    const next = commit('a').then(() => {
      for (const item of ['b', 'c']) void commit(item);
    });
    ends[0]?.();
    await next;
    // The write of b hangs and c waits behind it, so that both reach their deadline at the same time.
    await clock.advance(2999);
    expect(outcomes).toEqual({ a: 'durable' });
    await clock.advance(1);
    expect(outcomes).toEqual({ a: 'durable', b: 'DeadlineError', c: 'DeadlineError' });
  });

  it('rejects an item beyond maxWaiting and names the limit', async () => {
    const { commit, commits, ends, outcomes } = start({ maxWaiting: 1 });
    void commit('a');
    void commit('b');
    await expect(commits.commit('c')).rejects.toThrow('1 items are waiting already');
    ends[0]?.();
    await settle();
    ends[1]?.();
    await settle();
    expect(outcomes).toEqual({ a: 'durable', b: 'durable' });
  });
});
