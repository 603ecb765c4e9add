import { describe, expect, it } from 'vitest';
import { createUsers } from '../../src/population/users.ts';
import type { Row, TenantView } from '../../src/graph/declaration.ts';
import {
  dayMs,
  digest,
  everything,
  refusalOf,
  reportOf,
  rowOf,
  rowsOrRefusal,
  startMs,
  viewOf,
  worldOf,
} from './tenant-view.ts';

const seeds = [1, 2, 3, 5, 8, 13, 21, 34];
const views: readonly TenantView[] = seeds.flatMap((seed) => {
  const world = worldOf(seed, 12);
  return world.customers.map((customer) => viewOf(world, customer));
});

const text = (row: Row | undefined, name: string): string => String(row?.[name]);
const idsOf = (rows: readonly Row[]): ReadonlySet<string> => new Set(rows.map((row) => text(row, 'id')));
const eachTenant = (check: (view: TenantView) => void): void => {
  for (const view of views) check(view);
};

/** The values that are not in the set. */
const unknownTo = (known: ReadonlySet<string>, values: readonly string[]): readonly string[] =>
  values.filter((value) => !known.has(value));

describe('data of a tenant', () => {
  it('is the same for the same seed, and another for another seed', () => {
    const of = (seed: number, tenant: number) => {
      const world = worldOf(seed, 3);
      return digest(everything(viewOf(world, world.customers[tenant])));
    };
    expect(of(7, 2)).toBe(of(7, 2));
    expect(new Set([of(7, 2), of(8, 2), of(7, 1)]).size).toBe(3);
    const partner = (seed: number) => digest(everything(viewOf(worldOf(seed, 1), undefined)));
    expect(partner(7)).toBe(partner(7));
  });

  it('moves with the start: only the times differ, by the same days', () => {
    const days = 400;
    const linesAt = (nowMs: number) => {
      const world = worldOf(4, 2, nowMs);
      // The day on which the organization was created is the same in all clouds.
      return everything(viewOf(world, world.customers[1])).replaceAll('2019-03-11T09:20:00Z', '').split('\n');
    };
    const later = (date: string) => new Date(Date.parse(`${date}T00:00:00Z`) + days * dayMs).toISOString().slice(0, 10);
    const moved = linesAt(startMs).map((line) => line.replace(/20\d\d-\d\d-\d\d(?=["T])/g, later));
    const after = linesAt(startMs + days * dayMs);
    expect(moved.filter((line, at) => line !== after[at])).toEqual([]);
  });

  it('has ids that are unique within each list', () => {
    eachTenant((view) => {
      for (const path of ['users', 'groups', 'devices', 'sites', 'auditLogs/directoryAudits', 'contacts']) {
        const rows = view.rows(path);
        expect([path, idsOf(rows).size]).toEqual([path, rows.length]);
      }
    });
  });

  it('keeps the users and licences that the tenant had before', () => {
    eachTenant((view) => {
      const before = createUsers(view.customer as never, view.world.seeded, startMs);
      const rows = view.rows('users');
      expect(rows.map(({ id, userPrincipalName, accountEnabled }) => [id, userPrincipalName, accountEnabled])).toEqual(
        before.map((user) => [user.id, user.userPrincipalName, user.accountEnabled]),
      );
    });
  });
});

describe('users', () => {
  it('have as many licences as the tenant has consumed, and the plans of their licences', () => {
    eachTenant((view) => {
      const users = view.rows('users');
      const skus = view.rows('subscribedSkus');
      for (const sku of skus) {
        const holders = users.filter(({ assignedLicenses }) =>
          (assignedLicenses as readonly Row[]).some(({ skuId }) => skuId === sku['skuId']),
        );
        expect(sku['consumedUnits']).toBe(holders.length);
        const planIds = (sku['servicePlans'] as readonly Row[]).map(({ servicePlanId }) => String(servicePlanId));
        for (const { assignedPlans } of holders)
          expect(
            unknownTo(new Set((assignedPlans as readonly Row[]).map((plan) => text(plan, 'servicePlanId'))), planIds),
          ).toEqual([]);
      }
    });
  });

  it('have managers of the tenant, without circles', () => {
    eachTenant((view) => {
      const users = idsOf(view.rows('users'));
      for (const start of users) {
        const seen = new Set<string>();
        for (let at: string | undefined = start; at !== undefined; ) {
          expect(seen.has(at)).toBe(false);
          seen.add(at);
          const [manager]: readonly string[] = view.references('users/{id}/manager', at);
          if (manager !== undefined) expect(unknownTo(users, [manager])).toEqual([]);
          at = manager;
        }
      }
    });
  });

  it('have methods that agree with the registration report', () => {
    const typeOf: Readonly<Record<string, string>> = {
      microsoftAuthenticatorPush: 'microsoftAuthenticatorAuthenticationMethod',
      softwareOneTimePasscode: 'softwareOathAuthenticationMethod',
      mobilePhone: 'phoneAuthenticationMethod',
      fido2SecurityKey: 'fido2AuthenticationMethod',
    };
    eachTenant((view) => {
      const registered = view.rows('reports/authenticationMethods/userRegistrationDetails');
      expect(idsOf(registered)).toEqual(idsOf(view.rows('users')));
      for (const row of registered) {
        const types = view
          .rows('users/{id}/authentication/methods', text(row, 'id'))
          .map((method) => text(method, '@odata.type').replace('#microsoft.graph.', ''));
        const expected = (row['methodsRegistered'] as readonly string[]).map((name) => typeOf[name]);
        expect(new Set(types)).toEqual(new Set(['passwordAuthenticationMethod', ...expected]));
        expect(types).toHaveLength(expected.length + 1);
        expect(row['isMfaRegistered']).toBe(types.length > 1);
      }
    });
  });

  it('have a mailbox where the reports say so', () => {
    eachTenant((view) => {
      const names = new Set(view.rows('users').map((user) => text(user, 'userPrincipalName')));
      const mailboxes = reportOf(view, 'getMailboxUsageDetail').map((line) => line['User Principal Name'] ?? '');
      expect(unknownTo(names, mailboxes)).toEqual([]);
      const withSettings = view.rows('users').filter(({ id }) => rowOf(view, 'users/{id}/mailboxSettings', String(id)));
      expect(withSettings.map((user) => text(user, 'userPrincipalName'))).toEqual(mailboxes);
      if (view.customer?.trait === 'no_exchange') expect(mailboxes).toEqual([]);
    });
  });
});

describe('groups and roles', () => {
  it('have members and owners that exist', () => {
    eachTenant((view) => {
      const groups = view.rows('groups');
      const known = new Set([...idsOf(view.rows('users')), ...idsOf(groups)]);
      for (const id of idsOf(groups)) {
        expect(unknownTo(known, view.references('groups/{id}/members', id))).toEqual([]);
        expect(unknownTo(known, view.references('groups/{id}/owners', id))).toEqual([]);
        expect(unknownTo(known, view.references('groups/{id}/transitiveMembers', id))).toEqual([]);
      }
    });
  });

  it('have dynamic members that the rule names', () => {
    eachTenant((view) => {
      const guests = view.rows('users').filter(({ userType }) => userType === 'Guest');
      const group = view.rows('groups').find(({ membershipRule }) => membershipRule === '(user.userType -eq "Guest")');
      expect(new Set(view.references('groups/{id}/members', text(group, 'id')))).toEqual(idsOf(guests));
    });
  });

  it('have role holders who exist and whom the registration report calls administrators', () => {
    eachTenant((view) => {
      const assignments = view.rows('roleManagement/directory/roleAssignments');
      const definitions = idsOf(view.rows('roleManagement/directory/roleDefinitions'));
      expect(
        unknownTo(
          definitions,
          assignments.map((row) => text(row, 'roleDefinitionId')),
        ),
      ).toEqual([]);
      const administrators = view
        .rows('reports/authenticationMethods/userRegistrationDetails')
        .filter(({ isAdmin }) => isAdmin === true);
      expect(new Set(assignments.map((row) => text(row, 'principalId')))).toEqual(idsOf(administrators));
      for (const role of view.rows('directoryRoles')) {
        const holders = assignments.filter(({ roleDefinitionId }) => roleDefinitionId === role['roleTemplateId']);
        expect(view.references('directoryRoles/{id}/members', text(role, 'id'))).toEqual(
          holders.map((row) => text(row, 'principalId')),
        );
      }
    });
  });

  it('have teams for the groups that are teams, with the members of the group', () => {
    eachTenant((view) => {
      const groups = view
        .rows('groups')
        .filter(({ resourceProvisioningOptions }) =>
          (resourceProvisioningOptions as readonly string[]).includes('Team'),
        );
      expect(idsOf(view.rows('teams'))).toEqual(idsOf(groups));
      for (const { id } of groups) {
        const members = view.rows('teams/{id}/members', String(id)).map((member) => text(member, 'userId'));
        const expected = ['members', 'owners'].flatMap((name) => view.references(`groups/{id}/${name}`, String(id)));
        expect(new Set(members)).toEqual(new Set(expected));
      }
    });
  });
});

describe('policies', () => {
  it('exist only with a premium licence, never beside security defaults, and name objects that exist', () => {
    let policies = 0;
    eachTenant((view) => {
      const rows = view.rows('identity/conditionalAccess/policies');
      policies += rows.length;
      if (rows.length === 0) return;
      expect(refusalOf(view, 'auditLogs/signIns')).toBeUndefined();
      const defaults = rowOf(view, 'policies/identitySecurityDefaultsEnforcementPolicy');
      expect(defaults?.['isEnabled']).toBe(false);
      const locations = new Set([...idsOf(view.rows('identity/conditionalAccess/namedLocations')), 'All']);
      const groups = idsOf(view.rows('groups'));
      for (const { conditions } of rows as readonly { conditions: Record<string, Record<string, string[]> | null> }[]) {
        expect(unknownTo(groups, conditions['users']?.['excludeGroups'] ?? [])).toEqual([]);
        expect(unknownTo(locations, conditions['locations']?.['excludeLocations'] ?? [])).toEqual([]);
      }
    });
    expect(policies).toBeGreaterThan(20);
  });
});

describe('logs and security', () => {
  it('have sign-ins of users, within 30 days, the latest at the time that the user shows', () => {
    eachTenant((view) => {
      const rows = rowsOrRefusal(view, 'auditLogs/signIns');
      if (rows === undefined) return;
      const users = view.rows('users');
      expect(
        unknownTo(
          idsOf(users),
          rows.map((row) => text(row, 'userId')),
        ),
      ).toEqual([]);
      const policies = idsOf(view.rows('identity/conditionalAccess/policies'));
      for (const row of rows) {
        const createdMs = Date.parse(text(row, 'createdDateTime'));
        expect(createdMs).toBeGreaterThanOrEqual(view.todayMs - 31 * dayMs);
        expect(createdMs).toBeLessThanOrEqual(startMs);
        expect(
          unknownTo(
            policies,
            (row['appliedConditionalAccessPolicies'] as readonly Row[]).map((each) => text(each, 'id')),
          ),
        ).toEqual([]);
      }
      for (const user of users) {
        const activity = user['signInActivity'] as Row | undefined;
        const last = activity === undefined ? 0 : Date.parse(text(activity, 'lastSuccessfulSignInDateTime'));
        const [attempt] = rows
          .filter(({ userId }) => userId === user['id'])
          .toSorted((left, right) => text(right, 'createdDateTime').localeCompare(text(left, 'createdDateTime')));
        if (attempt !== undefined)
          expect(activity).toMatchObject({
            lastSignInDateTime: attempt['createdDateTime'],
            lastSignInRequestId: attempt['id'],
          });
        const own = rows.filter(({ userId, status }) => userId === user['id'] && (status as Row)['errorCode'] === 0);
        const newest = own.map((row) => Date.parse(text(row, 'createdDateTime')));
        if (last >= startMs - 30 * dayMs) expect(Math.max(...newest)).toBe(last);
        else expect(newest).toEqual([]);
      }
    });
  });

  it('have the same principals, grants and assignments in clouds of the same seed', () => {
    const consents = () => {
      const world = worldOf(3, 3);
      return world.customers.map((customer) => {
        const { servicePrincipals, permissionGrants, roleAssignments } = world.directoryOf(customer);
        return [[...servicePrincipals], [...permissionGrants], [...roleAssignments]];
      });
    };
    expect(consents()).toEqual(consents());
  });

  it('lose the sign-ins and audits that are older than 30 days when the clock is set forward', () => {
    const world = worldOf(3, 3);
    const customer = world.customers.find((each) => refusalOf(viewOf(world, each), 'auditLogs/signIns') === undefined);
    const count = () => {
      const view = viewOf(world, customer);
      return view.rows('auditLogs/signIns').length + view.rows('auditLogs/directoryAudits').length;
    };
    const before = count();
    world.clock.advance(15 * dayMs);
    expect(count()).toBeLessThan(before);
    world.clock.advance(20 * dayMs);
    expect(count()).toBe(0);
  });

  it('have audits of users and groups of the tenant', () => {
    eachTenant((view) => {
      const users = idsOf(view.rows('users'));
      const known = new Set([...users, ...idsOf(view.rows('groups'))]);
      for (const row of view.rows('auditLogs/directoryAudits')) {
        const actor = (row['initiatedBy'] as { readonly user: Row }).user;
        expect(unknownTo(users, [text(actor, 'id')])).toEqual([]);
        expect(
          unknownTo(
            known,
            (row['targetResources'] as readonly Row[]).map((target) => text(target, 'id')),
          ),
        ).toEqual([]);
      }
    });
  });

  it('have risky users with a detection in a sign-in of theirs', () => {
    let risks = 0;
    eachTenant((view) => {
      const risky = rowsOrRefusal(view, 'identityProtection/riskyUsers');
      if (risky === undefined) return;
      risks += risky.length;
      const signIns = view.rows('auditLogs/signIns');
      const detections = view.rows('identityProtection/riskDetections');
      expect(new Set(detections.map((row) => text(row, 'userId')))).toEqual(idsOf(risky));
      for (const detection of detections) {
        const signIn = signIns.find(({ id }) => id === detection['requestId']);
        // A sign-in of the first hours is no longer in the list.
        if (signIn !== undefined)
          expect(signIn).toMatchObject({ userId: detection['userId'], riskState: detection['riskState'] });
      }
    });
    expect(risks).toBeGreaterThan(5);
  });

  it('have alerts about users of the tenant, each with its incident', () => {
    eachTenant((view) => {
      const users = idsOf(view.rows('users'));
      const incidents = idsOf(view.rows('security/incidents'));
      for (const alert of view.rows('security/alerts_v2')) {
        expect(unknownTo(incidents, [text(alert, 'incidentId')])).toEqual([]);
        const [evidence] = alert['evidence'] as readonly { readonly userAccount: Row }[];
        expect(unknownTo(users, [text(evidence?.userAccount, 'azureAdUserId')])).toEqual([]);
      }
    });
  });

  it('have a secure score that is the sum of its controls, one for each day', () => {
    eachTenant((view) => {
      const profiles = new Map(view.rows('security/secureScoreControlProfiles').map((row) => [row['id'], row]));
      const scores = view.rows('security/secureScores');
      expect(idsOf(scores).size).toBe(90);
      for (const score of scores.slice(0, 3)) {
        const controls = score['controlScores'] as readonly Row[];
        const sum = controls.reduce((total, control) => total + Number(control['score']), 0);
        expect(Number(score['currentScore'])).toBeCloseTo(sum, 1);
        for (const control of controls)
          expect(Number(control['score'])).toBeLessThanOrEqual(
            Number(profiles.get(control['controlName'])?.['maxScore']),
          );
      }
    });
  });
});

describe('a large tenant', () => {
  it('has bounded logs', () => {
    const world = worldOf(1, 3, startMs, 2000);
    const view = viewOf(
      world,
      world.customers.find((each) => refusalOf(viewOf(world, each), 'auditLogs/signIns') === undefined),
    );
    expect(view.rows('users')).toHaveLength(2000);
    expect(view.rows('auditLogs/signIns').length).toBeLessThanOrEqual(2000);
    expect(view.rows('auditLogs/signIns').length).toBeGreaterThan(800);
    expect(view.rows('auditLogs/directoryAudits').length).toBeLessThanOrEqual(300);
  });
});

describe('devices and sites', () => {
  it('have owners who exist, and managed devices that are devices of their user', () => {
    eachTenant((view) => {
      const users = new Map(view.rows('users').map((user) => [user['id'], user]));
      const devices = new Map(view.rows('devices').map((device) => [device['deviceId'], device]));
      for (const device of devices.values()) {
        const owners = view.references('devices/{id}/registeredOwners', text(device, 'id'));
        expect(owners).toHaveLength(1);
        expect(users.has(owners[0])).toBe(true);
      }
      const managed = rowsOrRefusal(view, 'deviceManagement/managedDevices') ?? [];
      for (const row of managed) {
        const device = devices.get(row['azureADDeviceId']);
        expect(device).toMatchObject({ isManaged: true, isCompliant: row['complianceState'] === 'compliant' });
        expect(view.references('devices/{id}/registeredOwners', text(device, 'id'))).toEqual([row['userId']]);
        expect(users.get(row['userId'])?.['userPrincipalName']).toBe(row['userPrincipalName']);
      }
      const overview = rowOf(view, 'deviceManagement/managedDeviceOverview');
      expect(overview?.['enrolledDeviceCount']).toBe(managed.length);
    });
  });

  it('have sites and drives of groups and users that exist, with the numbers of the reports', () => {
    eachTenant((view) => {
      const drives = view.rows('drives');
      expect(drives).toHaveLength(view.rows('sites').length);
      const owners = new Set([...idsOf(view.rows('users')), ...idsOf(view.rows('groups'))]);
      const named = drives.map(({ owner }) => Object.values(owner as Record<string, Row>)[0]?.['id']);
      expect(unknownTo(owners, named.filter((id) => id !== null).map(String))).toEqual([]);
      const used = new Set(drives.map(({ quota }) => String((quota as Row)['used'])));
      for (const report of ['getOneDriveUsageAccountDetail', 'getSharePointSiteUsageDetail'])
        expect(
          unknownTo(
            used,
            reportOf(view, report).map((line) => line['Storage Used (Byte)'] ?? ''),
          ),
        ).toEqual([]);
    });
  });
});

describe('licences of the tenant', () => {
  it('decide which requests Graph refuses', () => {
    const seen = new Set<string>();
    eachTenant((view) => {
      const names = view
        .rows('subscribedSkus')
        .flatMap(({ servicePlans }) => (servicePlans as readonly Row[]).map((plan) => text(plan, 'servicePlanName')));
      const p2 = names.includes('AAD_PREMIUM_P2');
      const premium = p2 || names.includes('AAD_PREMIUM');
      const nonPremium = { status: 403, code: 'Authentication_RequestFromNonPremiumTenantOrB2CTenant' };
      expect(refusalOf(view, 'auditLogs/signIns')).toEqual(premium ? undefined : nonPremium);
      expect(refusalOf(view, 'identityProtection/riskyUsers')?.status).toBe(p2 ? undefined : 403);
      expect(refusalOf(view, 'deviceManagement/managedDevices')?.status).toBe(
        names.includes('INTUNE_A') ? undefined : 400,
      );
      seen.add(`${premium} ${p2}`);
    });
    expect(seen).toEqual(new Set(['true true', 'true false', 'false false']));
  });
});
