import { expect, it } from 'vitest';
import { emptyLedger } from '../../../../../src/lib/microsoft/budgets/ledger.ts';
import { Leases } from '../../../../../src/lib/microsoft/budgets/budget-keeper.ts';

const stored = (members: Record<string, number>, ageMs = 0) => ({
  ledger: { ...emptyLedger, members },
  version: '1',
  ageMs,
});

it('a member is expired when its number has been the same for long enough', () => {
  const leases = new Leases();
  const look = (members: Record<string, number>, nowMs: number) => [...leases.expired(stored(members), nowMs)];
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
  (ageMs, laterMs, isExpired) => {
    const leases = new Leases();
    const first = leases.expired(stored({ a: 1 }, ageMs), 0);
    const expired = laterMs === 0 ? first : leases.expired(stored({ a: 1 }, ageMs), laterMs);
    expect(expired.has('a')).toBe(isExpired);
  },
);

it('a member that left and returns with the same number is a new one', () => {
  const leases = new Leases();
  leases.expired(stored({ a: 1 }), 0);
  leases.expired(stored({}), 1_000);
  expect(leases.expired(stored({ a: 1 }), 6_500)).toEqual(new Set());
});
