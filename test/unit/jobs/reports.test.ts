import { describe, expect, test } from 'vitest';
import licenceReport from '../../../src/jobs/licence-report.ts';
import { methodStrength } from '../../../src/jobs/method-strength.ts';
import mfaReport from '../../../src/jobs/mfa-report.ts';
import { productName } from '../../../src/jobs/product-names.ts';
import secretExpiryReport from '../../../src/jobs/secret-expiry-report.ts';
import { parseTenantId } from '../../../src/lib/core/identifiers.ts';
import type { Run } from '../../../src/lib/runs/store/run.ts';
import { compareRuns } from '../../../src/lib/runs/reading/run-changes.ts';
import { MemoryRunLog, MemoryRunResults } from '../../fakes/memory-run-log.ts';
import { problem } from '../../fakes/scripted-fetch.ts';
import { customers, populationOf, reportOn } from '../../support/population-report.ts';
import { tryJob } from '../../support/try-job.ts';

describe('licence-report', () => {
  const sku = (skuPartNumber: string, enabled: number, consumedUnits: number, more: object = {}) => ({
    skuId: '05e9a617-0261-4cee-bb44-138d3ef5d965',
    skuPartNumber,
    capabilityStatus: 'Enabled',
    consumedUnits,
    prepaidUnits: { enabled, suspended: 0, warning: 0, ...more },
  });

  test('names each product and counts its licences', async () => {
    const { rows } = await tryJob(licenceReport, {
      graph: {
        '/subscribedSkus': { value: [sku('SPE_E3', 25, 20), sku('NEW_THING', 5, 9, { warning: 2, suspended: 3 })] },
      },
    });
    expect(rows).toMatchObject([
      { product: 'Microsoft 365 E3', skuPartNumber: 'SPE_E3', status: 'Enabled', licences: 25, assigned: 20, free: 5 },
      { product: 'NEW_THING', licences: 7, assigned: 9, free: -2, warning: 2, suspended: 3 },
    ]);
  });

  test('does not count licences of a product that costs nothing, and counts many that were bought', async () => {
    const value = [sku('FLOW_FREE', 10_000, 20), sku('SPE_E5', 12_000, 11_000)];
    const { rows } = await tryJob(licenceReport, { graph: { '/subscribedSkus': { value } } });
    expect(rows).toMatchObject([
      { licences: null, assigned: null, free: null, assignedAtNoCost: 20 },
      { licences: 12_000, assigned: 11_000, free: 1_000, assignedAtNoCost: null },
    ]);
  });

  test('returns no rows for a tenant without subscriptions', async () => {
    expect((await tryJob(licenceReport, { graph: { '/subscribedSkus': { value: [] } } })).rows).toEqual([]);
  });

  test('fails for an unexpected reply shape', async () => {
    await expect(
      tryJob(licenceReport, { graph: { '/subscribedSkus': { value: [{ skuId: 'x' }] } } }),
    ).rejects.toMatchObject({ code: 'resource_error' });
  });

  test.each(['toString', '__proto__', 'constructor'])('treats %s as an ordinary part number', (name) => {
    expect(productName(name)).toBe(name);
  });
});

describe('mfa-report', () => {
  const path = '/v1.0/reports/authenticationMethods/userRegistrationDetails';

  test('returns a row per user, over all pages', async () => {
    const user = (name: string, more: object) => ({ id: `id of ${name}`, userPrincipalName: name, ...more });
    const { rows } = await tryJob(mfaReport, {
      graph: ({ url }) =>
        url.searchParams.has('$skiptoken')
          ? { value: [user('b@contoso.com', { isMfaRegistered: false, methodsRegistered: [] })] }
          : {
              value: [
                user('a@contoso.com', {
                  isAdmin: true,
                  isMfaRegistered: true,
                  isMfaCapable: true,
                  methodsRegistered: ['mobilePhone', 'fido2SecurityKey'],
                }),
              ],
              '@odata.nextLink': `https://graph.microsoft.com${path}?$skiptoken=x`,
            },
    });
    expect(rows).toMatchObject([
      // What Graph does not say is not known.
      { user: 'b@contoso.com', admin: null, registered: false, capable: null, methods: '' },
      { user: 'a@contoso.com', admin: true, registered: true, capable: true, methods: 'mobilePhone fido2SecurityKey' },
    ]);
    expect(rows.map(({ id, strength }) => [id, strength])).toEqual([
      ['id of b@contoso.com', 'none'],
      ['id of a@contoso.com', 'strong'],
    ]);
  });

  test('begins with the users who are least protected, and administrators among them', async () => {
    const user = (name: string, methodsRegistered: unknown, isAdmin = false) => ({
      id: name,
      userPrincipalName: name,
      isAdmin,
      methodsRegistered,
    });
    const value = [
      user('hidden', null),
      user('key', ['fido2'], true),
      user('new', ['methodOfTheFuture']),
      user('phone', ['mobilePhone']),
      user('admin with phone', ['mobilePhone'], true),
      user('nothing', []),
      user('app', ['softwareOneTimePasscode']),
    ];
    const { rows } = await tryJob(mfaReport, { graph: { [path]: { value } } });
    expect(rows.map(({ id }) => id)).toEqual([
      'nothing',
      'admin with phone',
      'phone',
      'new',
      'app',
      'key',
      // Its strength is not known.
      'hidden',
    ]);
  });

  test.each([
    [['mobilePhone', 'windowsHelloForBusiness'], 'strong'],
    [['passKeyDeviceBoundAuthenticator'], 'strong'],
    [['mobilePhone', 'softwareOneTimePasscode'], 'medium'],
    [['microsoftAuthenticatorPush', 'methodOfTheFuture'], 'medium'],
    [['mobilePhone', 'methodOfTheFuture'], 'unknown'],
    [['constructor'], 'unknown'],
    [['officePhone', 'email'], 'weak'],
    [['email', 'securityQuestion'], 'none'],
    [[], 'none'],
    [null, null],
    [undefined, null],
  ])('calls the methods %j %s', (methods, strength) => {
    expect(methodStrength(methods)).toBe(strength);
  });

  test('reports resource_unavailable for a tenant without Entra ID P1', async () => {
    const graph = {
      [path]: problem(
        403,
        'Authentication_RequestFromNonPremiumTenantOrB2CTenant',
        'Neither tenant is B2C or tenant does not have premium license',
      ),
    };
    await expect(tryJob(mfaReport, { graph })).rejects.toMatchObject({ code: 'resource_unavailable' });
  });
});

