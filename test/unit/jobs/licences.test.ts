import { describe, expect, test } from 'vitest';
import licenceWaste from '../../../src/jobs/licence-waste.ts';
import subscriptionEnds from '../../../src/jobs/subscription-ends.ts';
import { problem } from '../../fakes/scripted-fetch.ts';
import { customers, nowMs, pathsOf, populationOf, type Raw, reportOn } from '../../support/population-report.ts';
import { tryJob } from '../../support/try-job.ts';

const dayMs = 86_400_000;

test('licence-waste has the rows that the population contains, with two requests', async () => {
  const seen = new Set<string>();
  for (const customer of customers) {
    const { rows, requests } = await reportOn(licenceWaste, customer);
    expect(pathsOf({ requests })).toEqual(['/subscribedSkus', '/users']);
    expect(requests[1]?.headers.get('consistencylevel')).toBe('eventual');
    const paid = populationOf(customer)
      .rows('subscribedSkus')
      .filter(({ skuPartNumber }) => skuPartNumber !== 'FLOW_FREE' && skuPartNumber !== 'POWER_BI_STANDARD');
    const plans = new Map(
      paid.map(({ skuId, servicePlans }) => [
        skuId,
        (servicePlans as readonly Raw[]).map(({ servicePlanId }) => servicePlanId),
      ]),
    );
    const expected: string[] = [];
    for (const { skuId, consumedUnits, prepaidUnits } of paid) {
      const { enabled, warning } = prepaidUnits as { enabled: number; warning: number };
      const free = enabled + warning - Number(consumedUnits);
      if (free > 0) expected.push(['unused', skuId, free, '', ''].join());
    }
    for (const user of populationOf(customer).rows('users')) {
      const held = (user['assignedLicenses'] as readonly Raw[]).map(({ skuId }) => skuId).filter((id) => plans.has(id));
      if (user['accountEnabled'] === false)
        for (const id of held) expected.push(['disabled user', id, 1, user['id'], ''].join());
      else
        for (const id of held)
          for (const other of held) {
            const [mine, others] = [plans.get(id) ?? [], plans.get(other) ?? []];
            const isSmaller =
              mine.length < others.length || (mine.length === others.length && String(id) < String(other));
            if (isSmaller && mine.some((plan) => others.includes(plan)))
              expected.push(['overlap', id, 1, user['id'], other].join());
          }
    }
    const found = rows.map((row) =>
      [row['kind'], row['skuId'], row['count'], row['userId'] ?? '', row['withSkuId'] ?? ''].join(),
    );
    expect(found.toSorted()).toEqual(expected.toSorted());
    for (const { kind } of rows) seen.add(String(kind));
  }
  expect([...seen].toSorted()).toEqual(['disabled user', 'overlap', 'unused']);
});

