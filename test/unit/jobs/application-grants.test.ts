import { describe, expect, test } from 'vitest';
import applicationGrants from '../../../src/jobs/application-grants.ts';
import { world } from '../../../packages/microsoft-cloud/test/unit/served-engine.ts';
import { problem } from '../../fakes/scripted-fetch.ts';
import { customers, directoryOf, pathsOf, reportOn } from '../../support/population-report.ts';
import { contoso, partnerTenantId, tryJob } from '../../support/try-job.ts';

const graphId = '00000003-0000-0000-c000-000000000000';

test('application-grants has the rows that the population contains, with at most six requests', async () => {
  const [kinds, owners] = [new Set<string>(), new Set<unknown>()];
  for (const customer of customers) {
    const { rows, requests } = await reportOn(applicationGrants, customer);
    const { servicePrincipals, permissionGrants, roleAssignments } = directoryOf(customer);
    const appIdOf = (id: string) => servicePrincipals.get(id)?.appId;
    const read = [...servicePrincipals.values()].filter(({ displayName }) =>
      ['Microsoft Graph', 'Office 365 Exchange Online', 'Office 365 SharePoint Online'].includes(displayName),
    );
    const delegated = [...permissionGrants.values()].flatMap(({ clientId, resourceId, scope }) =>
      scope.split(' ').map((permission) => [appIdOf(clientId), appIdOf(resourceId), permission].join(' ')),
    );
    const roles = [...roleAssignments.values()]
      .filter(({ resourceId }) => read.some(({ id }) => id === resourceId))
      .map(({ principalId, resourceId, appRoleId }) =>
        [appIdOf(principalId), appIdOf(resourceId), appRoleId].join(' '),
      );
    expect(rows.map((row) => [row['appId'], row['resourceAppId'], row['permissionId']].join(' ')).toSorted()).toEqual(
      [...delegated, ...roles].toSorted(),
    );
    expect(pathsOf({ requests })).toEqual([
      '/servicePrincipals',
      '/oauth2PermissionGrants',
      '/servicePrincipals',
      ...read.map(({ id }) => `/servicePrincipals/${id}/appRoleAssignedTo`),
    ]);
    expect(requests.length).toBeLessThanOrEqual(6);
    for (const { kind, risk, owner, ownerTenantId } of rows) {
      kinds.add([kind, risk].join(' '));
      expect(owner === 'partner').toBe(ownerTenantId === world.partner.tenantId);
      owners.add(owner);
    }
  }
  expect([...kinds].toSorted()).toEqual([
    'application high',
    'application other',
    'delegated for all high',
    'delegated for all other',
  ]);
  expect(owners).toContain('partner');
});

