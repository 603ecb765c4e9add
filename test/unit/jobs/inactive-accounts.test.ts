import { describe, expect, test } from 'vitest';
import inactiveAccounts from '../../../src/jobs/inactive-accounts.ts';
import { problem } from '../../fakes/scripted-fetch.ts';
import {
  type Customer,
  customers,
  nowMs,
  pathsOf,
  populationOf,
  type Raw,
  reportOn,
} from '../../support/population-report.ts';
import { tryJob } from '../../support/try-job.ts';

const dayMs = 86_400_000;
const isPremium = (customer: Customer) => populationOf(customer).hasPlan('AAD_PREMIUM', 'AAD_PREMIUM_P2');
const daysSince = (value: unknown) => Math.floor((nowMs - Date.parse(String(value))) / dayMs);

/** The expected rows as `[id, kind, basis, days]`, by the population alone. */
function expected(customer: Customer, days: number) {
  const rows: unknown[] = [];
  for (const user of populationOf(customer).rows('users')) {
    if (user['accountEnabled'] === false) continue;
    const activity = user['signInActivity'] as Raw | undefined;
    const invited = user['externalUserState'] === 'PendingAcceptance';
    const kind = user['userType'] === 'Member' ? 'member' : invited ? 'invitation' : 'guest';
    const [basis, since] = invited
      ? ['invited', user['externalUserStateChangeDateTime']]
      : activity === undefined
        ? ['created', user['createdDateTime']]
        : ['successful', activity['lastSuccessfulSignInDateTime']];
    const unused = daysSince(since);
    if (unused >= days && (isPremium(customer) || invited)) rows.push([user['id'], kind, basis, unused]);
  }
  return rows;
}

