import { beforeEach, describe, expect, it } from 'vitest';
import { BrokerError } from '../../../../src/lib/core/errors.ts';
import type { JsonObject } from '../../../../src/lib/core/objects.ts';
import { DoctorBench, one, partner } from './doctor-bench.ts';

let bench: DoctorBench;
beforeEach(async () => {
  bench = await DoctorBench.create();
});

const guests = (types: string, externalTenants?: JsonObject): JsonObject => ({
  guestOrExternalUserTypes: types,
  externalTenants,
});
const policy = (users: JsonObject, applications: JsonObject = {}, state = 'enabled'): JsonObject => ({
  displayName: 'Require MFA',
  state,
  conditions: { users, applications },
});
const all = { includeUsers: ['All'] };

async function checked(name: string, policies: readonly JsonObject[]) {
  bench.policies = () => policies;
  return one(await bench.checks(), name);
}

describe("a customer's policies", () => {
  it.each<[string, JsonObject]>([
    ['all users', all],
    ['all guests', { includeUsers: ['GuestsOrExternalUsers'] }],
    ['service providers', { includeGuestsOrExternalUsers: guests('b2bCollaborationGuest,serviceProvider') }],
    [
      'service providers of your tenant',
      {
        includeGuestsOrExternalUsers: guests('serviceProvider', {
          membershipKind: 'enumerated',
          members: [partner.toUpperCase()],
        }),
      },
    ],
    ['all users but guests of another kind', { ...all, excludeGuestsOrExternalUsers: guests('internalGuest') }],
    [
      'all users but service providers of another tenant',
      {
        ...all,
        excludeGuestsOrExternalUsers: guests('serviceProvider', { membershipKind: 'enumerated', members: ['other'] }),
      },
    ],
  ])('are named if they apply to %s', async (_what, users) => {
    const found = await checked('Customer policies', [policy(users)]);
    expect(found).toMatchObject({
      status: 'notice',
      remedy: expect.stringContaining('exclude service provider') as string,
    });
    expect(found?.message).toMatch(/^Policies of customer 1 apply to service provider users.*: "Require MFA"\.$/);
  });

  it.each<[string, JsonObject]>([
    ['exclude service providers', policy({ ...all, excludeGuestsOrExternalUsers: guests('serviceProvider') })],
    ['exclude all guests', policy({ ...all, excludeUsers: ['GuestsOrExternalUsers'] })],
    ['name other users', policy({ includeUsers: ['someone'] })],
    ['name guests of other kinds', policy({ includeGuestsOrExternalUsers: guests('b2bCollaborationGuest') })],
    ['only report', policy(all, {}, 'enabledForReportingButNotEnforced')],
    ['have no conditions', { displayName: 'x', state: 'enabled' }],
  ])('are fine if they %s', async (_what, given) => {
    expect((await checked('Customer policies', [given]))?.status).toBe('ok');
  });

  it('are named a second time if they are for all resources with exclusions', async () => {
    const wide = policy(all, { includeApplications: ['All'], excludeApplications: ['app'] });
    expect((await checked('Customer policies', [wide]))?.message).toMatch(/ Since 15 June 2026.*: "Require MFA"\.$/);
  });
});

describe('the policies of the partner tenant', () => {
  it('are named if they are for all resources with exclusions', async () => {
    const wide = policy({}, { includeApplications: ['All'], excludeApplications: ['app'] });
    expect(await checked('Conditional Access', [wide])).toMatchObject({
      status: 'notice',
      message: expect.stringMatching(/^Since 15 June 2026.*: "Require MFA"\.$/) as string,
    });
    for (const applications of [
      { includeApplications: ['All'], excludeApplications: [] },
      { includeApplications: ['app'], excludeApplications: ['other'] },
    ])
      expect((await checked('Conditional Access', [policy({}, applications)]))?.status).toBe('ok');
  });

  it.each([
    ['User.Read', 'Reading policies needs Policy.Read.All.'],
    ['Policy.Read.All', 'The service account needs a directory role that reads policies, such as Security Reader.'],
  ])('are skipped with what reading them needs besides %s', async (scope, lacking) => {
    bench.scopes = () => [scope];
    bench.policies = () => {
      throw new BrokerError('access_denied', 'No.');
    };
    const found = await bench.checks();
    for (const name of ['Conditional Access', 'Customer policies']) {
      expect(one(found, name)).toMatchObject({
        status: 'skipped',
        message: `Not checked: No. ${lacking}`,
      });
    }
  });
});
