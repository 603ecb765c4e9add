import { describe, expect, it } from 'vitest';
import { stepFor } from '../../../src/lib/api/next-step.ts';
import { scheduleWords } from '../../../dashboard/app/format.ts';
import {
  filterTenants,
  orderText,
  parseOrder,
  parseTenantFilter,
  sortTenants,
  tenantsLink,
} from '../../../dashboard/app/tenant-filter.ts';
import {
  adviceOf,
  areResultsKnown,
  causesOf,
  isWell,
  type Tenant,
  titleOf,
  troublesOf,
} from '../../../src/lib/api/trouble.ts';
import type { LastResult } from '../../../src/lib/api/answers/tenants.ts';
import { reasonTexts } from '../../../src/lib/tenants/tenant.ts';
import { failed, tenant } from './tenants.ts';

const ok = (job: string): LastResult => ({ ...failed(job), outcome: 'succeeded', code: undefined });
const names = (tenants: readonly Tenant[]): string[] => tenants.map(({ name }) => name);

describe('troublesOf', () => {
  it('groups failed results by their code, and tells what may pass from what needs a person', () => {
    const troubled = tenant('a', {
      lastResults: [failed('x', 'throttled'), ok('y'), failed('z', 'consent_required'), failed('w', 'throttled')],
    });
    expect(
      troublesOf(troubled).map(({ cause, tone, results }) => [cause, tone, results.map(({ job }) => job)]),
    ).toEqual([
      ['throttled', 'warn', ['x', 'w']],
      ['consent_required', 'bad', ['z']],
    ]);
  });

  it('shows missing access alone, because each job fails for it', () => {
    const gone = tenant('a', { reachable: false, reason: 'gdap_expired', lastResults: [failed('x')] });
    expect(troublesOf(gone)).toEqual([{ cause: 'gdap_expired', tone: 'bad', results: [] }]);
  });

  it.each(['excluded', 'not_included'] as const)('takes %s for a decision and no trouble', (reason) => {
    expect(troublesOf(tenant('a', { reachable: false, reason, lastResults: [failed('x')] }))).toEqual([]);
  });

  it('sees no trouble in a skipped result, and trouble in an outcome of a newer broker', () => {
    const skipped = { ...failed('x', 'resource_unavailable'), outcome: 'skipped' as const };
    expect(troublesOf(tenant('a', { lastResults: [skipped] }))).toEqual([]);
    const unknown = { ...failed('x'), code: undefined, outcome: 'half_done' as 'failed' };
    expect(troublesOf(tenant('a', { lastResults: [unknown] })).map(({ cause }) => cause)).toEqual(['half_done']);
  });

  it('has a title and an advice for every reason without access', () => {
    const decided = ['gdap_active', 'gdap_expiring', 'reseller_contract', 'excluded', 'not_included'];
    for (const reason of Object.keys(reasonTexts).filter((known) => !decided.includes(known))) {
      const [trouble] = troublesOf(tenant('a', { reachable: false, reason: reason as Tenant['reason'] }));
      expect([trouble?.cause, titleOf(reason) === reason, adviceOf(reason)]).toEqual([
        reason,
        false,
        expect.stringMatching(/\.$/),
      ]);
    }
  });
});

describe('results that could not be read', () => {
  const unread = tenant('a', { lastResults: undefined });
  const away = tenant('b', { lastResults: undefined, reachable: false, reason: 'excluded' });

  it('make no tenant well that jobs may have failed in', () => {
    expect([unread, away, tenant('c')].map(isWell)).toEqual([false, true, true]);
    expect(names(filterTenants([unread, tenant('c')], { show: 'no trouble' }))).toEqual(['c']);
  });

  it('are needed only for tenants that the broker can reach', () => {
    expect([areResultsKnown([unread]), areResultsKnown([away, tenant('c')])]).toEqual([false, true]);
  });
});

describe('causesOf', () => {
  it('lists what needs a person before what may pass, then the causes of most tenants', () => {
    const causes = causesOf([
      tenant('a', { lastResults: [failed('x', 'throttled')] }),
      tenant('b', { lastResults: [failed('x', 'throttled')] }),
      tenant('c', { lastResults: [failed('x', 'access_denied')] }),
      tenant('d', { lastResults: [failed('x', 'consent_required'), failed('y', 'throttled')] }),
      tenant('e', { lastResults: [failed('x', 'consent_required')] }),
    ]);
    expect(causes.map(({ cause, tenants }) => [cause, tenants.length])).toEqual([
      ['consent_required', 2],
      ['access_denied', 1],
      ['throttled', 3],
    ]);
  });
});

