import { describe, expect, it } from 'vitest';
import {
  columnOf,
  columnOptions,
  historyLink,
  historyQuery,
  parseHistoryChoice,
} from '../../../dashboard/app/history-choice.ts';
import {
  jobPoints,
  perTenant,
  scaleOf,
  summaryOf,
  tenantPoints,
  unbroken,
} from '../../../dashboard/app/history-points.ts';
import { jobHistory, tenantHistory } from './histories.ts';

describe('the points of a tenant', () => {
  it('are the numbers of a column, oldest first, and the reason where there is none', () => {
    expect(tenantPoints(tenantHistory, 'free')).toMatchObject([
      { runId: 'licence-report@w1', number: 4, rows: 3, about: 'succeeded', tone: 'good' },
      { runId: 'licence-report@w2', number: undefined, rows: undefined, about: 'failed', tone: 'bad' },
      { runId: 'licence-report@w3', number: undefined, about: 'not attempted' },
      { runId: 'licence-report@w4', number: 0, rows: 0, about: 'succeeded' },
    ]);
  });

  it('are the rows, or a column of that name', () => {
    expect(tenantPoints(tenantHistory, 'rows').map(({ number }) => number)).toEqual([3, undefined, undefined, 0]);
    const [run] = tenantHistory.runs.toReversed();
    const named = { ...tenantHistory, runs: [{ ...run!, numbers: { rows: 77 } }] };
    expect(tenantPoints(named, 'rows')[0]?.number).toBe(77);
  });

  it('have no number of assigned licences that counts free products, beside those that do not', () => {
    const [last, , , first] = tenantHistory.runs;
    const numbersOf = (now: object, then: object) => {
      const runs = [
        { ...last!, numbers: now as Record<string, number> },
        { ...first!, numbers: then as Record<string, number> },
      ];
      return tenantPoints({ ...tenantHistory, runs }, 'assigned').map(({ number }) => number);
    };
    expect(numbersOf({ assigned: 5, assignedAtNoCost: 20 }, { assigned: 25 })).toEqual([undefined, 5]);
    expect(numbersOf({ assigned: 5, assignedAtNoCost: 20 }, { assigned: 4, assignedAtNoCost: 9 })).toEqual([4, 5]);
    expect(numbersOf({ assigned: 5 }, { assigned: 25 })).toEqual([25, 5]);
  });

  it('have no number of a column that a run does not have, whatever its name', () => {
    for (const column of ['gone', 'constructor', '__proto__'])
      expect(tenantPoints(tenantHistory, column).every(({ number }) => number === undefined)).toBe(true);
  });
});

describe('the points of a job', () => {
  it('say over how many tenants they are, and leave out runs over selected tenants', () => {
    // As many tenants more would have the same number each.
    expect(perTenant(jobHistory, 'licences').map(({ number, sum, about }) => [number, sum, about])).toEqual([
      [10, 450, 'over 45 of 50 tenants'],
      [10, 500, 'over 50 tenants'],
    ]);
    expect(jobPoints(jobHistory, 'free')).toMatchObject([
      { runId: 'licence-report@w1', number: 40, about: 'over 45 of 50 tenants' },
      { runId: 'licence-report@w3', number: 50, about: 'over 50 tenants' },
    ]);
  });

  it('tell few among thousands of tenants from none, and twice as many from them', () => {
    const runs = [24, 12].map((licences) => ({
      ...jobHistory.runs[0]!,
      counted: 5_000,
      numbers: { licences },
    }));
    const points = perTenant({ ...jobHistory, runs }, 'licences');
    expect(points.map(({ number }) => number)).toEqual([0.0024, 0.0048]);
    expect(summaryOf(points)).toContain('lowest 0.0024, highest 0.0048');
  });

  it('have no number for a run that did not complete, because its sum would look like a fall', () => {
    const runs = (['failed', 'cancelled'] as const).map((status) => ({ ...jobHistory.runs[0]!, status }));
    expect(jobPoints({ ...jobHistory, runs }, 'free')).toMatchObject([
      { number: undefined, rows: undefined, about: 'cancelled over 50 tenants' },
      { number: undefined, rows: undefined, about: 'stopped over 50 tenants' },
    ]);
  });

  it('are those over selected tenants if there are no others', () => {
    const runs = jobHistory.runs.filter(({ scope }) => scope === 'selected');
    expect(jobPoints({ ...jobHistory, runs }, 'free')).toMatchObject([{ runId: 'licence-report@w2', number: 2 }]);
  });
});