test('mfa-report has the rows that the population of the simulated cloud contains, with one request', async () => {
  const strengths: Readonly<Record<string, string>> = {
    fido2SecurityKey: 'strong',
    windowsHelloForBusiness: 'strong',
    passKeyDeviceBoundAuthenticator: 'strong',
    microsoftAuthenticatorPush: 'medium',
    softwareOneTimePasscode: 'medium',
    mobilePhone: 'weak',
  };
  const seen = new Set<string>();
  for (const customer of customers.filter((each) => populationOf(each).hasPlan('AAD_PREMIUM', 'AAD_PREMIUM_P2'))) {
    const { rows, requests } = await reportOn(mfaReport, customer);
    expect(requests).toHaveLength(1);
    const enabled = populationOf(customer)
      .rows('users')
      .filter(({ accountEnabled }) => accountEnabled);
    expect(rows.map(({ id, user }) => `${String(id)} ${String(user)}`).toSorted()).toEqual(
      enabled.map(({ id, userPrincipalName }) => `${String(id)} ${String(userPrincipalName)}`).toSorted(),
    );
    for (const { methods, strength, registered } of rows) {
      const found = new Set(
        String(methods)
          .split(' ')
          .filter(Boolean)
          .map((name) => strengths[name]),
      );
      expect(strength).toBe(['strong', 'medium', 'weak'].find((each) => found.has(each)) ?? 'none');
      expect(registered).toBe(found.size > 0);
      seen.add(String(strength));
    }
  }
  expect([...seen].toSorted()).toEqual(['medium', 'none', 'strong', 'weak']);
});

describe('secret-expiry-report', () => {
  const nowMs = Date.parse('2026-11-24T00:00:00Z');
  const app = {
    appId: 'app-1',
    displayName: 'Backup',
    passwordCredentials: [
      { keyId: 'k1', displayName: 'old', endDateTime: '2026-11-20T00:00:00Z' },
      { keyId: 'k6', displayName: 'an hour ago', endDateTime: '2026-11-23T23:00:00Z' },
      { keyId: 'k2', displayName: 'soon', endDateTime: '2026-12-04T12:00:00Z' },
      { keyId: 'k3', displayName: 'later', endDateTime: '2027-11-24T00:00:00Z' },
      { keyId: 'k4', displayName: 'never', endDateTime: null },
    ],
    keyCredentials: [{ keyId: 'k5', displayName: 'CN=backup', endDateTime: '2026-12-23T23:59:59Z' }],
  };
  const graph = { '/applications': { value: [app, { appId: 'app-2' }] } };

  test('reports secrets and certificates that have expired or expire within thirty days', async () => {
    const { rows } = await tryJob(secretExpiryReport, { graph, nowMs });
    expect(rows.map(({ kind, credential, daysLeft }) => [kind, credential, daysLeft])).toEqual([
      ['secret', 'old', -4],
      ['secret', 'an hour ago', -1],
      ['secret', 'soon', 10],
      ['certificate', 'CN=backup', 29],
    ]);
  });

  test('reports no changes a day later although the remaining days differ', async () => {
    const runLog = new MemoryRunLog();
    const results = new MemoryRunResults();
    const put = async (window: string, atMs: number): Promise<Run> => {
      const runId = `secret-expiry-report@${window}`;
      const { rows } = await tryJob(secretExpiryReport, { graph, nowMs: atMs, parameters: { days: 60 } });
      const start = { runId, job: secretExpiryReport.name, window, startedBy: 'timer', createdAtMs: atMs };
      await runLog.create(start, { parameters: {} });
      await results.putRows(runId, 'rows', rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
      await runLog.recordTenant(runId, {
        tenantId: parseTenantId('00000000-0000-4000-8000-000000000001')!,
        name: 'Contoso',
        outcome: 'succeeded',
        round: 1,
        rows: rows.length,
        rowsName: 'rows',
        columns: [],
        startedAtMs: atMs,
        finishedAtMs: atMs,
      });
      return (await runLog.find(runId))!;
    };
    const [before, after] = [await put('w1', nowMs), await put('w2', nowMs + 86_400_000)];
    const { changes, comparedTenants } = await compareRuns({ log: runLog, results }, secretExpiryReport, before, after);
    expect([changes, comparedTenants]).toEqual([[], 1]);
  });

  test('uses the period in the parameter and rejects an invalid one', async () => {
    const { rows } = await tryJob(secretExpiryReport, { graph, nowMs, parameters: { days: 0 } });
    expect(rows.map(({ credential }) => credential)).toEqual(['old', 'an hour ago']);
    for (const days of ['30', -1, 1.5, null])
      await expect(tryJob(secretExpiryReport, { graph, nowMs, parameters: { days } })).rejects.toMatchObject({
        code: 'request_invalid',
      });
  });
});
