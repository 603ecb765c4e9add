import { describe, expect, it } from 'vitest';
import {
  afterHeartbeat,
  type Budget,
  emptyLedger,
  type Entry,
  type Heartbeat,
  type Ledger,
  noDemand,
  unlistedPart,
} from '../../../../../src/lib/microsoft/budgets/ledger.ts';

const nobody: ReadonlySet<string> = new Set();
const jobs = (background: number, held = 0) => ({ ...noDemand, background, held });
const entry = (share: number, background = 0): Entry => ({ ...noDemand, share, background });
const ledgerOf = (entries: Readonly<Record<string, Entry>>, ids = Object.keys(entries), name = 'x'): Ledger => ({
  members: Object.fromEntries(ids.map((id) => [id, 1])),
  budgets: { [name]: entries },
  pauses: {},
});

/** A heartbeat of an instance for one budget `x`. */
const says = (budget: Budget, id: string, wants: Heartbeat['wants'][string] | undefined, before: Ledger) =>
  afterHeartbeat(before, {
    id,
    count: 7,
    budgetOf: () => budget,
    wants: wants === undefined ? {} : { x: wants },
    expired: nobody,
    pauses: {},
  });

describe('a number of operations', () => {
  const eight: Budget = { total: 8, whole: true };

  it('belongs to the only member, and the ledger says what it wants and what it waits for', () => {
    const { ledger, limits } = afterHeartbeat(emptyLedger, {
      id: 'a',
      count: 3,
      budgetOf: () => eight,
      wants: { x: { interactive: 4, background: 5, held: 1 } },
      expired: nobody,
      pauses: { graph: 900 },
    });
    expect(ledger).toEqual({
      members: { a: 3 },
      budgets: { x: { a: { interactive: 4, background: 5, share: 8 } } },
      pauses: { graph: 900 },
    });
    expect(limits).toEqual({ x: 8 });
  });

  it('is listed also for a member that wants none of it now', () => {
    expect(says(eight, 'a', { ...noDemand, held: 0 }, emptyLedger).ledger.budgets).toEqual({ x: { a: entry(8) } });
  });

  it('is not listed for a member that does not use it', () => {
    const { ledger, limits } = says(eight, 'a', undefined, emptyLedger);
    expect([ledger.budgets, limits]).toEqual([{}, {}]);
  });

  it('gives a new member what is free, and the rest when the other has given it up', () => {
    const first = says(eight, 'b', jobs(100), ledgerOf({ a: entry(6, 100) }));
    expect(first.limits).toEqual({ x: 2 });
    const gaveUp = says(eight, 'a', jobs(100), first.ledger);
    expect(gaveUp.limits).toEqual({ x: 4 });
    expect(says(eight, 'b', jobs(100), gaveUp.ledger).limits).toEqual({ x: 4 });
  });

  it('stays claimed as far as work uses it, above what the member may use from now on', () => {
    const { ledger, limits } = says(eight, 'a', jobs(100, 6), ledgerOf({ a: entry(8, 100), b: entry(0, 100) }));
    expect(limits).toEqual({ x: 4 });
    expect(ledger.budgets['x']?.['a']?.share).toBe(6);
    expect(says(eight, 'b', jobs(100), ledger).limits).toEqual({ x: 2 });
  });

  it('is never less than nothing, if others claim more than there is', () => {
    expect(says(eight, 'c', jobs(100), ledgerOf({ a: entry(6, 9), b: entry(5, 9) })).limits).toEqual({ x: 0 });
  });

  it('does not belong to a member that is gone or that no longer is one', () => {
    const before = ledgerOf({ a: entry(8, 100), old: entry(8, 100) }, ['a']);
    const announcement = { id: 'b', count: 1, budgetOf: () => eight, wants: { x: jobs(100) }, pauses: {} };
    const { ledger, limits } = afterHeartbeat(before, { ...announcement, expired: new Set(['a']) });
    expect(limits).toEqual({ x: 8 });
    expect(ledger.members).toEqual({ b: 1 });
    expect(Object.keys(ledger.budgets['x'] ?? {})).toEqual(['b']);
  });

  it.each([
    [16, 15],
    [15, 15],
  ])('of %i keeps one unit for a member that has none, from 16 on', (total, limit) => {
    const others = ledgerOf({ b: entry(0) });
    expect(says({ total, whole: true }, 'a', jobs(100), others).limits).toEqual({ x: limit });
  });

  it('gives one unit at once to a member that follows one whose lease has not expired yet', () => {
    const sixteen: Budget = { total: 16, whole: true };
    const { ledger, limits } = says(sixteen, 'a', jobs(100), emptyLedger);
    expect(limits).toEqual({ x: 15 });
    expect(says(sixteen, 'b', jobs(1), ledger).limits).toEqual({ x: 1 });
  });

  it('is one for each member only if there are more members than units', () => {
    const two: Budget = { total: 2, whole: true };
    expect(says(two, 'b', jobs(5), ledgerOf({ a: entry(2, 5) })).limits).toEqual({ x: 0 });
    expect(says(two, 'c', jobs(5), ledgerOf({ a: entry(1, 5), b: entry(1, 5) })).limits).toEqual({ x: 1 });
  });

  it('is wholly free while the only other member has no entry', () => {
    expect(says(eight, 'a', jobs(100), ledgerOf({}, ['b'])).limits).toEqual({ x: 8 });
  });
});

