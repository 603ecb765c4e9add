import { describe, expect, it } from 'vitest';
import type { LedgerStore } from '../../../../../src/lib/microsoft/budgets/ledger.ts';
import type { FakeClock } from '../../../../fakes/fake-clock.ts';
import type { MemoryLedgerStore } from '../../../../fakes/memory-ledger-store.ts';
import { beatOf, nothing, stage, user } from './keeper-stage.ts';

describe('a beat', () => {
  it('tells the users of all shares that amounts may have changed', async () => {
    const { keeper } = stage().start('a');
    const users = [user(), user()] as const;
    keeper.share('n').attach(users[0]);
    keeper.share('rate').attach(users[1]);
    await keeper.ready();
    expect(users.map(({ changes }) => changes)).toEqual([1, 1]);
  });

  it('says at most the whole budget, and what work holds', async () => {
    const { store, start } = stage();
    const other = start('b');
    other.keeper.share('n').attach(user(9));
    other.keeper.share('n2').attach(user(9));
    await other.keeper.ready();
    const { keeper } = start('a');
    keeper.share('n').attach({ ...user(), usage: () => ({ interactive: 20, callers: 3, background: 30, runs: 2 }) });
    keeper.share('n2').attach(user(1, 2));
    await keeper.ready();
    expect(store.ledger.budgets['n']?.['a']).toEqual({ interactive: 8, callers: 3, background: 8, runs: 2, share: 0 });
    expect(store.ledger.budgets['n2']?.['a']?.share).toBe(2);
  });

  it('follows another as long as work is wanted or in progress, and then no more', async () => {
    const { clock, store, startWanting } = stage();
    const { its } = await startWanting('a', 1);
    await clock.advance(29_100);
    expect(beatOf(store.ledger, 'a')).toBe(11);
    its.background = 0;
    await clock.advance(60_000);
    expect(beatOf(store.ledger, 'a')).toBe(12);
    const { transactions } = store;
    await clock.advance(60_000);
    expect(store.transactions).toBe(transactions);
  });

  it('follows another as long as callers wait', async () => {
    const { clock, store, start } = stage();
    const { keeper } = start('a');
    keeper.share('n').attach({ ...user(), usage: () => ({ ...nothing, interactive: 1, callers: 1 }) });
    await keeper.ready();
    await clock.advance(29_100);
    expect(beatOf(store.ledger, 'a')).toBe(11);
  });

  it('says a number that grows, also after beats that failed', async () => {
    const { clock, store, startWanting } = stage();
    await startWanting('a', 1);
    store.fails = () => true;
    await clock.advance(2_900 + 1_100);
    store.fails = () => false;
    await clock.advance(1_100);
    expect(beatOf(store.ledger, 'a')).toBe(4);
  });

  it('comes soon when work waits for a share that is known, and not while none is', async () => {
    const { clock, store, startWanting } = stage();
    const { keeper } = await startWanting('a', 1);
    const share = keeper.share('n');
    await clock.advance(100);
    share.wanted(false);
    await clock.advance(300);
    expect(beatOf(store.ledger, 'a')).toBe(1);
    share.wanted(true);
    await clock.advance(300);
    expect(beatOf(store.ledger, 'a')).toBe(2);
    store.fails = () => true;
    await clock.advance(10_000);
    const { transactions } = store;
    share.wanted(true);
    await clock.advance(10);
    expect(store.transactions).toBe(transactions);
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

  it('are tried again after pauses that double, with the same number', async () => {
    const { clock, store, start } = stage();
    const { triedAt, store: of } = contested(store, clock, 5);
    const { keeper, recorded } = start('a', of);
    keeper.share('n').attach(user());
    const ready = keeper.ready();
    await clock.advance(2_000);
    await ready;
    expect(triedAt).toEqual([0, 25, 75, 175, 375, 775]);
    expect(beatOf(store.ledger, 'a')).toBe(1);
    expect(keeper.share('n').amount()).toBe(8);
    expect(recorded.events()).toEqual([]);
  });

  it('are a failure after six tries', async () => {
    const { clock, store, start } = stage();
    const { triedAt, store: of } = contested(store, clock, 6);
    const { keeper, recorded } = start('a', of);
    void keeper.ready();
    await clock.advance(1_000);
    expect(triedAt).toHaveLength(6);
    expect(recorded.events()).toEqual(['budgets.not_shared']);
  });
});
