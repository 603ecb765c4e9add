import { describe, expect, it } from 'vitest';
import type { LedgerStore } from '../../../../../src/lib/microsoft/budgets/ledger.ts';
import { nothing, stage, user } from './keeper-stage.ts';

describe('a share', () => {
  it('is nothing before the first heartbeat has ended', async () => {
    const { clock, store, start } = stage();
    store.delayMs = () => 100;
    const { keeper } = start('a');
    const its = user();
    keeper.share('n').attach(its);
    keeper.share('n').wanted(true);
    await clock.advance(199);
    expect([keeper.share('n').amount(), its.changes]).toEqual([0, 0]);
    await clock.advance(1);
    expect([keeper.share('n').amount(), its.changes]).toEqual([8, 1]);
  });

  it('is a quarter if the ledger was never read, and never less than one operation', async () => {
    const { store, start } = stage();
    store.fails = () => true;
    const { keeper } = start('a');
    await keeper.ready();
    expect(keeper.share('n').amount()).toBe(2);
    expect(keeper.share('n2').amount()).toBe(1);
    expect(keeper.share('rate').amount()).toBe(3);
  });

  it('is nothing after the lease has expired in a rest, until the next heartbeat has ended', async () => {
    const { clock, store, startWanting } = stage();
    const { keeper } = await startWanting('a', 0);
    expect(keeper.share('n').amount()).toBe(8);
    await clock.advance(60_000);
    store.delayMs = () => 100;
    const ready = keeper.ready();
    await clock.advance(100);
    expect(keeper.share('n').amount()).toBe(0);
    await clock.advance(100);
    await ready;
    expect(keeper.share('n').amount()).toBe(8);
  });

  it('of operations is the whole budget for a process that is alone, and of a rate the unlisted part', async () => {
    const { keeper } = stage().start('a');
    keeper.share('n').attach(user());
    keeper.share('rate').attach(user(1));
    await keeper.ready();
    expect(keeper.share('n').amount()).toBe(8);
    expect(keeper.share('rate').amount()).toBe(3);
    // Nobody asked for it.
    expect(keeper.share('n2').amount()).toBe(0);
  });

  it('of a rate is what the ledger gives, once it is listed', async () => {
    const { keeper } = stage().start('a');
    keeper.share('rate').attach(user(5));
    await keeper.ready();
    expect(keeper.share('rate').amount()).toBe(12);
  });

  it('is used for five seconds after the start of the last heartbeat, and then an equal part', async () => {
    const { clock, store, start } = stage();
    await start('b').keeper.ready();
    const { keeper } = start('a');
    const users = [user(5), user(1)] as const;
    keeper.share('n').attach(users[0]);
    keeper.share('rate').attach(users[1]);
    await keeper.ready();
    store.fails = () => true;
    const shares = () => [keeper.share('n').amount(), keeper.share('rate').amount()];
    await clock.advance(4_999);
    expect(shares()).toEqual([8, 2]);
    await clock.advance(1);
    expect(shares()).toEqual([4, 6]);
  });

  it('is divided by one more process even if that is read and cannot be written', async () => {
    const { store, start } = stage();
    for (const id of ['b', 'c', 'd', 'e']) await start(id).keeper.ready();
    const reads = store.client();
    const { keeper } = start('a', { read: () => reads.read(), write: () => Promise.reject(new Error('read only')) });
    await keeper.ready();
    expect(keeper.share('n').amount()).toBe(1);
    expect(keeper.share('rate').amount()).toBe(12 / 5);
  });

  it('is not divided by fewer processes while writing fails, because others may only seem to have expired', async () => {
    const { clock, store, start, startWanting } = stage();
    for (const id of ['b', 'c', 'd']) await start(id).keeper.ready();
    const client = store.client();
    let isReadOnly = false;
    const write: LedgerStore['write'] = (...args) =>
      isReadOnly ? Promise.reject(new Error('read only')) : client.write(...args);
    const { keeper } = start('a', { read: () => client.read(), write });
    await keeper.ready();
    isReadOnly = true;
    await startWanting('e', 1);
    for (let seconds = 0; seconds < 20; seconds += 1) {
      await keeper.ready();
      await clock.advance(1_000);
    }
    expect(keeper.share('rate').amount()).toBe(12 / 5);
  });

  it('does not count a process whose lease has expired, nor forget this one after a long rest', async () => {
    const { clock, store, start } = stage();
    const { keeper } = start('a');
    await start('b').keeper.ready();
    await keeper.ready();
    await clock.advance(3_600_000);
    await keeper.ready();
    expect(Object.keys(store.ledger.members)).toEqual(['a']);
    expect(keeper.share('rate').amount()).toBe(3);
  });

  it('is smaller before the ledger says so, because others may read it first', async () => {
    const { clock, store, startWanting } = stage();
    const { keeper } = await startWanting('a', 9);
    await startWanting('b', 9);
    store.answersAfterMs = () => 400;
    await clock.advance(1_100);
    expect(keeper.share('n').amount()).toBe(4);
    expect(store.ledger.budgets['n']?.['a']?.share).toBe(4);
  });

  it('is smaller before the ledger says so also if it was not listed', async () => {
    const { clock, store, start } = stage();
    const [first, second] = [start('a').keeper, start('b').keeper];
    await first.ready();
    await second.ready();
    second.share('rate').attach(user(100));
    await clock.advance(3_600);
    expect(store.ledger.budgets['rate']).toEqual({ b: { ...nothing, background: 100, share: 10 } });
    expect(first.share('rate').amount()).toBe(2);
    store.answersAfterMs = () => 400;
    await clock.advance(100);
    expect(store.ledger.budgets['rate']?.['a']?.share).toBe(0);
    expect(first.share('rate').amount()).toBe(0);
  });

  it('is not larger before the ledger says so', async () => {
    const { clock, store, startWanting } = stage();
    await startWanting('b', 9);
    const { keeper } = await startWanting('a', 9);
    await clock.advance(1_000);
    expect(keeper.share('n').amount()).toBe(0);
    store.answersAfterMs = () => 400;
    await clock.advance(200);
    expect(store.ledger.budgets['n']?.['a']?.share).toBe(4);
    expect(keeper.share('n').amount()).toBe(0);
    await clock.advance(400);
    expect(keeper.share('n').amount()).toBe(4);
  });

  it('that is released is no longer asked for', async () => {
    const { clock, store, startWanting } = stage();
    const { keeper, its } = await startWanting('a', 5);
    keeper.release('n');
    await clock.advance(2_900);
    expect(store.ledger.budgets['n']?.['a']?.background).toBe(0);
    expect(its.changes).toBe(1);
  });
});