describe('stepFor', () => {
  const of = (cause: string, count = 1, runs = 1) =>
    stepFor({
      cause,
      tenants: Array.from({ length: count }, (_, index) => ({
        tenant: tenant(`t${index}`),
        results: [{ ...failed('x', 'throttled'), runId: `x@w${index % runs}` }],
      })),
    });

  it('names tenants by their domains to look at, and by their ids to act on', () => {
    expect(of('consent_required')?.command).toBe('ptb tenants consent --tenant id-t0');
    expect(of('consent_required', 6)?.command).toMatch(/ --tenant id-t0 .* id-t5$/);
    expect(of('access_denied')).toEqual({ command: 'ptb doctor --customer t0.example' });
    expect(of('job_failed')?.command).toBe('ptb runs show x@w0 --tenant t0.example');
    expect(of('throttled', 2)?.command).toBe('ptb run x --tenant id-t0 id-t1');
  });

  it.each([undefined, 'a b', '--yes', '$(id)', 'a;b'])(
    'names a tenant by its id if its domain is %j',
    (defaultDomain) => {
      const tenants = [{ tenant: { ...tenant('t'), defaultDomain }, results: [] }];
      expect(stepFor({ cause: 'access_denied', tenants })?.command).toBe('ptb doctor --customer id-t');
    },
  );

  it('names the tenant that a command is for, if there are others', () => {
    expect(of('access_denied', 2)).toEqual({
      command: 'ptb doctor --customer t0.example',
      about: 'For t0, as an example:',
    });
  });

  it('names no tenants if there are many, and then gives no consent in others', () => {
    const about = 'This lists all customers that would get the consent:';
    expect(of('consent_required', 7)).toEqual({ command: 'ptb tenants consent --dry-run', about });
    expect(of('throttled', 7)?.command).toBe('ptb runs rerun x@w0');
  });

  it('knows no command for failures in several runs, for missing access and for a code of a newer broker', () => {
    expect([of('throttled', 2, 2), of('gdap_expired'), of('half_done'), of('credential_revoked')]).toEqual(
      Array.from({ length: 4 }, () => undefined),
    );
  });

  it('has the command that the advice then does not', () => {
    expect(adviceOf('consent_required')).toBe('Give the consent, wait about three minutes, then try again.');
    expect(adviceOf('consent_required', false)).toBe(
      'Run `ptb tenants consent --tenant <id>`, wait about three minutes, then try again.',
    );
  });
});

describe('the filter of the tenants', () => {
  const tenants = [
    tenant('Contoso', { lastResults: [ok('x')] }),
    tenant('Alpine', { lastResults: [failed('x', 'consent_required')] }),
    tenant('Beta', { reachable: false, reason: 'gdap_expired' }),
    tenant('Delta', { reason: 'gdap_expiring', relationshipEndsAt: '2026-12-01T00:00:00.000Z' }),
    tenant('Echo', { reachable: false, reason: 'excluded' }),
  ];

  it('is the same after a link, without unknown and empty parameters', () => {
    const filter = { search: 'a & b', show: 'unreachable', cause: 'consent_required', sort: '-ends' };
    expect(parseTenantFilter(tenantsLink(filter).split('?')[1] ?? '')).toEqual(filter);
    expect(parseTenantFilter('show=nonsense&search=&other=1')).toEqual({});
    expect(tenantsLink({ search: '' })).toBe('#/tenants');
  });

  it.each([
    [{ search: ' CONTOSO.example ' }, ['Contoso']],
    [{ search: 'id-Beta' }, ['Beta']],
    [{ show: 'needs action' }, ['Alpine', 'Beta']],
    [{ show: 'unreachable' }, ['Beta', 'Echo']],
    [{ show: 'last run failed' }, ['Alpine']],
    [{ show: 'ends soon' }, ['Delta']],
    [{ show: 'no trouble' }, ['Contoso']],
    [{ cause: 'gdap_expired' }, ['Beta']],
  ])('%j finds %j', (filter, found) => {
    expect(names(filterTenants(tenants, filter))).toEqual(found);
  });

  it('sorts by trouble: no access, failed, ending, well, excluded', () => {
    expect(names(sortTenants(tenants, parseOrder()))).toEqual(['Beta', 'Alpine', 'Delta', 'Contoso', 'Echo']);
  });

  it('puts more failed jobs first within a rank', () => {
    const two = tenant('Zulu', { lastResults: [failed('x'), failed('y')] });
    expect(names(sortTenants([...tenants, two], parseOrder()))).toEqual([
      'Beta',
      'Zulu',
      'Alpine',
      'Delta',
      'Contoso',
      'Echo',
    ]);
  });

  it.each([
    ['tenant', ['Alpine', 'Beta', 'Contoso', 'Delta', 'Echo']],
    ['-tenant', ['Echo', 'Delta', 'Contoso', 'Beta', 'Alpine']],
    ['ends', ['Delta', 'Alpine', 'Beta', 'Contoso', 'Echo']],
    ['x', ['Alpine', 'Contoso', 'Beta', 'Delta', 'Echo']],
  ])('sorts by %s', (sort, sorted) => {
    expect(names(sortTenants(tenants, parseOrder(sort)))).toEqual(sorted);
    expect(orderText(parseOrder(sort))).toBe(sort);
  });
});

it.each([
  ['0 0 5 * * *', 'At 05:00 UTC'],
  ['0 30 2 * * 1-5', 'At 02:30 UTC, Monday through Friday'],
  ['0 */15 * * * *', 'Every 15 minutes'],
  ['0 5 6,18 * * MON', 'At 06:05, 18:05 UTC, Monday'],
  ['0 0 6 1 * *', 'At 06:00 UTC, on day 1 of the month'],
  ['0 30 * * * 1,3', 'Every hour, at minute 30, Monday, Wednesday'],
  ['0 0 */4 * * *', 'Every 4 hours, at minute 0'],
  // A rarer form stays as it is.
  ['30 0 5 * * *', '30 0 5 * * *'],
  ['0 0 5 * 1 *', '0 0 5 * 1 *'],
  ['0 0 5 * * 1#2', '0 0 5 * * 1#2'],
  ['0 0 5 * * ABC', '0 0 5 * * ABC'],
  ['0 0-30 5 * * *', '0 0-30 5 * * *'],
  ['0 0 8-18 * * *', '0 0 8-18 * * *'],
  ['nonsense', 'nonsense'],
])('the schedule %s reads: %s', (expression, words) => {
  expect(scheduleWords(expression)).toBe(words);
});
