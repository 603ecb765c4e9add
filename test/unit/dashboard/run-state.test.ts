import { describe, expect, it } from 'vitest';
import { timeLeftMs, timeLeftText } from '../../../dashboard/app/run-summary.tsx';
import { roundsOf, roundText } from '../../../dashboard/app/run-timeline.tsx';
import { filterTenants, sortTenants } from '../../../dashboard/app/run-tenant-list.ts';
import { causeOfVisit } from '../../../src/lib/api/trouble.ts';
import { reasonTexts } from '../../../src/lib/tenants/tenant.ts';
import type { RunTenant } from '../../../src/lib/api/answers/runs.ts';

const at = (seconds: number): string => new Date(Date.UTC(2026, 10, 24, 5) + seconds * 1000).toISOString();
const tenant = (name: string, more: Partial<RunTenant> = {}): RunTenant => ({
  tenantId: name,
  name,
  outcome: 'succeeded',
  attempts: 1,
  rows: 0,
  ...more,
});

describe('timeLeftMs', () => {
  const run = (done: number, total: number, more: Partial<Parameters<typeof timeLeftMs>[0]> = {}) =>
    timeLeftMs({
      outcome: 'running',
      durationMs: 60_000,
      ...more,
      progress: { done, total, retrying: 0, ...more.progress },
    });

  it('follows from the pace so far', () => {
    expect(run(100, 400)).toBe(180_000);
    expect(run(1, 3)).toBe(120_000);
  });

  it.each([
    ['before the tenants are listed', run(0, 0, { outcome: 'starting' })],
    ['before enough of them are done', run(19, 5_000)],
    ['of a run that ended', run(5, 5, { outcome: 'succeeded' })],
    ['of a run that is cancelled', run(100, 400, { cancelRequested: true })],
    ['while only retries are awaited', run(390, 400, { progress: { done: 390, total: 400, retrying: 10 } })],
    ['when all are done', run(400, 400)],
  ])('is unknown %s', (_, left) => {
    expect(left).toBeUndefined();
  });

  it.each([
    [20_000, 'less than a minute left'],
    [61_000, 'about 2 min left'],
    [59 * 60_000, 'about 59 min left'],
    [125 * 60_000, 'about 2 h 5 min left'],
  ])('of %i ms reads "%s"', (ms, text) => {
    expect(timeLeftText(ms)).toBe(text);
  });
});

describe('roundsOf', () => {
  it('counts in each round what it brought, and whom it left for later', () => {
    const rounds = roundsOf([
      tenant('a', { startedAt: at(1), finishedAt: at(3) }),
      tenant('b', { outcome: 'failed', startedAt: at(2), finishedAt: at(8) }),
      tenant('c', { attempts: 2, startedAt: at(20), finishedAt: at(22) }),
      tenant('d', { attempts: 3, outcome: 'failed', startedAt: at(60), finishedAt: at(61) }),
      tenant('e', { attempts: 2, outcome: 'retrying', startedAt: at(21), finishedAt: at(25) }),
      // Decided without an attempt, or waiting.
      tenant('f', { attempts: 0, outcome: 'skipped', finishedAt: at(0) }),
      tenant('g', { attempts: 0, outcome: 'waiting' }),
    ]);
    expect(rounds.map(({ period, ...round }) => [round, period && (period.toMs - period.fromMs) / 1000])).toEqual([
      [{ number: 1, counts: { succeeded: 1, failed: 1, skipped: 0 }, retried: 3 }, 7],
      [{ number: 2, counts: { succeeded: 1, failed: 0, skipped: 0 }, retried: 2 }, 5],
      [{ number: 3, counts: { succeeded: 0, failed: 1, skipped: 0 }, retried: 0 }, 1],
    ]);
    expect(rounds.map(roundText)).toEqual([
      '5 tenants: 1 succeeded, 1 failed, 3 left for a later round',
      '3 tenants: 1 succeeded, 2 left for a later round',
      '1 tenant: 1 failed',
    ]);
  });

  it('has no period of a round whose tenants were all tried again, and none from an older broker', () => {
    const [first, second] = roundsOf([tenant('a', { attempts: 2, finishedAt: at(3) })]);
    expect([first?.period, second?.period]).toEqual([undefined, undefined]);
    expect(roundsOf([tenant('a', { attempts: 0 })])).toEqual([]);
  });
});

describe('the tenants of a run', () => {
  const list = [
    tenant('Tenant 10', { outcome: 'failed', code: 'throttled', rows: 2, startedAt: at(0), finishedAt: at(9) }),
    tenant('Tenant 9', { outcome: 'failed', code: 'consent_required', startedAt: at(0), finishedAt: at(2) }),
    tenant('Adatum', { rows: 5, startedAt: at(1), finishedAt: at(2) }),
    tenant('Contoso', { outcome: 'waiting', attempts: 0 }),
    tenant('Fabrikam', { outcome: 'failed', code: 'consent_required', startedAt: at(0), finishedAt: at(4) }),
    tenant('Woodgrove', { outcome: 'improved' as RunTenant['outcome'], attempts: 0 }),
  ];
  const sorted = (column: string, descending = false) =>
    sortTenants(list, { column, descending }).map(({ name }) => name.replace('Tenant ', ''));

  it.each([
    ['outcome', false, ['Woodgrove', 'Fabrikam', '9', '10', 'Contoso', 'Adatum']],
    ['name', false, ['Adatum', 'Contoso', 'Fabrikam', '9', '10', 'Woodgrove']],
    ['name', true, ['Woodgrove', '10', '9', 'Fabrikam', 'Contoso', 'Adatum']],
    ['took', false, ['Adatum', '9', 'Fabrikam', '10', 'Contoso', 'Woodgrove']],
    ['took', true, ['10', 'Fabrikam', '9', 'Adatum', 'Contoso', 'Woodgrove']],
    ['rows', true, ['Adatum', '10', 'Contoso', 'Fabrikam', '9', 'Woodgrove']],
  ])('are sorted by %s, descending %s', (column, descending, order) => {
    expect(sorted(column, descending)).toEqual(order);
  });

  it('are found by name, id, error and outcome', () => {
    const found = (search: string, outcome = '') =>
      filterTenants(list, { search, outcome, code: '' }).map(({ name }) => name);
    expect(found('CONSENT')).toEqual(['Tenant 9', 'Fabrikam']);
    expect(found('tenant 1')).toEqual(['Tenant 10']);
    expect(found('', 'waiting')).toEqual(['Contoso']);
    expect(found('consent', 'waiting')).toEqual([]);
    expect(found(' ')).toHaveLength(6);
  });
});

it('names a tenant without access by its reason, as the list of tenants does', () => {
  const [expired, denied, other] = [
    { code: 'tenant_not_delegated', detail: reasonTexts.gdap_expired },
    { code: 'tenant_not_delegated', detail: 'AADSTS50020: refused.' },
    { code: 'consent_required', detail: reasonTexts.gdap_expired },
  ];
  expect([expired, denied, other, {}].map(causeOfVisit)).toEqual([
    'gdap_expired',
    'tenant_not_delegated',
    'consent_required',
    undefined,
  ]);
});
