import { describe, expect, it } from 'vitest';
import type { Row } from '../../src/graph/declaration.ts';
import { refusalOf, reportOf, rowOf, rowsOrRefusal } from './tenant-view.ts';
import { eachTenant, idsOf, text, unknownTo } from './tenants.ts';

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
      const disabled = idsOf(view.rows('users').filter(({ accountEnabled }) => accountEnabled === false));
      const enabledHolders = assignments.map((row) => text(row, 'principalId')).filter((id) => !disabled.has(id));
      expect(new Set(enabledHolders)).toEqual(idsOf(administrators));
      for (const role of view.rows('directoryRoles')) {
        const holders = assignments.filter(({ roleDefinitionId }) => roleDefinitionId === role['roleTemplateId']);
        expect(view.references('directoryRoles/{id}/members', text(role, 'id'))).toEqual(
          holders.map((row) => text(row, 'principalId')),
        );
      }
    });
  });

  it('have roles that are active because somebody activated an eligible one', () => {
    const directory = 'roleManagement/directory';
    let activated = 0;
    eachTenant((view) => {
      const eligible = rowsOrRefusal(view, `${directory}/roleEligibilityScheduleInstances`) ?? [];
      const active = rowsOrRefusal(view, `${directory}/roleAssignmentScheduleInstances`) ?? [];
      const roleOf = (row: Row): string => `${text(row, 'principalId')} ${text(row, 'roleDefinitionId')}`;
      for (const row of active) {
        expect(row['assignmentType'] === 'Activated').toBe(typeof row['endDateTime'] === 'string');
        if (row['assignmentType'] !== 'Activated') continue;
        activated += 1;
        expect(eligible.map(roleOf)).toContain(roleOf(row));
        expect(view.rows(`${directory}/roleAssignments`).map(roleOf)).toContain(roleOf(row));
      }
    });
    expect(activated).toBeGreaterThan(0);
  });

  it('have public and private teams, as the groups say', () => {
    const seen = new Set<string>();
    eachTenant((view) => {
      const visibility = new Map(view.rows('groups').map((group) => [group['id'], group['visibility']]));
      for (const team of view.rows('teams')) {
        expect(team['visibility']).toBe(String(visibility.get(team['id'])).toLowerCase());
        seen.add(text(team, 'visibility'));
      }
    });
    expect([...seen].toSorted()).toEqual(['private', 'public']);
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
      const locations = new Set([
        ...idsOf(view.rows('identity/conditionalAccess/namedLocations')),
        'All',
        'AllTrusted',
      ]);
      const groups = idsOf(view.rows('groups'));
      for (const { conditions } of rows as readonly { conditions: Record<string, Record<string, string[]> | null> }[]) {
        expect(unknownTo(groups, conditions['users']?.['excludeGroups'] ?? [])).toEqual([]);
        expect(unknownTo(locations, conditions['locations']?.['excludeLocations'] ?? [])).toEqual([]);
      }
    });
    expect(policies).toBeGreaterThan(20);
  });

  it('differ in what makes them weaker than they look', () => {
    const seen = new Set<string>();
    eachTenant((view) => {
      for (const policy of view.rows('identity/conditionalAccess/policies')) {
        const { users, locations, clientAppTypes } = policy['conditions'] as Record<string, Row | null>;
        const grant = policy['grantControls'] as Row | null;
        if (users?.['excludeGuestsOrExternalUsers'] != null) seen.add('providers');
        if (locations !== null) seen.add('locations');
        if (String(clientAppTypes) !== 'all') seen.add(String(clientAppTypes));
        if ((grant?.['builtInControls'] as readonly string[] | undefined)?.length === 2)
          seen.add(`two by ${String(grant?.['operator'])}`);
        if (grant?.['authenticationStrength'] != null) seen.add('strength');
      }
    });
    expect([...seen].toSorted()).toEqual([
      'browser',
      'browser,mobileAppsAndDesktopClients',
      'exchangeActiveSync',
      'exchangeActiveSync,other',
      'locations',
      'providers',
      'strength',
      'two by OR',
    ]);
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