describe('inactive-accounts', () => {
  test('has the rows that the population contains, and sends one request for licences and one for each page', async () => {
    const seen = new Set<string>();
    for (const customer of customers) {
      for (const days of [20, 90]) {
        const wanted = expected(customer, days);
        const report = reportOn(inactiveAccounts, customer, { parameters: { days } });
        if (!isPremium(customer) && wanted.length === 0) {
          await expect(report).rejects.toMatchObject({ code: 'resource_unavailable' });
          seen.add('skipped');
          continue;
        }
        const { rows, requests } = await report;
        expect(rows.map((row) => [row['id'], row['kind'], row['basis'], row['days']])).toEqual(wanted);
        expect(pathsOf({ requests })).toEqual(['/subscribedSkus', '/users']);
        for (const row of rows) {
          expect(row['activityRead']).toBe(isPremium(customer) ? 'yes' : 'no licence');
          seen.add(`${String(row['kind'])} ${String(row['basis'])} ${String(row['activityRead'])}`);
          if (row['mailWithoutLicence'] === true) seen.add('mail without licence');
        }
      }
    }
    expect([...seen].toSorted()).toEqual([
      'guest created yes',
      'guest successful yes',
      'invitation invited no licence',
      'invitation invited yes',
      'mail without licence',
      'member created yes',
      'member successful yes',
      'skipped',
    ]);
  });

  test('reports members or guests only', async () => {
    const customer = customers.find(isPremium)!;
    const kinds = async (only: string) =>
      new Set(
        (await reportOn(inactiveAccounts, customer, { parameters: { only, days: 1 } })).rows.map(({ kind }) => kind),
      );
    expect(await kinds('members')).toEqual(new Set(['member']));
    expect([...(await kinds('guests'))].every((kind) => kind === 'guest' || kind === 'invitation')).toBe(true);
    expect(await kinds('all')).toEqual(new Set([...(await kinds('members')), ...(await kinds('guests'))]));
  });

  const licensed = {
    '/subscribedSkus': { value: [{ capabilityStatus: 'Enabled', servicePlans: [{ servicePlanName: 'AAD_PREMIUM' }] }] },
  };
  const atMs = Date.parse('2026-11-24T00:00:00Z');
  const of = async (...users: object[]) =>
    (await tryJob(inactiveAccounts, { nowMs: atMs, graph: { ...licensed, '/users': { value: users } } })).rows;

  test('prefers a successful sign-in to attempts, and the latest attempt to the creation', async () => {
    const old = '2026-01-01T00:00:00Z';
    const rows = await of(
      { id: '1', signInActivity: { lastSuccessfulSignInDateTime: old, lastSignInDateTime: '2026-11-23T00:00:00Z' } },
      {
        id: '2',
        signInActivity: { lastSignInDateTime: old, lastNonInteractiveSignInDateTime: '2026-02-01T00:00:00Z' },
      },
      {
        id: '3',
        signInActivity: { lastSignInDateTime: old, lastNonInteractiveSignInDateTime: '2026-11-20T00:00:00Z' },
      },
      { id: '4', createdDateTime: '2026-11-20T00:00:00Z' },
      { id: '5', createdDateTime: old, signInActivity: null },
      { id: '6', createdDateTime: null },
      { id: '7', createdDateTime: old, accountEnabled: false },
    );
    expect(rows.map(({ id, basis, lastSignIn }) => [id, basis, lastSignIn])).toEqual([
      ['1', 'successful', '2026-01-01T00:00:00.000Z'],
      ['2', 'attempt', '2026-02-01T00:00:00.000Z'],
      ['5', 'created', null],
      ['6', 'created', null],
    ]);
    expect(rows.at(-1)).toMatchObject({ days: null, licences: null, synced: null, mailWithoutLicence: null });
  });

  test('follows the pages of a large tenant', async () => {
    const { rows, requests } = await tryJob(inactiveAccounts, {
      nowMs: atMs,
      graph: ({ url }) => {
        if (url.pathname.endsWith('/subscribedSkus')) return licensed['/subscribedSkus'];
        const page = Number(url.searchParams.get('$skiptoken') ?? 0);
        expect([url.searchParams.get('$top'), page].join()).toMatch(/^500,0$|^,[1-4]$/);
        const value = [{ id: `${page}`, createdDateTime: '2020-01-01T00:00:00Z' }];
        return page === 4
          ? { value }
          : { value, '@odata.nextLink': `https://graph.microsoft.com/v1.0/users?$skiptoken=${page + 1}` };
      },
    });
    expect([rows.length, requests.length]).toEqual([5, 6]);
  });

  test('tries a licensed tenant again when Graph says that it has no licence', async () => {
    const refusal = problem(403, 'Authentication_RequestFromNonPremiumTenantOrB2CTenant', 'Neither tenant is B2C');
    await expect(tryJob(inactiveAccounts, { graph: { ...licensed, '/users': refusal } })).rejects.toMatchObject({
      code: 'resource_error',
      transient: true,
    });
  });

  test.each(['Suspended', 'Deleted', 'LockedOut', undefined])(
    'does not count a licence that is %s',
    async (capabilityStatus) => {
      const skus = { value: [{ capabilityStatus, servicePlans: [{ servicePlanName: 'AAD_PREMIUM_P2' }] }] };
      await expect(
        tryJob(inactiveAccounts, { graph: { '/subscribedSkus': skus, '/users': { value: [] } } }),
      ).rejects.toMatchObject({ code: 'resource_unavailable' });
    },
  );

  test('sends no request for users of a tenant without licence if only members are wanted', async () => {
    const graph = { '/subscribedSkus': { value: [] }, '/users': { value: [{ id: '1' }] } };
    await expect(tryJob(inactiveAccounts, { graph, parameters: { only: 'members' } })).rejects.toMatchObject({
      code: 'resource_unavailable',
    });
  });

  test.each([{ days: 0 }, { days: '90' }, { only: 'everybody' }, { days: null }])(
    'refuses the parameters %j',
    async (parameters) => {
      await expect(tryJob(inactiveAccounts, { parameters })).rejects.toMatchObject({ code: 'request_invalid' });
    },
  );

  test.each([
    ['no role', problem(403, 'Authentication_MSGraphPermissionMissing', ''), 'access_denied'],
    ['an item of another shape', { value: [{ displayName: 'no id' }] }, 'resource_error'],
  ])('fails with the reason of Graph: %s', async (_case, users, code) => {
    await expect(tryJob(inactiveAccounts, { graph: { ...licensed, '/users': users } })).rejects.toMatchObject({ code });
  });
});
