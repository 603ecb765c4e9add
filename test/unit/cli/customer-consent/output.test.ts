import { describe, expect, it } from 'vitest';
import type { CheckedTenant } from '../../../../src/cli/customer-consent/check.ts';
import {
  checkLines,
  countOf,
  giveDocument,
  giveLines,
  namesOf,
  removeLines,
  withdrawalLines,
} from '../../../../src/cli/customer-consent/output.ts';
import type { ConsentPlan, ConsentResult } from '../../../../src/lib/consent/consent-result.ts';
import type { ScopedResource } from '../../../../src/lib/consent/customer-grants.ts';
import { tenant } from '../../../support/audit-entries.ts';

const graph = (...scopes: string[]): ScopedResource => ({ appId: 'graph-id', name: 'Graph', scopes });
const exchange = (...scopes: string[]): ScopedResource => ({ appId: 'exchange-id', name: 'Exchange', scopes });
const names = new Map(
  ['Contoso', 'Fabrikam', 'Tailspin', 'Adatum'].map((name, index) => [tenant(index + 1), name] as const),
);

const order = (number: number, more: Partial<ConsentPlan> = {}): ConsentPlan => ({
  tenantId: tenant(number),
  name: names.get(tenant(number)) ?? '',
  give: [graph('User.Read.All')],
  withdrawsFirst: false,
  already: [],
  outdated: [],
  canRenew: true,
  unavailable: [],
  ...more,
});
const result = (number: number, outcome: ConsentResult['outcome'], more: Partial<ConsentResult> = {}) => ({
  tenantId: tenant(number),
  outcome,
  resources: [],
  ...more,
});
const given = (...results: ConsentResult[]) => ({ planned: [], results, names });

describe('what a consent brought, for people', () => {
  it('counts, names each failure, and each next step once', () => {
    const failure = { detail: 'No administrator.', nextStep: 'Ask the customer.' };
    expect(
      giveLines(
        given(
          result(1, 'consented'),
          result(2, 'already'),
          result(3, 'failed', failure),
          result(9, 'failed', { ...failure, detail: 'No relationship.' }),
          result(4, 'failed', { detail: 'It did not answer.' }),
        ),
        {},
      ),
    ).toEqual([
      '1 tenant consented, 1 had the consent already, 3 failed. Tokens include the consent after about three minutes.',
      '  Tailspin: No administrator.',
      `  ${tenant(9)}: No relationship.`,
      '  Adatum: It did not answer.',
      'Next: Ask the customer.',
    ]);
  });

  it('does not announce a delay that was waited for, or that concerns nobody', () => {
    expect(giveLines(given(result(1, 'consented'), result(2, 'consented')), { wait: true })).toEqual([
      '2 tenants consented, 0 had the consent already, 0 failed.',
    ]);
    expect(giveLines(given(result(1, 'failed', { detail: 'x' })), {})[0]).toBe(
      '0 tenants consented, 0 had the consent already, 1 failed.',
    );
    expect(giveLines(given(result(1, 'already'), result(2, 'already')), {})).toEqual([
      'No tenant lacks the consent. 2 have it.',
    ]);
  });

  it('names the resources that customers do not have', () => {
    const without = (resource: string) => ({
      resources: [
        { appId: 'a', resource, outcome: 'unavailable' as const, scopes: [] },
        { appId: 'b', resource: 'Graph', outcome: 'consented' as const, scopes: [] },
      ],
    });
    expect(
      giveLines(
        given(
          result(1, 'consented', without('Exchange')),
          result(9, 'consented', without('Exchange')),
          result(2, 'consented', without('SharePoint')),
        ),
        {},
      ).slice(1),
    ).toEqual([
      `  Skipped, because the customer does not have Exchange: Contoso, ${tenant(9)}`,
      '  Skipped, because the customer does not have SharePoint: Fabrikam',
    ]);
  });

  it('shows a plan, and what a renewal withdraws', () => {
    const renewal = order(2, {
      withdrawsFirst: true,
      give: [graph('User.Read.All', 'Mail.Read'), exchange('Full')],
      former: [graph('User.Read.All')],
    });
    const planned = [order(1), renewal];
    expect(giveLines({ planned, results: [result(3, 'failed', { detail: 'x' })], names }, { dryRun: true })).toEqual([
      'Contoso: consent to Graph: User.Read.All',
      'Fabrikam: withdraw the consent, and give it again with Graph: Mail.Read; Exchange: Full',
      'Nothing was changed.',
      '  Tailspin: x',
    ]);
    expect(giveLines({ planned: [], results: [], names }, { dryRun: true })).toEqual(['No tenant lacks the consent.']);
  });
});

