import { describe, expect, it } from 'vitest';
import { stage, user } from './keeper-stage.ts';

describe('a share', () => {
  it('is a quarter before the ledger was read, and never less than one operation', () => {
    const { keeper } = stage().start('a');
    expect(keeper.share('n').amount()).toBe(2);
    expect(keeper.share('n2').amount()).toBe(1);
    expect(keeper.share('rate').amount()).toBe(3);
  });

  it('is all of a number of operations for a process that is alone, and the unlisted part of a rate', async () => {
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

  it('is used for five seconds after the beginning of the last beat, and then an equal part', async () => {
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

  it('is known to be divided by one more process even if that is read and cannot be written', async () => {
    const { store, start } = stage();
    await start('b').keeper.ready();
    const reads = store.client();
    const { keeper } = start('a', { read: () => reads.read(), write: () => Promise.reject(new Error('read only')) });
    await keeper.ready();
    expect(keeper.share('n').amount()).toBe(4);
    expect(keeper.share('rate').amount()).toBe(6);
  });

  it('does not count a process that is gone, nor forget this one after a long rest', async () => {
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
    await clock.advance(2_900);
    expect(keeper.share('n').amount()).toBe(4);
    expect(store.ledger.budgets['n']?.['a']?.share).toBe(4);
  });

  it('is not larger before the ledger says so', async () => {
    const { clock, store, startWanting } = stage();
    await startWanting('b', 9);
    const { keeper } = await startWanting('a', 9);
    expect(keeper.share('n').amount()).toBe(0);
    await clock.advance(2_890);
    store.answersAfterMs = () => 400;
    await clock.advance(200);
    expect(keeper.share('n').amount()).toBe(0);
    await clock.advance(3_000);
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

  it('does not answer lets requests go on after a second, and the next ones at once when that is known', async () => {
    const { clock, store, start } = stage();
    store.delayMs = () => 60_000;
    const { keeper, recorded } = start('a');
    const readyAt: number[] = [];
    const ask = (): void => void keeper.ready().then(() => readyAt.push(clock.nowMs()));
    ask();
    await clock.advance(999);
    expect(readyAt).toEqual([]);
    await clock.advance(501);
    expect(readyAt).toEqual([1_000]);
    expect(recorded.events()).toEqual(['budgets.not_shared']);
    ask();
    await clock.advance(0);
    expect(readyAt).toEqual([1_000, 1_500]);
  });

  it('answers after the deadline of the beat has no share of what it wrote then', async () => {
    const { clock, store, start } = stage();
    store.delayMs = () => 800;
    const { keeper } = start('a');
    keeper.share('n').attach(user());
    void keeper.ready();
    await clock.advance(1_700);
    expect(store.ledger.members).toEqual({ a: 1 });
    // The part of the only known process. If the write counted, it would be the unlisted part, 3.
    expect(keeper.share('rate').amount()).toBe(12);
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
  it('reaches another process with its next beat, and ends for both within a second', async () => {
    const { clock, store, start } = stage();
    const [first, second] = [start('a').keeper, start('b').keeper];
    await first.ready();
    await second.ready();
    await clock.advance(1_000);
    expect(first.pausedMs('graph x')).toBe(0);
    first.pause('graph x', 20_000);
    expect(first.pausedMs('graph x')).toBe(20_000);
    await clock.advance(10);
    expect(store.ledger.pauses).toEqual({ 'graph x': 20_000 });
    await second.ready();
    await clock.advance(1_890);
    // The age of the ledger is in whole seconds.
    expect([first.pausedMs('graph x'), second.pausedMs('graph x')]).toEqual([18_100, 19_000]);
    expect(second.pausedMs('graph y')).toBe(0);
    await clock.advance(18_100);
    expect([first.pausedMs('graph x'), second.pausedMs('graph x')]).toEqual([0, 900]);
    await clock.advance(900);
    expect([first.pausedMs('graph x'), second.pausedMs('graph x')]).toEqual([0, 0]);
  });

  it('is written for others soon, and one that is as long already not at all', async () => {
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
