import { describe, expect, it } from 'vitest';
import type { LedgerStore } from '../../../../../src/lib/microsoft/budgets/ledger.ts';
import type { ShareUser } from '../../../../../src/lib/core/share.ts';
import type { FakeClock } from '../../../../fakes/fake-clock.ts';
import type { MemoryLedgerStore } from '../../../../fakes/memory-ledger-store.ts';
import { countOf, nothing, stage, user } from './keeper-stage.ts';

describe('a heartbeat', () => {
  it('tells the users of all shares that amounts may have changed', async () => {
    const { keeper } = stage().start('a');
    const users = [user(), user()] as const;
    keeper.share('n').attach(users[0]);
    keeper.share('rate').attach(users[1]);
    await keeper.ready();
    expect(users.map(({ changes }) => changes)).toEqual([1, 1]);
  });

  it('says what users want and hold', async () => {
    const { store, start } = stage();
    const other = start('b');
    other.keeper.share('n').attach(user(9));
    other.keeper.share('n2').attach(user(9));
    await other.keeper.ready();
    const { keeper } = start('a');
    keeper.share('n').attach({ ...user(), demand: () => ({ interactive: 20, background: 30 }) });
    keeper.share('n2').attach(user(1, 2));
    await keeper.ready();
    expect(store.ledger.budgets['n']?.['a']).toEqual({ interactive: 20, background: 30, share: 0 });
    expect(store.ledger.budgets['n2']?.['a']?.share).toBe(2);
  });

  it.each<[string, ReturnType<ShareUser['demand']>]>([
    ['work is wanted or in progress', { ...nothing, background: 1 }],
    ['callers wait', { ...nothing, interactive: 1 }],
  ])('follows another as long as %s, and then no more', async (_, demand) => {
    const { clock, store, start } = stage();
    const { keeper } = start('a');
    const its = { ...user(), demand: () => demand };
    keeper.share('n').attach(its);
    await keeper.ready();
    // The first is followed after 1,100 ms, because others may have started, too, and then each after 2,530 ms.
    for (const [ms, count] of [
      [1_099, 1],
      [1, 2],
      [2_529, 2],
      [1, 3],
      [25_300, 13],
    ] as const) {
      await clock.advance(ms);
      expect(countOf(store.ledger, 'a')).toBe(count);
    }
    its.demand = () => nothing;
    await clock.advance(60_000);
    expect(countOf(store.ledger, 'a')).toBe(14);
    const { transactions } = store;
    await clock.advance(60_000);
    expect(store.transactions).toBe(transactions);
  });

  it('is counted from the start of the one before', async () => {
    const { clock, store, startWanting } = stage();
    store.delayMs = () => 200;
    void startWanting('a', 1);
    await clock.advance(1_100 + 399);
    expect(countOf(store.ledger, 'a')).toBe(1);
    await clock.advance(1);
    expect(countOf(store.ledger, 'a')).toBe(2);
  });

  it('comes after a rest at once, in one loop', async () => {
    const { clock, store, start } = stage();
    const { keeper } = start('a');
    await keeper.ready();
    await clock.advance(60_000);
    const before = countOf(store.ledger, 'a') ?? 0;
    for (let n = 0; n < 3; n += 1) void keeper.ready();
    await clock.advance(0);
    expect(countOf(store.ledger, 'a')).toBe(before + 1);
    await clock.advance(2_530);
    expect(countOf(store.ledger, 'a')).toBe(before + 2);
  });

  it('says a number that grows, also after some that failed', async () => {
    const { clock, store, startWanting } = stage();
    await startWanting('a', 1);
    store.fails = () => true;
    await clock.advance(2 * 1_100);
    store.fails = () => false;
    await clock.advance(1_100);
    expect(countOf(store.ledger, 'a')).toBe(4);
  });

  it('comes soon after one that failed, and while others have not given up a share', async () => {
    const { clock, store, startWanting } = stage();
    await startWanting('b', 9);
    await clock.advance(1_200);
    const { keeper } = await startWanting('a', 9);
    expect(keeper.share('n').amount()).toBe(0);
    await clock.advance(2 * 1_100);
    expect(countOf(store.ledger, 'a')).toBe(3);
    await clock.advance(1_100);
    expect(keeper.share('n').amount()).toBe(4);
    await clock.advance(2_480);
    expect(countOf(store.ledger, 'a')).toBe(4);
  });
});

describe('other processes that write at the same time', () => {
  /** A store that refuses so many writes. */
  const contested = (store: MemoryLedgerStore, clock: FakeClock, refusals: number) => {
    const client = store.client();
    const triedAt: number[] = [];
    const write: LedgerStore['write'] = async (ledger, version) => {
      triedAt.push(clock.nowMs());
      return triedAt.length > refusals && client.write(ledger, version);
    };
    return { triedAt, store: { read: () => client.read(), write } };
  };

  it('are tried again after short pauses, with the same number', async () => {
    const { clock, store, start } = stage();
    const { triedAt, store: of } = contested(store, clock, 5);
    const { keeper, recorded } = start('a', of);
    keeper.share('n').attach(user());
    const ready = keeper.ready();
    await clock.advance(200);
    await ready;
    expect(triedAt).toEqual([0, 30, 60, 90, 120, 150]);
    expect(countOf(store.ledger, 'a')).toBe(1);
    expect(keeper.share('n').amount()).toBe(8);
    expect(recorded.events()).toEqual([]);
  });

  it('are a failure after one and a half seconds', async () => {
    const { clock, store, start } = stage();
    const { store: of } = contested(store, clock, Infinity);
    const { keeper, recorded } = start('a', of);
    void keeper.ready();
    await clock.advance(1_499);
    expect(recorded.events()).toEqual([]);
    await clock.advance(1);
    expect(recorded.events()).toEqual(['budgets.not_shared']);
  });
});