it('a consent as a document has the counts, and the name of each tenant', () => {
  const outcome = { planned: [order(1)], results: [result(2, 'consented'), result(3, 'failed')], names };
  expect(giveDocument(outcome)).toEqual({
    consented: 1,
    already: 0,
    failed: 1,
    tenants: [
      { tenantId: tenant(1), adds: [graph('User.Read.All')], name: 'Contoso' },
      { tenantId: tenant(2), outcome: 'consented', resources: [], name: 'Fabrikam' },
      { tenantId: tenant(3), outcome: 'failed', resources: [], name: 'Tailspin' },
    ],
  });
  expect(giveDocument({ ...outcome, working: 1 })).toMatchObject({ working: 1 });
});

it('a withdrawal is announced with what each customer gets in addition', () => {
  const renewal = (number: number, ...scopes: string[]) =>
    order(number, { give: [graph('User.Read.All', ...scopes)], former: [graph('User.Read.All')] });
  expect(withdrawalLines([renewal(1, 'Mail.Read'), renewal(2, 'Mail.Read'), renewal(3, 'Mail.Send')])).toEqual([
    'Contoso, Fabrikam: add Graph: Mail.Read',
    'Tailspin: add Graph: Mail.Send',
    'In 3 customers the consent is withdrawn, and then given again with all existing permissions and these.',
    'Until that is done, callers and jobs get consent_required there.',
  ]);
});

describe('a check, for people', () => {
  const checked = (number: number, outcome: CheckedTenant['outcome'], more: Partial<CheckedTenant> = {}) => ({
    tenantId: tenant(number),
    name: names.get(tenant(number)) ?? '',
    outcome,
    ...more,
  });

  it('names what customers lack and have in excess, and what to do about each', () => {
    expect(
      checkLines([
        checked(1, 'equal', { missing: [], excess: [], unavailable: [exchange('Full')] }),
        checked(2, 'different', { missing: [graph('Mail.Read')], excess: [] }),
        checked(3, 'different', { missing: [], excess: [graph('Mail.Send')] }),
        checked(4, 'failed', { detail: 'It did not answer.', nextStep: 'Try again.' }),
      ]),
    ).toEqual([
      'The consent of the profile: 1 tenant as it should be, 2 differ, 1 could not be checked.',
      '  Fabrikam lacks Graph: Mail.Read',
      '  Tailspin has in excess Graph: Mail.Send',
      '  Without Exchange: Contoso',
      '  Adatum: It did not answer.',
      'Next: Try again.',
      'Next: `ptb tenants consent` gives what a customer lacks, with --renew also further permissions of a resource.',
      'Next: to end what is in excess, run `ptb tenants consent --remove --tenant <id>` and then `ptb tenants consent`.',
    ]);
  });

  it('says nothing more if all is as it should be', () => {
    expect(checkLines([checked(1, 'equal'), checked(2, 'equal', { missing: [], excess: [] })])).toEqual([
      'The consent of the profile: 2 tenants as it should be, 0 differ, 0 could not be checked.',
    ]);
  });
});

it('a removal is counted, or shown before it is done', () => {
  const results = [
    { tenantId: tenant(1), outcome: 'removed' as const },
    { tenantId: tenant(2), outcome: 'absent' as const },
    { tenantId: tenant(3), outcome: 'failed' as const, detail: 'x' },
  ];
  expect(removeLines({ planned: [], results, names })).toEqual([
    'The consent of 1 tenant was removed, 1 had none, 1 failed.',
    '  Tailspin: x',
  ]);
  const planned = [{ tenantId: tenant(1), name: 'Contoso' }] as never;
  expect(removeLines({ planned, results: [], names }, true)).toEqual(['Contoso', 'Nothing was changed.']);
});

it('names at most five customers', () => {
  const letters = [...'abcdefg'];
  expect(namesOf(letters.slice(0, 5))).toBe('a, b, c, d, e');
  expect(namesOf(letters)).toBe('a, b, c, d, e and 2 more');
  expect(countOf([{ outcome: 'a' }, { outcome: 'b' }, { outcome: 'a' }], 'a')).toBe(2);
});