describe('application-grants', () => {
  const principals = [
    {
      id: 'p1',
      appId: 'app-1',
      displayName: 'Backup',
      appOwnerOrganizationId: 'elsewhere',
      verifiedPublisher: { displayName: 'Backup Ltd' },
      accountEnabled: true,
    },
    {
      id: 'p2',
      appId: 'app-2',
      displayName: 'Own',
      appOwnerOrganizationId: contoso.tenantId,
      verifiedPublisher: { displayName: null },
    },
    { id: 'p3', appId: 'app-3', displayName: 'Office', appOwnerOrganizationId: 'f8cdef31-a31e-4b4a-93e4-5f571e91255a' },
    { id: 'p4', appId: 'app-4', displayName: 'Broker', appOwnerOrganizationId: partnerTenantId },
    { id: 'r1', appId: graphId, displayName: 'Microsoft Graph' },
  ];
  const run = (more: object = {}, parameters: Readonly<Record<string, unknown>> = {}) =>
    tryJob(applicationGrants, {
      parameters,
      graph: ({ url }) => {
        const path = url.pathname.replace('/v1.0', '');
        const lists: Readonly<Record<string, unknown>> = {
          '/servicePrincipals': url.searchParams.has('$filter')
            ? {
                value: [
                  {
                    id: 'r1',
                    appId: graphId,
                    appRoles: [
                      { id: 'role-1', value: 'Mail.Read' },
                      { id: 'role-2', value: 'full_access_as_app' },
                    ],
                  },
                ],
              }
            : { value: principals },
          '/oauth2PermissionGrants': { value: [] },
          '/servicePrincipals/r1/appRoleAssignedTo': { value: [] },
          ...more,
        };
        const reply = lists[path];
        return reply instanceof Response ? reply.clone() : (reply as object);
      },
    });

  test('counts the users of a permission, and tells owners apart', async () => {
    const grant = (clientId: string, consentType: string, principalId: string | null, scope: string) => ({
      clientId,
      resourceId: 'r1',
      consentType,
      principalId,
      scope,
    });
    const { rows } = await run({
      '/oauth2PermissionGrants': {
        value: [
          grant('p1', 'Principal', 'u1', ' Mail.Read offline_access'),
          grant('p1', 'Principal', 'u2', 'Mail.Read Mail.Read'),
          grant('p2', 'AllPrincipals', null, 'User.Read'),
          grant('p3', 'AllPrincipals', null, 'EWS.AccessAsUser.All'),
          grant('p4', 'AllPrincipals', null, 'User.Read.All'),
          grant('gone', 'AllPrincipals', null, 'Directory.AccessAsUser.All'),
        ],
      },
    });
    expect(
      rows.map(({ appId, owner, verified, kind, permission, users, risk, note }) => [
        appId,
        owner,
        verified,
        kind,
        permission,
        users,
        risk,
        note,
      ]),
    ).toEqual([
      ['app-1', 'other', true, 'delegated by users', 'Mail.Read', 2, 'high', null],
      ['app-1', 'other', true, 'delegated by users', 'offline_access', 1, 'other', null],
      ['app-2', 'tenant', false, 'delegated for all', 'User.Read', null, 'other', null],
      ['app-3', 'Microsoft', null, 'delegated for all', 'EWS.AccessAsUser.All', null, 'high', 'Exchange Web Services'],
      ['app-4', 'partner', null, 'delegated for all', 'User.Read.All', null, 'other', null],
      ['gone', null, null, 'delegated for all', 'Directory.AccessAsUser.All', null, 'high', null],
    ]);
  });

  test('names application permissions, and keeps those without a name', async () => {
    const value = ['role-1', 'role-2', 'role-3'].map((appRoleId) => ({ principalId: 'p1', appRoleId }));
    const assigned = { '/servicePrincipals/r1/appRoleAssignedTo': { value } };
    for (const only of ['all', 'high'])
      expect(
        (await run(assigned, { only })).rows.map(({ permission, permissionId, risk, note }) => [
          permission,
          permissionId,
          risk,
          note,
        ]),
      ).toEqual([
        ['Mail.Read', 'role-1', 'high', null],
        ['full_access_as_app', 'role-2', 'high', 'Exchange Web Services'],
        [null, 'role-3', null, null],
      ]);
  });

  test.each([
    ['RoleManagement.ReadWrite.Directory', 'high'],
    ['AppRoleAssignment.ReadWrite.All', 'high'],
    ['Policy.ReadWrite.ConditionalAccess', 'high'],
    ['Sites.FullControl.All', 'high'],
    ['Files.Read.All', 'high'],
    ['Files.Read', 'other'],
    ['User.Read.All', 'other'],
    ['User.ReadWrite', 'other'],
    ['User.ReadWrite.All', 'high'],
    ['Application.ReadWrite.OwnedBy', 'high'],
    ['UserAuthMethod-TAP.ReadWrite.All', 'high'],
    ['UserAuthMethod-TAP.ReadWrite', 'other'],
    ['Mail.Read', 'high'],
    ['IMAP.AccessAsUser.All', 'high'],
    ['Chat.Read.All', 'high'],
    ['Chat.ReadBasic.All', 'other'],
    ['DeviceLocalCredential.Read.All', 'high'],
    ['DeviceManagementConfiguration.Read.All', 'other'],
    ['DeviceManagementManagedDevices.PrivilegedOperations.All', 'high'],
    ['xMail.Read', 'other'],
    ['Files_Read.All', 'other'],
    ['Directory.Read.All', 'other'],
    ['openid', 'other'],
  ])('calls the risk of %s %s', async (scope, risk) => {
    const value = [{ clientId: 'p1', resourceId: 'r1', consentType: 'AllPrincipals', scope }];
    expect((await run({ '/oauth2PermissionGrants': { value } })).rows).toMatchObject([{ permission: scope, risk }]);
    expect((await run({ '/oauth2PermissionGrants': { value } }, { only: 'high' })).rows).toHaveLength(
      risk === 'high' ? 1 : 0,
    );
  });

  // By Test-MtHighRiskAppPermissions of Maester.
  test.each(
    `AdministrativeUnit.ReadWrite.All AppRoleAssignment.ReadWrite.All Application.ReadWrite.All Directory.ReadWrite.All
    DeviceManagementConfiguration.ReadWrite.All DeviceManagementRBAC.ReadWrite.All Domain.ReadWrite.All
    EntitlementManagement.ReadWrite.All Group.ReadWrite.All GroupMember.ReadWrite.All Organization.ReadWrite.All
    Policy.ReadWrite.AuthenticationMethod Policy.ReadWrite.ConditionalAccess Policy.ReadWrite.PermissionGrant
    PrivilegedAccess.ReadWrite.AzureADGroup PrivilegedAssignmentSchedule.ReadWrite.AzureADGroup
    PrivilegedEligibilitySchedule.ReadWrite.AzureADGroup RoleAssignmentSchedule.ReadWrite.Directory
    RoleEligibilitySchedule.ReadWrite.Directory RoleManagement.ReadWrite.Directory
    RoleManagementPolicy.ReadWrite.AzureADGroup RoleManagementPolicy.ReadWrite.Directory User.DeleteRestore.All
    User.EnableDisableAccount.All User.ReadWrite.All User-PasswordProfile.ReadWrite.All UserAuthenticationMethod.ReadWrite.All`
      .trim()
      .split(/\s+/),
  )('calls the risk of %s high, by which an application can become Global Administrator', async (scope) => {
    const value = [{ clientId: 'p1', resourceId: 'r1', consentType: 'AllPrincipals', scope }];
    expect((await run({ '/oauth2PermissionGrants': { value } })).rows).toMatchObject([{ risk: 'high' }]);
  });

  test.each([
    ['no role', problem(403, 'Authorization_RequestDenied', ''), 'access_denied'],
    ['an unexpected shape', { value: [{ clientId: 'p1' }] }, 'resource_error'],
  ])('fails with the reason of Graph: %s', async (_name, reply, code) => {
    await expect(run({ '/oauth2PermissionGrants': reply })).rejects.toMatchObject({ code });
  });

  test('refuses another risk', async () => {
    await expect(run({}, { only: 'low' })).rejects.toMatchObject({ code: 'request_invalid' });
  });
});