describe('a process whose storage', () => {
  it('fails says so once, goes on, and says when it works again', async () => {
    const { clock, store, startWanting } = stage();
    store.fails = () => true;
    const { keeper, recorded, its } = await startWanting('a', 9);
    expect(its.changes).toBe(1);
    await clock.advance(1_100);
    expect(store.transactions).toBe(2);
    store.fails = () => false;
    await clock.advance(10_000);
    expect(recorded.lines.map(({ level, line }) => [level, (JSON.parse(line) as { event: string }).event])).toEqual([
      ['warn', 'budgets.not_shared'],
      ['info', 'budgets.recovered'],
    ]);
    expect(recorded.lines[0]?.line).toContain('503 ServerBusy');
    expect(keeper.share('n').amount()).toBe(8);
  });

  it('does not answer lets requests go on after a heartbeat has failed, and the next ones at once', async () => {
    const { clock, store, start } = stage();
    store.delayMs = () => 60_000;
    const { keeper, recorded } = start('a');
    const readyAt: number[] = [];
    const ask = (): void => void keeper.ready().then(() => readyAt.push(clock.nowMs()));
    ask();
    await clock.advance(1_499);
    expect(readyAt).toEqual([]);
    await clock.advance(1);
    expect(readyAt).toEqual([1_500]);
    expect(recorded.events()).toEqual(['budgets.not_shared']);
    ask();
    await clock.advance(0);
    expect(readyAt).toEqual([1_500, 1_500]);
  });

  it('answers after the deadline of the heartbeat has no share of what it wrote then', async () => {
    const { clock, store, start } = stage();
    store.delayMs = () => 800;
    const { keeper } = start('a');
    keeper.share('n').attach(user());
    void keeper.ready();
    await clock.advance(1_700);
    expect(store.ledger.members).toEqual({ a: 1 });
    // The part of four processes. If the write counted, the only process would have all.
    expect(keeper.share('n').amount()).toBe(2);
  });
});

describe('a request', () => {
  it('does not wait while the shares are known', async () => {
    const { clock, store, start } = stage();
    const { keeper } = start('a');
    await keeper.ready();
    store.delayMs = () => 60_000;
    await clock.advance(2_000);
    let isReady = false;
    void keeper.ready().then(() => {
      isReady = true;
    });
    await clock.advance(0);
    expect(isReady).toBe(true);
  });

  it('ends its wait for the shares with the reason of its signal', async () => {
    const { clock, store, start } = stage();
    store.delayMs = () => 60_000;
    const { keeper } = start('a');
    const end = new AbortController();
    const waiting = keeper.ready(end.signal);
    await clock.advance(100);
    end.abort(new Error('gone'));
    await expect(waiting).rejects.toThrow('gone');
  });
});

describe('a pause', () => {
  it('reaches another process with a heartbeat of each, and ends for both within a second', async () => {
    const { clock, store, start } = stage();
    const [first, second] = [start('a').keeper, start('b').keeper];
    await first.ready();
    await second.ready();
    await clock.advance(1_000);
    expect(first.pausedMs('graph x')).toBe(0);
    first.pause('graph x', 20_000);
    expect(first.pausedMs('graph x')).toBe(20_000);
    await second.ready();
    await clock.advance(150);
    expect(store.ledger.pauses).toEqual({ 'graph x': 19_900 });
    await clock.advance(2_850);
    // The age of the ledger is in whole seconds.
    expect(first.pausedMs('graph x')).toBe(17_000);
    expect(second.pausedMs('graph x')).toBeGreaterThanOrEqual(17_000);
    expect(second.pausedMs('graph x')).toBeLessThanOrEqual(18_000);
    expect(second.pausedMs('graph y')).toBe(0);
    await clock.advance(17_000);
    expect(first.pausedMs('graph x')).toBe(0);
    await clock.advance(1_000);
    expect(second.pausedMs('graph x')).toBe(0);
  });

  it('is written for others, and one that is as long already not at all', async () => {
    const { clock, store, start } = stage();
    const { keeper } = start('a');
    keeper.pause('graph x', 20_000);
    await clock.advance(60_000);
    const { transactions } = store;
    expect(transactions).toBeGreaterThan(0);
    keeper.pause('graph x', -50_000);
    await clock.advance(60_000);
    expect(store.transactions).toBe(transactions);
  });
});
