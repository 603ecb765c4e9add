import { expect, it } from 'vitest';
import { emptyLedger } from '../../../../../src/lib/microsoft/budgets/ledger.ts';
import { MembersSeen } from '../../../../../src/lib/microsoft/budgets/budget-keeper.ts';

const afterMs = 6_000;
const stored = (members: Record<string, number>, ageMs = 0) => ({
  ledger: { ...emptyLedger, members },
  version: '1',
  ageMs,
});

it('a member is gone when its number has been the same for long enough', () => {
  const seen = new MembersSeen();
  const look = (members: Record<string, number>, nowMs: number) => [...seen.look(stored(members), nowMs, afterMs)];
  expect(look({ a: 1, b: 1 }, 0)).toEqual([]);
  expect(look({ a: 1, b: 2 }, 5_999)).toEqual([]);
  expect(look({ a: 1, b: 2 }, 6_000)).toEqual(['a']);
  expect(look({ a: 2, b: 2 }, 6_001)).toEqual([]);
  expect(look({ a: 2, b: 2 }, 12_000)).toEqual(['b']);
});

it.each([
  [6_999, 0, false],
  [7_000, 0, true],
  [500, 5_999, false],
  [500, 6_000, true],
])(
  'a ledger of the age %i was written up to a second later, because the date has whole seconds',
  (ageMs, laterMs, isGone) => {
    const seen = new MembersSeen();
    const first = seen.look(stored({ a: 1 }, ageMs), 0, afterMs);
    const gone = laterMs === 0 ? first : seen.look(stored({ a: 1 }, ageMs), laterMs, afterMs);
    expect(gone.has('a')).toBe(isGone);
  },
);

it('a member that left and returns with the same number is a new one', () => {
  const seen = new MembersSeen();
  seen.look(stored({ a: 1 }), 0, afterMs);
  seen.look(stored({}), 1_000, afterMs);
  expect(seen.look(stored({ a: 1 }), 6_500, afterMs)).toEqual(new Set());
});
