import { describe, expect, it } from 'vitest';
import type { Demand } from '../../../../../src/lib/core/share.ts';
import { fairShares, noDemand } from '../../../../../src/lib/microsoft/budgets/ledger.ts';

const callers = (interactive: number): Demand => ({ ...noDemand, interactive });
const jobs = (background: number): Demand => ({ ...noDemand, background });

describe('a budget of 8', () => {
  it.each<[string, Record<string, Demand>, Record<string, number>]>([
    ['is divided equally while nobody wants any of it', { a: noDemand, b: noDemand }, { a: 4, b: 4 }],
    ['goes to the only member', { a: noDemand }, { a: 8 }],
    ['goes to callers before jobs, which get an eighth', { a: callers(100), b: jobs(100) }, { a: 7, b: 1 }],
    ['goes to jobs as far as callers leave it', { a: callers(2), b: jobs(100) }, { a: 2, b: 6 }],
    ['keeps no more for jobs than they want', { a: callers(100), b: jobs(0.5) }, { a: 7.5, b: 0.5 }],
    ['is divided equally among callers', { a: callers(300), b: callers(100) }, { a: 4, b: 4 }],
    ['is divided equally among jobs', { a: jobs(100), b: jobs(300) }, { a: 4, b: 4 }],
    ['gives nobody more than it wants while another wants more', { a: callers(1), b: callers(100) }, { a: 1, b: 7 }],
    [
      'goes on to others when some have what they want',
      { a: callers(1), b: callers(2), c: callers(100) },
      { a: 1, b: 2, c: 5 },
    ],
    ['is divided equally as far as nobody wants it', { a: callers(2), b: noDemand }, { a: 5, b: 3 }],
    ['counts callers and jobs of one member', { a: { interactive: 3, background: 2 }, b: jobs(9) }, { a: 5, b: 3 }],
  ])('%s', (_, demands, shares) => {
    expect(fairShares(8, demands, false)).toEqual(shares);
  });
});

describe('in whole numbers', () => {
  it('the sum stays the budget', () => {
    const idle = { c: noDemand, a: noDemand, b: noDemand };
    expect(fairShares(8, idle, true)).toEqual({ a: 3, b: 2, c: 3 });
    expect(fairShares(2, idle, true)).toEqual({ a: 1, b: 0, c: 1 });
    expect(fairShares(0, idle, true)).toEqual({ a: 0, b: 0, c: 0 });
    // 0.1 + 0.2 and the like lose nothing.
    expect(fairShares(3, idle, true)).toEqual({ a: 1, b: 1, c: 1 });
  });

  it('every division is complete, and nobody is a whole unit away from its fair share', () => {
    for (let total = 1; total <= 40; total += 1)
      for (let members = 1; members <= 9; members += 1) {
        const demands = Object.fromEntries(
          Array.from({ length: members }, (_, n) => [`m${n}`, { interactive: n * 3, background: 7 - n / 2 }]),
        );
        const exact = fairShares(total, demands, false);
        const whole = fairShares(total, demands, true);
        expect(Object.values(whole).reduce((sum, share) => sum + share, 0)).toBe(total);
        for (const [id, share] of Object.entries(whole)) {
          expect(Number.isInteger(share)).toBe(true);
          expect(Math.abs(share - (exact[id] ?? 0))).toBeLessThan(1);
        }
      }
  });
});