describe('licence-waste', () => {
  const plan = (servicePlanId: string, more: object = {}) => ({
    servicePlanId,
    servicePlanName: servicePlanId,
    appliesTo: 'User',
    ...more,
  });
  const sku = (skuId: string, servicePlans: readonly object[], more: object = {}) => ({
    skuId,
    skuPartNumber: `PRODUCT_${skuId}`,
    capabilityStatus: 'Enabled',
    consumedUnits: 1,
    prepaidUnits: { enabled: 1 },
    servicePlans,
    ...more,
  });
  const run = async (skus: readonly object[], ...users: readonly object[]) =>
    (await tryJob(licenceWaste, { graph: { '/subscribedSkus': { value: skus }, '/users': { value: users } } })).rows;
  const holding = (...assignedLicenses: readonly object[]) => ({
    id: 'u',
    userPrincipalName: 'a@contoso.com',
    accountEnabled: true,
    assignedLicenses,
  });

  test('tells a product that adds nothing from one that shares a plan', async () => {
    const skus = [
      sku('big', [plan('mail'), plan('files'), plan('phone')]),
      sku('mail', [plan('mail')]),
      sku('pair', [plan('files'), plan('maps')]),
    ];
    const rows = await run(skus, holding({ skuId: 'big' }, { skuId: 'mail' }, { skuId: 'pair' }));
    expect(rows.map((row) => [row['kind'], row['skuId'], row['withSkuId'], row['redundant']])).toEqual([
      ['overlap', 'mail', 'big', true],
      ['overlap', 'pair', 'big', false],
    ]);
  });

  test.each([
    ['the plan is turned off in one of them', plan('mail'), ['mail']],
    ['the plan is for the company', plan('mail', { appliesTo: 'Company' }), []],
    ['the plan is Exchange Foundation', plan('mail', { servicePlanName: 'EXCHANGE_S_FOUNDATION' }), []],
  ])('sees no overlap of two products if %s', async (_name, shared, disabledPlans) => {
    const rows = await run(
      [sku('a', [shared]), sku('b', [shared, plan('x')])],
      holding({ skuId: 'a', disabledPlans }, { skuId: 'b' }),
    );
    expect(rows).toEqual([]);
  });

  test('says that it took a product with many licences for free', async () => {
    const many = { consumedUnits: 9_000, prepaidUnits: { enabled: 10_000 } };
    const rows = await run([sku('big', [], many)], { ...holding({ skuId: 'big' }), accountEnabled: false });
    expect(rows).toEqual([expect.objectContaining({ kind: 'left out', product: 'PRODUCT_big', skuId: 'big' })]);
    expect(rows[0]?.['detail']).toMatch(/^10,000 licences or more/);
    expect(await run([sku('big', [], { ...many, prepaidUnits: { enabled: 9_999 } })])).toMatchObject([
      { kind: 'unused', count: 999 },
    ]);
  });

  test('leaves out free products, and licences that a subscription does not give any more', async () => {
    const free = { consumedUnits: 0, prepaidUnits: { enabled: 5 } };
    const rows = await run(
      [
        sku('1', [], { ...free, skuPartNumber: 'FLOW_FREE' }),
        sku('3', [], { ...free, capabilityStatus: 'Suspended' }),
        sku('4', [], { ...free, prepaidUnits: { enabled: 1, warning: 2 } }),
        sku('5', [], { consumedUnits: 9 }),
      ],
      { ...holding({ skuId: '1' }), accountEnabled: false },
    );
    expect(rows.map(({ kind, skuId, count }) => [kind, skuId, count])).toEqual([['unused', '4', 3]]);
  });

  test('reports licences that could not be assigned, once for each product', async () => {
    const states = [
      { skuId: 'a', state: 'Error', error: 'CountViolation', assignedByGroup: 'g' },
      { skuId: 'a', state: 'Error', error: 'CountViolation', assignedByGroup: 'g' },
      { skuId: 'b', state: 'Active', error: 'None' },
    ];
    const rows = await run([sku('a', []), sku('b', [])], { ...holding(), licenseAssignmentStates: states });
    expect(rows).toMatchObject([
      { kind: 'error', skuId: 'a', count: 0, detail: 'CountViolation, assigned by a group' },
    ]);
  });

  test('does not count users whose state is not known as disabled', async () => {
    const { accountEnabled: _omitted, ...unknown } = holding({ skuId: 'a' });
    expect(await run([sku('a', [])], unknown)).toEqual([]);
  });
});

test('subscription-ends has the rows that the population contains, with one request', async () => {
  const seen = new Set<string>();
  for (const customer of customers) {
    const { rows, requests } = await reportOn(subscriptionEnds, customer);
    expect(pathsOf({ requests })).toEqual(['/directory/subscriptions']);
    expect(rows.map(({ id, status, licences, trial, daysLeft }) => [id, status, licences, trial, daysLeft])).toEqual(
      populationOf(customer)
        .rows('directory/subscriptions')
        .map(({ id, status, totalLicenses, isTrial, nextLifecycleDateTime }) => [
          id,
          status,
          totalLicenses,
          isTrial,
          Math.floor((Date.parse(String(nextLifecycleDateTime)) - nowMs) / dayMs),
        ]),
    );
    for (const { trial, status } of rows) seen.add(`${String(status)} ${String(trial)}`);
  }
  expect([...seen].toSorted()).toEqual(expect.arrayContaining(['Enabled false', 'Enabled true', 'Warning false']));
});

describe.each([licenceWaste, subscriptionEnds])('$name', (job) => {
  test.each([
    ['no role', problem(403, 'Authorization_RequestDenied', ''), 'access_denied'],
    ['an unexpected shape', { value: [{}] }, 'resource_error'],
  ])('fails with the reason of Graph: %s', async (_name, reply, code) => {
    const graph = { '/subscribedSkus': reply, '/directory/subscriptions': reply };
    await expect(tryJob(job, { graph })).rejects.toMatchObject({ code });
  });
});

test('subscription-ends knows neither the end nor the product of a subscription that lacks them', async () => {
  const { rows } = await tryJob(subscriptionEnds, { graph: { '/directory/subscriptions': { value: [{ id: 's' }] } } });
  expect(rows).toEqual([
    { product: null, status: null, licences: null, trial: null, ends: null, daysLeft: null, soldBy: null, id: 's' },
  ]);
});

test('subscription-ends counts an hour after the end as a day', async () => {
  const value = [{ id: 's', nextLifecycleDateTime: new Date(nowMs - 3_600_000).toISOString() }];
  const { rows } = await tryJob(subscriptionEnds, { graph: { '/directory/subscriptions': { value } }, nowMs });
  expect(rows).toMatchObject([{ daysLeft: -1 }]);
});