describe('a rate', () => {
  const twelve: Budget = { total: 12, whole: false };

  it('has equal parts with room for one more member, halved', () => {
    expect(unlistedPart(twelve, 1)).toBe(3);
    expect(unlistedPart(twelve, 2)).toBe(2);
  });

  it('is listed from the moment at which a member wants more than its equal part', () => {
    expect(says(twelve, 'a', jobs(3), emptyLedger)).toMatchObject({ ledger: { budgets: {} }, limits: { x: 3 } });
    const { ledger, limits } = says(twelve, 'a', jobs(3.1), emptyLedger);
    expect(limits).toEqual({ x: 12 });
    expect(ledger.budgets).toEqual({ x: { a: { ...noDemand, background: 3.1, share: 12 } } });
  });

  it('is not listed for a member among others that wants no more than its equal part', () => {
    const { ledger, limits } = says(twelve, 'a', jobs(2), { ...emptyLedger, members: { a: 1, b: 1 } });
    expect([ledger.budgets, limits]).toEqual([{}, { x: 2 }]);
  });

  it('counts the wishes of callers and jobs together', () => {
    const both = { interactive: 2, background: 2, held: 0 };
    expect(says(twelve, 'a', both, emptyLedger).limits).toEqual({ x: 12 });
  });

  it('leaves an equal part to a member that has not seen that it is listed', () => {
    expect(says(twelve, 'a', jobs(10), ledgerOf({}, ['a', 'b'])).limits).toEqual({ x: 10 });
    expect(says(twelve, 'a', jobs(10), ledgerOf({ b: entry(5, 1) }, ['a', 'b'])).limits).toEqual({ x: 7 });
  });

  it('is exceeded by a twelfth at most while one member joins, until each of the others has seen it', () => {
    let most = 0;
    for (let others = 1; others <= 16; others += 1) {
      const ids = Array.from({ length: others }, (_, n) => `m${n}`);
      const used = ids.map(() => unlistedPart(twelve, others));
      let { ledger, limits } = says(twelve, 'new', jobs(100), { ...ledgerOf({}, ids), budgets: {} });
      const sum = (): number => used.reduce((total, one) => total + one, limits['x'] ?? 0);
      most = Math.max(most, sum());
      for (const [n, id] of ids.entries()) {
        const seen = says(twelve, id, undefined, ledger);
        used[n] = seen.limits['x'] ?? 0;
        ({ ledger } = seen);
      }
      expect(sum()).toBeLessThanOrEqual(twelve.total + 1e-9);
    }
    expect(most).toBeCloseTo((twelve.total * 13) / 12);
  });

  it('gives each an equal part again when nobody wants more', () => {
    const { limits } = says(twelve, 'a', jobs(2), ledgerOf({ a: entry(9, 9), b: entry(3, 2) }));
    expect(limits).toEqual({ x: 2 });
    expect(says(twelve, 'a', jobs(2), ledgerOf({ a: entry(1, 9), b: entry(3, 2.1) })).limits['x']).toBeGreaterThan(2);
  });

  it.each([
    ['nobody wants or holds more than an equal part', { b: entry(2, 2) }, 1, false],
    ['another has no entry either', {}, 1, false],
    ['another wants more', { b: entry(2, 2.1) }, 1, true],
    ['another holds so much that less is left', { b: entry(10.1, 1) }, 1, true],
    ['the member itself wants more', { b: entry(2, 2) }, 2.1, true],
  ])('is listed by a member as long as needed: %s', (_, others, wants, isListed) => {
    const { ledger } = says(twelve, 'a', jobs(wants), ledgerOf({ a: entry(3, 3), ...others }, ['a', 'b']));
    expect(ledger.budgets['x']?.['a'] !== undefined).toBe(isListed);
    expect(ledger.budgets['x']?.['b']).toEqual(Object.values(others)[0]);
  });

  it('is listed by a member that may use exactly its equal part, while another wants more', () => {
    const { ledger, limits } = says(twelve, 'a', jobs(1), ledgerOf({ b: entry(10, 12) }, ['a', 'b']));
    expect(limits).toEqual({ x: 1 });
    const second = says(twelve, 'b', jobs(12), ledger);
    expect(second.limits).toEqual({ x: 11 });
    expect(
      says(twelve, 'a', jobs(2), ledgerOf({ b: entry(10, 10) }, ['a', 'b'])).ledger.budgets['x']?.['a']?.share,
    ).toBe(2);
  });

  it('is a part of the ledger for those that do not want any of it', () => {
    const { ledger, limits } = says(twelve, 'b', undefined, ledgerOf({ a: entry(8, 9) }, ['a', 'b']));
    expect(ledger.budgets['x']?.['a']).toEqual(entry(8, 9));
    expect(ledger.budgets['x']?.['b']).toEqual(entry(limits['x'] ?? Number.NaN));
    expect(limits['x']).toBeLessThanOrEqual(4);
  });

  it('is never one unit for each, however many members there are', () => {
    const one: Budget = { total: 1, whole: false };
    expect(says(one, 'c', jobs(5), ledgerOf({ a: entry(0.5, 5), b: entry(0.5, 5) })).limits).toEqual({ x: 0 });
  });

  it('that this version does not know stays what others wrote', () => {
    const { ledger, limits } = says(
      { total: 0, whole: false },
      'b',
      undefined,
      ledgerOf({ a: entry(8, 9) }, ['a', 'b']),
    );
    expect(limits).toEqual({ x: 0 });
    expect(ledger.budgets['x']?.['a']).toEqual(entry(8, 9));
  });
});