it('a line leads only through runs that follow each other with a number', () => {
  const parts = unbroken(tenantPoints(tenantHistory, 'free'));
  expect(parts.map((part) => part.map(({ number }) => number))).toEqual([[4], [0]]);
  const whole = unbroken(jobPoints(jobHistory, 'free'));
  expect(whole.map((part) => part.map(({ number }) => number))).toEqual([[40, 50]]);
});

describe('the axis of numbers', () => {
  it.each([
    [[], 0, 1, [0, 1]],
    [[0, 0], 0, 1, [0, 1]],
    [[3], 0, 3, [0, 1, 2, 3]],
    [[40, 57], 0, 60, [0, 20, 40, 60]],
    [[-7, 12], -10, 15, [-10, -5, 0, 5, 10, 15]],
    [[-3], -3, 1, [-3, -2, -1, 0, 1]],
    [[1_234_567], 0, 1_500_000, [0, 500_000, 1_000_000, 1_500_000]],
    [[0.4], 0, 1, [0, 1]],
  ])('of %j leads from %d to %d', (numbers, min, max, ticks) => {
    expect(scaleOf(numbers)).toEqual({ ticks, min, max });
  });

  it('has smaller steps if it may', () => {
    expect(scaleOf([0.4], false).ticks).toEqual([0, 0.1, 0.2, 0.30000000000000004, 0.4]);
    expect(scaleOf([0.0024], false).max).toBeCloseTo(0.003);
    expect(scaleOf([], false).max).toBe(1);
  });
});

describe('the summary of a chart', () => {
  it('says where the numbers begin and end, the lowest and highest, and how many are missing', () => {
    expect(summaryOf(tenantPoints(tenantHistory, 'free'))).toMatch(
      /^2 runs, from 4 on 21 Nov\b.* to 0 on 24 Nov\b.*; lowest 0, highest 4\. 2 runs have no number\.$/,
    );
    expect(summaryOf(tenantPoints(tenantHistory, 'free').slice(0, 2))).toMatch(
      /^One run, 21 Nov\b.*: 4\. 1 run has no number\.$/,
    );
    expect(summaryOf(tenantPoints(tenantHistory, 'gone'))).toBe('No run has this number. 4 runs have no number.');
  });
});

describe('what a chart shows', () => {
  it('is in the address', () => {
    const choice = { job: 'licence-report', column: 'a=true', value: 'E3 & E5', days: '30', tenants: 'tag:x,group:y' };
    const link = historyLink(choice, '#/jobs/licence-report');
    expect(parseHistoryChoice(link.split('?')[1] ?? '')).toEqual(choice);
    expect(historyLink({ column: '' }, '#/jobs/x')).toBe('#/jobs/x');
    expect(parseHistoryChoice('days=7&column=&other=1')).toEqual({});
    expect(parseHistoryChoice('days=constructor')).toEqual({});
  });

  it('is asked for with a period, 90 days unless another is chosen', () => {
    const nowMs = Date.UTC(2026, 10, 24);
    expect(historyQuery({ column: 'free' }, nowMs)).toEqual({ since: '2026-08-26T00:00:00.000Z' });
    expect(historyQuery({ days: '30', value: 'E3', tenants: 'tag:x' }, nowMs)).toEqual({
      since: '2026-10-25T00:00:00.000Z',
      value: 'E3',
      tenants: 'tag:x',
    });
  });

  it('is the first column, or the rows', () => {
    expect(columnOf({}, jobHistory.columns)).toBe('licences');
    expect(columnOf({}, [])).toBe('rows');
    expect(columnOf({ column: 'gone' }, jobHistory.columns)).toBe('gone');
    expect(columnOptions(jobHistory.columns).map(({ title }) => title)).toEqual(['Licences', 'Free', 'Rows']);
    expect(columnOptions([{ name: 'rows', title: 'Own rows' }])).toEqual([{ name: 'rows', title: 'Own rows' }]);
  });
});