describe('the total of a rate that may be larger', () => {
  const twelve: Budget = { total: 12, whole: false, largest: 30 };
  it.each<[string, number | undefined, number | undefined, number]>([
    ['is the smallest to which an instance agrees', 30, 20, 20],
    ['is the smallest, also if this instance agrees to less', 20, 30, 20],
    ['is what one instance knows, where the other agrees to any', undefined, 20, 20],
    ['is the usual one beside an instance that writes none', 30, undefined, 12],
    ['is the usual one if all agree to any', undefined, 9_999, 12],
    ['is never below the usual one', 5, 30, 12],
  ])('%s', (_, own, other, expected) => {
    const before = ledgerOf({ b: { ...entry(0, 100), agreesTo: other } }, ['a', 'b']);
    const { totals, limits, ledger } = says(twelve, 'a', { ...jobs(100), total: own }, before);
    expect([totals, limits]).toEqual([{ x: expected }, { x: expected / 2 }]);
    expect(ledger.budgets['x']?.['a']?.agreesTo).toBe(own ?? 9_999);
  });
});

describe('a heartbeat is followed by another soon', () => {
  const eight: Budget = { total: 8, whole: true };
  it.each<[string, Ledger, ReturnType<typeof jobs>, boolean]>([
    ['if the member is new', ledgerOf({}, []), jobs(3), false],
    ['not if it has what it should have', ledgerOf({ a: entry(4, 9), b: entry(4, 9) }), jobs(9, 4), true],
    ['if it has less than half of that', ledgerOf({ a: entry(1, 9), b: entry(7, 9) }), jobs(9), false],
    ['not if it has half', ledgerOf({ a: entry(1, 9), b: entry(6, 9) }), jobs(9), true],
    ['if it holds more than it may use', ledgerOf({ a: entry(8, 9), b: entry(0, 9) }), jobs(9, 5), false],
  ])('%s', (_, before, wants, isSettled) => {
    expect(says(eight, 'a', wants, before).isSettled).toBe(isSettled);
  });
});
